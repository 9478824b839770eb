//! What is told of a run: in numbers, for people, for programs (`--json`) and for plots (`--html`).

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::Serialize;

use super::Options;
use super::clients::Ran;
use super::tally::{Latencies, Operation};
use super::timeline::Slot;

/// Where the curve of latencies is told: by how many of the answers were as fast, in percent.
const PERCENTILES: [f64; 14] = [
    0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 97.5, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0,
];

/// A run that is over. Its JSON is the file that `--json` writes: times in milliseconds unless they are named otherwise.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) version: &'static str,
    pub(crate) started: Timestamp,
    pub(crate) url: String,
    pub(crate) model: Model,
    pub(crate) connections: u32,
    pub(crate) events: usize,
    pub(crate) browse_percent: u32,
    pub(crate) cancel_percent: u32,
    pub(crate) seed: u64,
    pub(crate) took_seconds: f64,
    pub(crate) requests: u64,
    pub(crate) booked: u64,
    pub(crate) seats: u64,
    /// Bookings answered 409.
    pub(crate) refused: u64,
    pub(crate) cancelled: u64,
    /// Answers that tell neither of success nor that there are too few seats, by status.
    pub(crate) other_answers: BTreeMap<u16, u64>,
    pub(crate) connection_errors: u64,
    /// Of an open model: what the platform was too slow for.
    pub(crate) due_but_not_sent: Option<u64>,
    /// Of browsing and booking: as who comes at a time of their own would have waited. In an open model it counts from when a
    /// request was due. In a closed one a slow answer keeps its client from asking: what it would have asked meanwhile is
    /// added, as HdrHistogram corrects for coordinated omission.
    pub(crate) response: Quantiles,
    pub(crate) operations: Vec<OperationSummary>,
    pub(crate) timeline: Vec<Slot>,
    /// What the check found afterwards.
    pub(crate) verdict: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Model {
    /// Requests come by a timetable, whether or not the platform keeps up.
    Open { rate: u64 },
    /// Each client comes again when it is answered.
    Closed,
}

impl Model {
    /// How the response time of all is measured, in words.
    pub(crate) fn measured(self) -> &'static str {
        match self {
            Self::Open { .. } => "all, from when it was due",
            Self::Closed => "all, corrected for who waits",
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct OperationSummary {
    pub(crate) operation: Operation,
    pub(crate) answers: u64,
    pub(crate) answers_a_second: f64,
    /// From when it was due to the answer, in an open model.
    pub(crate) response: Option<Quantiles>,
    /// From sending to the answer.
    pub(crate) service: Quantiles,
}

#[derive(Debug, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    /// Percent of the answers, and how long they took at most.
    pub(crate) curve: Vec<(f64, f64)>,
}

impl Summary {
    pub(crate) fn of(options: &Options, events: usize, seed: u64, started: Timestamp, ran: Ran) -> Self {
        let Ran { tally, took } = ran;
        let model = options.rate.map_or(Model::Closed, |rate| Model::Open { rate });
        let response = match model {
            Model::Open { .. } => tally.of_visits.response,
            Model::Closed => tally
                .of_visits
                .service
                .clone_correct(between_visits(options, tally.visits, took)),
        };
        let due = options.rate.map(|rate| rate * options.seconds);
        let operations = tally.latencies.iter();
        let operations = operations.filter(|(_, latencies)| !latencies.service.is_empty());
        Self {
            version: env!("CARGO_PKG_VERSION"),
            started,
            url: options.url.clone(),
            model,
            connections: options.connections,
            events,
            browse_percent: options.browse,
            cancel_percent: options.cancel,
            seed,
            took_seconds: took.as_secs_f64(),
            requests: tally.visits,
            booked: tally.booked,
            seats: tally.seats,
            refused: tally.refused,
            cancelled: tally.cancelled,
            other_answers: tally.others,
            connection_errors: tally.connection_errors,
            due_but_not_sent: due.map(|due| due.saturating_sub(tally.visits)),
            response: Quantiles::of(&response),
            operations: operations
                .map(|(operation, latencies)| OperationSummary::of(*operation, latencies, took, model))
                .collect(),
            timeline: tally.timeline.finish(),
            verdict: String::new(),
        }
    }

    pub(crate) fn a_second(&self, number: u64) -> f64 {
        number as f64 / self.took_seconds.max(0.001)
    }
}

/// How often a client of a closed model came, in microseconds.
fn between_visits(options: &Options, visits: u64, took: Duration) -> u64 {
    let all = took.as_micros() as u64 * u64::from(options.connections);
    (all / visits.max(1)).max(1)
}

impl OperationSummary {
    fn of(operation: Operation, latencies: &Latencies, took: Duration, model: Model) -> Self {
        let answers = latencies.service.len();
        // A cancellation is due when its booking is answered.
        let has_response = model != Model::Closed && operation != Operation::Cancel;
        Self {
            operation,
            answers,
            answers_a_second: answers as f64 / took.as_secs_f64().max(0.001),
            response: has_response.then(|| Quantiles::of(&latencies.response)),
            service: Quantiles::of(&latencies.service),
        }
    }
}

impl Quantiles {
    fn of(microseconds: &Histogram<u64>) -> Self {
        let at = |percent: f64| milliseconds(microseconds.value_at_percentile(percent) as f64);
        Self {
            mean: milliseconds(microseconds.mean()),
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p999: at(99.9),
            max: at(100.0),
            curve: PERCENTILES.map(|percent| (percent, at(percent))).to_vec(),
        }
    }
}

fn milliseconds(microseconds: f64) -> f64 {
    // Thousandths are what is measured.
    (microseconds).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_of_a_closed_model_counts_for_all_who_would_have_come_meanwhile() {
        let mut service = Histogram::<u64>::new_with_bounds(1, 600_000_000, 3).unwrap();
        service.record_n(1_000, 999).unwrap();
        service.record(1_000_000).unwrap();
        assert!(Quantiles::of(&service).p99 < 2.0);
        assert!(Quantiles::of(&service.clone_correct(2_000)).p90 > 500.0);
    }
}
