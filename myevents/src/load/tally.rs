//! What the clients have seen: answers counted, latencies in a histogram of fixed size, and every booking that was
//! acknowledged, to be checked afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};

const MOST_MICROSECONDS: u64 = 600_000_000;

pub(crate) struct Tally {
    pub(crate) booked: u64,
    pub(crate) seats: u64,
    pub(crate) refused: u64,
    pub(crate) cancelled: u64,
    /// Answers other than 201 and 409, by status; those to cancellations other than 200 as well.
    pub(crate) others: BTreeMap<u16, u64>,
    pub(crate) connection_errors: u64,
    /// Of bookings that were answered, in microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// By event, in the order of the targets.
    pub(crate) events: Vec<EventTally>,
}

/// What is known of one event.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventTally {
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// The latest version of its inventory that an answer named.
    pub(crate) version: u64,
    /// Bookings that may have succeeded without our knowing.
    pub(crate) unsure: usize,
}

/// A booking that the platform has answered 201 to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) id: String,
    pub(crate) seats: u32,
    pub(crate) fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Stands,
    Cancelled,
    /// Its cancellation was asked for, and how that ended is not known.
    Unsure,
}

impl Tally {
    pub(crate) fn new(events: usize) -> Result<Self, CreationError> {
        Ok(Self {
            booked: 0,
            seats: 0,
            refused: 0,
            cancelled: 0,
            others: BTreeMap::new(),
            connection_errors: 0,
            latencies: Histogram::new_with_bounds(1, MOST_MICROSECONDS, 3)?,
            events: vec![EventTally::default(); events],
        })
    }

    /// Bookings asked for.
    pub(crate) fn requests(&self) -> u64 {
        self.latencies.len() + self.connection_errors
    }

    pub(crate) fn took(&mut self, latency: Duration) {
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latencies.saturating_record(microseconds);
    }

    pub(crate) fn booked(&mut self, event: usize, booking: Acknowledged, version: u64) {
        self.booked += 1;
        self.seats += u64::from(booking.seats);
        self.cancelled += u64::from(booking.fate == Fate::Cancelled);
        let event = &mut self.events[event];
        event.version = event.version.max(version);
        event.acknowledged.push(booking);
    }

    /// A booking was answered neither 201 nor 409.
    pub(crate) fn answered(&mut self, event: usize, status: u16) {
        self.other(status);
        // A server that fails may have committed first.
        self.events[event].unsure += usize::from(status >= 500);
    }

    /// Something was booked, but what cannot be read.
    pub(crate) fn unreadable(&mut self, event: usize, status: u16) {
        self.other(status);
        self.events[event].unsure += 1;
    }

    pub(crate) fn other(&mut self, status: u16) {
        *self.others.entry(status).or_default() += 1;
    }

    /// No answer came. What was never sent was never booked.
    pub(crate) fn broke(&mut self, event: usize, was_sent: bool) {
        self.connection_errors += 1;
        self.events[event].unsure += usize::from(was_sent);
    }
}
