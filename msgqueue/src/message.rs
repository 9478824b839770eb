//! Envelope ↔ wire: the body is the payload's JSON, the metadata travels as CloudEvents 1.0 attributes in headers,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>. Adapters add their broker's prefix.

use std::borrow::Cow;
use std::collections::BTreeMap;

use contracts::{Envelope, EventName, StreamId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::attributes::{self, Attributes, DAMAGED};

/// A broker's message before its adapter dresses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Partition key: the id of the entity that the stream is about.
    pub key: String,
    /// CloudEvents attributes and extensions by their plain names (`id`, `type`, `streamversion`, …).
    pub attributes: BTreeMap<String, String>,
    /// The payload's JSON.
    pub body: Vec<u8>,
}

/// Why a message is no envelope.
#[derive(Debug, Error)]
pub enum MessageError {
    #[error("attribute `{0}` is missing")]
    Missing(&'static str),
    #[error("attribute `{0}` breaks its format")]
    Malformed(&'static str),
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("the body is not JSON")]
    Body(#[source] serde_json::Error),
}

impl Message {
    pub fn from_envelope(envelope: &Envelope) -> Self {
        let mut attributes = BTreeMap::new();
        let mut set = |name: &str, value: String| attributes.insert(name.to_owned(), value);
        set("specversion", "1.0".to_owned());
        set("id", envelope.id.to_string());
        set("source", format!("/{}", envelope.stream));
        set("type", envelope.name.to_string());
        set("time", envelope.time.to_string());
        set("datacontenttype", "application/json".to_owned());
        set("stream", envelope.stream.to_string());
        set("streamversion", envelope.version.to_string());
        set("commitfirst", envelope.commit.first.to_string());
        set("commitlast", envelope.commit.last.to_string());
        set("schemaversion", envelope.schema_version.to_string());
        set("actor", envelope.actor.to_string());
        set("hash", envelope.hash.to_string());
        if let Some(digests) = &envelope.idempotency {
            set("idempotencykey", digests.key.clone());
            set("idempotencyrequest", digests.request.clone());
        }
        if let Some(trace) = &envelope.trace {
            set("traceparent", trace.traceparent.clone());
            trace.tracestate.clone().map(|state| set("tracestate", state));
        }
        Self {
            key: envelope.stream.entity_id().to_owned(),
            attributes,
            body: envelope.payload.as_str().into(),
        }
    }

    /// What a broker has stored as an envelope's JSON and cannot read any more. The stream and the version are told where
    /// they still stand there in the open.
    pub fn of_damaged(key: String, json: &[u8], why: &str) -> Self {
        let text = String::from_utf8_lossy(json);
        let stream = text_behind(&text, "\"stream\":\"", |c| c == '"');
        let version = text_behind(&text, "\"version\":", |c| !c.is_ascii_digit());
        let mut attributes = BTreeMap::from([(DAMAGED.to_owned(), why.to_owned())]);
        attributes.extend(stream.map(|stream| ("stream".to_owned(), stream.to_owned())));
        attributes.extend(version.map(|version| ("streamversion".to_owned(), version.to_owned())));
        Self {
            key,
            attributes,
            body: json.to_vec(),
        }
    }

    /// Whether it is, or once was, an envelope, and not something that another program sent.
    pub fn is_meant_as_envelope(&self) -> bool {
        ["stream", "streamversion", DAMAGED]
            .iter()
            .any(|name| self.attributes.contains_key(*name))
    }

    /// What another program calls it, if it is one of theirs and told by its name.
    pub fn foreign_name(&self) -> Option<EventName> {
        if self.is_meant_as_envelope() {
            return None;
        }
        self.attributes.get("type").map(|name| EventName::parse(name))
    }

    /// # Errors
    /// [`MessageError`] names the first attribute that is missing or malformed.
    pub fn to_envelope(&self) -> Result<Envelope, MessageError> {
        attributes::envelope(self, &self.body)
    }

    /// The stream, where at least that can be read: an undecodable message then holds up only its own stream.
    pub fn stream(&self) -> Result<StreamId, MessageError> {
        attributes::stream(self)
    }

    /// `stream inventory/a, version 7`, as far as it can be told; empty where not even the stream can.
    pub fn place(&self) -> String {
        match (self.stream(), self.version()) {
            (Ok(stream), Ok(version)) => format!("stream {stream}, version {version}"),
            (Ok(stream), Err(_)) => format!("stream {stream}"),
            _ => String::new(),
        }
    }

    /// The version in its stream, where at least that can be read.
    pub fn version(&self) -> Result<u64, MessageError> {
        attributes::version(self)
    }
}

impl Attributes for Message {
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        self.attributes.get(name).map(|value| value.as_str().into())
    }
}

fn text_behind<'a>(text: &'a str, key: &str, ends: fn(char) -> bool) -> Option<&'a str> {
    let rest = text.split_once(key)?.1;
    rest.split(ends).next()
}
