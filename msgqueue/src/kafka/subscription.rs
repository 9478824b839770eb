use std::sync::Arc;

use async_trait::async_trait;

use super::exchange::Exchange;
use crate::{BrokerError, Delivery, DeliveryTag, Subscription};

const MAX_BATCH: usize = 10_000;

/// What the caller holds of a member. Dropping it closes the member, on the member's own thread.
pub(super) struct KafkaSubscription(Arc<Exchange>);

impl KafkaSubscription {
    pub(super) fn new(exchange: Arc<Exchange>) -> Self {
        Self(exchange)
    }
}

#[async_trait]
impl Subscription for KafkaSubscription {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Delivery>, BrokerError> {
        self.0.take(max.clamp(1, MAX_BATCH)).await
    }

    async fn ack(&mut self, tags: &[DeliveryTag]) -> Result<(), BrokerError> {
        self.0.acknowledge(tags).await
    }
}

impl Drop for KafkaSubscription {
    fn drop(&mut self) {
        self.0.close();
    }
}
