//! The feed: the public facts about one entity in order, keyed by stream and version.
//!
//! It is a view like any other, so every replica can read it from any version on: history, the state at a time, live
//! streams and their resumption all come from here.

use async_trait::async_trait;
use contracts::{Envelope, StreamId};
use jiff::Timestamp;
use persistence::{Bound, Cursor, Index, Query, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::recorded::Recorded;
use crate::views::{Key, LiveViews, UnitOfWork, View};

const COLLECTION: &str = "feed";
const BY_STREAM: &str = "by_stream";

/// What may be told of a domain event in public: its facts, or `None` where it stays private.
pub type PublicFacts = fn(&Recorded) -> Option<Map<String, Value>>;

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Entry {
    pub stream: String,
    pub version: u64,
    pub name: String,
    pub time: Timestamp,
    /// Who: a user's id, `guest`, or `system`.
    pub actor: String,
    pub facts: Map<String, Value>,
}

/// Builds the feed.
pub struct FeedView {
    pub public_facts: PublicFacts,
    /// An actor as the public may know it.
    pub public_actor: fn(&str) -> &str,
}

/// Reads the feed of one generation.
#[derive(Clone)]
pub struct Feed {
    views: LiveViews,
}

#[async_trait]
impl View for FeedView {
    fn collections(&self) -> &'static [(&'static str, &'static [Index])] {
        &[(
            COLLECTION,
            &[Index {
                name: BY_STREAM,
                fields: &["stream", "version"],
            }],
        )]
    }

    fn touches(&self, recorded: &Recorded, keys: &mut Vec<Key>) {
        if (self.public_facts)(recorded).is_some() {
            keys.push((COLLECTION, id_of(&recorded.envelope)));
        }
    }

    async fn apply(&self, recorded: &Recorded, unit: &mut UnitOfWork) -> Result<(), StoreError> {
        let Some(facts) = (self.public_facts)(recorded) else {
            return Ok(());
        };
        let envelope = &recorded.envelope;
        let entry = Entry {
            stream: envelope.stream.to_string(),
            version: envelope.version,
            name: envelope.name.to_string(),
            time: envelope.time,
            actor: (self.public_actor)(envelope.actor.as_str()).to_owned(),
            facts,
        };
        unit.update(COLLECTION, &id_of(envelope), recorded, |kept: &mut Entry| *kept = entry)
            .await
    }
}

fn id_of(envelope: &Envelope) -> String {
    format!("{}@{}", envelope.stream, envelope.version)
}

impl Feed {
    pub fn new(views: LiveViews) -> Self {
        Self { views }
    }

    /// Entries of `stream` behind the version `after`, in order, at most `limit`; and where to go on, if there are more.
    pub async fn read(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<Cursor>), StoreError> {
        let mut query = Query::all(BY_STREAM, limit);
        query.equals = vec![json!(stream.as_str())];
        query.lower = Some(Bound {
            value: json!(after),
            inclusive: false,
        });
        let (found, next) = self.views.find(COLLECTION, query).await?;
        Ok((found.into_iter().map(|(_, entry)| entry).collect(), next))
    }
}
