//! One golden file per domain event and schema version. What was ever written is read for ever.
//!
//! A file is never changed. For a new version, run with `NEW_GOLDEN=1` once: missing files are written from the samples
//! below.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a fault here is a failing test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use contracts::{
    Actor, BookingCancelled, CancelledBy, CloseReason, CommitBounds, DomainEvent, Envelope, EventBooked,
    EventCancelled, EventDetails, Hall, Hash, IdempotencyDigests, InventoryClosed, InventoryTerms, LocationDetails,
    StreamId, TraceContext, Unsealed, UserRegistered, upcast, verify_chain,
};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

fn golden_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn location() -> LocationDetails {
    LocationDetails {
        id: "0193e0a0-0000-7000-8000-000000000003".to_owned(),
        external_id: Some("3".to_owned()),
        name: "West Street Opera House".to_owned(),
        address: "11 west street, AZ 73646".to_owned(),
        country: "U.S.A".to_owned(),
        open_time: Some(7),
        close_time: Some(20),
        time_zone: "America/Phoenix".to_owned(),
        halls: vec![Hall {
            name: "Cesar hall".to_owned(),
            location: "second floor, room 2210".to_owned(),
            capacity: 10,
        }],
    }
}

fn event() -> EventDetails {
    EventDetails {
        id: "0193e0a0-0000-7000-8000-000000000001".to_owned(),
        name: "opera aida".to_owned(),
        description: Some("Ägypten 🐘".to_owned()),
        image_url: Some("https://example.org/aida.png".to_owned()),
        organiser: Some("0193e0a0-0000-7000-8000-000000000009".to_owned()),
        start_time: time("2026-12-15T14:00:00Z"),
        end_time: time("2026-12-15T16:00:00Z"),
        duration: Some(120),
        location_id: location().id,
        location: Some(location()),
        location_version: Some(1),
        hall: Some("Cesar hall".to_owned()),
        own_capacity: None,
        capacity: Some(10),
        max_seats_per_booking: Some(4),
        max_seats_per_user: Some(6),
        sales_start: Some(time("2026-11-01T00:00:00Z")),
        sales_end: Some(time("2026-12-15T13:00:00Z")),
    }
}

fn terms() -> InventoryTerms {
    let event = event();
    InventoryTerms {
        event_id: event.id,
        event_name: event.name,
        start_time: event.start_time,
        end_time: event.end_time,
        capacity: 10,
        max_seats_per_booking: Some(4),
        max_seats_per_user: Some(6),
        sales_start: event.sales_start,
        sales_end: time("2026-12-15T13:00:00Z"),
        source_version: 1,
    }
}

fn samples() -> Vec<(&'static str, DomainEvent)> {
    let event = event();
    let (id, name) = (event.id.clone(), event.name.clone());
    let booking_id = "0193e0a0-0000-7000-8000-00000000000b".to_owned();
    let user_id = "guest-000102030405060708090a0b0c0d0e0f".to_owned();
    vec![
        ("event", DomainEvent::EventCreated(event.clone())),
        ("event", DomainEvent::EventChanged(event)),
        (
            "event",
            DomainEvent::EventCancelled(EventCancelled {
                id: id.clone(),
                name: name.clone(),
            }),
        ),
        ("location", DomainEvent::LocationCreated(location())),
        ("location", DomainEvent::LocationChanged(location())),
        ("inventory", DomainEvent::InventoryOpened(terms())),
        ("inventory", DomainEvent::InventoryChanged(terms())),
        (
            "inventory",
            DomainEvent::InventoryClosed(InventoryClosed {
                event_id: id.clone(),
                reason: CloseReason::Cancelled,
                source_version: 2,
            }),
        ),
        (
            "inventory",
            DomainEvent::EventBooked(EventBooked {
                booking_id: booking_id.clone(),
                event_id: id.clone(),
                event_name: Some(name),
                user_id: user_id.clone(),
                seats: 2,
            }),
        ),
        (
            "inventory",
            DomainEvent::BookingCancelled(BookingCancelled {
                booking_id,
                event_id: id,
                user_id,
                seats: 2,
                cancelled_by: CancelledBy::Other,
            }),
        ),
        (
            "user",
            DomainEvent::UserRegistered(UserRegistered {
                id: "0193e0a0-0000-7000-8000-000000000009".to_owned(),
            }),
        ),
    ]
}

fn envelope(kind: &str, event: &DomainEvent) -> Envelope {
    let sealed = Unsealed {
        id: Uuid::parse_str("0193e0a0-0000-7000-8000-0000000000ff").unwrap(),
        name: event.name(),
        stream: StreamId::parse(&format!("{kind}/0193e0a0-0000-7000-8000-000000000001")).unwrap(),
        version: 1,
        commit: CommitBounds { first: 1, last: 1 },
        schema_version: event.schema_version(),
        time: time("2026-11-21T08:30:00.125Z"),
        actor: Actor::new("guest-000102030405060708090a0b0c0d0e0f"),
        idempotency: Some(IdempotencyDigests {
            key: "aa".repeat(32),
            request: "bb".repeat(32),
        }),
        payload: event.payload(),
    };
    let trace = TraceContext {
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        tracestate: None,
    };
    sealed.seal(&Hash::GENESIS, Some(trace))
}

fn read_all() -> Vec<(String, Value)> {
    let entries = fs::read_dir(golden_folder())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
        })
        .collect()
}

#[test]
fn todays_formats_are_the_golden_ones() {
    for (kind, event) in samples() {
        let envelope = envelope(kind, &event);
        let path = golden_folder().join(format!("{}.v{}.json", envelope.name, envelope.schema_version));
        let json = serde_json::to_value(&envelope).unwrap();
        if !path.exists() && std::env::var_os("NEW_GOLDEN").is_some() {
            fs::create_dir_all(golden_folder()).unwrap();
            fs::write(&path, format!("{json:#}\n")).unwrap();
        }
        let golden: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(json, golden, "{}", path.display());
    }
}

#[test]
fn every_golden_envelope_is_read_and_its_hash_holds() {
    for (file, json) in read_all() {
        let envelope: Envelope = serde_json::from_value(json.clone()).unwrap();
        assert!(envelope.event().is_ok(), "{file}: {:?}", envelope.event());
        assert_eq!(
            serde_json::to_value(&envelope).unwrap(),
            json,
            "{file}: written as it was read"
        );
        let checked = verify_chain((0, Hash::GENESIS), std::slice::from_ref(&envelope));
        assert_eq!(checked, Ok((1, envelope.hash)), "{file}");
    }
}

#[test]
fn a_cancellation_of_version_1_is_read_as_the_holders() {
    let json = fs::read_to_string(golden_folder().join("booking.cancelled.v1.json")).unwrap();
    let envelope: Envelope = serde_json::from_str(&json).unwrap();
    let Ok(DomainEvent::BookingCancelled(cancelled)) = envelope.event() else {
        panic!("{:?}", envelope.event())
    };
    assert_eq!(
        (cancelled.cancelled_by, cancelled.seats),
        (CancelledBy::Holder, 2),
        "{cancelled:?}"
    );
    assert_eq!(envelope.payload.to_value().unwrap().get("cancelled_by"), None);
}

#[test]
fn every_version_of_every_domain_event_has_a_golden_file() {
    let found: BTreeSet<String> = read_all().into_iter().map(|(file, _)| file).collect();
    for (_, event) in samples() {
        let name = event.name();
        for version in 1..=upcast::current_schema_version(&name).unwrap() {
            assert!(
                found.contains(&format!("{name}.v{version}.json")),
                "{name} version {version}"
            );
        }
    }
}

#[test]
fn a_changed_envelope_breaks_the_chain() {
    let (kind, event) = samples().swap_remove(8);
    let mut envelope = envelope(kind, &event);
    let mut payload = envelope.payload.to_value().unwrap();
    payload["seats"] = 3.into();
    envelope.payload = payload.into();
    let broken = verify_chain((0, Hash::GENESIS), &[envelope]).unwrap_err();
    assert_eq!(broken.version, 1);
}

#[test]
fn the_trace_is_not_part_of_the_hash() {
    let (kind, event) = samples().swap_remove(8);
    let mut envelope = envelope(kind, &event);
    envelope.trace = None;
    assert!(verify_chain((0, Hash::GENESIS), &[envelope]).is_ok());
}

#[test]
fn other_implementations_spellings_are_read() {
    let decode = |name: &str, payload: &str| {
        let name = serde_json::from_value(name.into()).unwrap();
        DomainEvent::decode(&name, 1, &serde_json::from_str(payload).unwrap()).unwrap()
    };
    for payload in [
        r#"{"id":"e1","name":"aida","location_id":"3","start_time":"2026-12-15T14:00:00Z","end_time":"2026-12-15T16:00:00Z"}"#,
        r#"{"id":"e1","name":"aida","locationId":3,"start":1797343200,"end":1797350400}"#,
        r#"{"ID":"e1","Name":"aida","LocationID":3,"Start":"2026-12-15T15:00:00+01:00","End":1797350400}"#,
    ] {
        for name in ["event.created", "eventCreated"] {
            let DomainEvent::EventCreated(event) = decode(name, payload) else {
                panic!("{payload}")
            };
            assert_eq!(
                (event.id.as_str(), event.location_id.as_str()),
                ("e1", "3"),
                "{payload}"
            );
            assert_eq!(event.start_time, time("2026-12-15T14:00:00Z"), "{payload}");
            assert_eq!(event.capacity, None);
        }
    }
    for payload in [
        r#"{"event_id":"e1","user_id":"u1"}"#,
        r#"{"eventId":"e1","userId":"u1"}"#,
    ] {
        let DomainEvent::EventBooked(booked) = decode("eventBooked", payload) else {
            panic!("{payload}")
        };
        assert_eq!(
            (booked.event_id.as_str(), booked.user_id.as_str(), booked.seats),
            ("e1", "u1", 1)
        );
    }
    let payload = r#"{"id":3,"name":"Opera","address":"a","country":"c","opentime":7,"closetime":20,
        "halls":[{"name":"h","location":"l","capacity":10}]}"#;
    let DomainEvent::LocationCreated(location) = decode("locationCreated", payload) else {
        panic!()
    };
    assert_eq!(
        (location.id.as_str(), location.open_time, location.total_capacity()),
        ("3", Some(7), Some(10))
    );
}

#[test]
fn a_newer_schema_and_an_unknown_name_are_told_apart() {
    use contracts::{DecodeError, EventName};
    let payload = serde_json::json!({"id": "1"}).into();
    let newer = DomainEvent::decode(&EventName::parse("user.registered"), 99, &payload);
    assert!(
        matches!(newer, Err(DecodeError::NewerSchema { found: 99, .. })),
        "{newer:?}"
    );
    let unknown = DomainEvent::decode(&EventName::parse("user.promoted"), 1, &payload);
    assert!(matches!(unknown, Err(DecodeError::UnknownName(_))), "{unknown:?}");
    let malformed = DomainEvent::decode(&EventName::parse("user.registered"), 1, &serde_json::json!([]).into());
    assert!(matches!(malformed, Err(DecodeError::Malformed { .. })), "{malformed:?}");
}
