use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::hash_chain::Hash;
use crate::{Actor, DecodeError, DomainEvent, EventName, Payload, StreamId};

/// A domain event with its metadata, as the journal stores it and the broker carries it.
///
/// The payload stays as it was written: upcasting happens when it is read as a [`DomainEvent`],
/// never in storage or on the way, so that the hash holds everywhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Flat")]
pub struct Envelope {
    #[serde(flatten)]
    sealed: Unsealed,
    /// Covers the hash of the version before and everything in [`Unsealed`].
    pub hash: Hash,
    /// W3C trace context of the request that caused it. Not covered by the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    #[serde(skip)]
    computed: Computed,
}

/// Behind which hash this process itself computed which one, of what the envelope still says: so it need not be done
/// again. It makes no difference to what an envelope is.
#[derive(Debug, Clone, Default)]
struct Computed(Option<(Hash, Hash)>);

/// What an envelope's hash covers, before it is sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unsealed {
    pub id: Uuid,
    pub name: EventName,
    pub stream: StreamId,
    /// Gapless number in its stream, from 1.
    pub version: u64,
    pub commit: CommitBounds,
    /// Version of the payload's format, from 1; counted for each name by itself.
    pub schema_version: u32,
    pub time: Timestamp,
    pub actor: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<IdempotencyDigests>,
    pub payload: Payload,
}

/// An envelope as JSON has it. Reading a flattened struct would buffer every field first.
#[derive(Deserialize)]
struct Flat {
    id: Uuid,
    name: EventName,
    stream: StreamId,
    version: u64,
    commit: CommitBounds,
    schema_version: u32,
    time: Timestamp,
    actor: Actor,
    #[serde(default)]
    idempotency: Option<IdempotencyDigests>,
    payload: Payload,
    hash: Hash,
    #[serde(default)]
    trace: Option<TraceContext>,
}

/// First and last version of the commit that an envelope was written in, so that a log can be cut into commits again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitBounds {
    pub first: u64,
    pub last: u64,
}

/// SHA-256 digests, in hex, of an idempotency key with its scope and of the request it came with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyDigests {
    pub key: String,
    pub request: String,
}

/// W3C Trace Context, <https://www.w3.org/TR/trace-context/>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    pub traceparent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
}

impl PartialEq for Computed {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl From<Flat> for Envelope {
    fn from(flat: Flat) -> Self {
        let sealed = Unsealed {
            id: flat.id,
            name: flat.name,
            stream: flat.stream,
            version: flat.version,
            commit: flat.commit,
            schema_version: flat.schema_version,
            time: flat.time,
            actor: flat.actor,
            idempotency: flat.idempotency,
            payload: flat.payload,
        };
        Self::claimed(sealed, flat.hash, flat.trace)
    }
}

impl Unsealed {
    /// Chains the envelope to its predecessor; `previous` is [`Hash::GENESIS`] for version 1.
    pub fn seal(self, previous: &Hash, trace: Option<TraceContext>) -> Envelope {
        let mut envelope = Envelope::claimed(self, Hash::GENESIS, trace);
        envelope.seal_behind(previous);
        envelope
    }
}

impl Envelope {
    /// With the hash that somebody says it has.
    pub fn claimed(sealed: Unsealed, hash: Hash, trace: Option<TraceContext>) -> Self {
        Self {
            sealed,
            hash,
            trace,
            computed: Computed::default(),
        }
    }

    /// Chains it, as it stands now, to its predecessor.
    pub fn seal_behind(&mut self, previous: &Hash) {
        self.hash = Hash::chain(previous, &self.sealed);
        self.computed = Computed(Some((*previous, self.hash)));
    }

    /// Whether its hash is the one that it has in a chain behind `previous`.
    pub fn follows(&self, previous: &Hash) -> bool {
        self.computed.0 == Some((*previous, self.hash)) || Hash::chain(previous, &self.sealed) == self.hash
    }

    /// Reads the payload in its newest form.
    ///
    /// # Errors
    /// [`DecodeError::UnknownName`] for a name that this build does not know, [`DecodeError::NewerSchema`] for a
    /// format that is newer than this build, [`DecodeError::Malformed`] for a payload that breaks its format.
    pub fn event(&self) -> Result<DomainEvent, DecodeError> {
        DomainEvent::decode(&self.name, self.schema_version, &self.payload)
    }
}

impl std::ops::Deref for Envelope {
    type Target = Unsealed;

    fn deref(&self) -> &Unsealed {
        &self.sealed
    }
}

impl std::ops::DerefMut for Envelope {
    /// What is changed has another hash.
    fn deref_mut(&mut self) -> &mut Unsealed {
        self.computed = Computed::default();
        &mut self.sealed
    }
}
