use std::sync::Arc;

use contracts::{DecodeError, DomainEvent, Envelope};

/// An envelope together with its payload, read in its newest form. Cheap to clone but for the payload.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub envelope: Arc<Envelope>,
    pub event: DomainEvent,
}

impl Recorded {
    pub fn read(envelope: impl Into<Arc<Envelope>>) -> Result<Self, DecodeError> {
        let envelope = envelope.into();
        let event = envelope.event()?;
        Ok(Self { envelope, event })
    }
}
