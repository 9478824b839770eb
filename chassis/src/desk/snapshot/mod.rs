//! Snapshots: a long stream's state, kept so that its clerk needs not read it from its start.
//!
//! The journal stays the only truth. A snapshot counts only if the journal holds, at its version, an envelope with its
//! hash; then the rest of the stream is read from the journal. One that is damaged, of another format or of another
//! history is passed over and written anew. Whoever loses all snapshots loses time and nothing else.
//!
//! [`store`] keeps the bytes, [`keeper`] decides when they are written, behind the clerk's back. What a
//! state looks like as bytes is its aggregate's business: see [`SnapshotCodec`](super::SnapshotCodec).

pub(crate) mod keeper;
mod manifest;
mod store;

use contracts::{Hash, StreamId};
use persistence::{Journal, StoreError};
use thiserror::Error;
use tracing::warn;
use uuid::Uuid;

use super::aggregate::{Aggregate, SnapshotCodec};
use super::live::{CatchUpError, Live};
use manifest::Facts;
pub use store::Snapshots;

/// A stream of fewer commits is short.
const SHORT: usize = 4;

/// Why a snapshot is passed over.
#[derive(Debug, Error)]
pub(super) enum Unusable {
    #[error("it is of format {0}")]
    OtherFormat(String),
    #[error("a part of it is missing or damaged")]
    Damaged,
    #[error("the journal has no version {0} with its hash")]
    OtherHistory(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A stream as the journal has it.
pub(crate) struct Loaded<A> {
    pub(crate) live: Live<A>,
    /// The version of the snapshot that it was read from; 0 where there was none.
    from: u64,
    /// A snapshot that was passed over.
    unusable: Option<Uuid>,
}

/// Reads a stream: its snapshot and what came after, or all of it. A short one has no snapshot worth a look.
pub(crate) async fn load<A: Aggregate>(
    snapshots: Option<&Snapshots>,
    journal: &dyn Journal,
    stream: &StreamId,
) -> Result<Loaded<A>, CatchUpError> {
    let mut loaded = Loaded::from_the_start();
    if let (Some(snapshots), Some(codec)) = (snapshots, A::SNAPSHOTS) {
        match journal.read(stream, 0, SHORT).await {
            Ok(all) if all.len() < SHORT => {
                loaded.live.read_in(all)?;
                return Ok(loaded);
            }
            // Where the beginning is damaged, a snapshot does without.
            Ok(_) | Err(StoreError::Broken(_)) => {}
            Err(error) => return Err(error.into()),
        }
        loaded = begin(snapshots, &codec, journal, stream).await;
    }
    loaded.live.catch_up(journal, stream).await?;
    Ok(loaded)
}

impl<A: Aggregate> Loaded<A> {
    fn from_the_start() -> Self {
        Self {
            live: Live::new(),
            from: 0,
            unusable: None,
        }
    }
}

async fn begin<A: Aggregate>(
    snapshots: &Snapshots,
    codec: &SnapshotCodec<A>,
    journal: &dyn Journal,
    stream: &StreamId,
) -> Loaded<A> {
    let facts = match snapshots.facts(stream).await {
        Ok(Some(facts)) => facts,
        Ok(None) => return Loaded::from_the_start(),
        Err(fault) => return pass_over(snapshots, stream, None, &fault.into()),
    };
    match restore(snapshots, codec, journal, stream, &facts).await {
        Ok(live) => {
            snapshots.count("loaded");
            Loaded {
                from: live.version,
                live,
                unusable: None,
            }
        }
        Err(fault) => pass_over(snapshots, stream, Some(facts.id()), &fault),
    }
}

fn pass_over<A: Aggregate>(
    snapshots: &Snapshots,
    stream: &StreamId,
    unusable: Option<Uuid>,
    fault: &Unusable,
) -> Loaded<A> {
    snapshots.count("ignored");
    warn!(%stream, %fault, "a snapshot is ignored, the stream is read from its start");
    Loaded {
        unusable,
        ..Loaded::from_the_start()
    }
}

async fn restore<A: Aggregate>(
    snapshots: &Snapshots,
    codec: &SnapshotCodec<A>,
    journal: &dyn Journal,
    stream: &StreamId,
    facts: &Facts,
) -> Result<Live<A>, Unusable> {
    facts.check(stream, codec.format)?;
    let (bytes, ()) = tokio::try_join!(snapshots.bytes(facts), confirm(journal, stream, facts))?;
    Live::unpack(codec, facts.version, facts.hash, bytes).ok_or(Unusable::Damaged)
}

/// Whether the journal tells the same history up to the snapshot.
async fn confirm(journal: &dyn Journal, stream: &StreamId, facts: &Facts) -> Result<(), Unusable> {
    let other = || Unusable::OtherHistory(facts.version);
    let before = facts.version.checked_sub(1).ok_or_else(other)?;
    let commits = journal.read(stream, before, 1).await?;
    let mut envelopes = commits.iter().flat_map(|commit| &commit.envelopes);
    let same = |version: u64, hash: Hash| version == facts.version && hash == facts.hash;
    match envelopes.any(|envelope| same(envelope.version, envelope.hash)) {
        true => Ok(()),
        false => Err(other()),
    }
}
