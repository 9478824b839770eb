use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio::runtime::Handle;

#[cfg(feature = "mongodb")]
use crate::mongodb;
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
    /// Tells no more than the scheme: there may be a password behind it.
    #[error("`{0}:…` names no store; known are `sqlite:FOLDER` and `mongodb://HOST`")]
    UnknownScheme(String),
    #[error(
        "a URL of MongoDB has to name a host, and a database of letters, digits, `_` and `-`: `mongodb://HOST/DATABASE`"
    )]
    NoDatabase,
    #[error(
        "a URL of MongoDB has an `@` behind its `?`: what is special in a password is written as `%3F` for `?`, `%40` for `@`"
    )]
    NotEncoded,
    #[error("this build is without {store}: build it with the feature `{feature}`, as `make build` does")]
    LeftOut { store: &'static str, feature: &'static str },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The kinds of stores that a URL can name.
enum Kind<'a> {
    Sqlite { folder: &'a str },
    MongoDb,
}

fn kind_of(url: &str) -> Option<Kind<'_>> {
    match url.split_once(':')? {
        ("sqlite", folder) => Some(Kind::Sqlite { folder }),
        ("mongodb" | "mongodb+srv", _) => Some(Kind::MongoDb),
        _ => None,
    }
}

/// Whether there is something where `url` points to. True where only opening can tell.
pub fn is_there(url: &str) -> bool {
    let folder = url.strip_prefix("sqlite:");
    folder.is_none_or(|folder| Path::new(folder).is_dir())
}

/// Whether `url` names a kind of store that there is.
pub fn is_known(url: &str) -> bool {
    kind_of(url).is_some()
}

/// Whether the store is part of this process, and no server.
pub fn is_embedded(url: &str) -> bool {
    url.starts_with("sqlite:")
}

/// The URL with a database, where it is a server's and names none. Users are looked for where they were without that.
pub fn in_database(url: &str, name: &str) -> String {
    let (place, options) = url.split_once('?').unwrap_or((url, ""));
    let hosts = match place.split_once("://") {
        Some(("mongodb" | "mongodb+srv", hosts)) => hosts.trim_end_matches('/'),
        _ => return url.to_owned(),
    };
    if hosts.is_empty() || hosts.contains('/') {
        return url.to_owned();
    }
    let users = match hosts.contains('@') && !options.to_ascii_lowercase().contains("authsource=") {
        true => "authSource=admin",
        false => "",
    };
    let options: Vec<&str> = [options, users].into_iter().filter(|text| !text.is_empty()).collect();
    let separator = if options.is_empty() { "" } else { "?" };
    format!("{}/{name}{separator}{}", place.trim_end_matches('/'), options.join("&"))
}

/// Opens the store that `url` names: `sqlite:FOLDER`, made where it is missing, or a database of a server.
pub async fn open(url: &str) -> Result<Stores, OpenError> {
    open_beside(url, &Handle::current()).await
}

/// Like [`open`]; what an embedded store does for views only is done by threads of the runtime `background`, which may
/// have a lower priority than those that wait for the journal.
pub async fn open_beside(url: &str, background: &Handle) -> Result<Stores, OpenError> {
    match kind_of(url) {
        Some(Kind::Sqlite { folder }) if !folder.is_empty() => {
            Ok(sqlite::open_beside(&PathBuf::from(folder), background).await?)
        }
        Some(Kind::MongoDb) => open_mongodb(url).await,
        _ => {
            let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
            Err(OpenError::UnknownScheme(scheme.to_owned()))
        }
    }
}

#[cfg(feature = "mongodb")]
async fn open_mongodb(url: &str) -> Result<Stores, OpenError> {
    Ok(mongodb::open(url.parse()?).await?)
}

#[cfg(not(feature = "mongodb"))]
async fn open_mongodb(_: &str) -> Result<Stores, OpenError> {
    Err(OpenError::LeftOut {
        store: "MongoDB",
        feature: "mongodb",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_a_database_gets_one() {
        for (url, whole) in [
            ("sqlite:folder", "sqlite:folder"),
            ("mongodb://a:1,b:2", "mongodb://a:1,b:2/events"),
            ("mongodb://a/?replicaSet=rs0", "mongodb://a/events?replicaSet=rs0"),
            ("mongodb://a/other?tls=true", "mongodb://a/other?tls=true"),
            ("mongodb+srv://me:pw@a", "mongodb+srv://me:pw@a/events?authSource=admin"),
            (
                "mongodb://me:pw@a/?tls=true",
                "mongodb://me:pw@a/events?tls=true&authSource=admin",
            ),
            (
                "mongodb://me:pw@a/?authSource=b",
                "mongodb://me:pw@a/events?authSource=b",
            ),
            ("mongodb://", "mongodb://"),
        ] {
            assert_eq!(in_database(url, "events"), whole);
        }
    }
}
