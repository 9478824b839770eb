//! Stores in two SQLite files of one folder: `journal.sqlite` (commits, outbox, leases) and `views.sqlite`
//! (documents, blobs, search).
//!
//! Each file has one writing thread, which carries out everything that waits in one transaction: a disk takes as
//! long to make one append durable as a hundred. Readers have connections of their own and, in WAL mode, never
//! wait for the writer. Several processes may open one folder; SQLite's locks keep their transactions apart, and
//! nothing but hints is held in memory.
//!
//! This module must not know what the bodies that it stores mean, apart from the fields that an index names.

mod blobs;
mod catalogue;
mod change_mark;
mod database;
mod documents;
mod failure;
mod find;
mod journal;
mod lease;
mod readers;
mod search;
mod walk;
mod writer;

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::{StoreError, Stores};
use database::Database;

/// Opens the stores in `folder`, which is made, for its owner only, where it is missing.
///
/// # Errors
/// [`StoreError::Unavailable`] where the folder or its files cannot be opened or locked, [`StoreError::Broken`] where
/// a file is damaged or was written by a newer version.
pub async fn open(folder: &Path) -> Result<Stores, StoreError> {
    open_beside(folder, &Handle::current()).await
}

/// Like [`open`]; what serves views only is done by threads of the runtime `background`.
pub async fn open_beside(folder: &Path, background: &Handle) -> Result<Stores, StoreError> {
    let (journal, views) = (folder.join("journal.sqlite"), folder.join("views.sqlite"));
    make_folder(folder).map_err(|e| StoreError::Unavailable(Box::new(e)))?;
    // The writing thread of each file is as urgent as the thread that starts it.
    let facts = Handle::current().spawn_blocking(move || Database::open(&journal, create_journal));
    let facts = Arc::new(facts.await.map_err(|_| StoreError::Closed)??);
    let views = background.spawn_blocking(move || Database::open(&views, create_views));
    let views = Arc::new(views.await.map_err(|_| StoreError::Closed)??);
    Ok(Stores {
        journal: Arc::new(journal::SqliteJournal::new(facts.clone())),
        documents: Arc::new(documents::SqliteDocuments::new(views.clone())),
        blobs: Arc::new(blobs::SqliteBlobs::new(views.clone())),
        search: Arc::new(search::SqliteSearch::new(views)),
        lease: Arc::new(lease::SqliteLease::new(facts)),
    })
}

fn create_journal(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    journal::create_tables(connection)?;
    lease::create_tables(connection)
}

fn create_views(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    catalogue::create_tables(connection)?;
    blobs::create_tables(connection)
}

/// The data is the service's own: nobody else on the machine may read it.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
