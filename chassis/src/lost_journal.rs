//! Whether a service has lost its journal: it has an empty one, and the log has streams of its kinds. Were it to decide, it
//! would begin those streams anew, and sell again what is sold.
//!
//! A journal of which only a part is left is not recognised.

use std::sync::Arc;
use std::time::Duration;

use contracts::StreamKind;
use msgqueue::{BrokerError, Delivery, EventListener, temporary_group};
use persistence::Stores;
use tokio::time::{Instant, timeout};
use tracing::info;

use crate::consumer::tags;
use crate::lease::LeaseKeeper;
use crate::service::StartError;

const BATCH: usize = 2_048;
/// How long the log may keep back what it has.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of a log that is silent so long it is asked again how much it has.
const LOOK: Duration = Duration::from_millis(250);

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
    let mut heard = Instant::now();
    while left > 0 {
        let Ok(batch) = timeout(LOOK, subscription.next_batch(BATCH)).await else {
            if heard.elapsed() > PATIENCE {
                return Err(unavailable("the log does not give what it has"));
            }
            // What was counted may have been what brokers note in a log for themselves.
            left = listener.known_lag(group).await?;
            continue;
        };
        let batch = batch?;
        if batch.iter().any(|delivery| is_one_of(delivery, kinds)) {
            return Ok(true);
        }
        subscription.ack(&tags(&batch)).await?;
        left = left.saturating_sub(batch.len() as u64);
        heard = Instant::now();
    }
    Ok(false)
}

fn is_one_of(delivery: &Delivery, kinds: &[StreamKind]) -> bool {
    delivery.stream().is_some_and(|stream| stream.is_one_of(kinds))
}

fn unavailable(why: &str) -> BrokerError {
    BrokerError::Unavailable(why.into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use msgqueue::{DeliveryTag, Guarantees, Subscription};

    use super::*;

    /// A log that holds nothing, and that says so only when it is asked often enough.
    struct Miscounted {
        left: AtomicU64,
    }

    struct Silent;

    #[async_trait]
    impl EventListener for Miscounted {
        fn guarantees(&self) -> Guarantees {
            Guarantees {
                ordered_per_key: true,
                durable: true,
                replayable: true,
                acknowledges_singly: true,
            }
        }

        async fn subscribe(&self, _: &str) -> Result<Box<dyn Subscription>, BrokerError> {
            Ok(Box::new(Silent))
        }

        async fn drop_group(&self, _: &str) -> Result<(), BrokerError> {
            Ok(())
        }

        async fn lag(&self, _: &str) -> Result<Option<u64>, BrokerError> {
            let counted = |left: u64| Some(left.saturating_sub(1));
            Ok(self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted)
                .ok())
        }
    }

    #[async_trait]
    impl Subscription for Silent {
        async fn next_batch(&mut self, _: usize) -> Result<Vec<Delivery>, BrokerError> {
            std::future::pending().await
        }

        async fn ack(&mut self, _: &[DeliveryTag]) -> Result<(), BrokerError> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_was_counted_too_long_keeps_nobody_waiting() {
        let began = Instant::now();
        let log = Miscounted {
            left: AtomicU64::new(2),
        };
        assert!(!look(&log, "group", &[StreamKind::Event]).await.unwrap());
        assert!(began.elapsed() < PATIENCE / 10);
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_log_that_keeps_back_what_it_has_nobody_knows() {
        let log = Miscounted {
            left: AtomicU64::new(u64::MAX),
        };
        let error = look(&log, "group", &[StreamKind::Event]).await.unwrap_err();
        assert!(matches!(error, BrokerError::Unavailable(_)), "{error}");
    }
}
