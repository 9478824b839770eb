//! The log against the journal that it came from: what a journal has published, neither of them may have lost.
//!
//! Both are chains that were proved by themselves, so where their last hashes agree all before them does. A file that is
//! damaged at its end can look like one that ends earlier: only the other one can tell.

use std::collections::HashMap;

use contracts::{Hash, StreamId, StreamKind};
use futures::{StreamExt, TryStreamExt, stream};
use persistence::{Journal, StoreError};

use super::chain::{Head, HeadsByStream};
use super::replay::Replay;
use super::{AuditError, Difference, Fault};

/// Streams looked up in the journal at the same time.
const AT_ONCE: usize = 4;
/// Streams asked for that wait to be published.
const MOST_WAITING: usize = 10_000;

/// The last version of each stream that a walk through a journal has met.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Heads(pub(super) HeadsByStream);

/// Compares the journal, as the walk through it told, with the log, as it was replayed afterwards. Returns how many
/// streams of the journal wait to be published.
pub(super) async fn audit_log(
    journal: &dyn Journal,
    heads: &Heads,
    replay: &mut Replay,
    kinds: &[StreamKind],
) -> Result<u64, AuditError> {
    are_in_journal(journal, heads, &replay.chains.heads, kinds).await?;
    let missing = missing(heads, replay);
    if missing.is_empty() {
        return Ok(0);
    }
    // Asked for first: what waits no more is in the log, and comes with what the log holds now.
    let waiting = waiting(journal).await?;
    replay.catch_up(&|_| {}).await?;
    let unsaid = |(stream, head): &(StreamId, Head)| {
        waiting.as_ref().is_some_and(|waiting| {
            waiting.get(stream).is_none_or(|first| *first > head.version)
                && replay.chains.version(stream) < head.version
        })
    };
    match missing.iter().find(|missing| unsaid(missing)) {
        Some((stream, head)) => Err(fault(
            stream,
            head.version,
            "it is marked as published, and not in the log",
        )),
        None => Ok(missing.len() as u64),
    }
}

/// What the log lacks of the journal, by stream.
fn missing(heads: &Heads, replay: &Replay) -> Vec<(StreamId, Head)> {
    let lacks = |(stream, head): &(&StreamId, &Head)| replay.chains.version(stream) < head.version;
    let missing = heads.0.iter().filter(lacks);
    let mut missing: Vec<_> = missing.map(|(stream, head)| (stream.clone(), *head)).collect();
    missing.sort_by(|a, b| a.0.cmp(&b.0));
    missing
}

/// The first version that waits of each stream. `None` where there are too many to tell.
async fn waiting(journal: &dyn Journal) -> Result<Option<HashMap<StreamId, u64>>, StoreError> {
    let commits = journal.unpublished(MOST_WAITING).await?;
    let mut waiting = HashMap::new();
    for key in commits.iter().filter_map(persistence::Commit::key) {
        let first = waiting.entry(key.stream).or_insert(key.first_version);
        *first = key.first_version.min(*first);
    }
    Ok((waiting.len() < MOST_WAITING).then_some(waiting))
}

/// The log's last version of each stream has to be the journal's.
async fn are_in_journal(
    journal: &dyn Journal,
    heads: &Heads,
    log: &HeadsByStream,
    kinds: &[StreamKind],
) -> Result<(), AuditError> {
    let own = log.iter().filter(|(stream, _)| stream.is_one_of(kinds));
    let mut open: Vec<_> = own
        .filter(|(stream, head)| heads.0.get(*stream) != Some(head))
        .collect();
    open.sort_by(|a, b| a.0.cmp(b.0));
    let looks = open.into_iter().map(|(stream, head)| look_up(journal, stream, *head));
    stream::iter(looks).buffered(AT_ONCE).try_collect().await
}

async fn look_up(journal: &dyn Journal, stream: &StreamId, head: Head) -> Result<(), AuditError> {
    match hash_of(journal, stream, head.version).await? {
        None => Err(fault(
            stream,
            head.version,
            "the log has this version, and the journal has not",
        )),
        Some(hash) if hash != head.hash => Err(fault(
            stream,
            head.version,
            "the log has another envelope of this version",
        )),
        Some(_) => Ok(()),
    }
}

async fn hash_of(journal: &dyn Journal, stream: &StreamId, version: u64) -> Result<Option<Hash>, StoreError> {
    let commits = journal.read(stream, version.saturating_sub(1), 1).await?;
    let mut envelopes = commits.iter().flat_map(|commit| &commit.envelopes);
    let found = envelopes.find(|envelope| envelope.version == version);
    Ok(found.map(|envelope| envelope.hash))
}

fn fault(stream: &StreamId, version: u64, rule: &str) -> AuditError {
    Difference::InStream(Fault::new(stream, version, rule)).into()
}
