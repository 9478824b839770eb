use std::sync::Arc;

use contracts::{
    Actor, CommitBounds, Envelope, EventName, Hash, IdempotencyDigests, StreamId, StreamKind, TraceContext, Unsealed,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// The `version`-th envelope of the event whose id is `key`, with a small payload and no optional field.
pub fn envelope(key: &str, version: u64) -> Arc<Envelope> {
    unsealed(key, version, json!({"booking_id": version.to_string()}))
        .seal(&Hash::GENESIS, None)
        .into()
}

/// Versions 1 to `count` of `key`.
pub fn envelopes(key: &str, count: u64) -> Vec<Arc<Envelope>> {
    (1..=count).map(|version| envelope(key, version)).collect()
}

/// One envelope for each thing that a broker could spoil.
pub(super) fn all_shapes() -> Vec<Arc<Envelope>> {
    let big = "0123456789abcdef".repeat(200 * 1024 / 16);
    vec![
        envelope("plain", 1),
        unsealed(
            "unicode",
            1,
            json!({"name": "Γειά σου 🎫 \"quoted\"\n\u{0}\u{7f}", "für": [1.5, null, true, {}]}),
        )
        .seal(&Hash::GENESIS, None)
        .into(),
        unsealed("big", 1, json!({ "text": big }))
            .seal(&Hash::GENESIS, None)
            .into(),
        with_every_option(Some("vendor=value,other=1")).into(),
        with_every_option(None).into(),
    ]
}

fn with_every_option(tracestate: Option<&str>) -> Envelope {
    let mut all = unsealed("options", u64::from(u32::MAX), json!({}));
    all.commit = CommitBounds {
        first: 1,
        last: u64::MAX,
    };
    all.schema_version = 7;
    all.actor = Actor::new("Zoë, user of 東京");
    all.idempotency = Some(IdempotencyDigests {
        key: "0f".repeat(32),
        request: "f0".repeat(32),
    });
    let trace = TraceContext {
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        tracestate: tracestate.map(str::to_owned),
    };
    all.seal(&Hash::GENESIS, Some(trace))
}

fn unsealed(key: &str, version: u64, payload: Value) -> Unsealed {
    Unsealed {
        id: Uuid::now_v7(),
        name: EventName::parse("event.booked"),
        stream: StreamId::new(StreamKind::Event, key).unwrap(),
        version,
        commit: CommitBounds {
            first: version,
            last: version,
        },
        schema_version: 1,
        time: "2026-02-28T23:59:59.123456789Z".parse().unwrap(),
        actor: Actor::system(),
        idempotency: None,
        payload: payload.into(),
    }
}
