//! Sorts a batch of deliveries by what the group has already applied. Pure: it reads and writes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use contracts::{DecodeError, Envelope, Hash, StreamId, verify_chain};
use msgqueue::Delivery;

use super::Refusal;
use super::parking::UnreadableMessage;
use super::progress::{Kept, Position};
use crate::faults;
use crate::recorded::Recorded;

/// What becomes of one delivery.
pub(crate) enum Verdict {
    /// The next version of its stream: apply it.
    Apply(Box<Recorded>),
    /// The next version, by a name that this build does not know: nothing to do but to go on.
    Pass,
    /// Applied before.
    Repeat,
    /// Applied before, but then it had another id: somebody wrote history anew.
    Impostor,
    /// A version before it is missing.
    Gap,
    /// The next version, but the handler can do nothing with it.
    Refused(String),
    /// The next version, of which the handler still owes something.
    Owed(String),
    Unreadable(UnreadableMessage),
}

/// A message read as far as possible.
pub(crate) enum Incoming {
    Envelope(Arc<Envelope>),
    Broken(UnreadableMessage),
}

/// What the handler has refused so far of a batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Refused(HashMap<(StreamId, u64), (String, bool)>);

/// The progress of the streams at hand, as it develops while a batch is sorted.
pub(crate) struct Plan {
    refused: Refused,
    kept: HashMap<StreamId, Kept>,
    advanced: HashMap<StreamId, Position>,
}

impl Incoming {
    pub(crate) fn read(delivery: &Delivery) -> Self {
        match delivery.envelope() {
            Ok(envelope) => Self::Envelope(envelope),
            Err(error) => Self::Broken(error.into()),
        }
    }
}

impl Refused {
    /// False where none of it is new: then leaving it out does not help.
    pub(crate) fn note(&mut self, refusals: Vec<Refusal>) -> bool {
        let before = self.0.len();
        let entries = refusals.into_iter();
        self.0.extend(entries.map(|refusal| {
            let Refusal {
                stream,
                version,
                detail,
                holds_up,
            } = refusal;
            ((stream, version), (detail, holds_up))
        }));
        self.0.len() > before
    }
}

impl Plan {
    pub(crate) fn new(kept: HashMap<StreamId, Kept>, refused: Refused) -> Self {
        Self {
            refused,
            kept,
            advanced: HashMap::new(),
        }
    }

    pub(crate) fn sort(&mut self, envelope: Arc<Envelope>) -> Verdict {
        let at = self.position(&envelope.stream);
        let version = at.map_or(0, |position| position.version);
        if envelope.version > version + 1 {
            return Verdict::Gap;
        }
        if faults::unguarded("repeat_check") {
            return self.take_next(envelope);
        }
        if envelope.version <= version {
            let other = at.is_some_and(|at| at.version == envelope.version && at.envelope_id != envelope.id);
            return if other { Verdict::Impostor } else { Verdict::Repeat };
        }
        self.take_next(envelope)
    }

    fn take_next(&mut self, envelope: Arc<Envelope>) -> Verdict {
        let stream = envelope.stream.clone();
        let position = Position {
            version: envelope.version,
            envelope_id: envelope.id,
            hash: Some(envelope.hash),
        };
        if let Some((detail, holds_up)) = self.refused.0.get(&(stream.clone(), position.version)) {
            let detail = detail.clone();
            if *holds_up {
                return Verdict::Refused(detail);
            }
            self.advanced.insert(stream, position);
            return Verdict::Owed(detail);
        }
        let verdict = match Recorded::read(envelope) {
            Ok(recorded) => Verdict::Apply(Box::new(recorded)),
            Err(DecodeError::UnknownName(_)) => Verdict::Pass,
            Err(error) => return Verdict::Unreadable(error.into()),
        };
        self.advanced.insert(stream, position);
        verdict
    }

    fn position(&self, stream: &StreamId) -> Option<&Position> {
        self.advanced
            .get(stream)
            .or_else(|| self.kept.get(stream)?.position.as_ref())
    }

    pub(crate) fn is_refused(&self, stream: &StreamId, version: u64) -> bool {
        self.refused.0.contains_key(&(stream.clone(), version))
    }

    /// Whether the envelope is the next version, hash for hash. True where no hash is known to compare with.
    pub(crate) fn is_followed_by(&self, envelope: &Envelope) -> bool {
        let at = match self.position(&envelope.stream) {
            None => Some((0, Hash::GENESIS)),
            Some(position) => position.hash.map(|hash| (position.version, hash)),
        };
        at.is_none_or(|at| verify_chain(at, std::slice::from_ref(envelope)).is_ok())
    }

    pub(crate) fn version(&self, stream: &StreamId) -> u64 {
        self.position(stream).map_or(0, |position| position.version)
    }

    /// The streams that go on, with the revision of their progress record and their new position.
    pub(crate) fn advances(&self) -> impl Iterator<Item = (&StreamId, u64, &Position)> {
        self.advanced.iter().map(|(stream, position)| {
            let revision = self.kept.get(stream).map_or(0, |kept| kept.revision);
            (stream, revision, position)
        })
    }
}
