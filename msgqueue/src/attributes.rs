//! What attributes say, wherever they stand: in a [`Message`](crate::Message), or in what a broker has brought and nobody
//! has taken apart yet. Both are read by the same rules.

use std::borrow::Cow;
use std::str::FromStr;

use contracts::{Actor, CommitBounds, Envelope, EventName, Hash, IdempotencyDigests, StreamId, TraceContext, Unsealed};

use crate::MessageError;
use crate::event_names::without_aliases;

/// The attribute that tells why what was stored as an envelope is none any more.
pub(crate) const DAMAGED: &str = "damaged";

/// Something that has attributes.
pub(crate) trait Attributes {
    /// By the attribute's plain name.
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>>;
}

/// # Errors
/// [`MessageError`] names the first attribute that is missing or malformed.
pub(crate) fn envelope(all: &dyn Attributes, body: &[u8]) -> Result<Envelope, MessageError> {
    if let Some(why) = all.attribute(DAMAGED) {
        return Err(MessageError::Damaged(why.into_owned()));
    }
    let sealed = Unsealed {
        id: parsed(all, "id")?,
        name: EventName::parse(&required(all, "type")?),
        stream: stream(all)?,
        version: version(all)?,
        commit: CommitBounds {
            first: parsed(all, "commitfirst")?,
            last: parsed(all, "commitlast")?,
        },
        schema_version: parsed(all, "schemaversion")?,
        time: parsed(all, "time")?,
        actor: Actor::new(required(all, "actor")?),
        idempotency: idempotency(all),
        payload: serde_json::from_slice(&without_aliases(all, body)).map_err(MessageError::Body)?,
    };
    let hash = Hash::parse(&required(all, "hash")?).ok_or(MessageError::Malformed("hash"))?;
    Ok(Envelope::claimed(sealed, hash, trace(all)))
}

pub(crate) fn stream(all: &dyn Attributes) -> Result<StreamId, MessageError> {
    StreamId::parse(&required(all, "stream")?).map_err(|_| MessageError::Malformed("stream"))
}

pub(crate) fn version(all: &dyn Attributes) -> Result<u64, MessageError> {
    match parsed(all, "streamversion")? {
        0 => Err(MessageError::Malformed("streamversion")),
        version => Ok(version),
    }
}

fn idempotency(all: &dyn Attributes) -> Option<IdempotencyDigests> {
    Some(IdempotencyDigests {
        key: all.attribute("idempotencykey")?.into_owned(),
        request: all.attribute("idempotencyrequest")?.into_owned(),
    })
}

fn trace(all: &dyn Attributes) -> Option<TraceContext> {
    Some(TraceContext {
        traceparent: all.attribute("traceparent")?.into_owned(),
        tracestate: all.attribute("tracestate").map(Cow::into_owned),
    })
}

fn required<'a>(all: &'a dyn Attributes, name: &'static str) -> Result<Cow<'a, str>, MessageError> {
    all.attribute(name).ok_or(MessageError::Missing(name))
}

fn parsed<T: FromStr>(all: &dyn Attributes, name: &'static str) -> Result<T, MessageError> {
    required(all, name)?.parse().map_err(|_| MessageError::Malformed(name))
}
