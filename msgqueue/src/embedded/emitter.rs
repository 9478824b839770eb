use std::sync::Arc;

use async_trait::async_trait;
use contracts::Envelope;

use super::Log;
use super::records::Record;
use crate::{BrokerError, EventEmitter};

#[async_trait]
impl EventEmitter for Log {
    async fn emit(&self, batch: &[Arc<Envelope>]) -> Result<(), BrokerError> {
        self.append(batch.iter().map(|envelope| Record::from_envelope(envelope)))
            .await
    }
}
