//! A rebuild whose consumer does not get on, or that finds something of earlier ones.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chassis::Recorded;
use chassis::config::{Defaults, Flags, Settings};
use chassis::operator::Workplace;
use chassis::views::rebuild::{Options, RebuildError, Step, rebuild};
use chassis::views::{Generations, UnitOfWork, View};
use persistence::{Index, StoreError};
use tempfile::TempDir;
use testkit::eventually;

use crate::support::bookings;

const DEFAULTS: Defaults = Defaults {
    service: "event",
    database: "events",
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

/// As another version declares it.
struct Indexed;

#[async_trait]
impl View for Indexed {
    fn collections(&self) -> &'static [(&'static str, &'static [Index])] {
        const BY_NAME: &[Index] = &[Index {
            name: "by_name",
            fields: &["name"],
        }];
        &[("things", BY_NAME)]
    }

    async fn apply(&self, _recorded: &Recorded, _unit: &mut UnitOfWork) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A service's stores and a log with a few envelopes, no views of which have been built.
async fn workplace() -> (TempDir, Workplace) {
    let folder = tempfile::tempdir().unwrap();
    let flags = Flags {
        check_health: false,
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

/// What a rebuild says when it begins.
async fn beginning(place: &Workplace, view: Arc<dyn View>) -> (u64, bool, Option<u64>) {
    let begun = Mutex::new(None);
    let told = |step| {
        if let Step::Begins {
            building,
            resumed,
            left,
            ..
        } = step
        {
            *begun.lock().unwrap() = Some((building, resumed, left));
        }
    };
    // Whether it ends well is not the question.
    let _ = rebuild(place, vec![view], Options::default(), &told).await;
    begun.into_inner().unwrap().unwrap()
}

#[tokio::test]
async fn a_build_is_gone_on_with_only_by_what_has_begun_it() {
    let (_folder, place) = workplace().await;
    assert_eq!(
        beginning(&place, Arc::new(Fragile { dies: true })).await,
        (2, false, None)
    );
    assert_eq!(
        beginning(&place, Arc::new(Fragile { dies: true })).await,
        (2, true, None)
    );
    assert_eq!(beginning(&place, Arc::new(Indexed)).await, (3, false, Some(2)));
    let dropped = place.stores.documents.get("g2_things", &["any"]).await;
    assert!(matches!(dropped, Err(StoreError::Broken(_))), "{dropped:?}");
}

#[tokio::test]
async fn what_was_replaced_only_just_is_not_dropped_before_its_time() {
    let (_folder, place) = workplace().await;
    let views = || -> Vec<Arc<dyn View>> { vec![Arc::new(Fragile { dies: false })] };
    let with = |grace| Options {
        grace,
        ..Options::default()
    };
    for _ in 0..2 {
        rebuild(&place, views(), with(Duration::ZERO), &|_| {}).await.unwrap();
    }
    let generations = Generations::open(Arc::clone(&place.stores.documents)).await.unwrap();
    let options = with(Duration::from_secs(24 * 3_600));
    let (settings, stores) = (place.settings.clone(), place.stores.clone());
    let second = Workplace::open(settings).await.unwrap();
    let task = tokio::spawn(async move { rebuild(&second, views(), options, &|_| {}).await.map(drop) });
    eventually("the next views are live", || async {
        (generations.live().await.unwrap().number() == 4).then_some(())
    })
    .await;
    for (collection, is_there) in [("g1_things", false), ("g2_things", true)] {
        let found = stores.documents.scan(collection, None, 1).await;
        assert_eq!(found.is_ok(), is_there, "{collection}: {found:?}");
    }
    assert!(!task.is_finished());
    task.abort();
}
