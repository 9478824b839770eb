//! Whether a service has lost its journal: it has an empty one, and the log has streams of its kinds. Were it to decide, it
//! would begin those streams anew, and sell again what is sold.

use std::time::Duration;

use contracts::StreamKind;
use msgqueue::{BrokerError, Delivery, EventListener};
use persistence::{Journal, StoreError};
use thiserror::Error;
use tokio::time::timeout;
use uuid::Uuid;

const BATCH: usize = 2_048;
/// How long the log may keep back what it has; whoever consumes it waits for it, too.
const PATIENCE: Duration = Duration::from_secs(30);
/// A group that has never been: all of the log waits for it.
const NOBODY: &str = "beginning";

#[derive(Debug, Error)]
pub(crate) enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Reads the log from its beginning, where the journal is empty, up to the first message of one of these kinds.
pub(crate) async fn is_lost(
    journal: &dyn Journal,
    listener: &dyn EventListener,
    kinds: &[StreamKind],
) -> Result<bool, Fault> {
    if !is_empty(journal).await? || listener.known_lag(NOBODY).await? == 0 {
        return Ok(false);
    }
    let group = format!("{NOBODY}.{}", Uuid::now_v7());
    let found = has_any(listener, &group, kinds).await;
    listener.drop_group(&group).await?;
    // What was found may be what another replica has begun with meanwhile.
    Ok(found? && is_empty(journal).await?)
}

async fn is_empty(journal: &dyn Journal) -> Result<bool, StoreError> {
    Ok(journal.walk(None, 1).await?.is_empty())
}

async fn has_any(listener: &dyn EventListener, group: &str, kinds: &[StreamKind]) -> Result<bool, BrokerError> {
    let mut subscription = listener.subscribe(group).await?;
    let mut left = listener.known_lag(group).await?;
    while left > 0 {
        let Ok(batch) = timeout(PATIENCE, subscription.next_batch(BATCH)).await else {
            return Ok(false);
        };
        let batch = batch?;
        if batch.iter().any(|delivery| is_one_of(delivery, kinds)) {
            return Ok(true);
        }
        let tags: Vec<_> = batch.iter().map(|delivery| delivery.tag).collect();
        subscription.ack(&tags).await?;
        left = left.saturating_sub(batch.len() as u64);
    }
    Ok(false)
}

fn is_one_of(delivery: &Delivery, kinds: &[StreamKind]) -> bool {
    delivery.stream().is_some_and(|stream| stream.is_one_of(kinds))
}
