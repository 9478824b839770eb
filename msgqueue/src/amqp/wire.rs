//! A message as it is at RabbitMQ: metadata in headers by the CloudEvents binding for AMQP,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md>, and `x-event-name`.

use std::collections::BTreeMap;

use contracts::Envelope;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};

use super::topology::{persistent, text};
use crate::{EventNames, Message};

/// An attribute's header is this and its name. The binding's other prefix is read as well.
const PREFIX: &str = "cloudEvents_";
const OTHER_PREFIX: &str = "cloudEvents:";
const NAME: &str = "x-event-name";
const OFFSET: &str = "x-stream-offset";
/// What is no event but a note of ours to ourselves.
const NOTE: &str = "x-myevents-note";

pub(super) struct Outgoing {
    pub(super) routing_key: String,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

impl Outgoing {
    pub(super) fn of(envelope: &Envelope, names: EventNames) -> Self {
        let mut message = Message::from_envelope(envelope);
        names.spell(&mut message);
        let Message { attributes, body, .. } = message;
        let name = attributes.get("type").cloned().unwrap_or_default();
        let mut headers = FieldTable::default();
        for (attribute, value) in attributes {
            headers.insert(format!("{PREFIX}{attribute}").into(), text(&value));
        }
        headers.insert(NAME.into(), text(&name));
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_headers(headers);
        Self {
            routing_key: name,
            properties: persistent(properties),
            body,
        }
    }
}

/// Never fails: what cannot be understood is a message without attributes.
pub(super) fn message_of(delivery: &Delivery) -> Message {
    let mut attributes = BTreeMap::new();
    let mut name = None;
    for (header, value) in headers(delivery) {
        let Some(value) = as_text(value) else { continue };
        let header = header.as_str();
        if header == NAME {
            name = Some(value);
        } else if let Some(attribute) = header
            .strip_prefix(PREFIX)
            .or_else(|| header.strip_prefix(OTHER_PREFIX))
        {
            attributes.insert(attribute.to_owned(), value);
        }
    }
    if let (Some(name), false) = (name, attributes.contains_key("type")) {
        attributes.insert("type".to_owned(), name);
    }
    let mut message = Message {
        key: String::new(),
        attributes,
        body: delivery.data.clone(),
    };
    if let Ok(stream) = message.stream() {
        message.key = stream.entity_id().to_owned();
    }
    message
}

/// Its place in the log, where it was read from there.
pub(super) fn offset_of(delivery: &Delivery) -> Option<u64> {
    let offset = header(delivery, OFFSET)?;
    offset.as_long_long_int().and_then(|offset| u64::try_from(offset).ok())
}

pub(super) fn note_headers(note: &str) -> FieldTable {
    super::topology::table([(NOTE, text(note))])
}

/// What it says, if it is a note of ours.
pub(super) fn note_of(delivery: &Delivery) -> Option<String> {
    as_text(header(delivery, NOTE)?)
}

fn headers(delivery: &Delivery) -> impl Iterator<Item = (&lapin::types::ShortString, &AMQPValue)> {
    let headers = delivery.properties.headers().as_ref();
    headers.into_iter().flat_map(|headers| headers.inner().iter())
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}

/// Of what is text, or has a usual one.
fn as_text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes()).into_owned()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        AMQPValue::LongLongInt(number) => Some(number.to_string()),
        AMQPValue::LongInt(number) => Some(number.to_string()),
        AMQPValue::ShortInt(number) => Some(number.to_string()),
        AMQPValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}
