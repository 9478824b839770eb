//! Envelope ↔ wire: the body is the payload's JSON, the metadata travels as CloudEvents 1.0 attributes in headers,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>. Adapters add their broker's prefix.

use std::borrow::Cow;
use std::collections::BTreeMap;

use contracts::{Envelope, EventName, StreamId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::EventNames;
use crate::attributes::{self, Attributes, DAMAGED};
use crate::spelled::Spelled;

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
        Self::spelled(envelope, EventNames::Dotted)
    }

    /// As it goes out where the setting asks for `names`.
    pub fn spelled(envelope: &Envelope, names: EventNames) -> Self {
        let spelled = Spelled::of(envelope, names);
        let mut attributes = BTreeMap::new();
        spelled.each_attribute(|name, value| {
            attributes.insert(name.to_owned(), value.to_owned());
        });
        Self {
            key: spelled.key().to_owned(),
            attributes,
            body: spelled.body.into_owned(),
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
