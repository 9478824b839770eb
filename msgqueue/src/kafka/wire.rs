//! Message ↔ Kafka record, after CloudEvents' binding for Kafka in binary mode with the attributes as `ce_…` headers,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>.
//!
//! The value is not the bare payload but `{"eventName": NAME, "payload": PAYLOAD}`, so that programs that know nothing
//! of the headers can read it, and theirs can be read here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use contracts::{Envelope, StreamId};
use rdkafka::Message as _;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, OwnedHeaders};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::attributes::{self, Attributes};
use crate::spelled::Spelled;
use crate::{Message, MessageError, Raw};

const PREFIX: &str = "ce_";
const CONTENT_TYPE: &str = "content-type";
/// Room for the names and values that an envelope of ours usually has.
const USUAL_ATTRIBUTES: usize = 768;
const USUAL_HEADERS: usize = 17;

/// The payload stays the text that it is: the hash is of that.
#[derive(Deserialize)]
struct Value<'a> {
    #[serde(borrow, rename = "eventName")]
    event_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

pub(super) fn value(spelled: &Spelled<'_>) -> Vec<u8> {
    let name = serde_json::Value::from(&*spelled.name).to_string();
    [
        b"{\"eventName\":",
        name.as_bytes(),
        b",\"payload\":",
        &spelled.body,
        b"}",
    ]
    .concat()
}

pub(super) fn headers(spelled: &Spelled<'_>) -> OwnedHeaders {
    let mut headers = Some(OwnedHeaders::new_with_capacity(USUAL_HEADERS));
    let mut key = PREFIX.to_owned();
    spelled.each_attribute(|name, value| {
        key.truncate(PREFIX.len());
        key.push_str(name);
        headers = headers.take().map(|headers| headers.insert(header(&key, value)));
    });
    headers
        .unwrap_or_default()
        .insert(header(CONTENT_TYPE, "application/json"))
}

fn header<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header {
        key,
        value: Some(value),
    }
}

/// `stream inventory/a, version 7` of a record of ours.
pub(super) fn place(record: &BorrowedMessage<'_>) -> String {
    Record::of(record).message().place()
}

/// A record as it came, copied in one piece. The driver's own could not leave its thread.
#[derive(Debug)]
pub(super) struct Record {
    /// The key, the value, then each attribute's name and value, these with their lengths before them.
    bytes: Vec<u8>,
    key_end: usize,
    value_end: usize,
}

/// Of a length.
const LENGTH: usize = size_of::<u32>();

impl Record {
    pub(super) fn of(record: &BorrowedMessage<'_>) -> Self {
        let mut copy = Self::bare(record.key().unwrap_or_default(), record.payload().unwrap_or_default());
        // The driver panics at a name that is not UTF-8, and anybody can send one.
        let read = catch_unwind(AssertUnwindSafe(|| copy.add_attributes(record)));
        if read.is_err() {
            copy.drop_attributes();
        }
        copy
    }

    /// Without attributes.
    pub(super) fn bare(key: &[u8], value: &[u8]) -> Self {
        let value_end = key.len() + value.len();
        let mut bytes = Vec::with_capacity(value_end + USUAL_ATTRIBUTES);
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value);
        Self {
            bytes,
            key_end: key.len(),
            value_end,
        }
    }

    fn add_attributes(&mut self, record: &BorrowedMessage<'_>) {
        let Some(headers) = record.headers() else { return };
        for header in headers.iter() {
            if let (Some(name), Some(value)) = (header.key.strip_prefix(PREFIX), header.value) {
                self.add(name, value);
            }
        }
    }

    /// Kafka's messages are no longer than their lengths can say.
    fn add(&mut self, name: &str, value: &[u8]) {
        for piece in [name.as_bytes(), value] {
            let length = u32::try_from(piece.len()).unwrap_or(u32::MAX);
            self.bytes.extend_from_slice(&length.to_le_bytes());
            self.bytes.extend_from_slice(piece);
        }
    }

    fn drop_attributes(&mut self) {
        self.bytes.truncate(self.value_end);
    }

    /// What it takes in memory.
    pub(super) fn size(&self) -> usize {
        self.bytes.capacity() + size_of::<Self>()
    }

    fn key(&self) -> &[u8] {
        &self.bytes[..self.key_end]
    }

    fn value(&self) -> &[u8] {
        &self.bytes[self.key_end..self.value_end]
    }

    fn attributes(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &self.bytes[self.value_end..];
        std::iter::from_fn(move || Some((take_piece(&mut rest)?, take_piece(&mut rest)?)))
    }
}

/// `None` at the end.
fn take_piece<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (piece, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(piece)
}

impl Attributes for Record {
    /// Of several with one name the last one counts.
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let found = self.attributes().filter(|(own, _)| *own == name.as_bytes()).last();
        found.map(|(_, value)| String::from_utf8_lossy(value))
    }
}

impl Raw for Record {
    fn stream(&self) -> Option<StreamId> {
        attributes::stream(self).ok()
    }

    /// What cannot be read is told when it is made an envelope.
    fn message(&self) -> Message {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let attributes = self.attributes().map(|(name, value)| (text(name), text(value)));
        read(text(self.key()), attributes.collect(), self.value())
    }

    fn envelope(&self) -> Result<Envelope, MessageError> {
        if self.attributes().next().is_none() {
            return self.message().to_envelope();
        }
        let value = self.value();
        let parts = serde_json::from_slice::<Value<'_>>(value);
        attributes::envelope(self, parts.map_or(value, |parts| parts.payload.get().as_bytes()))
    }
}

fn read(key: String, mut attributes: BTreeMap<String, String>, value: &[u8]) -> Message {
    let Ok(parts) = serde_json::from_slice::<Value<'_>>(value) else {
        return Message {
            key,
            attributes,
            body: value.to_vec(),
        };
    };
    if attributes.is_empty() {
        let Some(name) = parts.event_name else {
            return Message {
                key,
                attributes,
                body: value.to_vec(),
            };
        };
        attributes.insert("type".to_owned(), name.into_owned());
    }
    Message {
        key,
        attributes,
        body: parts.payload.get().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventNames;

    const ID: &[u8] = b"01998a00-0000-7000-8000-000000000000";
    const ATTRIBUTES: [(&str, &[u8]); 11] = [
        ("id", b"of two the last one counts"),
        ("id", ID),
        ("type", b"event.booked"),
        ("stream", b"event/a"),
        ("streamversion", b"7"),
        ("commitfirst", b"7"),
        ("commitlast", b"7"),
        ("schemaversion", b"1"),
        ("time", b"2026-02-28T23:59:59Z"),
        ("actor", b"not \xff UTF-8"),
        ("hash", &[b'0'; 64]),
    ];

    #[test]
    fn a_payload_keeps_its_text() {
        let envelope = envelope("{ \"b\" : 1.50, \"a\":\"\\u00e9\" }");
        let value = value(&Spelled::of(&envelope, EventNames::Dotted));
        let expected = r#"{"eventName":"event.booked","payload":{ "b" : 1.50, "a":"\u00e9" }}"#;
        assert_eq!(String::from_utf8(value.clone()).unwrap(), expected);
        let message = Message::from_envelope(&envelope);
        assert_eq!(read("a".to_owned(), message.attributes.clone(), &value), message);
    }

    #[test]
    fn names_go_out_as_the_url_says() {
        let envelope = envelope("{}");
        for (names, name) in [
            (EventNames::Dotted, "event.booked"),
            (EventNames::CamelCase, "eventBooked"),
        ] {
            assert_eq!(Message::spelled(&envelope, names).attributes["type"], name);
            let value = value(&Spelled::of(&envelope, names));
            let start = format!(r#"{{"eventName":"{name}","#);
            assert!(value.starts_with(start.as_bytes()));
        }
    }

    #[test]
    fn attributes_are_headers() {
        let envelope = envelope("{}");
        let headers = headers(&Spelled::of(&envelope, EventNames::Dotted));
        let mut all: Vec<_> = headers
            .as_borrowed()
            .iter()
            .map(|header| (header.key.to_owned(), header.value.unwrap().to_vec()))
            .collect();
        assert_eq!(
            all.pop().unwrap(),
            ("content-type".to_owned(), b"application/json".to_vec())
        );
        let attributes = Message::from_envelope(&envelope).attributes.into_iter();
        let expected = attributes.map(|(name, value)| (format!("ce_{name}"), value.into_bytes()));
        assert_eq!(all, expected.collect::<Vec<_>>());
    }

    fn envelope(payload: &str) -> Envelope {
        let value = format!(r#"{{"eventName":"event.booked","payload":{payload}}}"#);
        record(&ATTRIBUTES, value.as_bytes()).envelope().unwrap()
    }

    fn record(attributes: &[(&str, &[u8])], value: &[u8]) -> Record {
        let mut record = Record::bare(b"a", value);
        for (name, value) in attributes {
            record.add(name, value);
        }
        record
    }

    #[test]
    fn a_record_reads_as_its_message_does() {
        let mut attributes = ATTRIBUTES.to_vec();
        let value = br#"{"eventName":"event.booked","payload":{"a":1}}"#;
        let whole = record(&attributes, value);
        let envelope = whole.envelope().unwrap();
        assert_eq!(envelope, whole.message().to_envelope().unwrap());
        assert_eq!(
            (envelope.id.to_string().as_bytes(), envelope.payload.as_str()),
            (ID, r#"{"a":1}"#)
        );
        assert_eq!(whole.stream(), Some(envelope.stream.clone()));
        for count in 0..attributes.len() {
            fails_alike(&record(&attributes[..count], value));
        }
        attributes.push(("damaged", b"why"));
        fails_alike(&record(&attributes, value));
    }

    fn fails_alike(record: &Record) {
        let both = [record.envelope(), record.message().to_envelope()];
        let [own, of_message] = both.map(|outcome| outcome.unwrap_err().to_string());
        assert_eq!(own, of_message);
        assert_eq!(record.stream(), record.message().stream().ok());
    }

    #[test]
    fn what_a_record_takes_is_all_counted() {
        let mut record = record(&[("name", &[0; 10_000])], &[0; 10_000]);
        assert!(record.size() > 20_000);
        record.drop_attributes();
        assert_eq!(record.attributes().count(), 0);
        assert_eq!((record.key(), record.value().len()), (&b"a"[..], 10_000));
    }

    #[test]
    fn foreign_messages_tell_at_least_their_name() {
        let message = read(
            "k".to_owned(),
            BTreeMap::new(),
            br#"{"payload": {"id":1} , "eventName":"eventCreated"}"#,
        );
        assert_eq!(
            message.attributes,
            [("type".to_owned(), "eventCreated".to_owned())].into()
        );
        assert_eq!(message.body, br#"{"id":1}"#);
    }

    #[test]
    fn nothing_that_comes_is_lost() {
        for value in [
            &b""[..],
            b"no json",
            b"\xff",
            b"[]",
            br#"{"payload":{}}"#,
            br#"{"eventName":"x"}"#,
            br#"{"eventName":1,"payload":{}}"#,
        ] {
            let message = read("k".to_owned(), BTreeMap::new(), value);
            assert!(message.attributes.is_empty() && message.body == value, "{value:?}");
            let attributes = BTreeMap::from([("type".to_owned(), "event.booked".to_owned())]);
            let message = read("k".to_owned(), attributes.clone(), b"bare");
            assert_eq!((message.attributes, &message.body[..]), (attributes, &b"bare"[..]));
        }
    }
}
