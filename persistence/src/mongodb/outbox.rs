//! Which commits wait to be published, fairly by stream.
//!
//! An index holds the stream and the id of each that waits. It is read a page at a time, and behind a page at the next
//! stream: so a stream in which very much waits is passed in one step.
//!
//! The index is read as the primary has it, so that marks count at once; the commits themselves only as a majority has
//! them, so that none is published which a new primary takes back.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{Hint, ReadConcern, WriteConcern};

use super::database::{read, read_all, write};
use super::journal::{Commits, bounded, decoded, key};
use crate::{Commit, CommitKey, StoreError};

pub(super) const INDEX: &str = "outbox";
/// Ids in one request.
const IDS: usize = 1_000;

/// The ids of a stream that wait, in order.
struct Waiting {
    stream: String,
    ids: Vec<String>,
    /// Whether there may be more.
    is_cut: bool,
}

/// Each waiting stream gets an equal share of `limit`, and those that have more get the room that others left.
///
/// Returns the last stream that got a share, too. A stream's commits are taken in order from its first waiting one, so
/// that none stands before its predecessor.
pub(super) async fn unpublished(
    commits: &Commits,
    behind: String,
    limit: usize,
) -> Result<(Vec<Commit>, Option<String>), StoreError> {
    let mut all = waiting(commits, &behind, limit).await?;
    let share = limit / all.len().max(1);
    let mut room = limit;
    let mut served = Vec::new();
    for one in &mut all {
        fill(commits, one, share).await?;
        served.push(one.ids.len().min(share));
        room -= one.ids.len().min(share);
    }
    for (one, served) in all.iter_mut().zip(&mut served).filter(|(_, served)| **served == share) {
        fill(commits, one, share + room).await?;
        let more = one.ids.len().min(share + room) - *served;
        *served += more;
        room -= more;
    }
    let last = all.last().map(|one| one.stream.clone());
    let ids = all
        .into_iter()
        .zip(served)
        .flat_map(|(one, served)| one.ids.into_iter().take(served));
    Ok((fetch(commits, ids.collect()).await?, last))
}

/// At most `limit` streams: those after `behind` in order, then those up to it.
async fn waiting(commits: &Commits, behind: &str, limit: usize) -> Result<Vec<Waiting>, StoreError> {
    let mut all = Vec::new();
    add_waiting(commits, (behind, None), limit, &mut all).await?;
    add_waiting(commits, ("", Some(behind)), limit, &mut all).await?;
    all.truncate(limit);
    Ok(all)
}

async fn add_waiting(
    commits: &Commits,
    (behind, up_to): (&str, Option<&str>),
    limit: usize,
    all: &mut Vec<Waiting>,
) -> Result<(), StoreError> {
    let mut at = behind.to_owned();
    while all.len() < limit {
        let mut range = doc! { "$gt": &at };
        range.extend(up_to.map(|end| ("$lte".to_owned(), Bson::from(end))));
        let page = ids(commits, doc! { "outbox": range }, limit).await?;
        let is_full = page.len() == limit;
        for (stream, id) in page {
            match all.last_mut().filter(|last| last.stream == stream) {
                Some(last) => last.ids.push(id),
                None => all.push(Waiting {
                    stream,
                    ids: vec![id],
                    is_cut: false,
                }),
            }
        }
        let Some(last) = all.last_mut().filter(|_| is_full) else {
            return Ok(());
        };
        last.is_cut = true;
        at.clone_from(&last.stream);
    }
    Ok(())
}

/// Looks for more of a stream, until `count` are known or there are no more.
async fn fill(commits: &Commits, one: &mut Waiting, count: usize) -> Result<(), StoreError> {
    let (Some(last), true) = (one.ids.last(), one.is_cut && one.ids.len() < count) else {
        return Ok(());
    };
    let missing = count - one.ids.len();
    let behind = doc! { "outbox": &one.stream, "_id": { "$gt": last } };
    let more = ids(commits, behind, missing).await?;
    one.is_cut = more.len() == missing;
    one.ids.extend(more.into_iter().map(|(_, id)| id));
    Ok(())
}

/// Streams and ids, read from the index alone.
async fn ids(commits: &Commits, filter: Document, limit: usize) -> Result<Vec<(String, String)>, StoreError> {
    let documents = commits.clone_with_type::<Document>();
    let find = documents
        .find(filter)
        .projection(doc! { "outbox": 1, "_id": 1 })
        .sort(doc! { "outbox": 1, "_id": 1 })
        .hint(Hint::Name(INDEX.to_owned()))
        .read_concern(ReadConcern::local())
        .limit(bounded(limit));
    let found = read_all(find).await?;
    let text = |document: &Document, name| document.get_str(name).map(str::to_owned);
    let pairs = found
        .iter()
        .map(|document| Ok((text(document, "outbox")?, text(document, "_id")?)));
    let pairs: mongodb::bson::error::Result<_> = pairs.collect();
    pairs.map_err(|error| StoreError::Broken(format!("a commit's key: {error}")))
}

/// The commits of these ids, in their order.
async fn fetch(commits: &Commits, ids: Vec<String>) -> Result<Vec<Commit>, StoreError> {
    let mut found: HashMap<String, RawDocumentBuf> = HashMap::new();
    for ids in ids.chunks(IDS) {
        for commit in read_all(commits.find(doc! { "_id": { "$in": ids } })).await? {
            let id = commit.get_str("_id").unwrap_or_default().to_owned();
            found.insert(id, commit);
        }
    }
    ids.iter()
        .filter_map(|id| found.get(id))
        .map(|commit| decoded(commit))
        .collect()
}

/// A crash may take it back, and then they are published again.
pub(super) async fn mark_published(commits: &Commits, keys: &[CommitKey]) -> Result<(), StoreError> {
    for keys in keys.chunks(IDS) {
        let ids: Vec<String> = keys
            .iter()
            .map(|it| key(it.stream.as_str(), it.first_version))
            .collect();
        let mark = commits.update_many(doc! { "_id": { "$in": ids } }, doc! { "$unset": { "outbox": "" } });
        write(mark.write_concern(WriteConcern::nodes(1))).await?;
    }
    Ok(())
}

pub(super) async fn count(commits: &Commits) -> Result<u64, StoreError> {
    let count = commits.count_documents(doc! { "outbox": { "$gte": "" } });
    read(
        count
            .hint(Hint::Name(INDEX.to_owned()))
            .read_concern(ReadConcern::local()),
    )
    .await
}
