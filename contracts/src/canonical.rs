//! What an envelope's hash is taken over: its canonical JSON (RFC 8785).
//!
//! Most payloads hold only text, whole numbers and ASCII names: for these JSON with sorted names is canonical as it is,
//! and several times faster to write than by the general rules, which are kept for the rest.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{Actor, CommitBounds, EventName, IdempotencyDigests, StreamId, Unsealed};

/// Integers up to here are written by RFC 8785 (section 3.2.2.3, as ECMAScript writes numbers) digit by digit.
const LARGEST_PLAIN: u64 = 1 << 53;

/// The fields of an [`Unsealed`] in the order of their names.
#[derive(Serialize)]
struct Sorted<'a> {
    actor: &'a Actor,
    commit: CommitBounds,
    id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency: Option<&'a IdempotencyDigests>,
    name: &'a EventName,
    payload: &'a Value,
    schema_version: u32,
    stream: &'a StreamId,
    time: Timestamp,
    version: u64,
}

/// An [`Unsealed`] holds only text, integers and JSON values, which always serialise.
pub(crate) fn json(unsealed: &Unsealed) -> Vec<u8> {
    if !is_plain(&unsealed.payload) || unsealed.version > LARGEST_PLAIN || unsealed.commit.last > LARGEST_PLAIN {
        return serde_json_canonicalizer::to_vec(unsealed).unwrap_or_default();
    }
    let sorted = Sorted {
        actor: &unsealed.actor,
        commit: unsealed.commit,
        id: unsealed.id,
        idempotency: unsealed.idempotency.as_ref(),
        name: &unsealed.name,
        payload: &unsealed.payload,
        schema_version: unsealed.schema_version,
        stream: &unsealed.stream,
        time: unsealed.time,
        version: unsealed.version,
    };
    serde_json::to_vec(&sorted).unwrap_or_default()
}

/// Whether `serde_json` writes it as RFC 8785 wants it: it keeps names sorted by their bytes, which is the order that
/// the RFC asks for where they are ASCII, and it writes integers digit by digit.
fn is_plain(value: &Value) -> bool {
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
