//! What the driver's errors mean to callers.

use std::future::Future;
use std::time::Duration;

use lapin::protocol::{AMQPError, AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::{Channel, ErrorKind};
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

pub(super) fn broker_error(error: lapin::Error) -> BrokerError {
    match error.kind() {
        ErrorKind::ProtocolError(said) if is_final(said) => BrokerError::Refused(said.get_message().to_string()),
        _ => BrokerError::Unavailable(Box::new(error)),
    }
}

/// Whether asking again would be answered the same.
fn is_final(said: &AMQPError) -> bool {
    match said.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => true,
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED | AMQPSoftError::CONTENTTOOLARGE) => true,
        AMQPErrorKind::Hard(AMQPHardError::INVALIDPATH | AMQPHardError::NOTIMPLEMENTED) => true,
        // Its word for a virtual host that does not exist, but also for one that is down or has its fill of connections.
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => !["down", "limit"]
            .iter()
            .any(|passing| said.get_message().as_str().contains(passing)),
        _ => false,
    }
}

/// Of a channel that worked until now: RabbitMQ also ends one whose acknowledgement is late, as a broken precondition.
pub(super) fn ended_by(error: lapin::Error) -> BrokerError {
    BrokerError::Unavailable(Box::new(error))
}

/// Ends a channel that is not needed any more. Where that fails it ends with its connection.
pub(super) async fn close(channel: &Channel) {
    let _ = bounded(channel.close(200, "done".into())).await;
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
