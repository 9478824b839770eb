//! What is known of a stream's snapshot, in one document: written last, so that what it names is there.

use contracts::{Hash, StreamId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Unusable;

/// Raised when chunks, sections or packed maps change, whatever the aggregate.
pub(super) const LAYOUT: u32 = 2;

/// One document for each stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<Facts>,
    /// Chunks that may be there and belong to no snapshot that counts.
    #[serde(default)]
    pub(super) leftovers: Vec<Chunks>,
}

/// A snapshot, apart from its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    pub(super) stream: StreamId,
    /// The aggregate's own format.
    pub(super) format: u32,
    pub(super) layout: u32,
    pub(super) version: u64,
    /// Of the stream, at that version.
    pub(super) hash: Hash,
    pub(super) length: usize,
    /// Of the bytes. By its name in layout 1 an old one is still known for what it is, and its chunks are removed.
    #[serde(alias = "sha256")]
    pub(super) checksum: String,
    pub(super) chunks: Chunks,
}

/// The blobs that hold a snapshot's bytes. Each snapshot has an id, so that none is read with another's chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chunks {
    pub(super) snapshot: Uuid,
    pub(super) count: usize,
}

impl Facts {
    pub(super) fn id(&self) -> Uuid {
        self.chunks.snapshot
    }

    /// Whether there is no need for another one.
    pub(super) fn supersedes(&self, other: &Facts) -> bool {
        (self.format, self.layout) == (other.format, other.layout) && self.version >= other.version
    }

    pub(super) fn check(&self, stream: &StreamId, format: u32) -> Result<(), Unusable> {
        if (self.format, self.layout) != (format, LAYOUT) {
            return Err(Unusable::OtherFormat(format!("{}.{}", self.layout, self.format)));
        }
        if self.stream != *stream {
            return Err(Unusable::Damaged);
        }
        Ok(())
    }
}

impl Chunks {
    /// The chunks' ids, in order.
    pub(super) fn ids(self) -> impl Iterator<Item = String> {
        (0..self.count).map(move |number| format!("{}/{number}", self.snapshot))
    }
}
