//! Open streams, for Prometheus.

use prometheus::{IntCounter, IntGauge, Registry};

#[derive(Clone)]
pub(crate) struct LiveMetrics {
    open: IntGauge,
    slow: IntCounter,
}

impl LiveMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let open = IntGauge::new("myevents_streams_open", "Streams of Server-Sent Events that are open")?;
        registry.register(Box::new(open.clone()))?;
        let slow = IntCounter::new(
            "myevents_streams_slow_total",
            "Streams that were ended because their reader was too slow",
        )?;
        registry.register(Box::new(slow.clone()))?;
        Ok(Self { open, slow })
    }

    pub(crate) fn opened(&self) {
        self.open.inc();
    }

    pub(crate) fn closed(&self) {
        self.open.dec();
    }

    pub(crate) fn was_slow(&self) {
        self.slow.inc();
    }
}
