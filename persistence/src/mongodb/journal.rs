//! Commits: a document each, never changed but for its mark of being unpublished, which is the outbox.
//!
//! Two facts make an append safe without a transaction. The id tells stream and first version, so of several writers one
//! succeeds. And a commit is inserted only when one that ends right before it is known to be there, durable, which then
//! stays so for ever: by that no stream can have a gap.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use contracts::{Hash, StreamId};
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use mongodb::options::{IndexOptions, ReadConcern};
use mongodb::{Collection, IndexModel};

use super::database::{Database, read, read_all, write};
use super::inserter::{Inserted, Inserter};
use super::{outbox, walk};
use crate::stored_commit::{StoredCommit, decode};
use crate::{AppendError, Commit, CommitKey, Journal, StoreError, Walked};

/// Of how many streams it is remembered where they end.
const REMEMBERED: usize = 10_000;

pub(super) struct MongoJournal {
    database: Arc<Database>,
    commits: Commits,
    inserter: Inserter,
    ends: Ends,
    /// The last stream of the last answer of `unpublished`; the next answer begins behind it.
    last_served: Mutex<String>,
}

/// What is there, for all who look.
pub(super) type Commits = Collection<RawDocumentBuf>;

/// Last version and hash of commits that are known to be durable.
#[derive(Default)]
struct Ends(Mutex<HashMap<String, (u64, String)>>);

impl MongoJournal {
    pub(super) async fn open(database: Arc<Database>) -> Result<Self, StoreError> {
        let documents = database.collection("commits");
        // Partial, so that it holds what waits and nothing else.
        let waiting = IndexOptions::builder()
            .name(outbox::INDEX.to_owned())
            .partial_filter_expression(doc! { "outbox": { "$exists": true } });
        let keys = doc! { "outbox": 1, "_id": 1 };
        let index = IndexModel::builder().keys(keys).options(waiting.build()).build();
        write(documents.create_index(index)).await?;
        Ok(Self {
            commits: database.raw("commits"),
            inserter: Inserter::start(&documents),
            ends: Ends::default(),
            last_served: Mutex::default(),
            database,
        })
    }
}

#[async_trait]
impl Journal for MongoJournal {
    async fn append(&self, previous: Hash, commit: &Commit) -> Result<(), AppendError> {
        let body = commit.check(previous)?;
        let stored = StoredCommit::of(commit, body)?;
        let stands = self.stands_on(&stored, &previous.to_string()).await?;
        if stands && self.inserter.insert(document(&stored)).await? == Inserted::Now {
            self.ends.note(&stored.stream, stored.last, &stored.hash);
            return Ok(());
        }
        self.look_again(&stored).await
    }

    async fn read(&self, stream: &StreamId, after: u64, limit: usize) -> Result<Vec<Commit>, StoreError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let from = after.saturating_add(1);
        let mut found = self.from(stream.as_str(), from, limit).await?;
        let begins_there = |commit: &RawDocumentBuf| first_version(commit) == Some(from);
        let is_known = after == 0 || self.ends.has(stream.as_str(), after);
        if !is_known && !found.first().is_some_and(begins_there) {
            // The version may be inside a commit that begins before it.
            let before = self.last_below(stream.as_str(), from).await?;
            found.splice(0..0, before.filter(|commit| last_version(commit) > Some(after)));
            found.truncate(limit);
        }
        found.iter().map(|commit| self.known(stream, commit)).collect()
    }

    async fn walk(&self, after: Option<&CommitKey>, limit: usize) -> Result<Vec<Walked>, StoreError> {
        walk::walk(&self.commits, after, limit).await
    }

    async fn unpublished(&self, limit: usize) -> Result<Vec<Commit>, StoreError> {
        let behind = lock(&self.last_served).clone();
        let (commits, last) = outbox::unpublished(&self.commits, behind, limit.max(1)).await?;
        if let Some(last) = last {
            *lock(&self.last_served) = last;
        }
        Ok(commits)
    }

    async fn mark_published(&self, commits: &[CommitKey]) -> Result<(), StoreError> {
        outbox::mark_published(&self.commits, commits).await
    }

    async fn unpublished_count(&self) -> Result<u64, StoreError> {
        outbox::count(&self.commits).await
    }

    async fn seal(&self) -> Result<(), StoreError> {
        self.validate(doc! { "_id": { "$exists": false } }).await
    }

    async fn unseal(&self) -> Result<(), StoreError> {
        self.validate(doc! {}).await
    }
}

impl MongoJournal {
    /// Lets the server take only commits that pass a filter; those that are there may be marked all the same.
    async fn validate(&self, filter: Document) -> Result<(), StoreError> {
        let rule = doc! { "validator": filter, "validationLevel": "moderate", "validationAction": "error" };
        let mut command = doc! { "collMod": self.commits.name() };
        command.extend(rule);
        self.database.tell(command).await.map(drop)
    }

    /// Whether the stream has a commit that ends right before this one, with the hash that this one stands on.
    async fn stands_on(&self, commit: &StoredCommit, previous: &str) -> Result<bool, StoreError> {
        let base = commit.first - 1;
        if base == 0 {
            return Ok(previous == Hash::GENESIS.to_string());
        }
        if self.ends.tells(&commit.stream, base, previous) {
            return Ok(true);
        }
        for concern in looks() {
            let before = self.below(&commit.stream, commit.first, concern).await?;
            let ends_there = |before: &RawDocumentBuf| {
                (last_version(before), before.get_str("hash").ok()) == (Some(base), Some(previous))
            };
            if before.as_ref().is_some_and(ends_there) {
                self.ends.note(&commit.stream, base, previous);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// After an append that did not go through: it may have been written by an earlier try, or another one was first.
    async fn look_again(&self, commit: &StoredCommit) -> Result<(), AppendError> {
        let (there, last) = tokio::join!(
            self.at(&commit.stream, commit.first),
            self.last_below(&commit.stream, u64::MAX)
        );
        let is_own = |there: &RawDocumentBuf| {
            let text = |name| there.get_str(name).ok();
            let own = (Some(commit.id.as_str()), Some(commit.hash.as_str()), Some(commit.last));
            (text("commit"), text("hash"), last_version(there)) == own
        };
        let there = there.map_err(unknown)?;
        if there.as_ref().is_some_and(is_own) {
            self.ends.note(&commit.stream, commit.last, &commit.hash);
            return Ok(());
        }
        // What was met may be newer than what a majority was known to have a moment before.
        let ends = [there, last?].into_iter().flatten();
        let head = ends.filter_map(|commit| last_version(&commit)).max().unwrap_or(0);
        Err(AppendError::Conflict { head })
    }

    async fn from(&self, stream: &str, first: u64, limit: usize) -> Result<Vec<RawDocumentBuf>, StoreError> {
        let range = doc! { "$gte": key(stream, first), "$lt": end_of(stream) };
        let find = self.commits.find(doc! { "_id": range }).sort(doc! { "_id": 1 });
        read_all(find.limit(bounded(limit))).await
    }

    async fn last_below(&self, stream: &str, first: u64) -> Result<Option<RawDocumentBuf>, StoreError> {
        self.below(stream, first, ReadConcern::majority()).await
    }

    async fn below(
        &self,
        stream: &str,
        first: u64,
        concern: ReadConcern,
    ) -> Result<Option<RawDocumentBuf>, StoreError> {
        let range = doc! { "$gte": key(stream, 0), "$lt": key(stream, first) };
        let find = self.commits.find_one(doc! { "_id": range }).sort(doc! { "_id": -1 });
        read(find.read_concern(concern)).await
    }

    /// The commit that begins there.
    async fn at(&self, stream: &str, first: u64) -> Result<Option<RawDocumentBuf>, StoreError> {
        for concern in looks() {
            let find = self.commits.find_one(doc! { "_id": key(stream, first) });
            if let Some(found) = read(find.read_concern(concern)).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn known(&self, stream: &StreamId, commit: &RawDocument) -> Result<Commit, StoreError> {
        let decoded = decoded(commit)?;
        if let Some(last) = decoded.envelopes.last() {
            self.ends.note(stream.as_str(), last.version, &last.hash.to_string());
        }
        Ok(decoded)
    }
}

impl Ends {
    fn tells(&self, stream: &str, version: u64, hash: &str) -> bool {
        let ends = lock(&self.0);
        ends.get(stream)
            .is_some_and(|end| (end.0, end.1.as_str()) == (version, hash))
    }

    /// Whether a commit of the stream ends there; it may be one that is not remembered.
    fn has(&self, stream: &str, version: u64) -> bool {
        lock(&self.0).get(stream).is_some_and(|end| end.0 == version)
    }

    fn note(&self, stream: &str, version: u64, hash: &str) {
        let mut ends = lock(&self.0);
        // To forget costs a look.
        if ends.len() >= REMEMBERED && !ends.contains_key(stream) {
            ends.clear();
        }
        let is_newer = ends.get(stream).is_none_or(|end| end.0 < version);
        if is_newer {
            ends.insert(stream.to_owned(), (version, hash.to_owned()));
        }
    }
}

/// What is found is there for ever. Whoever finds nothing has to look again and be sure: a new primary learns only after a
/// moment what a majority has.
fn looks() -> [ReadConcern; 2] {
    [ReadConcern::majority(), ReadConcern::linearizable()]
}

/// Of a look at what an earlier try may have done: where that fails, nobody knows.
fn unknown(error: StoreError) -> StoreError {
    StoreError::Unknown(Box::new(error))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn document(commit: &StoredCommit) -> Document {
    doc! {
        "_id": key(&commit.stream, commit.first),
        "last": commit.last.cast_signed(),
        "commit": &commit.id,
        "hash": &commit.hash,
        "body": &commit.body,
        "outbox": &commit.stream,
    }
}

/// A commit's id. Sorts by the stream's bytes and then by version, because no stream has a blank in its name.
pub(super) fn key(stream: &str, first: u64) -> String {
    format!("{stream} {first:020}")
}

/// Behind all commits of a stream: the character that follows the blank.
fn end_of(stream: &str) -> String {
    format!("{stream}!")
}

/// Stream and first version.
pub(super) fn parts(id: &str) -> Option<(&str, u64)> {
    let (stream, version) = id.rsplit_once(' ')?;
    let version = version.parse().ok().filter(|version| *version > 0)?;
    (id == key(stream, version)).then_some((stream, version))
}

fn first_version(commit: &RawDocument) -> Option<u64> {
    Some(parts(commit.get_str("_id").ok()?)?.1)
}

fn last_version(commit: &RawDocument) -> Option<u64> {
    commit.get_i64("last").ok().map(i64::cast_unsigned)
}

pub(super) fn decoded(commit: &RawDocument) -> Result<Commit, StoreError> {
    let damaged = |error| StoreError::Broken(format!("a commit has another shape: {error}"));
    let id = commit.get_str("commit").map_err(damaged)?;
    let body = commit.get_str("body").map_err(damaged)?;
    decode(id, body).map_err(StoreError::Broken)
}

/// 0 would be no bound.
pub(super) fn bounded(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_stream_and_version() {
        let streams = ["event/!", "event/1", "event/1!", "event/10", "event/~", "inventory/1"];
        let versions = [1, 2, 9, 10, 1 << 40, u64::MAX];
        let keys: Vec<String> = streams
            .iter()
            .flat_map(|stream| versions.map(|version| key(stream, version)))
            .collect();
        assert!(keys.is_sorted());
        for (text, expected) in keys.iter().zip(
            streams
                .iter()
                .flat_map(|stream| versions.map(|version| (*stream, version))),
        ) {
            assert_eq!(parts(text), Some(expected));
            assert!(key(expected.0, 0) < *text && *text < end_of(expected.0));
        }
        for text in [
            "",
            "event/1",
            "event/1 7",
            "event/1 00000000000000000000",
            "event/1 +0000000000000000007",
        ] {
            assert_eq!(parts(text), None);
        }
    }
}
