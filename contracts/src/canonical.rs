//! What an envelope's hash is taken over: its canonical JSON (RFC 8785).
//!
//! Most payloads hold only text, whole numbers and ASCII names: for these JSON with sorted names is canonical as it is,
//! and several times faster to write than by the general rules, which are kept for the rest. That a payload's text is
//! such JSON already, [`scanner`] tells without reading it into anything.

mod scanner;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{Actor, CommitBounds, EventName, IdempotencyDigests, Payload, StreamId, Unsealed};

/// Integers up to here are written by RFC 8785 (section 3.2.2.3, as ECMAScript writes numbers) digit by digit.
const LARGEST_PLAIN: u64 = 1 << 53;
/// What an envelope takes beside its payload, or a little more.
const METADATA_BYTES: usize = 768;

/// The fields of an [`Unsealed`] in the order of their names.
#[derive(Serialize)]
struct Sorted<'a, P> {
    actor: &'a Actor,
    commit: CommitBounds,
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency: Option<&'a IdempotencyDigests>,
    name: &'a EventName,
    payload: P,
    schema_version: u32,
    stream: &'a StreamId,
    time: Timestamp,
    version: u64,
}

/// Where a payload cannot be read, its text stands for it: nobody can have written such a hash.
pub(crate) fn json(unsealed: &Unsealed) -> Vec<u8> {
    let numbers_are_plain = unsealed.version <= LARGEST_PLAIN && unsealed.commit.last <= LARGEST_PLAIN;
    if numbers_are_plain && is_canonical(&unsealed.payload) {
        return plainly(unsealed, unsealed.payload.raw());
    }
    let Ok(payload) = unsealed.payload.to_value() else {
        return plainly(unsealed, unsealed.payload.as_str());
    };
    // Only text, integers and JSON values are written, which always serialise.
    if is_plain(&payload) && numbers_are_plain {
        plainly(unsealed, payload)
    } else {
        serde_json_canonicalizer::to_vec(&sorted(unsealed, payload)).unwrap_or_default()
    }
}

/// Whether a JSON text is canonical; false as well where that takes more than a look.
pub(crate) fn is_surely_canonical(json: &str) -> bool {
    scanner::is_canonical(json)
}

fn is_canonical(payload: &Payload) -> bool {
    payload.is_known_as_canonical() || is_surely_canonical(payload.as_str())
}

fn plainly(unsealed: &Unsealed, payload: impl Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(METADATA_BYTES + unsealed.payload.as_str().len());
    match serde_json::to_writer(&mut json, &sorted(unsealed, payload)) {
        Ok(()) => json,
        Err(_) => Vec::new(),
    }
}

fn sorted<P>(unsealed: &Unsealed, payload: P) -> Sorted<'_, P> {
    Sorted {
        actor: &unsealed.actor,
        commit: unsealed.commit,
        id: unsealed.id,
        idempotency: unsealed.idempotency.as_ref(),
        name: &unsealed.name,
        payload,
        schema_version: unsealed.schema_version,
        stream: &unsealed.stream,
        time: unsealed.time,
        version: unsealed.version,
    }
}

/// Whether `serde_json` writes it as RFC 8785 wants it: it keeps names sorted by their bytes, which is the order that
/// the RFC asks for where they are ASCII, and it writes integers digit by digit.
pub(crate) fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            size.is_some_and(|size| size <= LARGEST_PLAIN)
        }
        Value::Array(values) => values.iter().all(is_plain),
        Value::Object(fields) => fields.iter().all(|(name, value)| name.is_ascii() && is_plain(value)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use serde_json::{Number, json};

    use super::*;
    use crate::StreamKind;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![".{0,12}", "[ -~]{0,12}", "[\u{0}-\u{1f}\"\\\\é𝄞]{0,6}"]
    }

    fn number() -> impl Strategy<Value = Value> {
        let edge = LARGEST_PLAIN;
        prop_oneof![
            any::<i64>().prop_map(|number| json!(number)),
            any::<u64>().prop_map(|number| json!(number)),
            (edge - 2..edge + 2).prop_map(|number| json!(number)),
            (-9_i64..9).prop_map(|number| json!(number)),
            any::<f64>().prop_map(|number| Number::from_f64(number).map_or(Value::Null, Value::Number)),
        ]
    }

    fn payload() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            number(),
            text().prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..6).prop_map(Value::Array),
                btree_map(text(), inner, 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn unsealed(payload: Value, actor: &str, version: u64) -> Unsealed {
        Unsealed {
            id: Uuid::from_u128(7),
            name: EventName::parse("event.booked"),
            stream: StreamId::new(StreamKind::Inventory, "1").unwrap(),
            version,
            commit: CommitBounds {
                first: version,
                last: version,
            },
            schema_version: 1,
            time: Timestamp::UNIX_EPOCH,
            actor: Actor::new(actor),
            idempotency: None,
            payload: payload.into(),
        }
    }

    proptest! {
        #[test]
        fn the_fast_way_writes_what_the_rules_ask_for(payload in payload(), actor in text(), version in 1_u64..=1 << 54) {
            let unsealed = unsealed(payload, &actor, version);
            let plainly = serde_json::to_value(&unsealed).unwrap();
            let by_the_rules = serde_json_canonicalizer::to_vec(&plainly).unwrap();
            prop_assert_eq!(&json(&unsealed), &by_the_rules);
            let read: Unsealed = serde_json::from_value(plainly).unwrap();
            prop_assert_eq!(&json(&read), &by_the_rules);
        }
    }
}
