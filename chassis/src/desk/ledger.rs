//! Which idempotency keys a stream has seen, and what they led to.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use contracts::{Envelope, IdempotencyDigests};
use jiff::{SignedDuration, Timestamp};

use crate::packed::{Key, PackedMap, Reader, TooLarge, Value, put_number, put_text};

/// A repeated key means the same request for this long.
pub const KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(48);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) request: Digest,
    pub(crate) first: u64,
    pub(crate) last: u64,
    time: Timestamp,
}

/// A digest in as few bytes as it needs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Digest {
    /// 64 hex digits in lower case.
    Hash([u8; 32]),
    /// Whatever else stands in an envelope of another origin.
    Text(Arc<str>),
}

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    entries: PackedMap<Digest, Entry>,
    /// What was noted since the ledger was read; what is older is left out when it is written.
    by_age: Arc<VecDeque<(Timestamp, Digest)>>,
    /// Noted since it was settled.
    fresh: Vec<(Timestamp, Digest)>,
}

impl Ledger {
    pub(crate) fn find(&self, key: &str, now: Timestamp) -> Option<Entry> {
        self.find_digest(&Digest::of(key), now)
    }

    /// Notes an envelope's key; several envelopes of one request make one entry.
    pub(crate) fn note(&mut self, envelope: &Envelope) {
        let Some(digests) = &envelope.idempotency else { return };
        let key = Digest::of(&digests.key);
        let entry = self.extended(&key, digests, envelope);
        if entry.first == envelope.version {
            self.fresh.push((envelope.time, key.clone()));
        }
        self.entries.insert(key, entry);
    }

    /// No other copy is kept. Forgets what is too old by what was noted last.
    pub(crate) fn settle(&mut self) {
        if let Some((now, _)) = self.fresh.last() {
            self.forget_older_than(*now);
        }
        self.entries.settle();
    }

    /// Writes the entries that still count.
    pub(crate) fn pack(&self, now: Timestamp, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        self.entries.pack(out, |entry| entry.counts(now))
    }

    pub(crate) fn unpack(bytes: Bytes) -> Option<Self> {
        Some(Self {
            entries: PackedMap::unpack(bytes)?,
            by_age: Arc::default(),
            fresh: Vec::new(),
        })
    }

    fn find_digest(&self, key: &Digest, now: Timestamp) -> Option<Entry> {
        self.entries.get(key).filter(|entry| entry.counts(now))
    }

    fn extended(&self, key: &Digest, digests: &IdempotencyDigests, envelope: &Envelope) -> Entry {
        match self.find_digest(key, envelope.time) {
            Some(known) if known.last + 1 == envelope.version => Entry {
                last: envelope.version,
                ..known
            },
            _ => Entry {
                request: Digest::of(&digests.request),
                first: envelope.version,
                last: envelope.version,
                time: envelope.time,
            },
        }
    }

    fn forget_older_than(&mut self, now: Timestamp) {
        let by_age = Arc::make_mut(&mut self.by_age);
        by_age.extend(self.fresh.drain(..));
        while by_age
            .front()
            .is_some_and(|(time, _)| now.duration_since(*time) >= KEY_LIFETIME)
        {
            let Some((time, key)) = by_age.pop_front() else { return };
            let renewed = self.entries.get(&key).is_some_and(|entry| entry.time != time);
            if !renewed {
                self.entries.remove(&key);
            }
        }
    }
}

impl Entry {
    fn counts(&self, now: Timestamp) -> bool {
        now.duration_since(self.time) < KEY_LIFETIME
    }
}

impl Digest {
    pub(crate) fn of(text: &str) -> Self {
        let mut bytes = [0; 32];
        let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if !upper => Self::Hash(bytes),
            _ => Self::Text(text.into()),
        }
    }

    fn read(kind: u8, content: &[u8]) -> Option<Self> {
        match kind {
            HASH => Some(Self::Hash(content.try_into().ok()?)),
            TEXT => Some(Self::Text(std::str::from_utf8(content).ok()?.into())),
            _ => None,
        }
    }
}

const HASH: u8 = 0;
const TEXT: u8 = 1;

impl PartialEq<String> for Digest {
    fn eq(&self, text: &String) -> bool {
        *self == Self::of(text)
    }
}

impl Key for Digest {
    fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Hash(bytes) => (HASH, bytes),
            Self::Text(text) => (TEXT, text.as_bytes()),
        }
    }
}

impl Value for Entry {
    fn write(&self, out: &mut Vec<u8>) {
        let (kind, content) = self.request.parts();
        out.push(kind);
        put_text(out, content);
        put_number(out, self.first);
        put_number(out, self.last - self.first);
        out.extend_from_slice(&self.time.as_nanosecond().to_le_bytes());
    }

    fn read(mut bytes: Reader<'_>) -> Option<Self> {
        let kind = bytes.byte()?;
        let request = Digest::read(kind, bytes.text()?)?;
        let first = bytes.number()?;
        let last = first.checked_add(bytes.number()?)?;
        let time = i128::from_le_bytes(bytes.0.try_into().ok()?);
        Some(Self {
            request,
            first,
            last,
            time: Timestamp::from_nanosecond(time).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use contracts::{Actor, CommitBounds, EventName, Hash, StreamId, Unsealed};
    use uuid::Uuid;

    use super::*;

    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_797_343_200 + hour * 3_600).unwrap()
    }

    fn noted(ledger: &mut Ledger, key: &str, version: u64, hour: i64) {
        let sealed = Unsealed {
            id: Uuid::now_v7(),
            name: EventName::parse("event.booked"),
            stream: StreamId::parse("counter/1").unwrap(),
            version,
            commit: CommitBounds {
                first: version,
                last: version,
            },
            schema_version: 1,
            time: at(hour),
            actor: Actor::system(),
            idempotency: Some(IdempotencyDigests {
                key: key.to_owned(),
                request: format!("request of {key}"),
            }),
            payload: serde_json::Value::Null.into(),
        };
        ledger.note(&sealed.seal(&Hash::GENESIS, None));
        ledger.settle();
    }

    fn through_a_snapshot(ledger: &Ledger, hour: i64) -> (Ledger, usize) {
        let mut bytes = Vec::new();
        ledger.pack(at(hour), &mut bytes).unwrap();
        let length = bytes.len();
        (Ledger::unpack(Bytes::from(bytes)).unwrap(), length)
    }

    #[test]
    fn a_key_counts_for_48_hours_before_and_behind_a_snapshot() {
        let mut ledger = Ledger::default();
        noted(&mut ledger, HEX, 1, 0);
        noted(&mut ledger, "a text", 2, 0);
        let (read, _) = through_a_snapshot(&ledger, 1);
        for ledger in [ledger, read] {
            for key in [HEX, "a text"] {
                let entry = ledger.find(key, at(47)).unwrap();
                assert_eq!(entry.request, format!("request of {key}"));
                assert_eq!(ledger.find(key, at(48)), None);
            }
        }
    }

    #[test]
    fn old_entries_are_not_written() {
        let mut ledger = Ledger::default();
        noted(&mut ledger, "old", 1, 0);
        let (_, while_it_counts) = through_a_snapshot(&ledger, 47);
        let (read, behind) = through_a_snapshot(&ledger, 48);
        assert!(behind < while_it_counts);
        assert_eq!(read.find("old", at(0)), None, "not even for a clock that went back");
    }

    #[test]
    fn the_envelopes_of_one_request_make_one_entry_even_across_a_snapshot() {
        let mut ledger = Ledger::default();
        noted(&mut ledger, HEX, 1, 0);
        noted(&mut ledger, HEX, 2, 0);
        let (mut read, _) = through_a_snapshot(&ledger, 0);
        noted(&mut read, HEX, 3, 0);
        let entry = read.find(HEX, at(1)).unwrap();
        assert_eq!((entry.first, entry.last), (1, 3));
    }

    #[test]
    fn a_key_that_is_used_anew_stays_when_its_first_use_is_forgotten() {
        let mut ledger = Ledger::default();
        noted(&mut ledger, "k", 1, 0);
        let (mut ledger, _) = through_a_snapshot(&ledger, 0);
        noted(&mut ledger, "k", 2, 49);
        noted(&mut ledger, "other", 3, 98);
        assert_eq!(
            ledger.find("k", at(40)),
            None,
            "its first use does not come back when a clock does"
        );
        noted(&mut ledger, "k", 4, 98);
        noted(&mut ledger, "other", 5, 99);
        assert_eq!(ledger.find("k", at(99)).unwrap().first, 4);
    }

    #[test]
    fn only_lower_case_hex_of_the_right_length_is_a_hash() {
        assert!(matches!(Digest::of(HEX), Digest::Hash(_)));
        assert!(matches!(Digest::of(&HEX.to_uppercase()), Digest::Text(_)));
        assert!(matches!(Digest::of(&HEX[2..]), Digest::Text(_)));
    }
}
