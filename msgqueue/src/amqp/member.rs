//! One member of a group: the task that takes what RabbitMQ delivers and acknowledges what it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use futures::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer, message};
use tokio::sync::{mpsc, oneshot};

use super::census::Requests;
use super::errors::{bounded, close, ended_by, unavailable};
use super::group::{self, MARKER};
use super::link::Link;
use super::replay::{Logged, Replay};
use super::tags::Unacknowledged;
use super::topology::GroupQueues;
use super::wire::{Incoming, note_of};
use crate::{BrokerError, Delivery, DeliveryTag};

/// Deliveries that may be under way or unacknowledged at a time.
const PREFETCH: u16 = 4_096;

/// What a member is told to do.
pub(super) struct Acknowledge {
    pub(super) tags: Vec<DeliveryTag>,
    pub(super) done: oneshot::Sender<Result<(), BrokerError>>,
}

/// Where a delivery comes from, by the numbers there.
#[derive(Debug, Clone, Copy)]
enum Origin {
    Queue { tag: u64 },
    Log { offset: u64, tag: u64 },
}

pub(super) struct Member {
    link: Arc<Link>,
    queues: GroupQueues,
    channel: Channel,
    queue: Consumer,
    requests: Requests,
    commands: mpsc::Receiver<Acknowledge>,
    deliveries: mpsc::UnboundedSender<Result<Delivery, BrokerError>>,
    replay: Option<Replay>,
    /// What came to the queue while the log is read.
    waiting: VecDeque<message::Delivery>,
    /// What was passed on and not acknowledged, by our own numbers.
    passed_on: BTreeMap<DeliveryTag, Origin>,
    last_tag: u64,
    unacknowledged: Unacknowledged,
    /// Who wants to know how much is not acknowledged, once everything that has come by now is counted.
    counting: Vec<oneshot::Sender<u64>>,
}

impl Member {
    /// Joins, tells whether that went well, and works until nobody holds the other end of `commands`.
    pub(super) async fn live(
        link: Arc<Link>,
        queues: GroupQueues,
        commands: mpsc::Receiver<Acknowledge>,
        deliveries: mpsc::UnboundedSender<Result<Delivery, BrokerError>>,
        joined: oneshot::Sender<Result<(), BrokerError>>,
    ) {
        match Self::join(link, queues, commands, deliveries).await {
            Ok(member) => {
                // Whoever wanted to join may have gone; then so does the member.
                let _ = joined.send(Ok(()));
                member.run().await;
            }
            Err(error) => drop(joined.send(Err(error))),
        }
    }

    async fn join(
        link: Arc<Link>,
        queues: GroupQueues,
        commands: mpsc::Receiver<Acknowledge>,
        deliveries: mpsc::UnboundedSender<Result<Delivery, BrokerError>>,
    ) -> Result<Self, BrokerError> {
        let channel = link.channel().await?;
        let (requests, queue) = match consume(&link, &channel, &queues).await {
            Ok(consumers) => consumers,
            Err(error) => {
                // Or RabbitMQ might serve a consumer that nobody reads.
                close(&channel).await;
                return Err(error);
            }
        };
        Ok(Self {
            link,
            queues,
            channel,
            queue,
            requests,
            commands,
            deliveries,
            replay: None,
            waiting: VecDeque::new(),
            passed_on: BTreeMap::new(),
            last_tag: 0,
            unacknowledged: Unacknowledged::default(),
            counting: Vec::new(),
        })
    }

    async fn run(mut self) {
        loop {
            match self.turn().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    // The subscription may have gone.
                    let _ = self.deliveries.send(Err(error));
                    break;
                }
            }
        }
        // Gives back at once what is not acknowledged.
        close(&self.channel).await;
    }

    /// False once nobody wants anything any more. Deliveries come first, so that a count has all of them.
    async fn turn(&mut self) -> Result<bool, BrokerError> {
        let is_counting = !self.counting.is_empty();
        tokio::select! {
            biased;
            message = self.queue.next() => {
                match message {
                    Some(message) => self.take(message.map_err(ended_by)?).await?,
                    None => return Err(self.why_it_ended().await),
                }
            }
            message = next_of(&mut self.replay) => self.take_logged(message?).await?,
            request = self.requests.next() => self.begin_count(request?).await?,
            command = self.commands.recv() => match command {
                Some(command) => self.carry_out(command).await?,
                None => return Ok(false),
            },
            () = std::future::ready(()), if is_counting => self.tell_count(),
        }
        Ok(true)
    }

    /// RabbitMQ ends a consumer when its queue is deleted, but also when the queue's node goes down.
    async fn why_it_ended(&self) -> BrokerError {
        match group::is_made(&self.link, &self.queues).await {
            Ok(false) => BrokerError::group_dropped(),
            Ok(true) => unavailable("RabbitMQ ended the subscription"),
            Err(error) => error,
        }
    }

    async fn take(&mut self, message: message::Delivery) -> Result<(), BrokerError> {
        let tag = message.delivery_tag;
        self.unacknowledged.add(tag);
        if note_of(&message).as_deref() == Some(MARKER) {
            let replay = Replay::begin(&self.link, &self.queues, tag, PREFETCH).await?;
            self.replay = Some(replay);
            return self.end_replay_if_done().await;
        }
        if self.replay.as_ref().is_some_and(|replay| !replay.is_read()) {
            self.waiting.push_back(message);
            return Ok(());
        }
        self.pass_on(message, Origin::Queue { tag });
        Ok(())
    }

    async fn take_logged(&mut self, message: message::Delivery) -> Result<(), BrokerError> {
        let Some(replay) = &mut self.replay else { return Ok(()) };
        let logged = replay.take(message).await?;
        let is_read = replay.is_read();
        if let Some(Logged { offset, tag, message }) = logged {
            self.pass_on(message, Origin::Log { offset, tag });
        }
        if is_read {
            self.pass_on_waiting();
        }
        self.end_replay_if_done().await
    }

    fn pass_on_waiting(&mut self) {
        for message in std::mem::take(&mut self.waiting) {
            let tag = message.delivery_tag;
            self.pass_on(message, Origin::Queue { tag });
        }
    }

    fn pass_on(&mut self, message: message::Delivery, origin: Origin) {
        self.last_tag += 1;
        let tag = DeliveryTag(self.last_tag);
        self.passed_on.insert(tag, origin);
        let incoming = Arc::new(Incoming::of(message));
        // Where the subscription has gone, so will this member.
        let _ = self.deliveries.send(Ok(Delivery::of_raw(tag, incoming)));
    }

    async fn carry_out(&mut self, command: Acknowledge) -> Result<(), BrokerError> {
        let Acknowledge { tags, done } = command;
        let outcome = self.acknowledge(&tags).await;
        let failed = outcome.is_err();
        let _ = done.send(outcome);
        if failed { Err(BrokerError::Closed) } else { Ok(()) }
    }

    async fn acknowledge(&mut self, tags: &[DeliveryTag]) -> Result<(), BrokerError> {
        let (mut of_queue, mut offsets, mut of_log) = (Vec::new(), Vec::new(), Vec::new());
        for origin in tags.iter().filter_map(|tag| self.passed_on.remove(tag)) {
            match origin {
                Origin::Queue { tag } => of_queue.push(tag),
                Origin::Log { offset, tag } => {
                    offsets.push(offset);
                    of_log.push(tag);
                }
            }
        }
        if let Some(replay) = self.replay.as_mut().filter(|_| !offsets.is_empty()) {
            replay.acknowledge(&offsets, &of_log).await?;
            self.end_replay_if_done().await?;
        }
        self.unacknowledged.acknowledge(&self.channel, &of_queue).await
    }

    async fn end_replay_if_done(&mut self) -> Result<(), BrokerError> {
        let Some(replay) = self.replay.take_if(|replay| replay.is_done()) else {
            return Ok(());
        };
        let marker = replay.marker;
        replay.end().await?;
        self.unacknowledged.acknowledge(&self.channel, &[marker]).await?;
        self.pass_on_waiting();
        Ok(())
    }

    /// RabbitMQ answers a channel's questions in order. When it has answered this one, which changes nothing, everything that
    /// it had sent before is here.
    async fn begin_count(&mut self, request: oneshot::Sender<u64>) -> Result<(), BrokerError> {
        self.counting.push(request);
        bounded(self.channel.basic_qos(PREFETCH, BasicQosOptions::default())).await
    }

    fn tell_count(&mut self) {
        let marker = u64::from(self.replay.is_some());
        let count = self.unacknowledged.len() as u64 - marker + self.replay.as_ref().map_or(0, Replay::left);
        for asked in self.counting.drain(..) {
            // Whoever asked may have stopped to wait.
            let _ = asked.send(count);
        }
    }
}

async fn consume(
    link: &Arc<Link>,
    channel: &Channel,
    queues: &GroupQueues,
) -> Result<(Requests, Consumer), BrokerError> {
    let requests = Requests::listen(link, channel, queues).await?;
    bounded(channel.basic_qos(PREFETCH, BasicQosOptions::default())).await?;
    let name = queues.messages.as_str();
    let options = BasicConsumeOptions::default();
    let queue = bounded(channel.basic_consume(name.into(), "".into(), options, FieldTable::default())).await?;
    Ok((requests, queue))
}

/// Never returns where nothing is replayed, or nothing more.
async fn next_of(replay: &mut Option<Replay>) -> Result<message::Delivery, BrokerError> {
    match replay {
        Some(replay) if !replay.is_read() => replay.next().await,
        _ => std::future::pending().await,
    }
}
