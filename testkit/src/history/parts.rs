use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chassis::consumer::parking::Parking;
use chassis::views::Generations;
use msgqueue::Broker;
use persistence::Stores;
use tokio::time::sleep;

use super::{Findings, Kind};
use crate::{broker_url, eventually, store_url};

const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(50);
/// No group has this name, so all of the log waits for it.
const NOBODY: &str = "history.nobody";

/// Where the services keep what they have, by URL.
#[derive(Debug, Clone)]
pub struct Parts {
    pub event_store: String,
    pub booking_store: String,
    pub broker: String,
    /// How long the platform may take to publish and consume what it has.
    pub patience: Duration,
}

/// The same, opened beside the platform.
pub(super) struct Opened {
    pub(super) events: Stores,
    pub(super) bookings: Stores,
    pub(super) broker: Broker,
    patience: Duration,
}

impl Parts {
    /// Of a platform with one data folder.
    pub fn of_folder(folder: &Path) -> Self {
        Self {
            event_store: store_url(folder, "event"),
            booking_store: store_url(folder, "booking"),
            broker: broker_url(folder),
            patience: PATIENCE,
        }
    }

    pub(super) async fn open(&self) -> Opened {
        Opened {
            events: persistence::open(&self.event_store).await.unwrap(),
            bookings: persistence::open(&self.booking_store).await.unwrap(),
            broker: msgqueue::open(&self.broker).await.unwrap(),
            patience: self.patience,
        }
    }
}

impl Opened {
    /// Waits until everything is published and every group has consumed everything. False where that does not happen.
    pub(super) async fn settle(&self, findings: &mut Findings) -> bool {
        let deadline = Instant::now() + self.patience;
        let groups = self.groups().await;
        let mut before = None;
        loop {
            let now = self.backlog(&groups).await;
            // Twice the same nothing: what the last message led to would have shown by now.
            if now.1 == 0 && before == Some(now) {
                return true;
            }
            if Instant::now() > deadline {
                findings.add(Kind::Stuck, format!("{} commits or messages still wait", now.1));
                return false;
            }
            before = Some(now);
            sleep(LOOK).await;
        }
    }

    /// How many messages the log has, and how much is not published or not consumed.
    async fn backlog(&self, groups: &[String]) -> (u64, u64) {
        let log = self.lag(NOBODY).await;
        let mut waiting = 0;
        for stores in [&self.events, &self.bookings] {
            waiting += stores.journal.unpublished_count().await.unwrap();
        }
        for group in groups {
            waiting += self.lag(group).await;
        }
        (log, waiting)
    }

    /// A broker may not be able to tell while members come and go, as they do when a process has just been killed.
    pub(super) async fn lag(&self, group: &str) -> u64 {
        let told = || async { self.broker.listener.lag(group).await.unwrap() };
        eventually("the broker can tell how far a group is", told).await
    }

    async fn groups(&self) -> Vec<String> {
        let mut groups = vec!["event.policies".to_owned(), "booking.policies".to_owned()];
        for (service, stores) in [("event", &self.events), ("booking", &self.bookings)] {
            let generations = Generations::open(Arc::clone(&stores.documents)).await.unwrap();
            groups.push(generations.live().await.unwrap().group(service));
        }
        groups
    }

    pub(super) async fn check_nothing_is_parked(&self, findings: &mut Findings) {
        for stores in [&self.events, &self.bookings] {
            let parking = Parking::open(Arc::clone(&stores.documents)).await.unwrap();
            for parked in parking.list(None).await.unwrap() {
                let what = format!(
                    "{} {}@{}: {}",
                    parked.group, parked.stream, parked.version, parked.detail
                );
                findings.add(Kind::Parked, what);
            }
        }
    }
}
