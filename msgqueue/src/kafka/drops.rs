//! Which groups were dropped, told to all processes.
//!
//! Kafka deletes no group that has members, and no member can be told anything from outside. So there is one consumer
//! group more, `TOPIC:drops`, which has no members: the offset that is committed there counts the drops, and beside it
//! stand the names of the latest ones. Every process asks for it once a second. That is also how it knows that
//! Kafka still answers.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::oneshot;

use super::complaints::Complaints;
use super::exchange::End;
use super::group_client::GroupClient;
use super::url::KafkaUrl;
use super::{drop_aside, lock};
use crate::BrokerError;

/// How soon a drop is noticed everywhere.
pub(super) const NOTICE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);
/// Where Kafka says nothing for so long, subscriptions end, so that those who wait for messages know.
const SILENCE: Duration = Duration::from_secs(15);
/// Before that the client is replaced if it is what fails.
const LOST: Duration = Duration::from_secs(5);
/// Kafka takes 4096 bytes by default.
const MAX_TEXT: usize = 3_000;
const QUEUE: usize = 64;

pub(super) struct Drops {
    requests: SyncSender<Request>,
    seen: Arc<Mutex<Seen>>,
}

enum Request {
    Look(Answer),
    Raise(String, Answer),
}

/// The count of drops.
type Answer = oneshot::Sender<Result<i64, BrokerError>>;

struct Seen {
    marker: Marker,
    at: Instant,
    /// Why there is nothing newer.
    fault: Option<End>,
}

/// Owns the client, which is used on this thread only.
struct Watcher {
    client: GroupClient,
    config: ClientConfig,
    topic: String,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Marker {
    count: i64,
    /// The newest first, each with its number.
    latest: Vec<(i64, String)>,
}

impl Drops {
    pub(super) fn watch(url: &KafkaUrl) -> Result<Self, BrokerError> {
        let config = url.group_client(&format!("{}:drops", url.topic));
        let client = GroupClient::new(&config)?;
        let seen = Arc::new(Mutex::new(Seen {
            marker: Marker::default(),
            at: Instant::now(),
            fault: None,
        }));
        let mut watcher = Watcher {
            client,
            config,
            topic: url.topic.clone(),
            seen: Arc::clone(&seen),
        };
        let (requests, receiver) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("kafka drops".to_owned());
        thread
            .spawn(move || watcher.run(&receiver))
            .map_err(|error| BrokerError::Unavailable(error.into()))?;
        Ok(Self { requests, seen })
    }

    /// The count of drops as it is now. From then on Kafka is asked regularly.
    pub(super) async fn look(&self) -> Result<i64, BrokerError> {
        let (answer, count) = oneshot::channel();
        self.send(Request::Look(answer))?;
        count.await.map_err(|_| BrokerError::Closed)?
    }

    /// Tells everybody that `group` is dropped. Blocks.
    pub(super) fn raise(&self, group: &str) -> Result<(), BrokerError> {
        let (answer, count) = oneshot::channel();
        self.send(Request::Raise(group.to_owned(), answer))?;
        count.blocking_recv().map_err(|_| BrokerError::Closed)?.map(drop)
    }

    fn send(&self, request: Request) -> Result<(), BrokerError> {
        let sent = self.requests.try_send(request);
        sent.map_err(|_| BrokerError::Unavailable("too many ask for the groups at once".into()))
    }

    /// Why a subscription to `group` has to end, if it has to. `since` is the count that it knows, and is kept up to
    /// date.
    pub(super) fn verdict(&self, group: &str, since: &mut i64) -> Option<End> {
        let seen = lock(&self.seen);
        if seen.marker.tells_of(group, *since) {
            return Some(BrokerError::group_dropped().into());
        }
        *since = seen.marker.count;
        let is_silent = seen.at.elapsed() > SILENCE;
        is_silent.then(|| seen.fault.clone()).flatten()
    }
}

impl Watcher {
    fn run(&mut self, requests: &Receiver<Request>) {
        let mut is_wanted = false;
        loop {
            match requests.recv_timeout(NOTICE) {
                Ok(Request::Look(answer)) => {
                    is_wanted = true;
                    // Whoever asked may have gone.
                    let _ = answer.send(self.look().map(|marker| marker.count));
                }
                Ok(Request::Raise(group, answer)) => {
                    let _ = answer.send(self.raise(&group));
                }
                Err(RecvTimeoutError::Timeout) if is_wanted => drop(self.look()),
                Err(RecvTimeoutError::Timeout) => self.client.hear(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn look(&mut self) -> Result<Marker, BrokerError> {
        let outcome = self.client.ask("asking for the groups", |client| self.read(client));
        if outcome.is_err() && self.client.is_lost(LOST) {
            self.begin_anew();
        }
        let mut seen = lock(&self.seen);
        match outcome {
            Ok(marker) => {
                seen.marker = marker.clone();
                seen.at = Instant::now();
                seen.fault = None;
                Ok(marker)
            }
            Err(error) => {
                let end = End::from(error);
                seen.fault = Some(end.clone());
                Err(end.into())
            }
        }
    }

    fn begin_anew(&mut self) {
        // Where it cannot be made the old one is kept, and this is tried again.
        if let Ok(client) = GroupClient::new(&self.config) {
            drop_aside(std::mem::replace(&mut self.client, client));
        }
    }

    fn read(&self, client: &BaseConsumer<Complaints>) -> Result<Marker, KafkaError> {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, 0);
        let list = client.committed_offsets(list, PATIENCE)?;
        let Some(found) = list.find_partition(&self.topic, 0) else {
            return Ok(Marker::default());
        };
        found.error()?;
        Ok(match found.offset() {
            Offset::Offset(count) => Marker::read(count, found.metadata()),
            _ => Marker::default(),
        })
    }

    fn raise(&mut self, group: &str) -> Result<i64, BrokerError> {
        let marker = self.look()?.raised(group);
        self.client.ask("telling that a group is dropped", |client| {
            let mut list = TopicPartitionList::new();
            let mut element = list.add_partition(&self.topic, 0);
            element.set_metadata(marker.text());
            element.set_offset(Offset::Offset(marker.count))?;
            client.commit(&list, CommitMode::Sync)
        })?;
        let count = marker.count;
        lock(&self.seen).marker = marker;
        Ok(count)
    }
}

impl Marker {
    fn read(count: i64, text: &str) -> Self {
        let latest = text.split_ascii_whitespace().filter_map(|entry| {
            let (number, name) = entry.split_once(':')?;
            Some((number.parse().ok()?, name.to_owned()))
        });
        Self {
            count,
            latest: latest.collect(),
        }
    }

    fn raised(mut self, group: &str) -> Self {
        self.count += 1;
        self.latest.insert(0, (self.count, group.to_owned()));
        while self.text().len() > MAX_TEXT {
            self.latest.pop();
        }
        self
    }

    fn text(&self) -> String {
        let entries: Vec<String> = self
            .latest
            .iter()
            .map(|(number, name)| format!("{number}:{name}"))
            .collect();
        entries.join(" ")
    }

    /// Whether `group` was dropped since the count was `since`, or that cannot be told any more.
    fn tells_of(&self, group: &str, since: i64) -> bool {
        // Kafka forgets groups without members after a while, and then it is counted from the start.
        let since = if self.count < since { 0 } else { since };
        let news = self.latest.iter().filter(|(number, _)| *number > since);
        let (mut known, mut is_told) = (0, false);
        for (_, name) in news {
            known += 1;
            is_told |= name == group;
        }
        is_told || known < self.count - since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_concerns_its_group_only() {
        let marker = Marker::default().raised("a").raised("b");
        let read = Marker::read(marker.count, &marker.text());
        assert_eq!(read, marker);
        for (group, since, told) in [
            ("a", 0, true),
            ("b", 0, true),
            ("c", 0, false),
            ("a", 1, false),
            ("b", 2, false),
        ] {
            assert_eq!(read.tells_of(group, since), told, "{group} since {since}");
        }
    }

    #[test]
    fn what_cannot_be_told_any_more_is_taken_for_a_drop() {
        let mut marker = Marker::default().raised("a");
        for _ in 0..100 {
            marker = marker.raised(&"x".repeat(100));
        }
        assert!(marker.text().len() <= MAX_TEXT);
        assert!(marker.tells_of("other", 5));
        assert!(!marker.tells_of("other", 95));
    }

    #[test]
    fn counting_may_start_again() {
        assert!(!Marker::default().tells_of("a", 9));
        assert!(Marker::default().raised("a").tells_of("a", 9));
        assert!(!Marker::default().raised("b").tells_of("a", 9));
    }
}
