use async_trait::async_trait;
use contracts::Envelope;

use super::Log;
use crate::{BrokerError, EventEmitter, Message};

#[async_trait]
impl EventEmitter for Log {
    async fn emit(&self, batch: &[Envelope]) -> Result<(), BrokerError> {
        self.append(batch.iter().map(Message::from_envelope)).await
    }
}
