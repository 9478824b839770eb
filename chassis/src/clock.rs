//! Time as a parameter, so that tests can jump it. Lengths of time use the monotonic clock instead.

use jiff::Timestamp;

pub trait Clock: Send + Sync {
    /// Wall-clock time in whole milliseconds.
    fn now(&self) -> Timestamp;
}

pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}
