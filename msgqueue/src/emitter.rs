use std::sync::Arc;

use async_trait::async_trait;
use contracts::Envelope;

use crate::BrokerError;

/// Publishes envelopes. May be shared by any number of tasks.
#[async_trait]
pub trait EventEmitter: Send + Sync {
    /// Returns when the broker has confirmed every envelope of `batch` as durable. Envelopes with the same key
    /// ([`contracts::StreamId::entity_id`]) keep their order. An empty batch succeeds.
    ///
    /// # Errors
    /// Any error means "unknown": some of the batch may be published. Sending all of it again is safe, because
    /// consumers recognise repeats. Dropping the future half-way is such an error too.
    async fn emit(&self, batch: &[Arc<Envelope>]) -> Result<(), BrokerError>;
}
