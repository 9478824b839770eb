//! Logs go to standard output, one line each, for people or as JSON; traces go to a collector, where one is named.
//!
//! Services log. The operator's commands do not: they print what they find, and their error is one line.

use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use rustls::crypto::ring;
use thiserror::Error;
use tracing::warn;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{Logging, Settings};
use crate::spans;
use crate::trace_exporter::TraceExporter;

/// How long a collector may take for what it is sent, and how long the end waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Error)]
pub enum TelemetryError {
    #[error("configuration: otlp_endpoint: {0}")]
    Exporter(#[from] ExporterBuildError),
    #[error("the client of the collector of traces: {0}")]
    Client(#[from] reqwest::Error),
}

/// What has to be told to others before the process ends.
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Sets up logs and traces for the process, which is called `program` there unless `OTEL_SERVICE_NAME` calls it otherwise.
/// A second call changes nothing. Outside of a runtime: what sends traces has one of its own.
///
/// # Errors
/// [`TelemetryError`] where the collector's address cannot be used. That it does not answer is no error.
pub fn start(program: &str, settings: &Settings) -> Result<Telemetry, TelemetryError> {
    log(&settings.logging);
    let traces = settings.otlp_endpoint.as_deref();
    let traces = traces.map(|endpoint| trace(program, endpoint)).transpose()?;
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends what is left.
    pub fn end(self) {
        let Some(traces) = self.traces else { return };
        if let Err(error) = traces.shutdown_with_timeout(PATIENCE) {
            warn!(%error, "not all spans could be sent");
        }
    }
}

fn log(logging: &Logging) {
    let filter = EnvFilter::try_new(&logging.filter).unwrap_or_default();
    let colours = std::io::stdout().is_terminal();
    let logs = fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stdout);
    // Fails only where logging is set up already, as in tests.
    let _ = if logging.json {
        logs.json().try_init()
    } else {
        logs.with_target(false).try_init()
    };
}

/// Which traces are sampled, and with which headers they are sent, is told by OpenTelemetry's own variables.
fn trace(program: &str, endpoint: &str) -> Result<SdkTracerProvider, TelemetryError> {
    // Fails only where it is installed already.
    let _ = ring::default_provider().install_default();
    // Its own client would know no TLS.
    let client = reqwest::blocking::Client::builder().timeout(PATIENCE).build()?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(format!("{endpoint}/v1/traces"))
        .with_timeout(PATIENCE)
        .build()?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let mut resource = Resource::builder().with_attribute(version);
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(program.to_owned());
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(TraceExporter::new(exporter))
        .with_resource(resource.build())
        .build();
    spans::start(provider.tracer("myevents"));
    Ok(provider)
}
