//! Forms commits again from the envelopes of a log: in the order of each stream, with repeats, streams mixed.
//!
//! It keeps a small note for each stream, eight bytes of each envelope, and the envelopes of commits that are not whole
//! yet.

use std::collections::HashMap;
use std::fmt;

use contracts::{CommitBounds, Envelope, Hash, StreamId, verify_chain};

use crate::audit::Fault;

#[derive(Default)]
pub(crate) struct Assembly {
    streams: HashMap<StreamId, Head>,
}

struct Head {
    version: u64,
    hash: Hash,
    /// The commit that the last version is of.
    commit: CommitBounds,
    /// What stands before that commit.
    before: Hash,
    /// Of the hash of each version, to compare repeats with.
    known: Vec<[u8; 8]>,
    /// The commit's envelopes, until it is whole.
    open: Vec<Envelope>,
}

/// What came of an envelope.
pub(crate) enum Taken {
    Repeat,
    /// The next version of its stream, of a commit that is not whole yet.
    Next,
    /// The next version, and with it a whole commit: its envelopes, and the hash that they follow.
    Whole(Vec<Envelope>, Hash),
}

/// A commit whose end did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    pub stream: StreamId,
    pub commit: CommitBounds,
    /// The last of its versions that came.
    pub until: u64,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, commit, until } = self;
        let CommitBounds { first, last } = commit;
        write!(
            f,
            "stream {stream}: the commit of versions {first} to {last} ends at {until}"
        )
    }
}

impl Assembly {
    /// # Errors
    /// A [`Fault`] where the envelope neither follows the one before it nor repeats one.
    pub(crate) fn take(&mut self, envelope: Envelope) -> Result<Taken, Fault> {
        let CommitBounds { first, last } = envelope.commit;
        if envelope.version == 0 || !(first..=last).contains(&envelope.version) {
            return Err(fault(&envelope, "it is not of the commit that it names"));
        }
        let head = self.streams.entry(envelope.stream.clone()).or_insert_with(Head::new);
        if envelope.version <= head.version {
            return head.repeat(&envelope);
        }
        head.check(&envelope)?;
        Ok(head.push(envelope))
    }

    pub(crate) fn streams(&self) -> u64 {
        self.streams.len() as u64
    }

    /// Commits that are not whole, by stream.
    pub(crate) fn incomplete(&self) -> Vec<Incomplete> {
        let open = self.streams.iter().filter(|(_, head)| !head.open.is_empty());
        let mut all: Vec<Incomplete> = open
            .map(|(stream, head)| Incomplete {
                stream: stream.clone(),
                commit: head.commit,
                until: head.version,
            })
            .collect();
        all.sort_by(|a, b| a.stream.cmp(&b.stream));
        all
    }
}

impl Head {
    fn new() -> Self {
        Self {
            version: 0,
            hash: Hash::GENESIS,
            commit: CommitBounds { first: 0, last: 0 },
            before: Hash::GENESIS,
            known: Vec::new(),
            open: Vec::new(),
        }
    }

    fn repeat(&self, envelope: &Envelope) -> Result<Taken, Fault> {
        let before = usize::try_from(envelope.version - 1)
            .ok()
            .and_then(|at| self.known.get(at));
        if before != Some(&envelope.hash.prefix()) {
            return Err(fault(envelope, "another envelope of this version came before"));
        }
        Ok(Taken::Repeat)
    }

    fn check(&self, envelope: &Envelope) -> Result<(), Fault> {
        let one = std::slice::from_ref(envelope);
        verify_chain((self.version, self.hash), one).map_err(|broken| fault(envelope, broken.fault))?;
        let CommitBounds { first, last } = envelope.commit;
        let fits = if self.open.is_empty() {
            first == envelope.version && last >= first
        } else {
            envelope.commit == self.commit
        };
        if !fits {
            return Err(fault(envelope, "its commit does not follow the one before it"));
        }
        Ok(())
    }

    fn push(&mut self, envelope: Envelope) -> Taken {
        if self.open.is_empty() {
            self.before = self.hash;
        }
        (self.version, self.hash, self.commit) = (envelope.version, envelope.hash, envelope.commit);
        self.known.push(envelope.hash.prefix());
        self.open.push(envelope);
        if self.version < self.commit.last {
            return Taken::Next;
        }
        Taken::Whole(std::mem::take(&mut self.open), self.before)
    }
}

fn fault(envelope: &Envelope, rule: &str) -> Fault {
    Fault::new(&envelope.stream, envelope.version, rule)
}

#[cfg(test)]
mod tests {
    use contracts::{Actor, EventName, Unsealed};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    /// A stream of commits of these sizes.
    fn stream(name: &str, sizes: &[u64]) -> Vec<Envelope> {
        let (mut all, mut hash, mut version) = (Vec::new(), Hash::GENESIS, 0);
        for size in sizes {
            let commit = CommitBounds {
                first: version + 1,
                last: version + size,
            };
            for _ in 0..*size {
                version += 1;
                let envelope = unsealed(name, version, commit).seal(&hash, None);
                hash = envelope.hash;
                all.push(envelope);
            }
        }
        all
    }

    fn unsealed(stream: &str, version: u64, commit: CommitBounds) -> Unsealed {
        Unsealed {
            id: Uuid::now_v7(),
            name: EventName::parse("event.booked"),
            stream: StreamId::parse(stream).unwrap(),
            version,
            commit,
            schema_version: 1,
            time: jiff::Timestamp::UNIX_EPOCH,
            actor: Actor::system(),
            idempotency: None,
            payload: json!({}).into(),
        }
    }

    fn sizes_of(assembly: &mut Assembly, envelopes: &[Envelope]) -> Result<Vec<usize>, Fault> {
        let mut sizes = Vec::new();
        for envelope in envelopes {
            if let Taken::Whole(commit, _) = assembly.take(envelope.clone())? {
                sizes.push(commit.len());
            }
        }
        Ok(sizes)
    }

    #[test]
    fn commits_are_formed_again_from_mixed_and_repeated_envelopes() {
        let (a, b) = (stream("event/a", &[2, 1, 3]), stream("event/b", &[1, 2, 3]));
        let mixed: Vec<Envelope> = a.into_iter().zip(b).flat_map(|(a, b)| [a, b]).collect();
        let repeated: Vec<Envelope> = [&mixed[..7], &mixed[2..]].concat();
        let mut assembly = Assembly::default();
        assert_eq!(sizes_of(&mut assembly, &repeated).unwrap(), [1, 2, 1, 2, 3, 3]);
        assert!(assembly.incomplete().is_empty());
        assert_eq!(assembly.streams(), 2);
    }

    #[test]
    fn a_commit_without_its_end_is_incomplete() {
        let envelopes = stream("event/a", &[1, 3]);
        let mut assembly = Assembly::default();
        assert_eq!(sizes_of(&mut assembly, &envelopes[..3]).unwrap(), [1]);
        let left = Incomplete {
            stream: StreamId::parse("event/a").unwrap(),
            commit: CommitBounds { first: 2, last: 4 },
            until: 3,
        };
        assert_eq!(assembly.incomplete(), [left]);
    }

    #[test]
    fn gaps_changes_and_wrong_bounds_are_named() {
        let whole = stream("event/a", &[1, 1, 2]);
        let refused = |envelopes: &[Envelope]| {
            let fault = sizes_of(&mut Assembly::default(), envelopes).unwrap_err();
            (fault.version, fault.rule)
        };
        let gap = [&whole[..1], &whole[2..]].concat();
        assert_eq!(refused(&gap).0, 3);
        let mut changed = whole.clone();
        changed[1].actor = Actor::new("somebody else");
        assert_eq!(refused(&changed).0, 2);
        let mut other = whole.clone();
        other.push(stream("event/a", &[4]).remove(3));
        let (version, rule) = refused(&other);
        assert!(version == 4 && rule.contains("another envelope"), "{rule}");
        let mut moved = whole.clone();
        moved[3].version = 1;
        let (version, rule) = refused(&moved);
        assert!(version == 1 && rule.contains("not of the commit"), "{rule}");
        let mut moved = stream("event/a", &[4]);
        moved[3].version = 2;
        let (version, rule) = refused(&moved);
        assert!(version == 2 && rule.contains("another envelope"), "{rule}");
        let mut unborn = whole.clone();
        (unborn[3].version, unborn[3].commit.first) = (0, 0);
        assert_eq!(refused(&unborn).0, 0);
        let bounds = CommitBounds { first: 1, last: 3 };
        let strange = unsealed("event/a", 2, bounds).seal(&whole[0].hash, None);
        let (version, rule) = refused(&[whole[0].clone(), strange]);
        assert!(version == 2 && rule.contains("commit"), "{rule}");
    }
}
