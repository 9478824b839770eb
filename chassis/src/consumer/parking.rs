//! Where envelopes wait that cannot be applied yet, durably and with the reason. It is the only dead-letter store.

use std::collections::HashSet;
use std::sync::Arc;

use contracts::{DecodeError, StreamId};
use jiff::Timestamp;
use msgqueue::{Message, MessageError};
use persistence::{Body, Collection, Document, DocumentStore, Expect, Index, PutError, Query, StoreError, Write};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;

const COLLECTION: &str = "parked";
const BY_GROUP: &str = "by_group";
const INDEXES: &[Index] = &[Index {
    name: BY_GROUP,
    fields: &["group", "stream", "version"],
}];
/// Entries looked at a time, without what they hold.
const PAGE: usize = 500;
/// Messages read at a time: they may be large.
const MESSAGES: usize = 64;
/// Different messages that are kept of one version, when it cannot be told yet which is the right one.
const COPIES: usize = 4;

/// Messages that tell no stream of which a group keeps as many as this: anybody can send them, and the log has them all.
const STRAYS: usize = 200;

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
    /// It is applied, but some of what it leads to could not be carried out.
    Owed,
    /// It does not follow the version before it, as that was applied.
    Impostor,
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

/// A parked message without the message.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Listed {
    pub group: String,
    pub stream: String,
    pub version: u64,
    pub reason: Reason,
    pub detail: String,
    pub parked_at: Timestamp,
}

/// What a group has parked.
#[derive(Debug, Default)]
pub struct Waiting {
    pub streams: HashSet<StreamId>,
    pub count: usize,
}

/// A parked message, and the id that it is parked under.
pub(crate) struct Copy {
    pub(crate) id: String,
    pub(crate) parked: Parked,
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
            Self::Owed => "owed",
            Self::Impostor => "impostor",
        }
    }

    fn is_readable(self) -> bool {
        matches!(self, Self::Gap | Self::Refused)
    }

    /// What is only known when a message's turn has come.
    fn is_found_out(self) -> bool {
        matches!(self, Self::Refused | Self::Owed | Self::Impostor)
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
    pub async fn list(&self, group: Option<&str>) -> Result<Vec<Listed>, StoreError> {
        let mut query = Query::all(BY_GROUP, MESSAGES);
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

    /// Which streams of a group have something parked, and how much it is.
    pub async fn waiting(&self, group: &str) -> Result<Waiting, StoreError> {
        let mut query = Query::all(BY_GROUP, PAGE);
        query.equals = vec![json!(group)];
        let mut waiting = Waiting::default();
        loop {
            let keys = self.documents.keys(COLLECTION, query.clone()).await?;
            waiting.count += keys.len();
            let streams = keys.iter().filter_map(|key| key.values.get(1)?.as_str());
            waiting
                .streams
                .extend(streams.filter_map(|stream| StreamId::parse(stream).ok()));
            if keys.len() < PAGE {
                return Ok(waiting);
            }
            query.after = keys.into_iter().next_back();
        }
    }

    /// The first version of a stream that is parked.
    pub(crate) async fn first(&self, group: &str, stream: &StreamId) -> Result<Option<u64>, StoreError> {
        let query = Query {
            limit: 1,
            ..of_stream(group, stream.as_str())
        };
        let keys = self.documents.keys(COLLECTION, query).await?;
        Ok(keys.first().and_then(|key| key.values.get(2)?.as_u64()))
    }

    /// What is parked of a stream, in order, a bounded number.
    pub(crate) async fn of(&self, group: &str, stream: &StreamId) -> Result<Vec<Copy>, StoreError> {
        self.copies(of_stream(group, stream.as_str())).await
    }

    async fn copies(&self, query: Query) -> Result<Vec<Copy>, StoreError> {
        let page = self.documents.find(COLLECTION, query).await?;
        let copy = |document: Document| {
            let id = document.id.clone();
            document.read().map(|parked| Copy { id, parked })
        };
        page.documents.into_iter().map(copy).collect()
    }

    /// The writes that park a message. One that can be read takes the place of those that cannot, and never the other way
    /// round. Different ones that can be read are kept side by side: which is the right one shows when its turn comes.
    pub(crate) async fn writes(&self, parked: &Parked) -> Result<Vec<Write>, StoreError> {
        let known = self.known(parked).await?;
        if let Some(same) = known.iter().find(|copy| copy.parked.message == parked.message) {
            let says_more = parked.reason.is_found_out() && parked.reason != same.parked.reason;
            return if says_more {
                Ok(vec![put(same.id.clone(), parked)?])
            } else {
                Ok(Vec::new())
            };
        }
        if parked.stream.is_empty() && self.is_full_of_strays(&parked.group).await? {
            return Ok(Vec::new());
        }
        let (readable, broken): (Vec<Copy>, _) = known.into_iter().partition(|copy| copy.parked.reason.is_readable());
        if readable.len() >= if parked.reason.is_readable() { COPIES } else { 1 } {
            return Ok(Vec::new());
        }
        let removals = broken.into_iter().map(|copy| remove(copy.id));
        Ok(removals.chain([put(id_of(parked), parked)?]).collect())
    }

    async fn is_full_of_strays(&self, group: &str) -> Result<bool, StoreError> {
        let query = Query {
            limit: STRAYS,
            ..of_stream(group, "")
        };
        Ok(self.documents.keys(COLLECTION, query).await?.len() == STRAYS)
    }

    /// What is parked of the same version; of what has none, the message of the same content.
    async fn known(&self, parked: &Parked) -> Result<Vec<Copy>, StoreError> {
        if parked.version == 0 {
            let id = id_of(parked);
            let found = self.documents.get(COLLECTION, &[id.as_str()]).await?;
            let found = found.into_iter().flatten().map(Document::read);
            return found
                .map(|parked| {
                    Ok(Copy {
                        id: id.clone(),
                        parked: parked?,
                    })
                })
                .collect();
        }
        let mut query = of_stream(&parked.group, &parked.stream);
        query.equals.push(json!(parked.version));
        self.copies(query).await
    }

    /// The write that takes out what is parked under an id.
    pub(crate) fn removal(&self, id: String) -> Write {
        remove(id)
    }

    /// Forgets all that is parked of a group, because the group is gone.
    pub(crate) async fn forget(&self, group: &str) -> Result<(), PutError> {
        let mut query = Query::all(BY_GROUP, PAGE);
        query.equals = vec![json!(group)];
        loop {
            let keys = self.documents.keys(COLLECTION, query.clone()).await?;
            let is_last = keys.len() < PAGE;
            self.documents
                .put(keys.into_iter().map(|key| remove(key.id)).collect())
                .await?;
            if is_last {
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

/// Told from other messages of the same version by the content.
fn id_of(parked: &Parked) -> String {
    let Parked {
        group,
        stream,
        version,
        message,
        ..
    } = parked;
    let content = hex::encode(digest(&SHA256, &message.body));
    let hash = message.attributes.get("hash").map_or("", String::as_str);
    match version {
        0 => format!("{group}|{stream}|{content}"),
        _ => format!("{group}|{stream}|{version}|{}|{}", start_of(hash), start_of(&content)),
    }
}

fn start_of(digits: &str) -> String {
    digits.chars().take(8).collect()
}

fn of_stream(group: &str, stream: &str) -> Query {
    let mut query = Query::all(BY_GROUP, MESSAGES);
    query.equals = vec![json!(group), json!(stream)];
    query
}

fn put(id: String, parked: &Parked) -> Result<Write, StoreError> {
    let body = Body::of(parked).map_err(|cause| StoreError::Broken(cause.to_string()))?;
    Ok(Write {
        collection: COLLECTION.to_owned(),
        id,
        expect: Expect::Anything,
        body: Some(body),
    })
}

fn remove(id: String) -> Write {
    Write {
        collection: COLLECTION.to_owned(),
        id,
        expect: Expect::Anything,
        body: None,
    }
}
