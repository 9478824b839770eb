use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::{BrokerError, EventEmitter, EventListener, embedded};

/// Both sides of one broker.
#[derive(Clone)]
pub struct Broker {
    pub emitter: Arc<dyn EventEmitter>,
    pub listener: Arc<dyn EventListener>,
}

#[derive(Debug, Error)]
pub enum OpenError {
    #[error("`{0}` names no broker; known are `embedded:FOLDER`")]
    UnknownScheme(String),
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
        _ => Err(OpenError::UnknownScheme(url.to_owned())),
    }
}
