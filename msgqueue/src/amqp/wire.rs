//! A message as it is at RabbitMQ: metadata in headers by the CloudEvents binding for AMQP,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md>, and `x-event-name`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use contracts::{Envelope, StreamId};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};

use super::topology::{persistent, text};
use crate::attributes::{self, Attributes};
use crate::spelled::Spelled;
use crate::{EventNames, Message, MessageError, Raw};

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
        let spelled = Spelled::of(envelope, names);
        let mut headers = FieldTable::default();
        spelled.each_attribute(|attribute, value| {
            headers.insert([PREFIX, attribute].concat().into(), text(value));
        });
        headers.insert(NAME.into(), text(&spelled.name));
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_headers(headers);
        Self {
            routing_key: spelled.name.into_owned(),
            properties: persistent(properties),
            body: spelled.body.into_owned(),
        }
    }
}

/// What came, as the driver has read it.
#[derive(Debug)]
pub(super) struct Incoming {
    properties: BasicProperties,
    body: Vec<u8>,
}

impl Incoming {
    pub(super) fn of(delivery: Delivery) -> Self {
        Self {
            properties: delivery.properties,
            body: delivery.data,
        }
    }

    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        as_text(header(&self.properties, name)?)
    }

    /// By plain names; a header that is no text is none.
    fn attributes(&self) -> BTreeMap<String, String> {
        let headers = self.properties.headers().as_ref();
        let headers = headers.into_iter().flat_map(|headers| headers.inner().iter());
        let named = headers.filter_map(|(header, value)| {
            let header = header.as_str();
            let name = header
                .strip_prefix(PREFIX)
                .or_else(|| header.strip_prefix(OTHER_PREFIX))?;
            Some((name.to_owned(), as_text(value)?.into_owned()))
        });
        named.collect()
    }
}

impl Attributes for Incoming {
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let own = self.text(&[PREFIX, name].concat());
        let own = own.or_else(|| self.text(&[OTHER_PREFIX, name].concat()));
        match name {
            "type" => own.or_else(|| self.text(NAME)),
            _ => own,
        }
    }
}

impl Raw for Incoming {
    fn stream(&self) -> Option<StreamId> {
        attributes::stream(self).ok()
    }

    /// What cannot be understood is a message without attributes.
    fn message(&self) -> Message {
        let mut attributes = self.attributes();
        if let Some(name) = self.attribute("type") {
            attributes.insert("type".to_owned(), name.into_owned());
        }
        let stream = self.stream();
        Message {
            key: stream.map_or(String::new(), |stream| stream.entity_id().to_owned()),
            attributes,
            body: self.body.clone(),
        }
    }

    fn envelope(&self) -> Result<Envelope, MessageError> {
        attributes::envelope(self, &self.body)
    }
}

/// Its place in the log, where it was read from there.
pub(super) fn offset_of(delivery: &Delivery) -> Option<u64> {
    let offset = header(&delivery.properties, OFFSET)?;
    offset.as_long_long_int().and_then(|offset| u64::try_from(offset).ok())
}

pub(super) fn note_headers(note: &str) -> FieldTable {
    super::topology::table([(NOTE, text(note))])
}

/// What it says, if it is a note of ours.
pub(super) fn note_of(delivery: &Delivery) -> Option<String> {
    as_text(header(&delivery.properties, NOTE)?).map(Cow::into_owned)
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

/// Of what is text, or has a usual one.
fn as_text(value: &AMQPValue) -> Option<Cow<'_, str>> {
    match value {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes())),
        AMQPValue::ShortString(text) => Some(text.as_str().into()),
        AMQPValue::LongLongInt(number) => Some(number.to_string().into()),
        AMQPValue::LongInt(number) => Some(number.to_string().into()),
        AMQPValue::ShortInt(number) => Some(number.to_string().into()),
        AMQPValue::Boolean(value) => Some(value.to_string().into()),
        _ => None,
    }
}
