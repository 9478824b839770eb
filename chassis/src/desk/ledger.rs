//! Which idempotency keys a stream has seen, and what they led to.

use contracts::{Envelope, IdempotencyDigests};
use jiff::{SignedDuration, Timestamp};
use rpds::{HashTrieMapSync, QueueSync};

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
    entries: HashTrieMapSync<String, Entry>,
    by_age: QueueSync<(Timestamp, String)>,
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
        self.forget_older_than(envelope.time);
        let entry = self.extended(digests, envelope);
        if entry.first == envelope.version {
            self.by_age.enqueue_mut((envelope.time, digests.key.clone()));
        }
        self.entries.insert_mut(digests.key.clone(), entry);
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

    fn forget_older_than(&mut self, now: Timestamp) {
        while let Some((time, key)) = self.by_age.peek() {
            if now.duration_since(*time) < KEY_LIFETIME {
                return;
            }
            let renewed = self.entries.get(key).is_some_and(|entry| entry.time != *time);
            if !renewed {
                let key = key.clone();
                self.entries.remove_mut(&key);
            }
            self.by_age.dequeue_mut();
        }
    }
}
