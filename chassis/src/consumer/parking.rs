//! Where envelopes wait that cannot be applied yet, durably and with the reason. It is the only dead-letter store.

use std::collections::HashSet;
use std::sync::Arc;

use contracts::{DecodeError, StreamId};
use jiff::Timestamp;
use msgqueue::{Message, MessageError};
use persistence::{
    Body, Bound, Collection, Document, DocumentStore, Expect, Index, PutError, Query, StoreError, Write,
};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;

const COLLECTION: &str = "parked";
const BY_GROUP: &str = "by_group";
const INDEXES: &[Index] = &[Index {
    name: BY_GROUP,
    fields: &["group", "stream", "version"],
}];
/// Entries listed at a time.
const PAGE: usize = 500;

/// Why an envelope is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A version before it has not come yet.
    Gap,
    /// Not an envelope, or its payload breaks its format.
    Undecodable,
    /// Written by a newer build.
    NewerSchema,
    /// What it leads to cannot be carried out.
    Refused,
}

/// A parked message as it came, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    pub group: String,
    /// Empty where not even that can be read.
    pub stream: String,
    /// 0 where not even that can be read.
    pub version: u64,
    pub reason: Reason,
    pub detail: String,
    pub parked_at: Timestamp,
    pub message: Message,
}

/// All parked messages of a service.
#[derive(Clone)]
pub struct Parking {
    documents: Arc<dyn DocumentStore>,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Undecodable => "undecodable",
            Self::NewerSchema => "newer_schema",
            Self::Refused => "refused",
        }
    }

    fn is_readable(self) -> bool {
        matches!(self, Self::Gap | Self::Refused)
    }
}

impl Parking {
    pub async fn open(documents: Arc<dyn DocumentStore>) -> Result<Self, StoreError> {
        let declared = Collection {
            name: COLLECTION.to_owned(),
            indexes: INDEXES,
        };
        documents.declare(&declared).await?;
        Ok(Self { documents })
    }

    /// The same, read through other documents.
    pub(super) fn through(documents: Arc<dyn DocumentStore>) -> Self {
        Self { documents }
    }

    /// Everything parked, of one group or of all, by group, stream and version.
    pub async fn list(&self, group: Option<&str>) -> Result<Vec<Parked>, StoreError> {
        let mut query = Query::all(BY_GROUP, PAGE);
        query.equals = group.map(|group| json!(group)).into_iter().collect();
        let mut all = Vec::new();
        loop {
            let page = self.documents.find(COLLECTION, query.clone()).await?;
            for document in page.documents {
                all.push(document.read()?);
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// The streams of a group that have something parked.
    pub(crate) async fn streams(&self, group: &str) -> Result<HashSet<StreamId>, StoreError> {
        let parked = self.list(Some(group)).await?;
        Ok(parked
            .iter()
            .filter_map(|entry| StreamId::parse(&entry.stream).ok())
            .collect())
    }

    /// What is parked of a stream behind `after`, in order, a bounded number.
    pub(crate) async fn behind(&self, group: &str, stream: &StreamId, after: u64) -> Result<Vec<Parked>, StoreError> {
        let mut query = Query::all(BY_GROUP, PAGE);
        query.equals = vec![json!(group), json!(stream.as_str())];
        query.lower = Some(Bound {
            value: json!(after),
            inclusive: false,
        });
        let page = self.documents.find(COLLECTION, query).await?;
        page.documents.into_iter().map(Document::read).collect()
    }

    /// The write that parks a message. One that can be read is never replaced by one that cannot.
    pub(crate) async fn write(&self, parked: &Parked) -> Result<Option<Write>, StoreError> {
        let id = id_of(parked);
        let found = self.documents.get(COLLECTION, &[id.as_str()]).await?;
        let known: Option<Parked> = found.into_iter().next().flatten().map(Document::read).transpose()?;
        // What waited for a gap and is refused now says so.
        let says_more = |known: &Parked| parked.reason == Reason::Refused && known.reason != Reason::Refused;
        let stays = |known: &Parked| known.reason.is_readable() || known.message == parked.message;
        if known.is_some_and(|known| stays(&known) && !says_more(&known)) {
            return Ok(None);
        }
        let body = Body::of(parked).map_err(|cause| StoreError::Broken(cause.to_string()))?;
        Ok(Some(Write {
            collection: COLLECTION.to_owned(),
            id,
            expect: Expect::Anything,
            body: Some(body),
        }))
    }

    /// The write that takes the message of this version out, if there is one.
    pub(crate) fn removal(&self, group: &str, stream: &StreamId, version: u64) -> Write {
        remove(id_for(group, stream.as_str(), version))
    }

    /// Forgets all that is parked of a group, because the group is gone.
    pub(crate) async fn forget(&self, group: &str) -> Result<(), PutError> {
        let mut query = Query::all(BY_GROUP, PAGE);
        query.equals = vec![json!(group)];
        loop {
            let page = self.documents.find(COLLECTION, query.clone()).await?;
            let removals = page.documents.into_iter().map(|document| remove(document.id));
            self.documents.put(removals.collect()).await?;
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}

/// Why a message that decoded as far as `error` is parked.
pub(crate) fn reason_of(error: &UnreadableMessage) -> Reason {
    match error {
        UnreadableMessage::Payload(DecodeError::NewerSchema { .. }) => Reason::NewerSchema,
        _ => Reason::Undecodable,
    }
}

/// Why a message cannot be applied by this build.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadableMessage {
    #[error(transparent)]
    Message(#[from] MessageError),
    #[error(transparent)]
    Payload(#[from] DecodeError),
}

fn id_of(parked: &Parked) -> String {
    if parked.version == 0 {
        let digest = digest(&SHA256, &parked.message.body);
        return format!("{}|{}|{}", parked.group, parked.stream, hex::encode(digest));
    }
    id_for(&parked.group, &parked.stream, parked.version)
}

fn remove(id: String) -> Write {
    Write {
        collection: COLLECTION.to_owned(),
        id,
        expect: Expect::Anything,
        body: None,
    }
}

fn id_for(group: &str, stream: &str, version: u64) -> String {
    format!("{group}|{stream}|{version}")
}
