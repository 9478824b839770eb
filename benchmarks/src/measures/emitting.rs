//! How many envelopes a second a broker's emitter has confirmed, against the broker's own client.

use std::sync::Arc;
use std::time::Instant;

use crate::brokers::Kind;
use contracts::Envelope;

use super::{Options, median, ratios};
use crate::Outcome;
use crate::brokers::{self, Place, envelopes, portion};
use crate::raw::{self, a_second};
use crate::report::{Row, Target, note};

pub(crate) const AMQP: &str = "emit-amqp";
pub(crate) const KAFKA: &str = "emit-kafka";

/// Each turn has three logs of its own.
pub(crate) async fn emit(options: &Options, kind: Kind) -> Outcome<Vec<Row>> {
    let batch = envelopes(portion(kind, options.messages))?;
    let (mut ours, mut raws, mut bares) = (vec![], vec![], vec![]);
    for _ in 0..options.turns {
        let our = by_adapter(kind, &batch).await?;
        let raw = by_client(kind, &batch, true).await?;
        let bare = by_client(kind, &batch, false).await?;
        note(&format!("  {our:.0}/s, client {raw:.0}/s, without headers {bare:.0}/s"));
        ours.push(our);
        raws.push(raw);
        bares.push(bare);
    }
    let (name, client) = (brokers::name(kind), client(kind));
    let (to_raw, to_bare) = (median(ratios(&ours, &raws)), median(ratios(&ours, &bares)));
    let (ours, raw, bare) = (median(ours), median(raws), median(bares));
    Ok(vec![
        Row {
            name: format!("envelopes confirmed by {name}, to {client} with the same bytes"),
            figures: format!("{ours:.0}/s to {raw:.0}/s"),
            value: to_raw,
            target: Target::AtLeast(0.7),
        },
        Row {
            name: format!("the same to {client} without headers"),
            figures: format!("{ours:.0}/s to {bare:.0}/s"),
            value: to_bare,
            target: Target::None,
        },
    ])
}

pub(crate) fn client(kind: Kind) -> &'static str {
    match kind {
        Kind::Kafka => "rdkafka",
        Kind::RabbitMq => "lapin",
    }
}

async fn by_adapter(kind: Kind, batch: &[Arc<Envelope>]) -> Outcome<f64> {
    let place = Place::new(kind)?;
    let broker = msgqueue::open(&place.url()).await?;
    // Connects.
    broker.emitter.emit(&batch[..1]).await?;
    let began = Instant::now();
    broker.emitter.emit(batch).await?;
    Ok(a_second(batch.len(), began))
}

/// Into a log that is made as ours is.
async fn by_client(kind: Kind, batch: &[Arc<Envelope>], with_headers: bool) -> Outcome<f64> {
    let place = Place::new(kind)?;
    msgqueue::open(&place.url()).await?;
    let (server, name) = (place.server.as_str(), place.name.as_str());
    match kind {
        Kind::Kafka => raw::kafka::emit(server, name, raw::kafka::parcels(batch, with_headers)).await,
        Kind::RabbitMq => {
            let parcels = raw::amqp::parcels(batch, with_headers);
            let client = raw::amqp::Client::open(server).await?;
            client.emit(name, parcels).await
        }
    }
}
