//! How a run went, moment by moment: a bounded number of slots, each with what was answered in it.

use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};
use serde::Serialize;

use super::tally::{MOST_MICROSECONDS, Operation};

/// A longer run has longer slots.
const MOST_SLOTS: u64 = 600;

/// What was answered in a slot of the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Slot {
    /// Where it begins, in seconds from the start.
    pub(crate) second: u64,
    pub(crate) browsed: u64,
    /// Bookings that were answered, refusals included.
    pub(crate) booked: u64,
    pub(crate) cancelled: u64,
    /// Answers of 500 and above, and requests without an answer.
    pub(crate) failed: u64,
    /// Of the response times of all answers, in milliseconds; 0 where nothing was answered.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

pub(crate) struct Timeline {
    /// Seconds.
    slot: u64,
    current: Slot,
    response: Histogram<u64>,
    past: Vec<Slot>,
}

impl Timeline {
    pub(crate) fn new(seconds: u64) -> Result<Self, CreationError> {
        Ok(Self {
            slot: seconds.div_ceil(MOST_SLOTS).max(1),
            current: Slot::default(),
            response: Histogram::new_with_bounds(1, MOST_MICROSECONDS, 2)?,
            past: Vec::new(),
        })
    }

    /// Notes an answer that came so long after the start.
    pub(crate) fn answered(&mut self, at: Duration, operation: Operation, response: u64) {
        let slot = self.slot_at(at);
        match operation {
            Operation::Browse => slot.browsed += 1,
            Operation::Book => slot.booked += 1,
            Operation::Cancel => slot.cancelled += 1,
        }
        self.response.saturating_record(response);
    }

    pub(crate) fn failed(&mut self, at: Duration) {
        self.slot_at(at).failed += 1;
    }

    /// All slots, those without any answer too.
    pub(crate) fn finish(mut self) -> Vec<Slot> {
        self.close();
        self.past
    }

    /// Answers come in order but for those of the same moment, which count in the later slot.
    fn slot_at(&mut self, at: Duration) -> &mut Slot {
        let second = at.as_secs() / self.slot * self.slot;
        while self.current.second < second {
            self.close();
        }
        &mut self.current
    }

    fn close(&mut self) {
        let next = Slot {
            second: self.current.second + self.slot,
            ..Slot::default()
        };
        let mut closed = std::mem::replace(&mut self.current, next);
        closed.p50 = milliseconds(self.response.value_at_quantile(0.5));
        closed.p99 = milliseconds(self.response.value_at_quantile(0.99));
        closed.max = milliseconds(self.response.max());
        self.past.push(closed);
        self.response.reset();
    }
}

fn milliseconds(microseconds: u64) -> f64 {
    Duration::from_micros(microseconds).as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_second_has_its_answers_and_a_silent_one_is_there() {
        let mut timeline = Timeline::new(10).unwrap();
        timeline.answered(at(0), Operation::Browse, 1_000);
        timeline.answered(at(0), Operation::Book, 3_000);
        timeline.answered(at(2), Operation::Cancel, 5_000);
        timeline.failed(at(2));
        let [first, silent, last] = <[Slot; 3]>::try_from(timeline.finish()).unwrap();
        assert_eq!((first.second, first.browsed, first.booked), (0, 1, 1));
        assert!(first.p50 >= 1.0 && first.max >= 3.0, "{first:?}");
        assert_eq!(
            silent,
            Slot {
                second: 1,
                ..Slot::default()
            }
        );
        assert_eq!((last.second, last.cancelled, last.failed), (2, 1, 1));
    }

    #[test]
    fn a_long_run_has_no_more_slots_than_a_short_one() {
        let mut timeline = Timeline::new(86_400).unwrap();
        timeline.answered(at(86_399), Operation::Book, 1);
        assert_eq!(timeline.finish().len() as u64, MOST_SLOTS);
    }
}
