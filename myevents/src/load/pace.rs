//! When the next request is due: at once in a closed loop, by a timetable in an open one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

pub(crate) struct Pace {
    start: Instant,
    length: Duration,
    /// Requests a second.
    rate: Option<u64>,
    taken: AtomicU64,
}

impl Pace {
    pub(crate) fn start_now(seconds: u64, rate: Option<u64>) -> Self {
        Self {
            start: Instant::now(),
            length: Duration::from_secs(seconds),
            rate,
            taken: AtomicU64::new(0),
        }
    }

    /// Waits for the next request's time and returns it; `None` at the end of the run.
    ///
    /// A client that comes late gets the time that it missed: what a slow platform holds up counts as its latency.
    pub(crate) async fn next(&self) -> Option<Instant> {
        let end = self.start + self.length;
        let due = self.due();
        if due >= end || Instant::now() >= end {
            return None;
        }
        if due > Instant::now() {
            sleep_until(due).await;
        }
        Some(due)
    }

    fn due(&self) -> Instant {
        let Some(rate) = self.rate else { return Instant::now() };
        let slot = self.taken.fetch_add(1, Ordering::Relaxed);
        self.start + Duration::from_secs(slot / rate) + Duration::from_nanos(slot % rate * 1_000_000_000 / rate)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_of_an_open_loop_are_due_by_the_timetable_however_late_one_asks() {
        let pace = Pace::start_now(60, Some(1_000_000));
        tokio::time::sleep(Duration::from_millis(2)).await;
        for slot in 0..100 {
            assert_eq!(pace.next().await, Some(pace.start + Duration::from_micros(slot)));
        }
    }

    #[tokio::test]
    async fn it_ends() {
        let pace = Pace::start_now(0, None);
        assert_eq!(pace.next().await, None);
    }
}
