//! Whose turn it is where replicas write one stream at the same time.
//!
//! Whoever has committed lets the others go first, or who has the most clients and never waits would leave them nothing.
//! It must not know how another one's commit is seen: it keeps count and time.

use std::time::Duration;

use tokio::time::Instant;

/// Behind a conflict others are reckoned with for so many commits.
const RIVALLED: u32 = 32;
/// So many commits in a row have to succeed before it is decided ahead: where others write too, or the store fails, what
/// is decided ahead is for nothing, and the stream has to be read anew.
const SURE: u32 = 32;
/// So many times as long as one's own commit another one needs to look, decide and append.
const ROUND_TRIPS: u32 = 2;
const LONGEST: Duration = Duration::from_millis(50);
/// So often it is looked for whether the other one has committed meanwhile. Each look is a request to the store; and the
/// more there are, the sooner one that has just had its turn is back, before a third one that has lost and reads first.
const LOOKS: u32 = 4;

/// One replica's part in the turns at a stream.
#[derive(Default)]
pub(super) struct Turns {
    others: Option<Turn>,
    /// For how many commits more another writer is reckoned with.
    rivalled: u32,
    /// How many commits in a row succeeded at once.
    sure: u32,
}

/// A time that is left to another replica.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    begins: Instant,
    length: Duration,
}

impl Turns {
    /// A commit went through that took so long.
    pub(super) fn committed(&mut self, took: Duration) {
        self.others = (self.rivalled > 0).then(|| Turn::of((took * ROUND_TRIPS).min(LONGEST)));
        self.rivalled = self.rivalled.saturating_sub(1);
        self.sure = self.sure.saturating_add(1);
    }

    /// A commit did not go through.
    pub(super) fn failed(&mut self) {
        self.sure = 0;
    }

    /// Another one has written.
    pub(super) fn met_another(&mut self) {
        self.rivalled = RIVALLED;
    }

    /// The turn that is to be left to others now, if one is. It is told once.
    pub(super) fn take_others(&mut self) -> Option<Turn> {
        self.others.take()
    }

    /// Whether nobody else has been met for long.
    pub(super) fn are_all_own(&self) -> bool {
        self.sure >= SURE && self.rivalled == 0
    }
}

impl Turn {
    fn of(length: Duration) -> Self {
        Self {
            begins: Instant::now(),
            length,
        }
    }

    /// How long to wait before it is looked for what the other one did.
    pub(super) fn until_a_look(&self) -> Duration {
        let left = self.length.saturating_sub(self.begins.elapsed());
        (self.length / LOOKS).min(left)
    }

    pub(super) fn is_over(&self) -> bool {
        self.begins.elapsed() >= self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: Duration = Duration::from_millis(4);

    #[test]
    fn who_is_alone_leaves_no_turns_and_is_soon_sure() {
        let mut turns = Turns::default();
        for _ in 0..SURE {
            assert!(!turns.are_all_own());
            turns.committed(COMMIT);
            assert!(turns.take_others().is_none());
        }
        assert!(turns.are_all_own());
        turns.failed();
        assert!(!turns.are_all_own());
    }

    #[test]
    fn who_has_met_another_leaves_a_turn_behind_each_commit_for_a_while() {
        let mut turns = Turns::default();
        turns.met_another();
        for _ in 0..RIVALLED {
            assert!(!turns.are_all_own());
            turns.committed(COMMIT);
            assert_eq!(turns.take_others().unwrap().length, COMMIT * ROUND_TRIPS);
            assert!(turns.take_others().is_none());
        }
        turns.committed(COMMIT);
        assert!(turns.take_others().is_none() && turns.are_all_own());
    }

    #[tokio::test(start_paused = true)]
    async fn no_turn_is_longer_than_clients_can_wait() {
        let mut turns = Turns::default();
        turns.met_another();
        turns.committed(Duration::from_secs(3));
        let turn = turns.take_others().unwrap();
        assert_eq!(turn.until_a_look(), LONGEST / LOOKS);
        assert!(!turn.is_over());
        tokio::time::advance(LONGEST).await;
        assert!(turn.is_over() && turn.until_a_look().is_zero());
    }
}
