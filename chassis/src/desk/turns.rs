//! Whose turn it is where replicas write one stream at the same time.
//!
//! Whoever has committed lets every other one that writes here go first, or who has the most clients and never waits would
//! leave them nothing. So they take turns, and nobody appends in vain. It must not know how another one's commit is seen.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;

use super::writer::Writer;

/// Who has missed so many turns in a row has nothing to write, or is gone.
const MISSES: u32 = 8;
/// More of them are not waited for.
const MOST_RIVALS: usize = 8;
/// So many commits in a row have to succeed before it is decided ahead: where others write too, or the store fails, what
/// is decided ahead is for nothing, and the stream has to be read anew.
const SURE: u32 = 32;
/// So many times as long as one's own commit another one has to look, decide and append. Where that is too short now and
/// then, both append, and one of them in vain.
const ROUND_TRIPS: u32 = 4;
/// Nobody is given more time than this.
const LONGEST: Duration = Duration::from_millis(50);
/// Looks are requests to the store. After the first one there are so many in the time that a commit takes, or as many as
/// the store answers where pauses would be shorter than the timer knows.
const LOOKS: u32 = 8;
/// The timer may wake so much later than it is asked to.
const TIMER: Duration = Duration::from_millis(1);

/// One replica's part in the turns at a stream.
pub(super) struct Turns {
    own: Writer,
    /// Others that write here, and how many turns each has missed since it last did.
    rivals: HashMap<Writer, u32>,
    others: Option<Turn>,
    /// How many commits in a row succeeded at once.
    sure: u32,
}

/// A time that is left to other replicas, until each of them has committed.
#[derive(Debug)]
pub(super) struct Turn {
    begins: Instant,
    /// How long one's own commit took.
    commit: Duration,
    length: Duration,
    awaited: HashSet<Writer>,
}

impl Turns {
    pub(super) fn of(own: Writer) -> Self {
        Self {
            own,
            rivals: HashMap::new(),
            others: None,
            sure: 0,
        }
    }

    /// A commit went through that took so long.
    pub(super) fn committed(&mut self, took: Duration) {
        self.others = (!self.rivals.is_empty()).then(|| Turn::of(took, self.rivals.keys().copied().collect()));
        self.sure = self.sure.saturating_add(1);
    }

    /// A commit did not go through.
    pub(super) fn failed(&mut self) {
        self.sure = 0;
    }

    /// These have written. What of one's own was given up may have been written later.
    pub(super) fn met(&mut self, writers: &[Writer]) {
        for writer in writers.iter().filter(|writer| **writer != self.own) {
            if self.rivals.len() < MOST_RIVALS || self.rivals.contains_key(writer) {
                self.rivals.insert(*writer, 0);
            }
        }
    }

    /// The turn that is to be left to others now, if one is. It is told once.
    pub(super) fn take_others(&mut self) -> Option<Turn> {
        self.others.take()
    }

    /// Whoever has not used the turn may be gone.
    pub(super) fn end(&mut self, turn: Turn) {
        for writer in turn.awaited {
            self.rivals.entry(writer).and_modify(|missed| *missed += 1);
        }
        self.rivals.retain(|_, missed| *missed < MISSES);
    }

    /// Whether nobody else has been met for long.
    pub(super) fn are_all_own(&self) -> bool {
        self.sure >= SURE && self.rivals.is_empty()
    }
}

impl Turn {
    fn of(commit: Duration, awaited: HashSet<Writer>) -> Self {
        let others = u32::try_from(awaited.len()).unwrap_or(u32::MAX);
        Self {
            begins: Instant::now(),
            commit,
            length: commit.saturating_mul(ROUND_TRIPS).min(LONGEST) * others,
            awaited,
        }
    }

    /// How long to wait before it is looked for what others did; `None` where that is shorter than the timer knows. Nobody
    /// has committed before the time that a commit takes.
    pub(super) fn pause(&self) -> Option<Duration> {
        let gone = self.begins.elapsed();
        let pause = self.commit.saturating_sub(gone).max(self.commit / LOOKS);
        let pause = pause.min(self.length.saturating_sub(gone));
        (pause > TIMER).then(|| pause - TIMER)
    }

    /// At a look, these had committed.
    pub(super) fn saw(&mut self, writers: &[Writer]) {
        self.awaited.retain(|awaited| !writers.contains(awaited));
    }

    pub(super) fn is_over(&self) -> bool {
        self.awaited.is_empty() || self.begins.elapsed() >= self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: Duration = Duration::from_millis(4);

    #[test]
    fn who_is_alone_leaves_no_turns_and_is_soon_sure() {
        let mut turns = Turns::of(Writer::new());
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
    fn a_turn_is_left_behind_each_commit_until_everybody_has_had_it() {
        let (first, second) = (Writer::new(), Writer::new());
        let mut turns = Turns::of(Writer::new());
        turns.met(&[first, second, first]);
        turns.committed(COMMIT);
        let mut turn = turns.take_others().unwrap();
        assert!(turns.take_others().is_none());
        assert_eq!(turn.length, COMMIT * ROUND_TRIPS * 2);
        turn.saw(&[first, Writer::new()]);
        assert!(!turn.is_over());
        turn.saw(&[second]);
        assert!(turn.is_over());
    }

    #[test]
    fn who_misses_turns_is_forgotten_and_who_comes_back_is_waited_for_again() {
        let (idle, busy) = (Writer::new(), Writer::new());
        let mut turns = Turns::of(Writer::new());
        turns.met(&[idle, busy]);
        for _ in 0..MISSES {
            turns.committed(COMMIT);
            let mut turn = turns.take_others().unwrap();
            assert!(turn.awaited.contains(&idle));
            turn.saw(&[busy]);
            turns.end(turn);
        }
        turns.committed(COMMIT);
        assert_eq!(turns.take_others().unwrap().awaited, HashSet::from([busy]));
        turns.met(&[idle]);
        turns.committed(COMMIT);
        assert_eq!(turns.take_others().unwrap().awaited, HashSet::from([idle, busy]));
    }

    #[test]
    fn nobody_is_a_rival_of_oneself() {
        let own = Writer::new();
        let mut turns = Turns::of(own);
        turns.met(&[own]);
        turns.committed(COMMIT);
        assert!(turns.take_others().is_none());
    }

    #[test]
    fn a_crowd_of_rivals_is_bounded() {
        let mut turns = Turns::of(Writer::new());
        let many: Vec<Writer> = (0..100).map(|_| Writer::new()).collect();
        turns.met(&many);
        assert_eq!(turns.rivals.len(), MOST_RIVALS);
    }

    #[tokio::test(start_paused = true)]
    async fn no_turn_is_longer_than_clients_can_wait() {
        let mut turns = Turns::of(Writer::new());
        turns.met(&[Writer::new()]);
        turns.committed(Duration::from_secs(3));
        let turn = turns.take_others().unwrap();
        assert_eq!(turn.pause(), Some(LONGEST - TIMER));
        tokio::time::advance(LONGEST).await;
        assert!(turn.is_over() && turn.pause().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_looks_before_another_one_can_have_committed_and_then_often() {
        let mut turns = Turns::of(Writer::new());
        turns.met(&[Writer::new()]);
        turns.committed(COMMIT);
        let turn = turns.take_others().unwrap();
        assert_eq!(turn.pause(), Some(COMMIT - TIMER));
        tokio::time::advance(COMMIT).await;
        assert!(turn.pause().is_none() && !turn.is_over());
    }
}
