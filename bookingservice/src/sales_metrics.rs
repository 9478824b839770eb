//! What is sold, for Prometheus: seats by event, and seats per booking.
//!
//! Series of events that are cancelled or over are dropped, and their number is bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use contracts::EventBooked;
use jiff::{SignedDuration, Timestamp};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

/// Events with a series of their own; the seats of more are counted as `other`.
const MOST_EVENTS: usize = 5_000;
/// A series is dropped when its event has sold nothing for this long.
const QUIET: SignedDuration = SignedDuration::from_hours(24);

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct SalesMetrics {
    seats: IntCounterVec,
    seats_per_booking: Histogram,
    oversold: IntCounter,
    series: Arc<Mutex<HashMap<String, Series>>>,
}

struct Series {
    event_name: String,
    last_sale: Timestamp,
    seats: IntCounter,
}

impl SalesMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let opts = Opts::new("myevents_bookings_count", "Seats booked");
        let seats = IntCounterVec::new(opts, &["eventID", "eventName"])?;
        registry.register(Box::new(seats.clone()))?;
        let opts = HistogramOpts::new("myevents_seats_per_booking", "Seats of each booking");
        let seats_per_booking = Histogram::with_opts(opts.buckets(vec![1.0, 2.0, 3.0, 4.0]))?;
        registry.register(Box::new(seats_per_booking.clone()))?;
        let oversold = IntCounter::new(
            "myevents_oversold_seats_total",
            "Seats sold above the capacity in force, which must never be",
        )?;
        registry.register(Box::new(oversold.clone()))?;
        Ok(Self {
            seats,
            seats_per_booking,
            oversold,
            series: Arc::default(),
        })
    }

    /// To be counted by whoever sees them.
    pub(crate) fn oversold(&self) -> IntCounter {
        self.oversold.clone()
    }

    /// Counts a booking that was made at `now`.
    pub(crate) fn booked(&self, booked: &EventBooked, now: Timestamp) {
        self.seats_per_booking.observe(f64::from(booked.seats));
        let name = booked.event_name.as_deref().unwrap_or_default();
        self.counter(&booked.event_id, name, now)
            .inc_by(u64::from(booked.seats));
    }

    /// Drops an event's series.
    pub(crate) fn forget(&self, event_id: &str) {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = series.remove(event_id) {
            self.drop_series(event_id, &known);
        }
    }

    /// The event's own counter, or that of the others where there are too many events already.
    fn counter(&self, event_id: &str, event_name: &str, now: Timestamp) -> IntCounter {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = series.get_mut(event_id)
            && known.event_name == event_name
        {
            known.last_sale = now;
            return known.seats.clone();
        }
        match series.remove(event_id) {
            Some(renamed) => self.drop_series(event_id, &renamed),
            None => self.forget_quiet(&mut series, now),
        }
        if series.len() >= MOST_EVENTS {
            return self.seats.with_label_values(&["other", "other"]);
        }
        let seats = self.seats.with_label_values(&[event_id, event_name]);
        let current = Series {
            event_name: event_name.to_owned(),
            last_sale: now,
            seats: seats.clone(),
        };
        series.insert(event_id.to_owned(), current);
        seats
    }

    fn forget_quiet(&self, series: &mut HashMap<String, Series>, now: Timestamp) {
        series.retain(|id, known| {
            let quiet = now.duration_since(known.last_sale) > QUIET;
            if quiet {
                self.drop_series(id, known);
            }
            !quiet
        });
    }

    fn drop_series(&self, event_id: &str, series: &Series) {
        // One that was never counted has no series.
        let _ = self.seats.remove_label_values(&[event_id, &series.event_name]);
    }
}
