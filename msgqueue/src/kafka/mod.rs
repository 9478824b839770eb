//! The broker for many hosts: one topic of Kafka is the log, one consumer group of Kafka is each group.
//!
//! It exists so that services on many machines share one durable log that others can read as well. The trade-off: a
//! cluster has to be run; messages are in order for each key only; and Kafka keeps one offset for each partition of a
//! group, so what was acknowledged behind a gap comes again when its subscription has ended.
//!
//! ```text
//! TOPIC                 the log; a key's messages are in one partition
//! TOPIC.GROUP           consumer group: how far GROUP has acknowledged each partition
//! TOPIC:drops           consumer group without members: which groups were dropped lately, see `drops.rs`
//! ```
//!
//! A record's value is `{"eventName": NAME, "payload": PAYLOAD}`, as other implementations write it; everything else
//! that an envelope has travels in headers, see `wire.rs`.
//!
//! librdkafka's calls block. Each subscription has a thread of its own that makes them (`member.rs`), another for commits
//! (`commits.rs`), and keeps what is in hand in a `book.rs`; requests that answer at once run on the runtime's blocking threads.
//!
//! This module must not know what an event means: it passes payloads on as text.

mod book;
mod client;
mod commits;
mod complaints;
mod drops;
mod emitter;
mod exchange;
mod group_client;
mod groups;
mod listener;
mod member;
mod rebalances;
mod reports;
mod subscription;
mod topic;
mod url;
mod watermark;
mod wire;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

pub use url::KafkaUrl;

use crate::blocking::blocking;
use crate::{Broker, BrokerError};
use emitter::KafkaEmitter;
use listener::KafkaListener;

/// Connects, and makes the topic where it is missing.
///
/// # Errors
/// [`BrokerError::Unavailable`] where nobody answers within ten seconds, [`BrokerError::Refused`] where Kafka does not
/// let us in or does not take what the URL says.
pub async fn open(url: KafkaUrl) -> Result<Broker, BrokerError> {
    let url = Arc::new(url);
    blocking(move || {
        topic::prepare(&url)?;
        Ok(Broker {
            emitter: Arc::new(KafkaEmitter::open(Arc::clone(&url))?),
            listener: Arc::new(KafkaListener::open(url)?),
        })
    })
    .await
}

/// Closing a client blocks, and may happen where there is no runtime any more.
fn drop_aside<T: Send + 'static>(client: T) {
    thread::spawn(move || drop(client));
}

/// What a thread that panicked left behind is whole: nothing here panics half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
