//! What is measured, by subject.

mod booking;
mod emitting;
mod footprint;
mod listening;
mod operating;
mod overload;
mod reading;
mod replicas;
mod streams;

use crate::brokers::Kind;

use crate::Outcome;
use crate::brokers;
use crate::report::{Row, note};
use crate::subjects::Servers;

/// How long and how often.
pub(crate) struct Options {
    pub(crate) only: Option<String>,
    pub(crate) turns: u32,
    pub(crate) seconds: u64,
    pub(crate) events: usize,
    /// In the histories that are rebuilt and verified.
    pub(crate) envelopes: u64,
    /// That are sent to brokers and read there.
    pub(crate) messages: usize,
}

/// Those that need a broker which others start.
const AT_BROKERS: [(&str, Kind); 7] = [
    (emitting::AMQP, Kind::RabbitMq),
    (emitting::KAFKA, Kind::Kafka),
    (listening::AMQP, Kind::RabbitMq),
    (listening::KAFKA, Kind::Kafka),
    (operating::REBUILD_KAFKA, Kind::Kafka),
    (booking::VISIBLE_AMQP, Kind::RabbitMq),
    (booking::VISIBLE_KAFKA, Kind::Kafka),
];

/// Those that need MongoDB and RabbitMQ.
const ON_SERVERS: [&str; 4] = [replicas::HOT, replicas::SUSTAINED, replicas::TWO, replicas::LIST];

/// Those that need nothing, and whose names begin the names of others.
const ALONE: [&str; 4] = [booking::VISIBLE, operating::REBUILD, booking::SUSTAINED, reading::LIST];

impl Options {
    fn wants(&self, name: &str) -> bool {
        let wanted = self.is_chosen(name);
        if wanted {
            note(&format!("measuring: {name}"));
        }
        wanted
    }

    fn is_chosen(&self, name: &str) -> bool {
        match self.only.as_deref() {
            // `visible` is a measure, and part of others' names.
            Some(only) if ALONE.contains(&only) => name == only,
            Some(only) => name.contains(only),
            None => true,
        }
    }

    /// Looks before anything is measured: that may take half an hour.
    fn check_brokers(&self) -> Outcome<()> {
        let needed = AT_BROKERS.iter().filter(|(name, _)| self.is_chosen(name));
        for (name, kind) in needed {
            brokers::url(*kind).map_err(|error| format!("{name}: {error}"))?;
        }
        for name in ON_SERVERS.iter().filter(|name| self.is_chosen(name)) {
            Servers::place().map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }
}

/// One after the other: they would disturb each other.
pub(crate) async fn all(options: &Options) -> Outcome<Vec<Row>> {
    options.check_brokers()?;
    let mut rows = of_platform(options).await?;
    rows.extend(at_brokers(options).await?);
    rows.extend(of_replicas(options).await?);
    Ok(rows)
}

async fn of_platform(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    if options.wants(booking::BURST) {
        rows.extend(booking::burst(options).await?);
    }
    if options.wants(booking::SUSTAINED) {
        rows.push(booking::sustained(options).await?);
    }
    if options.wants(booking::VISIBLE) {
        rows.push(booking::visible(options, None).await?);
    }
    if options.wants(reading::ONE) {
        rows.push(reading::one(options).await?);
    }
    if options.wants(reading::LIST) {
        rows.push(reading::list(options).await?);
    }
    if options.wants(footprint::IDLE) {
        rows.push(footprint::idle().await?);
    }
    if options.wants(footprint::START) {
        rows.push(footprint::start(options).await?);
    }
    if options.wants(overload::TWICE) {
        rows.extend(overload::twice(options).await?);
    }
    if options.wants(streams::OPEN) {
        rows.extend(streams::open(options).await?);
    }
    if options.wants(operating::FIRST) {
        rows.push(operating::first_booking(options).await?);
    }
    if options.wants(operating::VERIFY) {
        rows.push(operating::verify(options).await?);
    }
    if options.wants(operating::REBUILD) {
        rows.extend(operating::rebuild(options).await?);
    }
    Ok(rows)
}

async fn of_replicas(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    if options.wants(replicas::HOT) {
        rows.extend(replicas::hot(options).await?);
    }
    if options.wants(replicas::SUSTAINED) {
        rows.push(replicas::sustained(options).await?);
    }
    if options.wants(replicas::TWO) {
        rows.push(replicas::two(options).await?);
    }
    if options.wants(replicas::LIST) {
        rows.push(replicas::list(options).await?);
    }
    Ok(rows)
}

async fn at_brokers(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, kind) in AT_BROKERS {
        if !options.wants(name) {
            continue;
        }
        match name {
            emitting::AMQP | emitting::KAFKA => rows.extend(emitting::emit(options, kind).await?),
            listening::AMQP | listening::KAFKA => rows.extend(listening::listen(options, kind).await?),
            operating::REBUILD_KAFKA => rows.extend(operating::rebuild_from_kafka(options).await?),
            _ => rows.push(booking::visible(options, Some(kind)).await?),
        }
    }
    Ok(rows)
}

/// Turn by turn.
fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}

/// The one in the middle; of an even number the higher of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(vec![2.0]), 2.0);
    }
}
