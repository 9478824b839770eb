//! What adapters are held against: the brokers' own client libraries, used as their manuals say, with nothing around them.
//!
//! They send the bytes that the adapters send, made before the clock starts, and what they read they only count.

pub(crate) mod amqp;
pub(crate) mod kafka;

use std::time::Instant;

/// Between the first message and the last one: joining is not reading.
#[derive(Default)]
pub(crate) struct Pace {
    began: Option<Instant>,
    count: usize,
}

impl Pace {
    /// So many more have come. Those that came first only start the clock.
    pub(crate) fn add(&mut self, count: usize) {
        match self.began {
            Some(_) => self.count += count,
            None => self.began = Some(Instant::now()),
        }
    }

    pub(crate) fn a_second(&self) -> f64 {
        let took = self.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        self.count as f64 / took
    }
}

pub(crate) fn a_second(count: usize, began: Instant) -> f64 {
    count as f64 / began.elapsed().as_secs_f64()
}
