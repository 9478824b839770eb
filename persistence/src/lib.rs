//! Where a service keeps its truth and its views: five small contracts and their adapters.
//!
//! [`Journal`] is the append-only truth, [`DocumentStore`] and [`Search`] hold the views built from it, [`Blobs`] holds
//! bytes that nobody looks into, and [`Lease`] elects the one replica that relays. Every contract asks for nothing
//! more than single-record atomicity, so that any store can keep it. An adapter proves itself by running the whole
//! [`conformance`] suite.
//!
//! To add a store: one module here with its five implementations, one line in [`open`] for its URL scheme,
//! and the conformance suite run on it. Only that module may name its driver crate.
//!
//! This crate must not know of brokers, HTTP, or of how anything is decided.

mod blobs;
mod checks;
mod documents;
mod error;
mod journal;
mod lease;
#[cfg(feature = "mongodb")]
pub mod mongodb;
mod open;
mod runs;
mod search;
pub mod sqlite;
mod stored_commit;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use blobs::{Blobs, MAX_BLOB_BYTES};
pub use documents::{
    BY_ID, Body, Bound, Collection, Cursor, Document, DocumentStore, Expect, Index, Page, PutError, Query, Write,
};
pub use error::StoreError;
pub use journal::{AppendError, Commit, CommitKey, InvalidCommit, Journal, MAX_COMMIT_BYTES, Walked};
pub use lease::{Lease, LeaseRecord};
pub use open::{OpenError, Stores, in_database, is_embedded, is_known, is_there, open, open_beside};
pub use search::{Indexed, Search, tokens};
