use async_trait::async_trait;
use bytes::Bytes;

use crate::StoreError;

/// A blob is one record in every store, so it has one bound: 1 MiB.
pub const MAX_BLOB_BYTES: usize = 1024 * 1024;

/// Bytes by id, for what nobody looks into and what would be too slow to read as a document: it is neither JSON nor made
/// into any.
///
/// All ids of a store are in one place. Each blob is atomic by itself; nothing else is.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// The blobs with these ids, in the order of `ids`.
    async fn get(&self, ids: &[&str]) -> Result<Vec<Option<Bytes>>, StoreError>;

    /// Keeps the bytes, at most [`MAX_BLOB_BYTES`], in place of what was there; the id has at most 300 bytes. Durable
    /// when this returns `Ok`.
    async fn put(&self, id: &str, bytes: Bytes) -> Result<(), StoreError>;

    /// Forgets the blobs with these ids. Fine where there are none. A crash may leave some of them.
    async fn remove(&self, ids: &[&str]) -> Result<(), StoreError>;
}
