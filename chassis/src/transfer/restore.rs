//! Fills an empty journal from an exported log: the same envelopes in the same commits, hash for hash.
//!
//! What it restores waits in the outbox. So a fresh broker gets everything, and one that has it already gets repeats,
//! which consumers recognise.

use std::io::{self, BufRead};
use std::sync::Arc;

use contracts::{Envelope, Hash, StreamKind};
use persistence::{AppendError, Commit, Journal, PutError, StoreError, Stores};
use thiserror::Error;
use uuid::Uuid;

use super::appending::Appending;
use super::{Assembly, Incomplete, Lines, Taken};
use crate::store_marks;

/// Envelopes that are appended together.
const BATCH: usize = 2_000;

/// What was restored.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Restored {
    pub streams: u64,
    pub commits: u64,
    pub envelopes: u64,
    /// Envelopes that came again.
    pub repeats: u64,
    /// Envelopes of streams that belong to other services.
    pub of_others: u64,
    /// Commits whose end is not in the file.
    pub left_out: Vec<Incomplete>,
}

#[derive(Debug, Error)]
pub enum RestoreError {
    #[error("the journal is not empty; restore into an empty store")]
    NotEmpty,
    #[error("line {line}: {what}; {commits} commits before it are restored, and nothing behind it")]
    Refused { line: u64, what: String, commits: u64 },
    #[error("the journal refuses a commit: {0}")]
    Append(#[from] AppendError),
    #[error("the store fails: {0}")]
    Store(#[from] StoreError),
    #[error("the store fails: {0}")]
    Mark(#[from] PutError),
    #[error("the file cannot be read: {0}")]
    File(#[from] io::Error),
}

/// Restores the streams of these kinds. Told is how many bytes of the file were read.
///
/// # Errors
/// [`RestoreError`]. A file that is damaged is refused from there on. The service does not start on what was restored
/// until then, unless that is nothing.
pub async fn restore(
    stores: &Stores,
    kinds: &[StreamKind],
    reader: impl BufRead + Send,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<Restored, RestoreError> {
    if !stores.journal.is_empty().await? {
        return Err(RestoreError::NotEmpty);
    }
    store_marks::begin_restore(stores).await?;
    let outcome = fill(&stores.journal, kinds, reader, seen).await;
    if outcome.is_ok() || stores.journal.is_empty().await? {
        store_marks::end_restore(stores).await?;
    }
    outcome
}

async fn fill(
    journal: &Arc<dyn Journal>,
    kinds: &[StreamKind],
    reader: impl BufRead + Send,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<Restored, RestoreError> {
    let mut lines = Lines::new(reader);
    let mut work = Work::new(Arc::clone(journal), kinds);
    while let Some((bytes, line)) = lines.next()? {
        if let Err(what) = line.and_then(|envelope| work.take(envelope)) {
            work.flush().await?;
            return Err(RestoreError::Refused {
                line: lines.number(),
                what,
                commits: work.restored.commits,
            });
        }
        if work.appending.envelopes >= BATCH {
            work.flush().await?;
        }
        seen(bytes);
    }
    work.finish().await
}

struct Work<'a> {
    kinds: &'a [StreamKind],
    assembly: Assembly,
    appending: Appending,
    restored: Restored,
}

impl<'a> Work<'a> {
    fn new(journal: Arc<dyn Journal>, kinds: &'a [StreamKind]) -> Self {
        Self {
            kinds,
            assembly: Assembly::default(),
            appending: Appending::to(journal),
            restored: Restored::default(),
        }
    }

    /// What is wrong with it, if it cannot be restored.
    fn take(&mut self, envelope: Envelope) -> Result<(), String> {
        if !envelope.stream.is_one_of(&StreamKind::ALL) {
            return Err(format!(
                "stream {}, version {}: no service has such streams",
                envelope.stream, envelope.version
            ));
        }
        if !envelope.stream.is_one_of(self.kinds) {
            self.restored.of_others += 1;
            return Ok(());
        }
        match self.assembly.take(envelope).map_err(|fault| fault.to_string())? {
            Taken::Repeat => self.restored.repeats += 1,
            Taken::Next => {}
            Taken::Whole(envelopes, previous) => self.wait(envelopes, previous),
        }
        Ok(())
    }

    fn wait(&mut self, envelopes: Vec<Envelope>, previous: Hash) {
        let commit = Commit {
            id: Uuid::now_v7(),
            envelopes: envelopes.into_iter().map(Arc::new).collect(),
        };
        self.appending.add(previous, commit);
    }

    async fn flush(&mut self) -> Result<(), RestoreError> {
        let appended = self.appending.flush().await?;
        self.restored.commits += appended.commits;
        self.restored.envelopes += appended.envelopes;
        Ok(())
    }

    async fn finish(mut self) -> Result<Restored, RestoreError> {
        self.flush().await?;
        self.restored.left_out = self.assembly.incomplete();
        self.restored.streams = self.assembly.streams();
        Ok(self.restored)
    }
}
