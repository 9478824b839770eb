//! Whether a service has lost its journal: it has an empty one, and the log has streams of its kinds. Were it to decide, it
//! would begin those streams anew, and sell again what is sold.
//!
//! A journal of which only a part is left is not recognised.

use std::sync::Arc;
use std::time::Duration;

use contracts::StreamKind;
use msgqueue::{BrokerError, Delivery, EventListener, temporary_group};
use persistence::Stores;
use tokio::time::timeout;
use tracing::info;

use crate::consumer::tags;
use crate::lease::LeaseKeeper;
use crate::service::StartError;

const BATCH: usize = 2_048;
/// How long the log may keep back what it has.
const PATIENCE: Duration = Duration::from_secs(60);

/// The group that looks. It has to go with whatever made it: nobody consumes what a broker would keep for it.
pub(crate) fn group(service: &str) -> String {
    temporary_group(&format!("{service}.beginning"))
}

/// Reads the log from its beginning, where the journal is empty, up to the first message of one of these kinds.
///
/// # Errors
/// Also where the log does not give what it has: then nobody knows, and it has to be asked again.
pub(crate) async fn is_lost(
    stores: &Stores,
    listener: &dyn EventListener,
    service: &str,
    kinds: &[StreamKind],
) -> Result<bool, StartError> {
    let group = group(service);
    // Nobody has made the group, so all of the log waits for it.
    if !stores.journal.is_empty().await? || listener.known_lag(&group).await? == 0 {
        return Ok(false);
    }
    info!(
        service,
        "the journal is empty: looking in the log for what may be lost of it"
    );
    // One replica at a time has the group.
    let mut lease = LeaseKeeper::new(Arc::clone(&stores.lease), "beginning");
    while !lease.acquire().await? {}
    let found = tokio::select! {
        found = look(listener, &group, kinds) => found,
        () = lease.lost() => Err(unavailable("another replica looks at the log's beginning")),
    };
    lease.release().await?;
    // What was found may be what another replica has begun with meanwhile.
    Ok(found? && stores.journal.is_empty().await?)
}

async fn look(listener: &dyn EventListener, group: &str, kinds: &[StreamKind]) -> Result<bool, BrokerError> {
    // A process that died over it has left it.
    listener.drop_group(group).await?;
    let found = has_any(listener, group, kinds).await;
    listener.drop_group(group).await?;
    found
}

async fn has_any(listener: &dyn EventListener, group: &str, kinds: &[StreamKind]) -> Result<bool, BrokerError> {
    let mut subscription = listener.subscribe(group).await?;
    let mut left = listener.known_lag(group).await?;
    while left > 0 {
        let batch = timeout(PATIENCE, subscription.next_batch(BATCH)).await;
        let batch = batch.map_err(|_| unavailable("the log does not give what it has"))??;
        if batch.iter().any(|delivery| is_one_of(delivery, kinds)) {
            return Ok(true);
        }
        subscription.ack(&tags(&batch)).await?;
        left = left.saturating_sub(batch.len() as u64);
    }
    Ok(false)
}

fn is_one_of(delivery: &Delivery, kinds: &[StreamKind]) -> bool {
    delivery.stream().is_some_and(|stream| stream.is_one_of(kinds))
}

fn unavailable(why: &str) -> BrokerError {
    BrokerError::Unavailable(why.into())
}
