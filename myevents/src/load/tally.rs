//! What the clients have seen: answers counted, latencies in histograms of fixed size, and every booking that was
//! acknowledged, to be checked afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::{CreationError, Histogram};
use serde::Serialize;

use super::timeline::Timeline;

pub(crate) const MOST_MICROSECONDS: u64 = 600_000_000;

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operation {
    Browse,
    Book,
    Cancel,
}

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Browse => "browse",
            Self::Book => "book",
            Self::Cancel => "cancel",
        }
    }
}

/// How long answers took, in microseconds.
pub(crate) struct Latencies {
    /// From when a request was to be sent.
    pub(crate) response: Histogram<u64>,
    /// From when it was sent.
    pub(crate) service: Histogram<u64>,
}

/// An answer that came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) operation: Operation,
    pub(crate) status: u16,
    pub(crate) response: Duration,
    pub(crate) service: Duration,
    /// From the start of the run.
    pub(crate) at: Duration,
}

pub(crate) struct Tally {
    /// What clients came for: to browse or to book.
    pub(crate) visits: u64,
    pub(crate) booked: u64,
    pub(crate) seats: u64,
    pub(crate) refused: u64,
    pub(crate) cancelled: u64,
    /// Answers that tell neither of success nor that there are too few seats, by status.
    pub(crate) others: BTreeMap<u16, u64>,
    pub(crate) connection_errors: u64,
    pub(crate) latencies: BTreeMap<Operation, Latencies>,
    /// Of all that clients came for. A cancellation is no visit of its own.
    pub(crate) of_visits: Latencies,
    pub(crate) timeline: Timeline,
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

impl Latencies {
    fn new() -> Result<Self, CreationError> {
        Ok(Self {
            response: Histogram::new_with_bounds(1, MOST_MICROSECONDS, 3)?,
            service: Histogram::new_with_bounds(1, MOST_MICROSECONDS, 3)?,
        })
    }

    fn record(&mut self, answer: &Answer) {
        self.response.saturating_record(microseconds(answer.response));
        self.service.saturating_record(microseconds(answer.service));
    }
}

impl Tally {
    pub(crate) fn new(events: usize, seconds: u64) -> Result<Self, CreationError> {
        let operations = [Operation::Browse, Operation::Book, Operation::Cancel];
        let latencies = operations.map(|operation| Ok((operation, Latencies::new()?)));
        Ok(Self {
            visits: 0,
            booked: 0,
            seats: 0,
            refused: 0,
            cancelled: 0,
            others: BTreeMap::new(),
            connection_errors: 0,
            latencies: latencies.into_iter().collect::<Result<_, CreationError>>()?,
            of_visits: Latencies::new()?,
            timeline: Timeline::new(seconds)?,
            events: vec![EventTally::default(); events],
        })
    }

    pub(crate) fn answered(&mut self, answer: Answer) {
        if let Some(latencies) = self.latencies.get_mut(&answer.operation) {
            latencies.record(&answer);
        }
        if answer.operation != Operation::Cancel {
            self.of_visits.record(&answer);
        }
        self.timeline
            .answered(answer.at, answer.operation, microseconds(answer.response));
        if answer.status >= 500 {
            self.timeline.failed(answer.at);
        }
        match (answer.operation, answer.status) {
            (_, 200 | 201) => {}
            (Operation::Book, 409) => self.refused += 1,
            (_, status) => *self.others.entry(status).or_default() += 1,
        }
    }

    pub(crate) fn booked(&mut self, event: usize, booking: Acknowledged, version: u64) {
        self.booked += 1;
        self.seats += u64::from(booking.seats);
        self.cancelled += u64::from(booking.fate == Fate::Cancelled);
        let event = &mut self.events[event];
        event.version = event.version.max(version);
        event.acknowledged.push(booking);
    }

    /// It may have been booked.
    pub(crate) fn unsure(&mut self, event: usize) {
        self.events[event].unsure += 1;
    }

    /// No answer came.
    pub(crate) fn broke(&mut self, at: Duration) {
        self.connection_errors += 1;
        self.timeline.failed(at);
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
