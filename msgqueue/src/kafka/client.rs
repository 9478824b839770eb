//! How clients of librdkafka are set up.

use std::time::Duration;

use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;

use super::complaints::Complaints;
use super::url::{KafkaUrl, is_secret};
use crate::BrokerError;

/// One that does not answer a request for this long is not available.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long the broker tries to hand in a message. `message.timeout.ms`.
pub(super) const DELIVERY: Duration = Duration::from_secs(30);
/// A client that found no broker for this long is replaced.
pub(super) const LOST: Duration = Duration::from_secs(15);

const SESSION: Duration = Duration::from_secs(10);
const MAX_HEARTBEAT: Duration = Duration::from_secs(3);

impl KafkaUrl {
    /// After this time without a sign of life a member is dead.
    pub(super) fn session(&self) -> Duration {
        let given = self.property("session.timeout.ms").and_then(|text| text.parse().ok());
        given.map_or(SESSION, Duration::from_millis)
    }

    /// What every client has.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Info);
        config.set("bootstrap.servers", &self.servers);
        config.set("client.id", "myevents");
        config.set("reconnect.backoff.max.ms", "1000");
        config.set("allow.auto.create.topics", "false");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
    }

    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("enable.idempotence", "true");
        config.set("acks", "all");
        config.set("message.timeout.ms", DELIVERY.as_millis().to_string());
        // Java's clients find the same partition for a key.
        config.set("partitioner", "murmur2_random");
        // Measured: less sends more and smaller requests, more only waits.
        self.or(&mut config, "linger.ms", "2");
        self.or(&mut config, "queue.buffering.max.kbytes", "65536");
        config
    }

    /// Of a client that asks and tells what a group has acknowledged.
    pub(super) fn group_client(&self, group_id: &str) -> ClientConfig {
        let mut config = self.client();
        config.set("group.id", group_id);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config
    }

    pub(super) fn member(&self, group_id: &str) -> ClientConfig {
        let mut config = self.group_client(group_id);
        let session = self.session();
        config.set("session.timeout.ms", session.as_millis().to_string());
        let heartbeat = MAX_HEARTBEAT.min(session / 3);
        config.set("heartbeat.interval.ms", heartbeat.as_millis().max(1).to_string());
        config.set("auto.offset.reset", "earliest");
        config.set("partition.assignment.strategy", "cooperative-sticky");
        // Memory for each partition, not for all.
        self.or(&mut config, "queued.max.messages.kbytes", "4096");
        self.or(&mut config, "queued.min.messages", "10000");
        // By default a full queue would make the next request wait for a second.
        self.or(&mut config, "fetch.queue.backoff.ms", "5");
        // New partitions are asked for when the request under way has come back.
        self.or(&mut config, "fetch.wait.max.ms", "100");
        self.or(&mut config, "fetch.error.backoff.ms", "100");
        config
    }

    fn or(&self, config: &mut ClientConfig, name: &str, default: &str) {
        if self.property(name).is_none() {
            config.set(name, default);
        }
    }
}

/// Blocks for as long as certificates are read.
///
/// # Errors
/// [`BrokerError::Refused`] for a property that librdkafka does not know or take.
pub(super) fn create<C, T>(config: &ClientConfig, context: C) -> Result<T, BrokerError>
where
    C: rdkafka::ClientContext,
    T: FromClientConfigAndContext<C>,
{
    config.create_with_context(context).map_err(|error| match error {
        KafkaError::ClientConfig(_, _, name, _) if is_secret(&name) => {
            BrokerError::Refused(format!("Kafka's property `{name}` has a value that it cannot have"))
        }
        KafkaError::ClientConfig(_, why, name, _) => BrokerError::Refused(format!("Kafka's property `{name}`: {why}")),
        KafkaError::ClientCreation(why) => BrokerError::Refused(format!("Kafka's properties: {why}")),
        other => Complaints::default().fault("making a client", &other),
    })
}
