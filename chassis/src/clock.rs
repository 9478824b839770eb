//! Time as a parameter, so that tests can jump it. Lengths of time use the monotonic clock instead.

use jiff::Timestamp;
use tokio::time::Instant;

use crate::faults;

pub trait Clock: Send + Sync {
    /// Wall-clock time in whole milliseconds.
    fn now(&self) -> Timestamp;
}

pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now() + faults::clock_offset();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// What lengths of time are measured by: it goes on whatever the wall clock is set to.
pub(crate) fn monotonic() -> Instant {
    faults::monotonic()
}
