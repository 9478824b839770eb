use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio::runtime::Handle;

use crate::{Blobs, DocumentStore, Journal, Lease, Search, StoreError, sqlite};

/// Everything a service keeps, by one adapter.
#[derive(Clone)]
pub struct Stores {
    pub journal: Arc<dyn Journal>,
    pub documents: Arc<dyn DocumentStore>,
    pub blobs: Arc<dyn Blobs>,
    pub search: Arc<dyn Search>,
    pub lease: Arc<dyn Lease>,
}

#[derive(Debug, Error)]
pub enum OpenError {
    #[error("`{0}` names no store; known are `sqlite:FOLDER`")]
    UnknownScheme(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether there is something where `url` points to. True where only opening can tell.
pub fn is_there(url: &str) -> bool {
    let folder = url.strip_prefix("sqlite:");
    folder.is_none_or(|folder| Path::new(folder).is_dir())
}

/// Opens the store that `url` names: `sqlite:FOLDER`, made where it is missing.
pub async fn open(url: &str) -> Result<Stores, OpenError> {
    open_beside(url, &Handle::current()).await
}

/// Like [`open`]; what serves views only is done by threads of the runtime `background`, which may have a lower
/// priority than those that wait for the journal.
pub async fn open_beside(url: &str, background: &Handle) -> Result<Stores, OpenError> {
    match url.split_once(':') {
        Some(("sqlite", folder)) if !folder.is_empty() => {
            Ok(sqlite::open_beside(&PathBuf::from(folder), background).await?)
        }
        _ => Err(OpenError::UnknownScheme(url.to_owned())),
    }
}
