use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

#[cfg(feature = "amqp")]
use crate::amqp;
#[cfg(feature = "kafka")]
use crate::kafka;
use crate::{BrokerError, EventEmitter, EventListener, UrlError, embedded};

/// Both sides of one broker.
#[derive(Clone)]
pub struct Broker {
    pub emitter: Arc<dyn EventEmitter>,
    pub listener: Arc<dyn EventListener>,
}

#[derive(Debug, Error)]
pub enum OpenError {
    /// Tells no more than the scheme: there may be a password behind it.
    #[error("`{0}:…` names no broker; known are `embedded:FOLDER`, `amqp://…`, `amqps://…` and `kafka:HOST:PORT,…`")]
    UnknownScheme(String),
    #[error("this build is without {broker}: build it with the feature `{feature}`, as `make build` does")]
    LeftOut {
        broker: &'static str,
        feature: &'static str,
    },
    #[error("the broker's URL: {0}")]
    Url(#[from] UrlError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Whether there is something where `url` points to. True where only opening can tell.
pub fn is_there(url: &str) -> bool {
    let folder = url.strip_prefix("embedded:");
    folder.is_none_or(|folder| embedded::is_there(Path::new(folder)))
}

fn scheme(url: &str) -> &str {
    url.split_once(':').map_or(url, |(scheme, _)| scheme)
}

/// Whether the broker is part of this process, and no server.
pub fn is_embedded(url: &str) -> bool {
    url.starts_with("embedded:")
}

/// Opens the broker that `url` names: `embedded:FOLDER`, made where it is missing, or a server with its exchange or
/// topic, which are made where they are missing.
pub async fn open(url: &str) -> Result<Broker, OpenError> {
    match url.split_once(':') {
        Some(("embedded", folder)) if !folder.is_empty() => Ok(embedded::open(&PathBuf::from(folder)).await?),
        Some(("amqp" | "amqps", _)) => open_amqp(url).await,
        Some(("kafka", _)) => open_kafka(url).await,
        _ => Err(OpenError::UnknownScheme(scheme(url).to_owned())),
    }
}

#[cfg(feature = "amqp")]
async fn open_amqp(url: &str) -> Result<Broker, OpenError> {
    Ok(amqp::open(url.parse()?).await?)
}

#[cfg(not(feature = "amqp"))]
async fn open_amqp(_: &str) -> Result<Broker, OpenError> {
    Err(OpenError::LeftOut {
        broker: "RabbitMQ",
        feature: "amqp",
    })
}

#[cfg(feature = "kafka")]
async fn open_kafka(url: &str) -> Result<Broker, OpenError> {
    Ok(kafka::open(url.parse()?).await?)
}

#[cfg(not(feature = "kafka"))]
async fn open_kafka(_: &str) -> Result<Broker, OpenError> {
    Err(OpenError::LeftOut {
        broker: "Kafka",
        feature: "kafka",
    })
}
