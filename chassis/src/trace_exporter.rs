//! Sends spans to a collector, which may be away for a while: said once when it goes, and once when it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_otlp::SpanExporter as OtlpExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tracing::{info, warn};

#[derive(Debug)]
pub(crate) struct TraceExporter {
    inner: OtlpExporter,
    is_failing: AtomicBool,
}

impl TraceExporter {
    pub(crate) fn new(inner: OtlpExporter) -> Self {
        Self {
            inner,
            is_failing: AtomicBool::new(false),
        }
    }

    fn note(&self, outcome: &OTelSdkResult) {
        let was_failing = self.is_failing.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Err(error) if !was_failing => warn!(%error, "traces cannot be sent; until they can be, spans are lost"),
            Ok(()) if was_failing => info!("traces are sent again"),
            _ => {}
        }
    }
}

impl SpanExporter for TraceExporter {
    /// Never fails: what went wrong is told here, and whoever asked could only tell it again each time.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.note(&self.inner.export(batch).await);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
