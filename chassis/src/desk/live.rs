//! A stream as its clerk knows it: the aggregate's state with version, hash and idempotency ledger.

use std::sync::Arc;

use bytes::Bytes;
use contracts::{DecodeError, Envelope, Hash, StreamId};
use jiff::Timestamp;
use persistence::{Commit, Journal, StoreError};
use thiserror::Error;

use super::aggregate::{Aggregate, SnapshotCodec};
use super::ledger::Ledger;
use super::writer::Writer;
use crate::packed::{TooLarge, put_section, take_section};
use crate::recorded::Recorded;

/// Commits read from the journal at a time.
const READ_COMMITS: usize = 256;

#[derive(Clone)]
pub(crate) struct Live<A> {
    pub(crate) version: u64,
    pub(crate) hash: Hash,
    pub(crate) state: A,
    pub(crate) ledger: Ledger,
}

#[derive(Debug, Error)]
pub(crate) enum CatchUpError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("version {version}: {source}")]
    Unreadable { version: u64, source: DecodeError },
    #[error("version {found} follows version {after}: the journal has a gap")]
    Gap { after: u64, found: u64 },
}

impl<A: Aggregate> Live<A> {
    pub(crate) fn new() -> Self {
        Self {
            version: 0,
            hash: Hash::GENESIS,
            state: A::default(),
            ledger: Ledger::default(),
        }
    }

    /// Reads what the journal has beyond this version. Returns who wrote each commit of it.
    pub(crate) async fn catch_up(
        &mut self,
        journal: &dyn Journal,
        stream: &StreamId,
    ) -> Result<Vec<Writer>, CatchUpError> {
        let mut writers = Vec::new();
        loop {
            let commits = journal.read(stream, self.version, READ_COMMITS).await?;
            let last = commits.len() < READ_COMMITS;
            writers.extend(commits.iter().map(|commit| Writer::of(commit.id)));
            self.read_in(commits)?;
            if last {
                return Ok(writers);
            }
        }
    }

    /// Takes in commits that follow this version.
    pub(super) fn read_in(&mut self, commits: Vec<Commit>) -> Result<(), CatchUpError> {
        for envelope in commits.into_iter().flat_map(|commit| commit.envelopes) {
            self.read_on(envelope)?;
        }
        self.settle();
        Ok(())
    }

    /// State and ledger as they are kept at the time `now`; version and hash are not in the bytes.
    pub(crate) fn pack(&self, codec: &SnapshotCodec<A>, now: Timestamp) -> Result<Vec<u8>, TooLarge> {
        let mut bytes = Vec::new();
        put_section(&mut bytes, |out| (codec.encode)(&self.state, out))?;
        put_section(&mut bytes, |out| self.ledger.pack(now, out))?;
        Ok(bytes)
    }

    /// The stream at the version at which it was packed; `None` where the bytes are something else.
    pub(crate) fn unpack(codec: &SnapshotCodec<A>, version: u64, hash: Hash, mut bytes: Bytes) -> Option<Self> {
        Some(Self {
            version,
            hash,
            state: (codec.decode)(take_section(&mut bytes)?)?,
            ledger: Ledger::unpack(take_section(&mut bytes)?)?,
        })
    }

    fn read_on(&mut self, envelope: Arc<Envelope>) -> Result<(), CatchUpError> {
        let version = envelope.version;
        if version <= self.version {
            return Ok(());
        }
        if version != self.version + 1 {
            let after = self.version;
            return Err(CatchUpError::Gap { after, found: version });
        }
        let recorded = Recorded::read(envelope).map_err(|source| CatchUpError::Unreadable { version, source })?;
        self.take_in(&recorded);
        Ok(())
    }

    /// See [`Aggregate::settle`].
    pub(crate) fn settle(&mut self) {
        self.state.settle();
        self.ledger.settle();
    }

    pub(crate) fn take_in(&mut self, recorded: &Recorded) {
        self.state.apply(recorded);
        self.ledger.note(&recorded.envelope);
        self.version = recorded.envelope.version;
        self.hash = recorded.envelope.hash;
    }
}
