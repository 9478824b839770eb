//! What Prometheus scrapes: one registry per service, the chassis' own metrics, and how they are named.
//!
//! Labels are bounded: routes by pattern, groups and reasons by name, never ids.

use std::time::Duration;

use actix_web::http::StatusCode;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use tracing::error;

/// All metrics of one service. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    pub http: HttpMetrics,
    pub desk: DeskMetrics,
    pub relay: RelayMetrics,
    pub consumer: ConsumerMetrics,
}

#[derive(Clone)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

#[derive(Clone)]
pub struct DeskMetrics {
    commits: IntCounter,
    events: IntCounter,
    conflicts: IntCounter,
    snapshots: IntCounterVec,
}

#[derive(Clone)]
pub struct RelayMetrics {
    published: IntCounter,
    failures: IntCounter,
    waiting: IntGauge,
    holds_lease: IntGauge,
}

#[derive(Clone)]
pub struct ConsumerMetrics {
    envelopes: IntCounterVec,
    parked: IntCounterVec,
    parked_now: IntGaugeVec,
    lag: IntGaugeVec,
}

impl Metrics {
    /// A fresh registry with everything registered, process metrics included.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let requests = counters(
            &registry,
            "myevents_http_requests_total",
            "Requests answered",
            &["method", "route", "status"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new("myevents_http_request_duration_seconds", "Time to the answer"),
            &["method", "route"],
        )?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self {
            http: HttpMetrics { requests, seconds },
            desk: DeskMetrics::register(&registry)?,
            relay: RelayMetrics::register(&registry)?,
            consumer: ConsumerMetrics::register(&registry)?,
            registry,
        })
    }

    /// For the metrics that only one service has.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Everything in Prometheus' text format, <https://prometheus.io/docs/instrumenting/exposition_formats/>.
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(cause) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            error!(%cause, "metrics cannot be encoded");
        }
        text
    }
}

impl HttpMetrics {
    pub(crate) fn answered(&self, method: &str, route: &str, status: StatusCode, took: Duration) {
        self.requests.with_label_values(&[method, route, status.as_str()]).inc();
        self.seconds
            .with_label_values(&[method, route])
            .observe(took.as_secs_f64());
    }
}

impl DeskMetrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            commits: counter(
                registry,
                "myevents_desk_commits_total",
                "Commits appended to the journal",
            )?,
            events: counter(
                registry,
                "myevents_desk_events_total",
                "Domain events appended to the journal",
            )?,
            conflicts: counter(
                registry,
                "myevents_desk_conflicts_total",
                "Appends that another writer preceded",
            )?,
            snapshots: counters(
                registry,
                "myevents_snapshots_total",
                "Snapshots of streams, by what became of them",
                &["outcome"],
            )?,
        })
    }

    pub(crate) fn committed(&self, events: usize) {
        self.commits.inc();
        self.events.inc_by(events as u64);
    }

    pub(crate) fn conflict(&self) {
        self.conflicts.inc();
    }

    pub(crate) fn snapshot(&self, outcome: &str) {
        self.snapshots.with_label_values(&[outcome]).inc();
    }
}

impl RelayMetrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            published: counter(
                registry,
                "myevents_relay_published_total",
                "Envelopes the broker confirmed",
            )?,
            failures: counter(
                registry,
                "myevents_relay_failures_total",
                "Rounds that failed and are repeated",
            )?,
            waiting: gauge(registry, "myevents_relay_waiting_commits", "Commits not yet published")?,
            holds_lease: gauge(registry, "myevents_relay_lease", "1 where this process relays")?,
        })
    }

    pub(crate) fn published(&self, envelopes: usize) {
        self.published.inc_by(envelopes as u64);
    }

    pub(crate) fn failed(&self) {
        self.failures.inc();
    }

    pub(crate) fn set_waiting(&self, commits: u64) {
        self.waiting.set(i64::try_from(commits).unwrap_or(i64::MAX));
    }

    pub(crate) fn set_holds_lease(&self, holds: bool) {
        self.holds_lease.set(i64::from(holds));
    }
}

impl ConsumerMetrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let name = "myevents_consumer_envelopes_total";
        Ok(Self {
            envelopes: counters(
                registry,
                name,
                "Envelopes consumed, by what became of them",
                &["group", "outcome"],
            )?,
            parked: counters(
                registry,
                "myevents_parked_total",
                "Envelopes parked",
                &["group", "reason"],
            )?,
            parked_now: gauges(
                registry,
                "myevents_parked_envelopes",
                "Envelopes parked now",
                &["group"],
            )?,
            lag: gauges(
                registry,
                "myevents_consumer_lag",
                "Messages a group has not acknowledged",
                &["group"],
            )?,
        })
    }

    pub(crate) fn consumed(&self, group: &str, outcome: &str, envelopes: usize) {
        self.envelopes
            .with_label_values(&[group, outcome])
            .inc_by(envelopes as u64);
    }

    pub(crate) fn parked(&self, group: &str, reason: &str) {
        self.parked.with_label_values(&[group, reason]).inc();
    }

    pub(crate) fn set_parked(&self, group: &str, envelopes: usize) {
        self.parked_now
            .with_label_values(&[group])
            .set(i64::try_from(envelopes).unwrap_or(i64::MAX));
    }

    /// Drops what is told of a group's present, because it consumes no more.
    pub(crate) fn forget(&self, group: &str) {
        // A group that was never measured has no series.
        let _ = self.lag.remove_label_values(&[group]);
        let _ = self.parked_now.remove_label_values(&[group]);
    }

    pub(crate) fn set_lag(&self, group: &str, messages: u64) {
        self.lag
            .with_label_values(&[group])
            .set(i64::try_from(messages).unwrap_or(i64::MAX));
    }
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(gauges.clone()))?;
    Ok(gauges)
}
