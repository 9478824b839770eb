//! What the driver's errors mean to callers.

use std::future::Future;
use std::time::Duration;

use lapin::ErrorKind;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use tokio::time::timeout;

use crate::BrokerError;

/// How long the broker may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// Waits for an answer, but not for ever: a broker that is paused answers nothing and closes nothing.
pub(super) async fn bounded<T>(asked: impl Future<Output = lapin::Result<T>>) -> Result<T, BrokerError> {
    match timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(broker_error),
        Err(_) => Err(silent()),
    }
}

pub(super) fn silent() -> BrokerError {
    unavailable("RabbitMQ does not answer")
}

pub(super) fn unavailable(why: &str) -> BrokerError {
    BrokerError::Unavailable(why.into())
}

/// What becomes of the subscriptions of a group that is gone.
pub(super) fn dropped() -> BrokerError {
    BrokerError::Refused("the group was dropped".to_owned())
}

pub(super) fn broker_error(error: lapin::Error) -> BrokerError {
    match error.kind() {
        ErrorKind::ProtocolError(said) if is_final(said.kind()) => BrokerError::Refused(said.get_message().to_string()),
        _ => BrokerError::Unavailable(Box::new(error)),
    }
}

/// Whether asking again would be answered the same.
fn is_final(kind: &AMQPErrorKind) -> bool {
    matches!(
        kind,
        AMQPErrorKind::Soft(
            AMQPSoftError::ACCESSREFUSED | AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::CONTENTTOOLARGE
        ) | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED | AMQPHardError::INVALIDPATH | AMQPHardError::NOTIMPLEMENTED)
    )
}

/// Whether it says that there is no such queue.
pub(super) fn is_missing(error: &lapin::Error) -> bool {
    said(error, AMQPSoftError::NOTFOUND)
}

/// Whether it says that another connection holds the queue.
pub(super) fn is_locked(error: &lapin::Error) -> bool {
    said(error, AMQPSoftError::RESOURCELOCKED)
}

fn said(error: &lapin::Error, what: AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(said) if *said.kind() == AMQPErrorKind::Soft(what))
}
