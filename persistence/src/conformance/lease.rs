use futures::future::join_all;

use super::{Harness, Suite};
use crate::{Lease, LeaseRecord};

pub(super) async fn run(suite: &mut Suite, h: &dyn Harness) {
    suite.check("a lease that nobody took has no record", nobodys(h)).await;
    suite
        .check("a record is replaced when it is the expected one", replaced(h))
        .await;
    suite.check("another record than expected is kept", kept(h)).await;
    suite.check("of racing calls one succeeds", racing(h)).await;
    suite.check("leases of different names are different", apart(h)).await;
    suite
        .check("a record is seen by other handles and after opening again", shared(h))
        .await;
}

fn record(holder: &str, counter: u64) -> LeaseRecord {
    LeaseRecord {
        holder: holder.to_owned(),
        counter,
    }
}

async fn take(lease: &dyn Lease, expected: Option<&LeaseRecord>, next: &LeaseRecord) -> bool {
    lease.replace("relay", expected, next).await.unwrap()
}

async fn nobodys(h: &dyn Harness) {
    let lease = h.open().await.lease;
    assert_eq!(lease.read("relay").await.unwrap(), None);
}

async fn replaced(h: &dyn Harness) {
    let lease = h.open().await.lease;
    let mut held = None;
    for next in [
        record("a", 1),
        record("a", 2),
        record("b ü'\"", 0),
        record("b", u64::MAX),
        record("", 3),
    ] {
        assert!(take(&*lease, held.as_ref(), &next).await, "{next:?}");
        assert_eq!(lease.read("relay").await.unwrap().as_ref(), Some(&next));
        held = Some(next);
    }
}

async fn kept(h: &dyn Harness) {
    let lease = h.open().await.lease;
    let held = record("a", 5);
    assert!(!take(&*lease, Some(&held), &record("b", 1)).await);
    assert_eq!(lease.read("relay").await.unwrap(), None);
    assert!(take(&*lease, None, &held).await);
    for wrong in [None, Some(record("a", 4)), Some(record("b", 5)), Some(record("A", 5))] {
        assert!(!take(&*lease, wrong.as_ref(), &record("b", 6)).await, "{wrong:?}");
    }
    assert_eq!(lease.read("relay").await.unwrap(), Some(held));
}

async fn racing(h: &dyn Harness) {
    let (one, other) = (h.open().await.lease, h.reopen().await.lease);
    let mut held = None;
    for round in 0..30 {
        let next: Vec<LeaseRecord> = (0..6).map(|n| record(&format!("replica {n}"), round)).collect();
        let tries = next.iter().enumerate().map(|(n, next)| {
            let lease = if n % 2 == 0 { &one } else { &other };
            take(&**lease, held.as_ref(), next)
        });
        let outcomes = join_all(tries).await;
        let winners: Vec<&LeaseRecord> = next
            .iter()
            .zip(&outcomes)
            .filter(|(_, won)| **won)
            .map(|(next, _)| next)
            .collect();
        assert_eq!(winners.len(), 1, "round {round}: {outcomes:?}");
        held = one.read("relay").await.unwrap();
        assert_eq!(held.as_ref(), Some(winners[0]));
    }
}

async fn apart(h: &dyn Harness) {
    let lease = h.open().await.lease;
    assert!(lease.replace("relay", None, &record("a", 1)).await.unwrap());
    assert!(lease.replace("Relay", None, &record("b", 1)).await.unwrap());
    assert!(lease.replace("relay 2", None, &record("c", 1)).await.unwrap());
    assert_eq!(lease.read("relay").await.unwrap(), Some(record("a", 1)));
}

async fn shared(h: &dyn Harness) {
    let stores = h.open().await;
    assert!(take(&*stores.lease, None, &record("a", 1)).await);
    assert_eq!(
        h.reopen().await.lease.read("relay").await.unwrap(),
        Some(record("a", 1))
    );
    drop(stores);
    let lease = h.reopen().await.lease;
    assert!(take(&*lease, Some(&record("a", 1)), &record("b", 1)).await);
}
