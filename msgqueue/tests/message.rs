//! Envelope ↔ message, and what is said of a message that is no envelope.

use std::sync::Arc;

use contracts::{Actor, Envelope, EventName, IdempotencyDigests, TraceContext};
use msgqueue::conformance::envelope;
use msgqueue::{Delivery, DeliveryTag, EventNames, Message, MessageError};
use serde_json::{Value, json};

fn one(key: &str, version: u64) -> Envelope {
    Arc::unwrap_or_clone(envelope(key, version))
}

fn full() -> Envelope {
    let mut full = one("a", 3);
    full.actor = Actor::new("user-1");
    full.idempotency = Some(IdempotencyDigests {
        key: "0a".repeat(32),
        request: "0b".repeat(32),
    });
    full.trace = Some(TraceContext {
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        tracestate: Some("vendor=value".to_owned()),
    });
    full
}

#[test]
fn envelopes_survive_with_and_without_optional_fields() {
    let mut without_state = full();
    without_state.trace.as_mut().unwrap().tracestate = None;
    for envelope in [full(), without_state, one("a", 1)] {
        let message = Message::from_envelope(&envelope);
        assert_eq!(message.key, "a");
        assert_eq!(message.to_envelope().unwrap(), envelope);
    }
}

#[test]
fn metadata_travels_as_cloudevents_attributes() {
    let envelope = full();
    let attributes = Message::from_envelope(&envelope).attributes;
    for (name, value) in [
        ("specversion", "1.0"),
        ("source", "/event/a"),
        ("type", "event.booked"),
        ("datacontenttype", "application/json"),
        ("streamversion", "3"),
        ("time", "2026-02-28T23:59:59.123456789Z"),
    ] {
        assert_eq!(attributes.get(name).map(String::as_str), Some(value), "{name}");
    }
    let lawful = |name: &String| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) && name.len() <= 20;
    assert!(
        attributes.keys().all(lawful),
        "CloudEvents wants lower-case letters and digits: {attributes:?}"
    );
}

#[test]
fn both_spellings_of_a_name_are_read() {
    let envelope = full();
    let mut message = Message::from_envelope(&envelope);
    message.attributes.insert("type".to_owned(), "eventBooked".to_owned());
    assert_eq!(message.to_envelope().unwrap(), envelope);
}

#[test]
fn the_original_services_find_their_fields_beside_ours() {
    let mut booked = full();
    booked.payload = json!({"booking_id": "7", "event_id": "e", "seats": 2, "user_id": "u"}).into();
    let mut location = full();
    location.name = EventName::parse("location.created");
    location.payload = json!({"id": "1", "name": "Opera", "open_time": 7, "halls": []}).into();
    for (envelope, theirs) in [
        (booked, json!({"eventId": "e", "userId": "u"})),
        (location, json!({"openTime": 7})),
    ] {
        let message = Message::spelled(&envelope, EventNames::CamelCase);
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        for (field, value) in theirs.as_object().unwrap() {
            assert_eq!(body[field], *value, "{body}");
        }
        assert_eq!(message.to_envelope().unwrap(), envelope);
        assert_eq!(message.attributes["type"], envelope.name.camel_case());
    }
}

#[test]
fn each_missing_attribute_is_named() {
    for name in [
        "id",
        "type",
        "stream",
        "streamversion",
        "commitfirst",
        "commitlast",
        "schemaversion",
        "time",
        "actor",
        "hash",
    ] {
        let mut message = Message::from_envelope(&full());
        message.attributes.remove(name);
        let error = message.to_envelope().unwrap_err();
        assert!(
            matches!(error, MessageError::Missing(missing) if missing == name),
            "{name}: {error}"
        );
    }
}

#[test]
fn each_malformed_attribute_is_named() {
    for (name, value) in [
        ("id", "42"),
        ("stream", "no-slash"),
        ("streamversion", "-1"),
        ("streamversion", "0"),
        ("commitfirst", "first"),
        ("commitlast", ""),
        ("schemaversion", "1.0"),
        ("time", "yesterday"),
        ("hash", "abc"),
    ] {
        let mut message = Message::from_envelope(&full());
        message.attributes.insert(name.to_owned(), value.to_owned());
        let error = message.to_envelope().unwrap_err();
        assert!(
            matches!(error, MessageError::Malformed(malformed) if malformed == name),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_body_that_is_not_json_is_told() {
    let mut message = Message::from_envelope(&full());
    message.body = b"{".to_vec();
    assert!(matches!(message.to_envelope(), Err(MessageError::Body(_))));
    assert_eq!(message.stream().unwrap().as_str(), "event/a");
    assert_eq!(message.version().unwrap(), 3);
}

#[test]
fn json_that_is_no_envelope_any_more_tells_whose_it_was() {
    let json = serde_json::to_string(&full()).unwrap();
    let damaged = json.replacen("\"commit\":{\"first\"", "\"commit\":{\"fIrst\"", 1);
    assert_ne!(damaged, json);
    let delivery = Delivery::of_json(DeliveryTag(1), &damaged).unwrap();
    let message = delivery.message();
    assert!(message.is_meant_as_envelope());
    assert_eq!(
        (message.stream().unwrap().as_str(), message.version().unwrap()),
        ("event/a", 3)
    );
    for error in [delivery.envelope().unwrap_err(), message.to_envelope().unwrap_err()] {
        assert!(
            matches!(&error, MessageError::Damaged(why) if why.contains("first")),
            "{error}"
        );
    }
}
