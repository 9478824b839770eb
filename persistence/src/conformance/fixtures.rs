//! Commits and documents to check with.

use std::sync::Arc;

use contracts::{Actor, CommitBounds, Envelope, EventName, Hash, IdempotencyDigests, StreamId, TraceContext, Unsealed};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{AppendError, Commit, CommitKey, Journal, Write};

/// A writer's belief of where a stream stands.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) stream: StreamId,
    pub(super) version: u64,
    pub(super) hash: Hash,
}

impl Writer {
    /// A writer of a stream that does not exist yet.
    pub(super) fn new(stream: &str) -> Self {
        Self {
            stream: stream_id(stream),
            version: 0,
            hash: Hash::GENESIS,
        }
    }

    /// A commit of `count` envelopes that fits behind what the writer knows.
    pub(super) fn next(&self, count: usize) -> Commit {
        self.next_with(vec![payload("booked"); count])
    }

    pub(super) fn next_with(&self, payloads: Vec<Value>) -> Commit {
        let bounds = CommitBounds {
            first: self.version + 1,
            last: self.version + payloads.len() as u64,
        };
        let mut hash = self.hash;
        let mut envelopes = Vec::new();
        for (version, payload) in (bounds.first..).zip(payloads) {
            let envelope = unsealed(&self.stream, version, bounds, payload).seal(&hash, Some(trace()));
            hash = envelope.hash;
            envelopes.push(Arc::new(envelope));
        }
        let id = Uuid::now_v7();
        Commit { id, envelopes }
    }

    /// Takes note that `commit` was appended.
    pub(super) fn saw(&mut self, commit: &Commit) {
        let last = commit.envelopes.last().unwrap();
        (self.version, self.hash) = (last.version, last.hash);
    }

    pub(super) async fn append(&mut self, journal: &dyn Journal, count: usize) -> Commit {
        let commit = self.next(count);
        journal.append(self.hash, &commit).await.unwrap();
        self.saw(&commit);
        commit
    }

    /// Learns what others have written.
    pub(super) async fn catch_up(&mut self, journal: &dyn Journal) {
        for commit in journal.read(&self.stream, self.version, usize::MAX).await.unwrap() {
            self.saw(&commit);
        }
    }
}

pub(super) fn stream_id(text: &str) -> StreamId {
    StreamId::parse(text).unwrap()
}

/// Numbers and texts that a careless store changes.
pub(super) fn payload(note: &str) -> Value {
    json!({
        "note": note,
        "text": "Zoë \u{0} \"quoted\" \\ 🎫 e\u{301}",
        "price": 0.1 + 0.2,
        "ratio": 1.0e-7,
        "float": 2.0,
        "largest": u64::MAX,
        "smallest": i64::MIN,
        "nested": {"b": [null, true, {}], "a": ""},
    })
}

fn unsealed(stream: &StreamId, version: u64, commit: CommitBounds, payload: Value) -> Unsealed {
    Unsealed {
        id: Uuid::now_v7(),
        name: EventName::parse("seat.reserved.by.a.newer.service"),
        stream: stream.clone(),
        version,
        commit,
        schema_version: 7,
        time: "2026-02-03T04:05:06.789012345Z".parse::<Timestamp>().unwrap(),
        actor: Actor::new("user-1"),
        idempotency: Some(IdempotencyDigests {
            key: "ab".repeat(32),
            request: "cd".repeat(32),
        }),
        payload: payload.into(),
    }
}

fn trace() -> TraceContext {
    TraceContext {
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        tracestate: None,
    }
}

pub(super) fn key(commit: &Commit) -> CommitKey {
    commit.key().unwrap()
}

pub(super) fn keys(commits: &[Commit]) -> Vec<CommitKey> {
    commits.iter().map(key).collect()
}

pub(super) fn envelopes(commits: &[Commit]) -> Vec<Envelope> {
    commits
        .iter()
        .flat_map(|commit| commit.envelopes.clone())
        .map(Arc::unwrap_or_clone)
        .collect()
}

#[track_caller]
pub(super) fn assert_conflict(outcome: &Result<(), AppendError>, at: u64) {
    assert!(
        matches!(outcome, Err(AppendError::Conflict { head }) if *head == at),
        "{outcome:?}"
    );
}

/// A write of a document, whatever is there.
pub(super) fn write(collection: &str, id: &str, body: Value) -> Write {
    Write {
        collection: collection.to_owned(),
        id: id.to_owned(),
        expect: crate::Expect::Anything,
        body: Some(body.into()),
    }
}

pub(super) fn removal(collection: &str, id: &str) -> Write {
    Write {
        body: None,
        ..write(collection, id, Value::Null)
    }
}

/// Numbers that are the same in every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From 0, below `sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}
