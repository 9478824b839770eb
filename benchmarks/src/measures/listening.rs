//! How many messages a second a broker's listener delivers and has acknowledged, against the broker's own client.

use std::sync::Arc;

use crate::brokers::Kind;
use contracts::Envelope;
use msgqueue::{Broker, DeliveryTag};

use super::emitting::client;
use super::{Options, median, ratios};
use crate::Outcome;
use crate::brokers::{self, Place, envelopes, portion};
use crate::raw::kafka::Look;
use crate::raw::{self, Pace};
use crate::report::{Row, Target, note};

pub(crate) const AMQP: &str = "listen-amqp";
pub(crate) const KAFKA: &str = "listen-kafka";

const GROUP: &str = "bench";
/// As consumers of the platform ask for.
const BATCH: usize = 2_048;

/// Messages a second of one turn.
struct Turn {
    ours: f64,
    raw: f64,
    /// Of the client that also reads headers; one that cannot leave them unread is told by `raw`.
    reading: Option<f64>,
}

pub(crate) async fn listen(options: &Options, kind: Kind) -> Outcome<Vec<Row>> {
    let batch = envelopes(portion(kind, options.messages))?;
    let (mut ours, mut raws, mut readings) = (vec![], vec![], vec![]);
    for number in 0..options.turns {
        let turn = match kind {
            Kind::Kafka => at_kafka(&batch).await?,
            Kind::RabbitMq => at_rabbitmq(&batch, number % 2 == 0).await?,
        };
        let reading = turn
            .reading
            .map_or(String::new(), |rate| format!(", reading headers {rate:.0}/s"));
        note(&format!("  {:.0}/s, client {:.0}/s{reading}", turn.ours, turn.raw));
        ours.push(turn.ours);
        raws.push(turn.raw);
        readings.extend(turn.reading);
    }
    Ok(rows(kind, &ours, raws, readings))
}

/// Whoever uses a message of ours reads its headers. A client that may leave them unread is shown beside it.
fn rows(kind: Kind, ours: &[f64], raws: Vec<f64>, readings: Vec<f64>) -> Vec<Row> {
    let (name, client) = (brokers::name(kind), client(kind));
    let read = format!("messages read and acknowledged at {name}, to {client}");
    if readings.is_empty() {
        return vec![row(read, ours, raws, Target::AtLeast(0.7))];
    }
    let blind = format!("the same to {client} that leaves headers unread");
    vec![
        row(read, ours, readings, Target::AtLeast(0.7)),
        row(blind, ours, raws, Target::None),
    ]
}

fn row(name: String, ours: &[f64], theirs: Vec<f64>, target: Target) -> Row {
    Row {
        name,
        value: median(ratios(ours, &theirs)),
        figures: format!("{:.0}/s to {:.0}/s", median(ours.to_vec()), median(theirs)),
        target,
    }
}

async fn at_kafka(batch: &[Arc<Envelope>]) -> Outcome<Turn> {
    let place = Place::new(Kind::Kafka)?;
    let broker = &msgqueue::open(&place.url()).await?;
    broker.emitter.emit(batch).await?;
    let raw = |look| raw::kafka::listen(&place.server, &place.name, batch.len(), look);
    Ok(Turn {
        // A commit costs a round trip, however much it covers: both make it as often.
        ours: by_adapter(broker, batch.len(), raw::kafka::COMMITTED_AT_ONCE).await?,
        raw: raw(raw::kafka::at_nothing as Look).await?,
        reading: Some(raw(raw::kafka::at_headers).await?),
    })
}

/// Each reads a queue that was there before the messages came: what came earlier is read from the log. It does so at a place
/// of its own as soon as all have come, now one first and now the other, because RabbitMQ goes on to store what it has
/// confirmed for a while.
async fn at_rabbitmq(batch: &[Arc<Envelope>], ours_first: bool) -> Outcome<Turn> {
    let (ours, raw) = match ours_first {
        true => (ours_at_rabbitmq(batch).await?, raw_at_rabbitmq(batch).await?),
        false => {
            let raw = raw_at_rabbitmq(batch).await?;
            (ours_at_rabbitmq(batch).await?, raw)
        }
    };
    Ok(Turn {
        ours,
        raw,
        reading: None,
    })
}

async fn ours_at_rabbitmq(batch: &[Arc<Envelope>]) -> Outcome<f64> {
    let broker = msgqueue::open(&Place::new(Kind::RabbitMq)?.url()).await?;
    make_group(&broker, &batch[..1]).await?;
    broker.emitter.emit(&batch[1..]).await?;
    by_adapter(&broker, batch.len() - 1, BATCH).await
}

async fn raw_at_rabbitmq(batch: &[Arc<Envelope>]) -> Outcome<f64> {
    let place = Place::new(Kind::RabbitMq)?;
    let broker = msgqueue::open(&place.url()).await?;
    let client = raw::amqp::Client::open(&place.server).await?;
    let queue = format!("{}.raw", place.name);
    client.make_queue(&queue, &place.name).await?;
    broker.emitter.emit(batch).await?;
    client.listen(&queue, batch.len()).await
}

/// A group that is past its beginning.
async fn make_group(broker: &Broker, first: &[Arc<Envelope>]) -> Outcome<()> {
    let mut subscription = broker.listener.subscribe(GROUP).await?;
    broker.emitter.emit(first).await?;
    let came = subscription.next_batch(BATCH).await?;
    let tags: Vec<DeliveryTag> = came.iter().map(|delivery| delivery.tag).collect();
    Ok(subscription.ack(&tags).await?)
}

async fn by_adapter(broker: &Broker, count: usize, max: usize) -> Outcome<f64> {
    let mut subscription = broker.listener.subscribe(GROUP).await?;
    let (mut pace, mut left) = (Pace::default(), count);
    while left > 0 {
        let batch = subscription.next_batch(max).await?;
        pace.add(batch.len());
        left = left.saturating_sub(batch.len());
        let tags: Vec<DeliveryTag> = batch.iter().map(|delivery| delivery.tag).collect();
        subscription.ack(&tags).await?;
    }
    Ok(pace.a_second())
}
