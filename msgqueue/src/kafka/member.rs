//! One member of a consumer group, on a thread of its own, because librdkafka's calls block.
//!
//! Every partition has its own queue, so that the thread always hears of rebalances, however slowly messages are
//! taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::Message as _;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::BorrowedMessage;

use super::book::{Place, Ready};
use super::client::{LOST, PATIENCE, create};
use super::commits::{Commits, UnderWay};
use super::complaints::{code, is_refusal};
use super::drops::Drops;
use super::exchange::{End, Exchange, Waiter};
use super::rebalances::{Change, Rebalances};
use super::url::KafkaUrl;
use super::wire::Record;
use crate::{BrokerError, Delivery, DeliveryTag};

/// What goes on is told by the bell; this is for what has none.
const IDLE: Duration = Duration::from_millis(100);
/// While something is to be tried again.
const BUSY: Duration = Duration::from_millis(10);
/// How long a partition that another member is to get waits for what is under way here: else it would come twice.
const GRACE: Duration = Duration::from_secs(3);
/// Commits that fail, or one that does not come back, for so long end the subscription.
const COMMIT_PATIENCE: Duration = Duration::from_secs(15);
/// Taken from one partition before the next has its turn.
const TURN: usize = 256;
const TURN_BYTES: usize = 1 << 20;

type MemberConsumer = BaseConsumer<Rebalances>;

pub(super) struct Member {
    consumer: Arc<MemberConsumer>,
    rebalances: Rebalances,
    exchange: Arc<Exchange>,
    queues: BTreeMap<i32, PartitionQueue<Rebalances>>,
    leaving: Option<Leaving>,
    commits: Commits,
    failing: Option<Failing>,
    group: Membership,
    topic: String,
}

pub(super) struct Membership {
    pub(super) name: String,
    pub(super) drops: Arc<Drops>,
    /// The count of drops when it joined.
    pub(super) since: i64,
}

/// Commits that fail: since when, and when the last one did.
#[derive(Clone, Copy)]
struct Failing {
    since: Instant,
    last: Instant,
}

/// Partitions that go to another member when what is under way is done.
struct Leaving {
    list: TopicPartitionList,
    until: Instant,
}

impl Member {
    /// Joins, or takes the partitions that the URL pins. Blocks for a moment; the rest happens on its thread.
    pub(super) fn start(url: &KafkaUrl, group: Membership, exchange: Arc<Exchange>) -> Result<(), BrokerError> {
        let rebalances = Rebalances::default();
        let config = url.member(&url.group_id(&group.name));
        let mut consumer: MemberConsumer = create(&config, rebalances.clone())?;
        let bell = Arc::clone(&exchange);
        consumer.set_nonempty_callback(move || bell.bell.ring());
        let consumer = Arc::new(consumer);
        let commits = Commits::start(Arc::clone(&consumer), url.topic.clone(), Arc::clone(&exchange))?;
        let mut member = Self {
            consumer,
            rebalances,
            exchange,
            commits,
            queues: BTreeMap::new(),
            leaving: None,
            failing: None,
            group,
            topic: url.topic.clone(),
        };
        member.begin(&url.assign)?;
        let thread = thread::Builder::new().name("kafka member".to_owned());
        let spawned = thread.spawn(move || member.run());
        spawned
            .map(drop)
            .map_err(|error| BrokerError::Unavailable(error.into()))
    }

    fn begin(&mut self, pinned: &[i32]) -> Result<(), BrokerError> {
        let outcome = if pinned.is_empty() {
            self.consumer.subscribe(&[&self.topic])
        } else {
            let mut list = TopicPartitionList::new();
            for partition in pinned {
                list.add_partition(&self.topic, *partition);
            }
            self.open_queues(&list);
            self.consumer.assign(&list)
        };
        outcome.map_err(|error| self.rebalances.complaints.fault("joining a group", &error))
    }

    fn run(mut self) {
        let end = loop {
            if self.exchange.is_closing() {
                break End::Closed;
            }
            if let Err(end) = self.turn() {
                break end;
            }
            let is_busy = self.leaving.is_some() || self.failing.is_some();
            self.exchange.bell.wait(if is_busy { BUSY } else { IDLE });
        };
        tracing::debug!(group = self.group.name, ?end, "a subscription ends");
        if let Some((commit, Ok(()))) = self.commits.settled() {
            self.note_committed(commit);
        }
        self.exchange.give_back(self.commits.give_up());
        self.exchange.end(end);
        self.close();
    }

    fn turn(&mut self) -> Result<(), End> {
        if let Some(end) = self.group.drops.verdict(&self.group.name, &mut self.group.since) {
            return Err(end);
        }
        self.hear()?;
        self.end_where_lost()?;
        for change in self.rebalances.take() {
            self.change(change)?;
        }
        self.fetch()?;
        self.commit()?;
        self.leave_when_settled()
    }

    /// Serves everything but messages.
    fn hear(&mut self) -> Result<(), End> {
        loop {
            let before = self.rebalances.complaints.times();
            match self.consumer.poll(Duration::ZERO) {
                // It came before its partition had a queue.
                Some(Ok(record)) => {
                    let ready = read(&record);
                    self.exchange.with_book(|book| book.put(ready));
                    self.exchange.tell_news();
                }
                Some(Err(error)) => self.judge(&error)?,
                None if self.rebalances.complaints.times() == before => return Ok(()),
                None => {}
            }
        }
    }

    /// Most of what goes wrong librdkafka sets right by itself; that nobody answers at all is noticed elsewhere.
    fn judge(&self, error: &KafkaError) -> Result<(), End> {
        let gone = [
            Code::UnknownTopicOrPartition,
            Code::UnknownTopic,
            Code::UnknownPartition,
        ];
        let ends = match (error, code(error)) {
            (KafkaError::MessageConsumptionFatal(_), _) => true,
            (_, Some(code)) => is_refusal(code) || gone.contains(&code),
            _ => false,
        };
        if ends {
            return Err(self.rebalances.complaints.fault("reading", error).into());
        }
        tracing::debug!(group = self.group.name, %error, "reading goes on");
        Ok(())
    }

    /// Nobody else would notice: members with nothing to read say nothing either.
    fn end_where_lost(&self) -> Result<(), End> {
        let complaints = &self.rebalances.complaints;
        if !complaints.is_lost(LOST) {
            return Ok(());
        }
        let asked = Instant::now();
        let doing = "looking for a broker";
        let answer = self.consumer.fetch_metadata(Some(&self.topic), PATIENCE);
        let metadata = answer.map_err(|error| complaints.fault(doing, &error))?;
        // The answer by which the client forgets whom to ask.
        if metadata.brokers().is_empty() {
            return Err(complaints.unavailable(doing, "none is named").into());
        }
        complaints.answered(asked);
        Ok(())
    }

    fn change(&mut self, change: Change) -> Result<(), End> {
        match change {
            Change::Assigned(list) => {
                self.open_queues(&list);
                let outcome = self.consumer.incremental_assign(&list);
                outcome.map_err(|error| self.rebalances.complaints.fault("taking partitions", &error).into())
            }
            Change::Revoked { list, is_lost } => {
                self.exchange
                    .with_book(|book| numbers(&list).for_each(|partition| book.start_leaving(partition)));
                let grace = if is_lost { Duration::ZERO } else { GRACE };
                self.leaving = Some(Leaving {
                    list,
                    until: Instant::now() + grace,
                });
                Ok(())
            }
        }
    }

    /// Before they are read from: librdkafka keeps a queue that is there.
    fn open_queues(&mut self, list: &TopicPartitionList) {
        for partition in numbers(list) {
            let Some(mut queue) = self.consumer.split_partition_queue(&self.topic, partition) else {
                continue;
            };
            let exchange = Arc::clone(&self.exchange);
            queue.set_nonempty_callback(move || exchange.bell.ring());
            self.queues.insert(partition, queue);
            self.exchange.with_book(|book| book.assign(partition));
        }
        // What came before the bell was there.
        self.exchange.bell.ring();
    }

    fn leave_when_settled(&mut self) -> Result<(), End> {
        let Some(leaving) = self.leaving.take() else {
            return Ok(());
        };
        let is_settled = self
            .exchange
            .with_book(|book| numbers(&leaving.list).all(|partition| book.is_settled(partition)));
        // A commit under way would be made by a member that has given them away.
        let may_leave = self.commits.pending().is_none() && (is_settled || Instant::now() >= leaving.until);
        let is_over = may_leave || self.consumer.assignment_lost();
        if !is_over {
            self.leaving = Some(leaving);
            return Ok(());
        }
        for partition in numbers(&leaving.list) {
            self.exchange.with_book(|book| book.revoke(partition));
            self.queues.remove(&partition);
        }
        let outcome = self.consumer.incremental_unassign(&leaving.list);
        outcome.map_err(|error| {
            self.rebalances
                .complaints
                .fault("giving partitions back", &error)
                .into()
        })
    }

    /// Takes turns until nothing is there, there is no room, or something else may have to be heard. Whoever waits for a
    /// commit does not wait for that.
    fn fetch(&mut self) -> Result<(), End> {
        let partitions: Vec<i32> = self.queues.keys().copied().collect();
        let until = Instant::now() + IDLE;
        loop {
            let mut count = 0;
            for partition in &partitions {
                self.commit()?;
                if self.exchange.with_book(|book| book.has_room()) {
                    count += self.fetch_from(*partition)?;
                }
            }
            if count == 0 {
                return Ok(());
            }
            if Instant::now() >= until {
                self.exchange.bell.ring();
                return Ok(());
            }
        }
    }

    fn fetch_from(&self, partition: i32) -> Result<usize, End> {
        let Some(queue) = self.queues.get(&partition) else {
            return Ok(0);
        };
        let (mut came, mut bytes) = (Vec::with_capacity(TURN), 0);
        while came.len() < TURN && bytes < TURN_BYTES {
            match queue.poll(Duration::ZERO) {
                Some(Ok(record)) => {
                    let ready = read(&record);
                    bytes += ready.bytes;
                    came.push(ready);
                }
                Some(Err(error)) => self.judge(&error)?,
                None => break,
            }
        }
        let count = came.len();
        if count > 0 {
            self.exchange
                .with_book(|book| came.into_iter().for_each(|ready| book.put(ready)));
            self.exchange.tell_news();
        }
        Ok(count)
    }

    /// Answers those who wait when the broker has what is due. Meanwhile messages are fetched.
    fn commit(&mut self) -> Result<(), End> {
        match self.commits.settled() {
            Some((commit, Ok(()))) => self.note_committed(commit),
            Some((commit, Err(error))) => {
                self.exchange.give_back(commit.waiters);
                return self.commit_later(&error);
            }
            None => {}
        }
        match self.commits.pending() {
            Some(time) if time > COMMIT_PATIENCE => {
                let fault = self.rebalances.complaints.unavailable("acknowledging", "no answer");
                Err(fault.into())
            }
            Some(_) => Ok(()),
            None if self.failing.is_some_and(|failing| failing.last.elapsed() < BUSY) => Ok(()),
            None => self.begin_commit(),
        }
    }

    fn begin_commit(&mut self) -> Result<(), End> {
        let waiters = self.exchange.take_waiters();
        let due = self.exchange.with_book(|book| book.due());
        if due.is_empty() {
            self.failing = None;
            answer(waiters);
            return Ok(());
        }
        let begun = self.commits.begin(due, waiters);
        begun.map_err(|error| self.rebalances.complaints.fault("acknowledging", &error).into())
    }

    fn note_committed(&mut self, commit: UnderWay) {
        self.failing = None;
        self.exchange.with_book(|book| book.commit(&commit.due));
        answer(commit.waiters);
    }

    /// A group that is just sharing out its partitions takes no commits, and a coordinator may be moving.
    fn commit_later(&mut self, error: &KafkaError) -> Result<(), End> {
        let last = Instant::now();
        let since = self.failing.map_or(last, |failing| failing.since);
        self.failing = Some(Failing { since, last });
        let is_hopeless = code(error).is_some_and(is_refusal);
        if is_hopeless || since.elapsed() > COMMIT_PATIENCE {
            return Err(self.rebalances.complaints.fault("acknowledging", error).into());
        }
        tracing::debug!(group = self.group.name, %error, "acknowledging again");
        Ok(())
    }

    /// Leaves the group at once, so that others need not wait until it is taken for dead.
    fn close(mut self) {
        self.rebalances.close();
        self.consumer.unsubscribe();
        let leaving = self.leaving.take().map(|leaving| leaving.list);
        let told = self.rebalances.take().into_iter().filter_map(|change| match change {
            Change::Revoked { list, .. } => Some(list),
            Change::Assigned(list) => {
                let _ = self.consumer.incremental_assign(&list);
                None
            }
        });
        for list in leaving.into_iter().chain(told) {
            let _ = self.consumer.incremental_unassign(&list);
        }
        self.queues.clear();
        self.wait_until_unsubscribed();
    }

    /// librdkafka postpones that while the group shares out. A member of version 2.12 that is closed before reads from
    /// NULL when it is told of its share (its issue 5347).
    fn wait_until_unsubscribed(&self) {
        let until = Instant::now() + GRACE;
        let is_subscribed = || self.consumer.subscription().is_ok_and(|topics| topics.count() > 0);
        while is_subscribed() && Instant::now() < until {
            // Rebalances are answered meanwhile; messages are for whoever is next.
            let _ = self.consumer.poll(BUSY);
        }
    }
}

impl Drop for Member {
    /// However its thread ended, nobody waits for it, and it takes no more partitions.
    fn drop(&mut self) {
        self.rebalances.close();
        self.exchange.end(End::Closed);
    }
}

fn answer(waiters: Vec<Waiter>) {
    for waiter in waiters {
        // It may have gone.
        let _ = waiter.send(Ok(()));
    }
}

fn numbers(list: &TopicPartitionList) -> impl Iterator<Item = i32> {
    list.elements().into_iter().map(|element| element.partition())
}

fn read(record: &BorrowedMessage<'_>) -> Ready {
    let place = Place {
        partition: record.partition(),
        offset: record.offset(),
    };
    let record = Record::of(record);
    Ready {
        place,
        bytes: record.size(),
        delivery: Delivery::of_raw(DeliveryTag(0), Arc::new(record)),
    }
}
