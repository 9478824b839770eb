use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use super::member::Acknowledge;
use crate::{BrokerError, Delivery, DeliveryTag, Subscription};

/// Batches are not larger, whatever is asked for.
const MAX_BATCH: usize = 4_096;

/// The end of a member that the consumer holds. With it the member leaves.
pub(super) struct AmqpSubscription {
    pub(super) deliveries: mpsc::UnboundedReceiver<Result<Delivery, BrokerError>>,
    pub(super) commands: mpsc::Sender<Acknowledge>,
    /// What came behind the deliveries that were returned last.
    pub(super) failed: Option<BrokerError>,
}

#[async_trait]
impl Subscription for AmqpSubscription {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Delivery>, BrokerError> {
        if let Some(error) = self.failed.take() {
            self.deliveries.close();
            return Err(error);
        }
        let max = max.clamp(1, MAX_BATCH);
        let first = self.deliveries.recv().await.ok_or(BrokerError::Closed)??;
        let mut batch = vec![first];
        while batch.len() < max {
            match self.deliveries.try_recv() {
                Ok(Ok(delivery)) => batch.push(delivery),
                Ok(Err(error)) => {
                    self.failed = Some(error);
                    break;
                }
                Err(_) => break,
            }
        }
        Ok(batch)
    }

    async fn ack(&mut self, tags: &[DeliveryTag]) -> Result<(), BrokerError> {
        let (done, outcome) = oneshot::channel();
        let tags = tags.to_vec();
        let sent = self.commands.send(Acknowledge { tags, done }).await;
        sent.map_err(|_| BrokerError::Closed)?;
        outcome.await.map_err(|_| BrokerError::Closed)?
    }
}
