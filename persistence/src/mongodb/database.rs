//! The connection to a database, and the bounds of every request there.

use std::time::Duration;

use futures::TryStreamExt as _;
use mongodb::bson::{Document, RawDocumentBuf};
use mongodb::options::{
    Acknowledgment, ClientOptions, DatabaseOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection, Cursor};
use tokio::time::timeout;

use super::failure::{of_read, of_write, too_slow};
use super::url::MongoUrl;
use crate::StoreError;

/// No request takes longer, tries again and all.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// But where a new index is made of what is there already.
pub(super) const PATIENCE_WITH_INDEXES: Duration = Duration::from_secs(600);
/// How long a primary is looked for, where the URL says nothing else; a new one is elected in a few seconds.
const SELECTION: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);
/// Of one process, where the URL says nothing else. The driver's own 10 would let requests wait for each other.
const CONNECTIONS: u32 = 64;

pub(super) struct Database {
    database: mongodb::Database,
}

impl Database {
    /// Does not wait for a server.
    pub(super) async fn connect(url: MongoUrl) -> Result<Self, StoreError> {
        let parsed = timeout(PATIENCE, ClientOptions::parse(&url.text)).await;
        let mut options = parsed.map_err(|_| too_slow())?.map_err(of_read)?;
        options.app_name.get_or_insert_with(|| "myevents".to_owned());
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.connect_timeout.get_or_insert(CONNECT);
        options.max_pool_size.get_or_insert(CONNECTIONS);
        let client = Client::with_options(options).map_err(of_read)?;
        Ok(Self {
            database: client.database_with_options(&url.database, promises()),
        })
    }

    pub(super) fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// For those who read documents without making anything of what they do not need.
    pub(super) fn raw(&self, name: &str) -> Collection<RawDocumentBuf> {
        self.database.collection(name)
    }

    pub(super) async fn collection_names(&self) -> Result<Vec<String>, StoreError> {
        read(self.database.list_collection_names()).await
    }

    /// A command that only reads.
    pub(super) async fn ask(&self, command: Document) -> Result<Document, StoreError> {
        read(self.database.run_command(command)).await
    }

    /// A command that writes. The driver does not try again by itself.
    pub(super) async fn tell(&self, mut command: Document) -> Result<Document, StoreError> {
        command.insert("writeConcern", mongodb::bson::doc! { "w": "majority", "j": true });
        let reply = write(self.database.run_command(command)).await?;
        match reply.get("writeConcernError") {
            Some(unconfirmed) => Err(StoreError::Unknown(unconfirmed.to_string().into())),
            None => Ok(reply),
        }
    }
}

/// Whatever the URL says of it.
fn promises() -> DatabaseOptions {
    let durable = WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .build();
    DatabaseOptions::builder()
        .read_concern(ReadConcern::majority())
        .write_concern(durable)
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .build()
}

/// # Errors
/// [`StoreError::Unavailable`] where it takes too long or fails, or what else the failure means.
pub(super) async fn read<T>(asking: impl IntoFuture<Output = mongodb::error::Result<T>>) -> Result<T, StoreError> {
    let outcome = timeout(PATIENCE, asking.into_future()).await;
    outcome.map_err(|_| too_slow())?.map_err(of_read)
}

/// All that a search finds: its bound is the caller's business.
pub(super) async fn read_all<T>(
    asking: impl IntoFuture<Output = mongodb::error::Result<Cursor<T>>>,
) -> Result<Vec<T>, StoreError>
where
    T: serde::de::DeserializeOwned + Unpin + Send + Sync,
{
    let asking = asking.into_future();
    read(async { asking.await?.try_collect().await }).await
}

/// # Errors
/// [`StoreError::Unknown`] where it takes too long or may have happened all the same.
pub(super) async fn write<T>(telling: impl IntoFuture<Output = mongodb::error::Result<T>>) -> Result<T, StoreError> {
    write_within(PATIENCE, telling).await
}

/// Like [`write`], for what takes longer.
pub(super) async fn write_within<T>(
    patience: Duration,
    telling: impl IntoFuture<Output = mongodb::error::Result<T>>,
) -> Result<T, StoreError> {
    match timeout(patience, telling.into_future()).await {
        Ok(outcome) => outcome.map_err(of_write),
        Err(elapsed) => Err(StoreError::Unknown(Box::new(elapsed))),
    }
}
