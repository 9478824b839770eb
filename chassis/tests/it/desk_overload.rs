//! More is asked than the desk can take: what finds no room is refused at once, and all goes on afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chassis::desk::{Desk, DeskError};
use persistence::Journal;
use testkit::eventually;
use tokio::task::JoinHandle;

use crate::desk::{Counter, desk_on, step_of, stream};
use crate::desk_ahead::{Trouble, Troubled};
use crate::support::Parts;

/// Several times as many as may wait for one stream.
const ASKED: usize = 10_000;

/// The version that it led to; `None` where it found no room.
fn ask(desk: &Desk<Counter>, refused: &Arc<AtomicUsize>) -> JoinHandle<Option<u64>> {
    let (desk, refused) = (desk.clone(), Arc::clone(refused));
    tokio::spawn(async move {
        match desk.handle(&stream(), step_of(u32::MAX, None)).await {
            Ok(outcome) => Some(outcome.version),
            Err(DeskError::Busy) => {
                refused.fetch_add(1, Ordering::SeqCst);
                None
            }
            Err(error) => panic!("{error}"),
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_finds_no_room_is_refused_at_once_and_the_rest_is_answered() {
    let parts = Parts::open().await;
    let journal = Troubled::new(&parts, |_| Trouble::None);
    let desk = desk_on(Arc::clone(&journal) as Arc<dyn Journal>);
    journal.hold();
    let refused = Arc::default();
    let asked: Vec<_> = (0..ASKED).map(|_| ask(&desk, &refused)).collect();
    // The store answers nobody meanwhile.
    let most = || async { (refused.load(Ordering::SeqCst) > ASKED / 2).then_some(()) };
    eventually("most of them are refused", most).await;

    journal.release();
    let mut versions = Vec::new();
    for asked in asked {
        versions.extend(asked.await.unwrap());
    }
    versions.sort_unstable();
    let expected: Vec<u64> = (1..=versions.len() as u64).collect();
    assert_eq!(versions, expected, "each has a version of its own");
    assert_eq!(versions.len() + refused.load(Ordering::SeqCst), ASKED);
    let next = desk.handle(&stream(), step_of(u32::MAX, None)).await.unwrap();
    assert_eq!(next.version, versions.len() as u64 + 1);
}
