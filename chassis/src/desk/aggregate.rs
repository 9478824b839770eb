use bytes::Bytes;
use contracts::DomainEvent;
use jiff::Timestamp;

use crate::packed::TooLarge;
use crate::recorded::Recorded;

/// The state of one stream, and the rules by which it changes. Pure: no I/O, no clock of its own.
///
/// Cloned before every commit, so what grows with the stream belongs into a [`LayeredMap`](super::LayeredMap).
pub trait Aggregate: Default + Clone + Send + Sync + 'static {
    type Command: Send + Sync + 'static;
    /// One variant per business rule.
    type Rejection: Send + Sync + 'static;

    /// How a state is kept, so that a long stream is not read from its start. `None` where streams stay short.
    const SNAPSHOTS: Option<SnapshotCodec<Self>> = None;

    /// The events that the command leads to now; empty where there is nothing to do.
    fn decide(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<DomainEvent>, Self::Rejection>;

    /// Takes in what happened. Must accept every event that was ever decided.
    fn apply(&mut self, recorded: &Recorded);

    /// No other copy is kept: time to settle what is layered. What was applied last may not be committed yet; if it never
    /// is, the whole copy is thrown away.
    fn settle(&mut self) {}
}

/// A state as bytes and back.
#[derive(Debug)]
pub struct SnapshotCodec<A> {
    /// Raised whenever the bytes mean something else, or [`Aggregate::apply`] makes something else of old events. A
    /// snapshot of another format is not read: the stream is, from its start.
    pub format: u32,
    pub encode: fn(&A, &mut Vec<u8>) -> Result<(), TooLarge>,
    /// `None` where the bytes are something else. What grows with the stream should stay bytes, see
    /// [`PackedMap`](crate::packed::PackedMap).
    pub decode: fn(Bytes) -> Option<A>,
}

impl<A> Clone for SnapshotCodec<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for SnapshotCodec<A> {}
