use contracts::{DecodeError, DomainEvent, Envelope};

/// An envelope together with its payload, read in its newest form.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub envelope: Envelope,
    pub event: DomainEvent,
}

impl Recorded {
    pub fn read(envelope: Envelope) -> Result<Self, DecodeError> {
        let event = envelope.event()?;
        Ok(Self { envelope, event })
    }
}
