use contracts::DomainEvent;
use jiff::Timestamp;

use crate::recorded::Recorded;

/// The state of one stream, and the rules by which it changes. Pure: no I/O, no clock of its own.
///
/// Cloned before every commit, so what grows with the stream belongs into a [`LayeredMap`](super::LayeredMap).
pub trait Aggregate: Default + Clone + Send + Sync + 'static {
    type Command: Send + Sync + 'static;
    /// One variant per business rule.
    type Rejection: Send + Sync + 'static;

    /// The events that the command leads to now; empty where there is nothing to do.
    fn decide(&self, command: &Self::Command, now: Timestamp) -> Result<Vec<DomainEvent>, Self::Rejection>;

    /// Takes in what happened. Must accept every event that was ever decided.
    fn apply(&mut self, recorded: &Recorded);

    /// Everything that was applied is committed, and no other copy is kept: time to settle what is layered.
    fn settle(&mut self) {}
}
