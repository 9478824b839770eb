//! Message ↔ Kafka record, after CloudEvents' binding for Kafka in binary mode with the attributes as `ce_…` headers,
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>.
//!
//! The value is not the bare payload but `{"eventName": NAME, "payload": PAYLOAD}`, so that programs that know nothing
//! of the headers can read it, and theirs can be read here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rdkafka::Message as _;
use rdkafka::message::{BorrowedMessage, Header, Headers as _, OwnedHeaders};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Message;

const PREFIX: &str = "ce_";
const CONTENT_TYPE: &str = "content-type";

/// The payload stays the text that it is: the hash is of that.
#[derive(Deserialize)]
struct Value<'a> {
    #[serde(borrow, rename = "eventName")]
    event_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

pub(super) fn value(message: &Message) -> Vec<u8> {
    let name = message.attributes.get("type").map_or("", String::as_str);
    let name = serde_json::Value::from(name).to_string();
    [
        b"{\"eventName\":",
        name.as_bytes(),
        b",\"payload\":",
        &message.body,
        b"}",
    ]
    .concat()
}

pub(super) fn headers(message: &Message) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new_with_capacity(message.attributes.len() + 1);
    let mut key = PREFIX.to_owned();
    for (name, value) in &message.attributes {
        key.truncate(PREFIX.len());
        key.push_str(name);
        headers = headers.insert(header(&key, value));
    }
    match message.attributes.get("datacontenttype") {
        Some(value) => headers.insert(header(CONTENT_TYPE, value)),
        None => headers,
    }
}

fn header<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header {
        key,
        value: Some(value),
    }
}

/// Whatever it is, it becomes a message: what cannot be read is told when it is made an envelope.
pub(super) fn message(record: &BorrowedMessage<'_>) -> Message {
    let key = record.key().map(String::from_utf8_lossy).unwrap_or_default();
    read(
        key.into_owned(),
        attributes(record),
        record.payload().unwrap_or_default(),
    )
}

/// `stream inventory/a, version 7` of a record of ours.
pub(super) fn place(record: &BorrowedMessage<'_>) -> String {
    message(record).place()
}

fn attributes(record: &BorrowedMessage<'_>) -> BTreeMap<String, String> {
    // The driver panics at a name that is not UTF-8, and anybody can send one.
    let read = catch_unwind(AssertUnwindSafe(|| {
        let headers = record.headers()?;
        let ours = headers.iter().filter_map(|header| {
            let name = header.key.strip_prefix(PREFIX)?;
            let value = String::from_utf8_lossy(header.value?);
            Some((name.to_owned(), value.into_owned()))
        });
        Some(ours.collect())
    }));
    read.ok().flatten().unwrap_or_default()
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

    fn own(body: &str) -> Message {
        let attributes = [("type", "event.booked"), ("datacontenttype", "application/json")];
        Message {
            key: "a".to_owned(),
            attributes: attributes
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            body: body.into(),
        }
    }

    #[test]
    fn a_payload_keeps_its_text() {
        let message = own("{ \"b\" : 1.50, \"a\":\"\\u00e9\" }");
        let value = value(&message);
        let expected = r#"{"eventName":"event.booked","payload":{ "b" : 1.50, "a":"\u00e9" }}"#;
        assert_eq!(String::from_utf8(value.clone()).unwrap(), expected);
        assert_eq!(read("a".to_owned(), message.attributes.clone(), &value), message);
    }

    #[test]
    fn names_go_out_as_the_url_says() {
        let mut message = own("{}");
        EventNames::Dotted.spell(&mut message);
        assert_eq!(message.attributes["type"], "event.booked");
        EventNames::CamelCase.spell(&mut message);
        assert_eq!(message.attributes["type"], "eventBooked");
        assert!(value(&message).starts_with(br#"{"eventName":"eventBooked","#));
    }

    #[test]
    fn attributes_are_headers() {
        let headers = headers(&own("{}"));
        let all: Vec<_> = headers
            .as_borrowed()
            .iter()
            .map(|header| (header.key, header.value.unwrap()))
            .collect();
        assert_eq!(
            all,
            [
                ("ce_datacontenttype", &b"application/json"[..]),
                ("ce_type", b"event.booked"),
                ("content-type", b"application/json"),
            ]
        );
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
            let message = read("k".to_owned(), own("").attributes, b"bare");
            assert_eq!(
                (message.attributes, &message.body[..]),
                (own("").attributes, &b"bare"[..])
            );
        }
    }
}
