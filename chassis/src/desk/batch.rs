//! Decides a batch of jobs one after the other, each on what those before it led to, without touching the journal.

use std::sync::Arc;

use contracts::{CommitBounds, DomainEvent, Envelope, Hash, StreamId, Unsealed};
use jiff::Timestamp;
use uuid::Uuid;

use super::aggregate::Aggregate;
use super::live::Live;
use super::{DeskError, Request};
use crate::recorded::Recorded;

/// What a job comes to if the batch is committed.
pub(crate) enum Verdict<R> {
    /// The next so many of what the batch led to, and the version behind them.
    New {
        events: usize,
        version: u64,
    },
    /// The events of an earlier request with the same key, by version.
    Replay {
        first: u64,
        last: u64,
    },
    Refused(DeskError<R>),
}

/// A batch decided: what to append, and each job's verdict in the order of the jobs.
pub(crate) struct Draft<A: Aggregate> {
    /// The hash of what it was decided on.
    pub(crate) previous: Hash,
    /// The stream as it will stand.
    pub(crate) after: Live<A>,
    pub(crate) recorded: Vec<Recorded>,
    pub(crate) verdicts: Vec<Verdict<A::Rejection>>,
}

/// Decides `requests` on top of `live` at the time `now`.
pub(crate) fn decide<'a, A: Aggregate>(
    live: &Live<A>,
    stream: &StreamId,
    requests: impl Iterator<Item = &'a Request<A::Command>>,
    now: Timestamp,
) -> Draft<A> {
    let mut draft = Draft {
        previous: live.hash,
        after: live.clone(),
        recorded: Vec::new(),
        verdicts: Vec::new(),
    };
    for request in requests {
        let verdict = draft.decide(stream, request, now);
        draft.verdicts.push(verdict);
    }
    draft.seal(live);
    draft
}

impl<A: Aggregate> Draft<A> {
    fn decide(&mut self, stream: &StreamId, request: &Request<A::Command>, now: Timestamp) -> Verdict<A::Rejection> {
        if let Some(verdict) = self.seen_before(request, now) {
            return verdict;
        }
        // What does not exist has no version to differ from: that is for the aggregate to say.
        let exists = self.after.version > 0;
        if exists && request.if_version.is_some_and(|version| version != self.after.version) {
            return Verdict::Refused(DeskError::VersionMismatch {
                current: self.after.version,
            });
        }
        match self.after.state.decide(&request.command, now) {
            Ok(events) => self.accept(stream, request, events, now),
            Err(rejection) => Verdict::Refused(DeskError::Rejected(rejection)),
        }
    }

    fn seen_before(&self, request: &Request<A::Command>, now: Timestamp) -> Option<Verdict<A::Rejection>> {
        let digests = request.idempotency.as_ref()?;
        let entry = self.after.ledger.find(&digests.key, now)?;
        if entry.request != digests.request {
            return Some(Verdict::Refused(DeskError::KeyReused));
        }
        Some(Verdict::Replay {
            first: entry.first,
            last: entry.last,
        })
    }

    fn accept(
        &mut self,
        stream: &StreamId,
        request: &Request<A::Command>,
        events: Vec<DomainEvent>,
        now: Timestamp,
    ) -> Verdict<A::Rejection> {
        let count = events.len();
        for event in events {
            let recorded = Recorded {
                envelope: Arc::new(self.unsealed(stream, request, &event, now)),
                event,
            };
            self.after.take_in(&recorded);
            self.recorded.push(recorded);
        }
        Verdict::New {
            events: count,
            version: self.after.version,
        }
    }

    /// The next envelope without its commit's bounds and hash: they are known only when the whole batch is decided.
    fn unsealed(
        &self,
        stream: &StreamId,
        request: &Request<A::Command>,
        event: &DomainEvent,
        now: Timestamp,
    ) -> Envelope {
        let sealed = Unsealed {
            id: Uuid::now_v7(),
            name: event.name(),
            stream: stream.clone(),
            version: self.after.version + 1,
            commit: CommitBounds { first: 0, last: 0 },
            schema_version: event.schema_version(),
            time: now,
            actor: request.actor.clone(),
            idempotency: request.idempotency.clone(),
            payload: event.payload(),
        };
        Envelope::claimed(sealed, Hash::GENESIS, request.trace.clone())
    }

    fn seal(&mut self, before: &Live<A>) {
        let bounds = CommitBounds {
            first: before.version + 1,
            last: self.after.version,
        };
        let mut hash = before.hash;
        for recorded in &mut self.recorded {
            // Nobody else has it yet, so this copies nothing.
            let envelope = Arc::make_mut(&mut recorded.envelope);
            envelope.commit = bounds;
            envelope.seal_behind(&hash);
            hash = envelope.hash;
        }
        self.after.hash = hash;
    }
}
