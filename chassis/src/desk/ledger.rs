//! Which idempotency keys a stream has seen, and what they led to.

use std::collections::VecDeque;
use std::sync::Arc;

use contracts::{Envelope, IdempotencyDigests};
use jiff::{SignedDuration, Timestamp};

use super::layered::LayeredMap;

/// A repeated key means the same request for this long.
pub const KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(48);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) request: String,
    pub(crate) first: u64,
    pub(crate) last: u64,
    time: Timestamp,
}

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    entries: LayeredMap<String, Entry>,
    by_age: Arc<VecDeque<(Timestamp, String)>>,
    /// Noted since the last commit.
    fresh: Vec<(Timestamp, String)>,
}

impl Ledger {
    pub(crate) fn find(&self, key: &str, now: Timestamp) -> Option<&Entry> {
        self.entries
            .get(key)
            .filter(|entry| now.duration_since(entry.time) < KEY_LIFETIME)
    }

    /// Notes an envelope's key; several envelopes of one request make one entry.
    pub(crate) fn note(&mut self, envelope: &Envelope) {
        let Some(digests) = &envelope.idempotency else { return };
        let entry = self.extended(digests, envelope);
        if entry.first == envelope.version {
            self.fresh.push((envelope.time, digests.key.clone()));
        }
        self.entries.insert(digests.key.clone(), entry);
    }

    /// What was noted is committed. Forgets what is too old by then.
    pub(crate) fn settle(&mut self) {
        let Some((now, _)) = self.fresh.last().cloned() else {
            return;
        };
        let by_age = Arc::make_mut(&mut self.by_age);
        by_age.extend(self.fresh.drain(..));
        while let Some((time, key)) = by_age.front() {
            if now.duration_since(*time) < KEY_LIFETIME {
                break;
            }
            let renewed = self.entries.get(key).is_some_and(|entry| entry.time != *time);
            if let Some((_, key)) = by_age.pop_front()
                && !renewed
            {
                self.entries.remove(key);
            }
        }
        self.entries.settle();
    }

    fn extended(&self, digests: &IdempotencyDigests, envelope: &Envelope) -> Entry {
        match self.find(&digests.key, envelope.time) {
            Some(known) if known.last + 1 == envelope.version => Entry {
                last: envelope.version,
                ..known.clone()
            },
            _ => Entry {
                request: digests.request.clone(),
                first: envelope.version,
                last: envelope.version,
                time: envelope.time,
            },
        }
    }
}
