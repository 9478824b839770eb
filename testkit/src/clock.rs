use std::sync::Mutex;

use chassis::clock::Clock;
use jiff::{SignedDuration, Timestamp};

/// A clock that stands still until it is moved.
pub struct ManualClock {
    now: Mutex<Timestamp>,
}

impl ManualClock {
    pub fn at(now: Timestamp) -> Self {
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap();
        Self { now: Mutex::new(now) }
    }

    /// Moves it; backwards with a negative length.
    pub fn advance(&self, length: SignedDuration) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(length).unwrap();
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }
}
