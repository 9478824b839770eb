//! A client that asks, and tells, what a group has acknowledged, without joining it.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::KafkaError;

use super::client::create;
use super::complaints::{Complaints, patiently};
use super::topic;
use crate::BrokerError;

pub(super) struct GroupClient {
    client: BaseConsumer<Complaints>,
    complaints: Complaints,
}

impl GroupClient {
    /// `config` is [`KafkaUrl::group_client`](super::url::KafkaUrl::group_client).
    pub(super) fn new(config: &ClientConfig) -> Result<Self, BrokerError> {
        let complaints = Complaints::default();
        let client = create(config, complaints.clone())?;
        Ok(Self { client, complaints })
    }

    /// Blocks. `doing` says in an error what was asked for.
    pub(super) fn ask<T>(
        &self,
        doing: &str,
        ask: impl Fn(&BaseConsumer<Complaints>) -> Result<T, KafkaError>,
    ) -> Result<T, BrokerError> {
        let asked = Instant::now();
        let outcome = patiently(|| ask(&self.client));
        self.hear();
        if outcome.is_ok() {
            self.complaints.answered(asked);
        }
        outcome.map_err(|error| self.complaints.fault(doing, &error))
    }

    /// Lets it say what it has to say.
    pub(super) fn hear(&self) {
        topic::hear(&self.client, &self.complaints);
    }

    /// See [`Complaints::is_lost`].
    pub(super) fn is_lost(&self, patience: Duration) -> bool {
        self.complaints.is_lost(patience)
    }
}
