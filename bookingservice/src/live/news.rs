//! What has happened to one event, as messages that are made once and shared by all who are told.

use bytes::{Bytes, BytesMut};
use chassis::feed::Entry;
use chassis::http::sse::message;
use jiff::Timestamp;

use crate::http::replies::{AvailabilityReply, HistoryReply};
use crate::views::inventories::InventoryDocument;

/// A message, and the version of the inventory that it tells of.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) version: u64,
    pub(crate) message: Bytes,
}

#[derive(Debug)]
pub(super) struct News {
    pub(super) event_id: String,
    /// It tells of all versions behind this one...
    pub(super) after: u64,
    /// ... up to this one.
    pub(super) version: u64,
    /// All messages one behind the other.
    messages: Bytes,
    /// Of each, its version and where it begins.
    starts: Vec<(u64, usize)>,
    /// What is left now.
    pub(super) availability: Option<Told>,
}

impl News {
    pub(super) fn of(
        event_id: &str,
        (after, version): (u64, u64),
        entries: Vec<Entry>,
        availability: Option<Told>,
    ) -> Self {
        let (messages, starts) = joined(entries);
        Self {
            event_id: event_id.to_owned(),
            after,
            version,
            messages,
            starts,
            availability,
        }
    }

    /// The messages behind a version; `None` where there are none.
    pub(super) fn behind(&self, version: u64) -> Option<Bytes> {
        let first = self.starts.partition_point(|(known, _)| *known <= version);
        let (_, start) = self.starts.get(first)?;
        Some(self.messages.slice(*start..))
    }
}

/// Messages of entries, one behind the other.
pub(super) fn joined(entries: Vec<Entry>) -> (Bytes, Vec<(u64, usize)>) {
    let (mut messages, mut starts) = (BytesMut::new(), Vec::with_capacity(entries.len()));
    for entry in entries {
        let (name, version) = (entry.name.clone(), entry.version);
        starts.push((version, messages.len()));
        messages.extend_from_slice(&message(&name, Some(version), &HistoryReply::of(entry)));
    }
    (messages.freeze(), starts)
}

/// Messages as one.
pub(super) fn one_behind_the_other<'a>(told: impl Iterator<Item = &'a Told>) -> Bytes {
    let mut all = BytesMut::new();
    told.for_each(|told| all.extend_from_slice(&told.message));
    all.freeze()
}

/// `None` before it was opened.
pub(super) fn availability(document: &InventoryDocument, now: Timestamp) -> Option<Told> {
    let terms = document.terms.as_ref()?;
    let reply = AvailabilityReply::of(document, terms, now);
    Some(Told {
        version: document.version,
        message: message("availability", Some(document.version), &reply),
    })
}
