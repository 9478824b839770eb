//! What a member is told of its partitions, kept until its thread comes to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaRespErr;

use super::complaints::Complaints;
use super::lock;

pub(super) enum Change {
    Assigned(TopicPartitionList),
    /// `is_lost`: others may have them already.
    Revoked {
        list: TopicPartitionList,
        is_lost: bool,
    },
}

/// Clones are one.
#[derive(Clone, Default)]
pub(super) struct Rebalances {
    pub(super) complaints: Complaints,
    changes: Arc<Mutex<Vec<Change>>>,
    is_closing: Arc<AtomicBool>,
}

impl Rebalances {
    /// Kafka waits for an answer to each before it tells the next one.
    pub(super) fn take(&self) -> Vec<Change> {
        std::mem::take(&mut lock(&self.changes))
    }

    /// From now on nobody comes to take what is told.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
    }
}

impl ClientContext for Rebalances {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.complaints.say(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.complain(&error, reason);
    }

    fn stats_raw(&self, _: &[u8]) {
        self.complaints.heard();
    }
}

impl ConsumerContext for Rebalances {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        self.complaints.heard();
        let is_assigned = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.is_closing.load(Ordering::Acquire) {
            // It has to be answered all the same; what may fail is over.
            let _ = match is_assigned {
                true => consumer.incremental_assign(list),
                false => consumer.incremental_unassign(list),
            };
            return;
        }
        let list = list.clone();
        let change = match is_assigned {
            true => Change::Assigned(list),
            false => Change::Revoked {
                list,
                is_lost: consumer.assignment_lost(),
            },
        };
        lock(&self.changes).push(change);
    }
}
