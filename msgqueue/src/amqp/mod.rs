//! RabbitMQ, by AMQP 0.9.1 as it extends it.
//!
//! ```text
//! emitter ──► exchange `events` (topic) ──► stream queue `events.log`, which keeps everything
//!                                     └───► queue `events.<group>` of each group ──► its active member
//! ```
//!
//! A queue forgets what it has delivered, so that a group which joins late would miss all that was before. Therefore the
//! log is a stream queue, declared before the first publish. A new group's queue begins with a *marker*. Whoever is
//! delivered that reads the log up to where it ended when the group was made, and acknowledges the marker when all of
//! this is acknowledged. How far such a replay is stands in one message of the queue `events.<group>.position`, so that
//! another member goes on there. Only what was published in the moment when a group was made may come from both. That the
//! log has everything that was routed before a queue was bound rests on one node keeping the log's queue.
//!
//! Of a group's members RabbitMQ serves one; it hands the queue to the next when that one's connection ends. How many
//! messages a member has not acknowledged only that member knows, so it is asked for the group's lag.
//!
//! An error ends a subscription, and makes the emitter connect anew with the next batch: whoever uses them tries again.
//! The driver's own recovery is left off, because it may lose confirms and consumers.
//!
//! This module must not know what an envelope means, nor who consumes it.

mod attempt;
mod census;
mod emitter;
mod errors;
mod group;
mod link;
mod listener;
mod member;
mod position;
mod replay;
mod subscription;
mod tags;
mod tail;
mod topology;
mod url;
mod wire;

use std::sync::Arc;

pub use url::AmqpUrl;

use crate::{Broker, BrokerError};
use emitter::AmqpEmitter;
use link::Link;
use listener::AmqpListener;

/// Connects, and makes the exchange and the log where they are missing.
///
/// # Errors
/// [`BrokerError::Unavailable`] where it cannot be reached, [`BrokerError::Refused`] where it lets nobody in by these
/// credentials, or has the exchange or the log with other properties.
pub async fn open(url: AmqpUrl) -> Result<Broker, BrokerError> {
    let link = Arc::new(Link::new(url));
    let listener = AmqpListener::new(Arc::clone(&link));
    listener.prepare().await?;
    Ok(Broker {
        emitter: Arc::new(AmqpEmitter::new(link)),
        listener: Arc::new(listener),
    })
}
