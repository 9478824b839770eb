//! What Prometheus scrapes: one registry per service, the chassis' own metrics, and how they are named.
//!
//! Labels are bounded: routes by pattern, groups and reasons by name, never ids.

use std::time::Duration;

use actix_web::http::StatusCode;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use tokio::runtime::Handle;
use tracing::error;

/// All metrics of one service. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    pub http: HttpMetrics,
    pub desk: DeskMetrics,
    pub relay: RelayMetrics,
    pub consumer: ConsumerMetrics,
    runtime: RuntimeMetrics,
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
    waiting: IntGauge,
    batch: Histogram,
    append: Histogram,
}

/// A command that waits for its answer.
pub(crate) struct Waiting(IntGauge);

#[derive(Clone)]
pub struct RelayMetrics {
    published: IntCounter,
    failures: IntCounter,
    waiting: IntGauge,
    lag: Gauge,
    holds_lease: IntGauge,
}

#[derive(Clone)]
pub struct ConsumerMetrics {
    envelopes: IntCounterVec,
    parked: IntCounterVec,
    parked_now: IntGaugeVec,
    lag: IntGaugeVec,
    reconnects: IntCounterVec,
}

/// What the runtime has to do in which these metrics were made: the one that all of a service's tasks share.
#[derive(Clone)]
struct RuntimeMetrics {
    runtime: Option<Handle>,
    workers: IntGauge,
    tasks: IntGauge,
    queued: IntGauge,
}

impl Metrics {
    /// A fresh registry with everything registered, process metrics included.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let build = gauges(
            &registry,
            "myevents_build_info",
            "1, for the version that runs",
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
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
            runtime: RuntimeMetrics::register(&registry)?,
            registry,
        })
    }

    /// For the metrics that only one service has.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// When the certificate ends that is served, in unix seconds; there only where one is.
    pub fn certificate_expiry(&self) -> Result<IntGauge, prometheus::Error> {
        gauge(
            &self.registry,
            "myevents_certificate_expiry_timestamp_seconds",
            "When the certificate that is served ends",
        )
    }

    /// Everything in Prometheus' text format, <https://prometheus.io/docs/instrumenting/exposition_formats/>.
    pub fn render(&self) -> Vec<u8> {
        self.runtime.measure();
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
            waiting: gauge(
                registry,
                "myevents_desk_waiting_commands",
                "Commands that wait for their answer",
            )?,
            batch: histogram(
                registry,
                "myevents_desk_batch_commands",
                "Commands that were decided and written together",
                vec![1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0],
            )?,
            append: histogram(
                registry,
                "myevents_journal_append_duration_seconds",
                "Time to append a commit to the journal, repetitions included",
                vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0],
            )?,
        })
    }

    pub(crate) fn wait(&self) -> Waiting {
        self.waiting.inc();
        Waiting(self.waiting.clone())
    }

    pub(crate) fn batch(&self, commands: usize) {
        self.batch.observe(commands as f64);
    }

    pub(crate) fn append_took(&self, time: Duration) {
        self.append.observe(time.as_secs_f64());
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

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
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
            lag: seconds(
                registry,
                "myevents_relay_lag_seconds",
                "Age of the oldest commit not yet published",
            )?,
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

    pub(crate) fn set_lag(&self, age: Duration) {
        self.lag.set(age.as_secs_f64());
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
            reconnects: counters(
                registry,
                "myevents_consumer_reconnects_total",
                "Times that a group's consumer had to begin again, because store or broker failed",
                &["group"],
            )?,
        })
    }

    pub(crate) fn reconnects(&self, group: &str) {
        self.reconnects.with_label_values(&[group]).inc();
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

impl RuntimeMetrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            runtime: Handle::try_current().ok(),
            workers: gauge(registry, "myevents_runtime_workers", "Threads that run tasks")?,
            tasks: gauge(registry, "myevents_runtime_tasks", "Tasks that are alive")?,
            queued: gauge(
                registry,
                "myevents_runtime_queued_tasks",
                "Tasks that are ready and wait for a thread",
            )?,
        })
    }

    fn measure(&self) {
        let Some(runtime) = &self.runtime else { return };
        let metrics = runtime.metrics();
        set(&self.workers, metrics.num_workers());
        set(&self.tasks, metrics.num_alive_tasks());
        set(&self.queued, metrics.global_queue_depth());
    }
}

fn set(gauge: &IntGauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn histogram(registry: &Registry, name: &str, help: &str, buckets: Vec<f64>) -> Result<Histogram, prometheus::Error> {
    registered(
        registry,
        Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?,
    )
}

fn seconds(registry: &Registry, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
    registered(registry, Gauge::new(name, help)?)
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    registered(registry, IntCounter::new(name, help)?)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    registered(registry, IntGauge::new(name, help)?)
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
    registered(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
}
