use std::error::Error;

use thiserror::Error;

/// What can go wrong with any broker, by what the caller can do about it.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// It cannot be reached just now, or it is not known whether it got the messages. Send or ask again.
    #[error("the broker is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The broker refuses, or its log is damaged. Trying again will not help.
    #[error("the broker refuses: {0}")]
    Refused(String),
    /// The emitter, listener or subscription was closed.
    #[error("the connection to the broker is closed")]
    Closed,
}

impl BrokerError {
    /// What becomes of the subscriptions of a group that is gone.
    pub(crate) fn group_dropped() -> Self {
        Self::Refused("the group was dropped".to_owned())
    }
}
