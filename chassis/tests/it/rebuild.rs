//! A rebuild whose consumer does not get on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chassis::Recorded;
use chassis::config::{Defaults, Flags, Settings};
use chassis::operator::Workplace;
use chassis::views::rebuild::{Options, RebuildError, Step, rebuild};
use chassis::views::{Generations, UnitOfWork, View};
use persistence::{Index, StoreError};
use tempfile::TempDir;

use crate::support::bookings;

const DEFAULTS: Defaults = Defaults {
    service: "event",
    listen: "127.0.0.1:0",
    listen_tls: "off",
    listen_metrics: "off",
    owns_plain_ports: true,
};

/// Takes in nothing, or dies of the first envelope.
struct Fragile {
    dies: bool,
}

#[async_trait]
impl View for Fragile {
    fn collections(&self) -> &'static [(&'static str, &'static [Index])] {
        &[("things", &[])]
    }

    async fn apply(&self, _recorded: &Recorded, _unit: &mut UnitOfWork) -> Result<(), StoreError> {
        assert!(!self.dies, "made up");
        Ok(())
    }
}

/// A service's stores and a log with a few envelopes, no views of which have been built.
async fn workplace() -> (TempDir, Workplace) {
    let folder = tempfile::tempdir().unwrap();
    let flags = Flags {
        data_dir: Some(folder.path().to_owned()),
        conf: None,
    };
    let settings = Settings::load(&DEFAULTS, &flags).unwrap();
    let stores = persistence::open(&settings.store).await.unwrap();
    Generations::open(stores.documents).await.unwrap().live().await.unwrap();
    let broker = msgqueue::open(&settings.broker).await.unwrap();
    let shared: Vec<_> = bookings("inventory/a", 3).into_iter().map(Arc::new).collect();
    broker.emitter.emit(&shared).await.unwrap();
    (folder, Workplace::open(settings).await.unwrap())
}

/// How a rebuild ended, and whether it said before that it waits.
async fn outcome(place: &Workplace, dies: bool) -> (Result<(), RebuildError>, bool) {
    let options = Options {
        patience: Duration::from_secs(4),
        ..Options::default()
    };
    let waited = AtomicBool::new(false);
    let told = |step| {
        waited.fetch_or(matches!(step, Step::Waits(_)), Ordering::Relaxed);
    };
    let views: Vec<Arc<dyn View>> = vec![Arc::new(Fragile { dies })];
    let outcome = rebuild(place, views, options, &told).await;
    (outcome.map(drop), waited.into_inner())
}

#[tokio::test]
async fn a_consumer_that_dies_ends_the_rebuild_and_one_that_is_kept_out_is_not_waited_for_without_end() {
    let (_folder, place) = workplace().await;
    let (died, _) = outcome(&place, true).await;
    assert!(
        matches!(&died, Err(RebuildError::BrokeOff(why)) if why.contains("panic")),
        "{died:?}"
    );

    // As a process that was stopped would, it holds the group that the next rebuild goes on with.
    let mut holder = place.broker.listener.subscribe("event.views.2").await.unwrap();
    holder.next_batch(1).await.unwrap();
    let (kept_out, waited) = outcome(&place, false).await;
    assert!(
        matches!(&kept_out, Err(RebuildError::Stuck(why)) if why.contains("another process")),
        "{kept_out:?}"
    );
    assert!(waited);

    drop(holder);
    let (goes_on, _) = outcome(&place, false).await;
    assert!(goes_on.is_ok(), "{goes_on:?}");
}
