//! The brokers that adapters are measured at, and what is sent through them. Others start them, as `make bench` does.

use std::env;
use std::sync::Arc;

use contracts::{Actor, CommitBounds, Envelope, EventName, Hash, StreamId, StreamKind, Unsealed};
use jiff::Timestamp;
use serde_json::json;
use testkit::servers;
use uuid::Uuid;

use crate::Outcome;

/// As many keys as messages are spread over.
const STREAMS: usize = 1_000;
const PAYLOAD_BYTES: usize = 200;

/// Of those that testkit starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Kafka,
    RabbitMq,
}

impl Kind {
    fn server(self) -> servers::Kind {
        match self {
            Self::Kafka => servers::Kind::Kafka,
            Self::RabbitMq => servers::Kind::RabbitMq,
        }
    }
}

pub(crate) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Kafka => "Kafka",
        Kind::RabbitMq => "RabbitMQ",
    }
}

/// What `with_servers` calls it.
pub(crate) fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Kafka => "kafka",
        Kind::RabbitMq => "amqp",
    }
}

/// Of the server, without a place in it.
///
/// # Errors
/// Where nobody has said which; the message tells how to.
pub(crate) fn url(kind: Kind) -> Outcome<String> {
    let (variable, name, word) = (kind.server().variable(), name(kind), word(kind));
    env::var(variable).map_err(|_| {
        let example = format!("with_servers {word} -- target/release/benchmarks run");
        format!("this needs {name}: use `make bench` or `{example}`, or name a server's URL in {variable}").into()
    })
}

/// A place at a server that nobody has used.
pub(crate) struct Place {
    pub(crate) kind: Kind,
    pub(crate) server: String,
    /// Of the topic or the exchange.
    pub(crate) name: String,
}

impl Place {
    pub(crate) fn new(kind: Kind) -> Outcome<Self> {
        Ok(Self {
            kind,
            server: url(kind)?,
            name: format!("bench-{}", Uuid::now_v7().simple()),
        })
    }

    pub(crate) fn url(&self) -> String {
        self.kind.server().place(&self.server, &self.name)
    }
}

/// RabbitMQ needs several times as long for each.
pub(crate) fn portion(kind: Kind, messages: usize) -> usize {
    match kind {
        Kind::Kafka => messages,
        Kind::RabbitMq => messages / 4,
    }
}

/// So many, with payloads of 200 bytes, as the services make them: in streams by turns.
pub(crate) fn envelopes(count: usize) -> Outcome<Vec<Arc<Envelope>>> {
    let streams = (0..STREAMS).map(|_| StreamId::new(StreamKind::Inventory, &Uuid::now_v7().to_string()));
    let streams = streams.collect::<Result<Vec<_>, _>>()?;
    let numbers = (0..count).map(|number| (&streams[number % STREAMS], number / STREAMS + 1));
    Ok(numbers
        .map(|(stream, version)| envelope(stream, version as u64).into())
        .collect())
}

fn envelope(stream: &StreamId, version: u64) -> Envelope {
    let id = Uuid::now_v7();
    let text = "x".repeat(PAYLOAD_BYTES - r#"{"text":""}"#.len());
    let unsealed = Unsealed {
        id,
        name: EventName::parse("event.booked"),
        stream: stream.clone(),
        version,
        commit: CommitBounds {
            first: version,
            last: version,
        },
        schema_version: 1,
        time: Timestamp::now(),
        actor: Actor::new(format!("guest-{}", id.simple())),
        idempotency: None,
        payload: json!({ "text": text }).into(),
    };
    unsealed.seal(&Hash::GENESIS, None)
}
