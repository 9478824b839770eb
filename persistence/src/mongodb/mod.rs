//! Stores in one database of a MongoDB, which many processes may share.
//!
//! ```text
//! commits        the journal: a document for each commit; `outbox` is on it until it is published
//! leases         one document for each lease
//! blobs          one document for each blob
//! catalogue      which collections are declared, their indexes, and where they are
//! view.PLACE     the documents of a declared collection
//! words.PLACE    the words by which they are found
//! format         the version of all this
//! ```
//!
//! Nothing here needs more than that one document is written whole: no transaction, no change stream. Writes are
//! confirmed by a majority that has them in its journals, and reads see only what such a majority has, so that a new
//! primary takes nothing back. A replica set of one node is enough.
//!
//! What cannot be done in time fails: [`PATIENCE`] bounds each request, but for new indexes of what is there already, and a
//! write that was under way then may have happened.
//!
//! This module must not know what the bodies that it stores mean, apart from the fields that an index names.

mod blobs;
mod body;
mod catalogue;
mod database;
mod documents;
mod failure;
mod find;
mod format;
mod inserter;
mod journal;
mod lease;
mod outbox;
mod search;
mod url;
mod walk;
mod writes;

use std::sync::Arc;

use crate::{StoreError, Stores};
use catalogue::Catalogue;
use database::Database;

pub use url::MongoUrl;

/// Connects, and makes what is missing.
///
/// # Errors
/// [`StoreError::Unavailable`] where nobody answers in time, [`StoreError::Refused`] where the server does not let us in, is
/// no replica set, or where what is stored was written by a newer version.
pub async fn open(url: MongoUrl) -> Result<Stores, StoreError> {
    let database = Arc::new(Database::connect(url).await?);
    format::check(&database).await?;
    let journal = journal::MongoJournal::open(Arc::clone(&database)).await?;
    let catalogue = Arc::new(Catalogue::of(Arc::clone(&database)));
    Ok(Stores {
        journal: Arc::new(journal),
        documents: Arc::new(documents::MongoDocuments::new(Arc::clone(&catalogue))),
        blobs: Arc::new(blobs::MongoBlobs::new(&database)),
        search: Arc::new(search::MongoSearch::new(catalogue)),
        lease: Arc::new(lease::MongoLease::new(&database)),
    })
}
