use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

#[cfg(feature = "amqp")]
use crate::amqp;
use crate::{BrokerError, EventEmitter, EventListener, embedded};

/// Both sides of one broker.
#[derive(Clone)]
pub struct Broker {
    pub emitter: Arc<dyn EventEmitter>,
    pub listener: Arc<dyn EventListener>,
}

#[derive(Debug, Error)]
pub enum OpenError {
    #[error("`{0}` names no broker; known are `embedded:FOLDER`, `amqp://…`, `amqps://…` and `kafka:HOST:PORT,…`")]
    UnknownScheme(String),
    #[error("this build is without {broker}: build it with the feature `{feature}`")]
    LeftOut {
        broker: &'static str,
        feature: &'static str,
    },
    #[cfg(feature = "amqp")]
    #[error(transparent)]
    AmqpUrl(#[from] amqp::AmqpUrlError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Whether there is something where `url` points to. True where only opening can tell.
pub fn is_there(url: &str) -> bool {
    let folder = url.strip_prefix("embedded:");
    folder.is_none_or(|folder| embedded::is_there(Path::new(folder)))
}

/// Opens the broker that `url` names: `embedded:FOLDER`, made where it is missing.
pub async fn open(url: &str) -> Result<Broker, OpenError> {
    match url.split_once(':') {
        Some(("embedded", folder)) if !folder.is_empty() => Ok(embedded::open(&PathBuf::from(folder)).await?),
        Some(("amqp" | "amqps", _)) => open_amqp(url).await,
        _ => Err(OpenError::UnknownScheme(url.to_owned())),
    }
}

#[cfg(feature = "amqp")]
async fn open_amqp(url: &str) -> Result<Broker, OpenError> {
    Ok(amqp::open(amqp::AmqpUrl::parse(url)?).await?)
}

#[cfg(not(feature = "amqp"))]
async fn open_amqp(_: &str) -> Result<Broker, OpenError> {
    Err(OpenError::LeftOut {
        broker: "RabbitMQ",
        feature: "amqp",
    })
}
