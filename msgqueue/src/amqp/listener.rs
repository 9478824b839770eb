use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::group::{self, QueueState};
use super::link::Link;
use super::member::Member;
use super::position::Position;
use super::subscription::AmqpSubscription;
use super::topology::{self, GroupQueues};
use super::{census, tail};
use crate::{BrokerError, EventListener, Guarantees, Subscription};

/// Acknowledgements and questions that wait for a member.
const COMMANDS: usize = 16;

pub(super) struct AmqpListener {
    link: Arc<Link>,
    /// For making and dropping groups: the lock that other processes see keeps nobody out who has our connection.
    making: Mutex<()>,
}

impl AmqpListener {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            making: Mutex::new(()),
        }
    }

    pub(super) async fn prepare(&self) -> Result<(), BrokerError> {
        let channel = self.link.channel().await?;
        topology::declare(&channel, &self.link.url().exchange).await
    }

    fn queues(&self, group: &str) -> Result<GroupQueues, BrokerError> {
        GroupQueues::of(&self.link.url().exchange, group)
    }

    /// Without a member everything waits in the queue, and before it what the log has.
    async fn waiting_for_nobody(&self, queues: &GroupQueues, ready: u64) -> Result<u64, BrokerError> {
        let channel = self.link.channel().await?;
        let position = Position::read(&channel, &queues.position).await?;
        if position.is_past {
            return Ok(ready);
        }
        // The queue's first message is the marker.
        Ok(position.left() + ready.saturating_sub(1))
    }

    /// `None` where members come and go, or do not answer.
    async fn waiting_for_members(&self, queues: &GroupQueues, state: QueueState) -> Result<Option<u64>, BrokerError> {
        let Some(count) = census::ask(&self.link, queues, state.consumers).await? else {
            return Ok(None);
        };
        let now = group::look_at(&self.link, &queues.messages).await?;
        let is_same = now.is_some_and(|now| now.consumers == state.consumers);
        Ok(is_same.then_some(state.ready + count))
    }
}

#[async_trait]
impl EventListener for AmqpListener {
    fn guarantees(&self) -> Guarantees {
        Guarantees {
            ordered_per_key: true,
            durable: true,
            replayable: true,
            acknowledges_singly: true,
        }
    }

    async fn subscribe(&self, group: &str) -> Result<Box<dyn Subscription>, BrokerError> {
        let queues = self.queues(group)?;
        self.prepare().await?;
        {
            let _alone = self.making.lock().await;
            group::ensure(&self.link, &queues).await?;
        }
        let (commands, for_member) = mpsc::channel(COMMANDS);
        let (from_member, deliveries) = mpsc::unbounded_channel();
        let (joined, outcome) = oneshot::channel();
        // In a task of its own: half-way it would leave a consumer that nobody reads.
        tokio::spawn(Member::live(
            Arc::clone(&self.link),
            queues,
            for_member,
            from_member,
            joined,
        ));
        outcome.await.map_err(|_| BrokerError::Closed)??;
        Ok(Box::new(AmqpSubscription {
            deliveries,
            commands,
            failed: None,
        }))
    }

    async fn drop_group(&self, group: &str) -> Result<(), BrokerError> {
        let queues = self.queues(group)?;
        let _alone = self.making.lock().await;
        group::unmake(&self.link, &queues).await
    }

    async fn lag(&self, group: &str) -> Result<Option<u64>, BrokerError> {
        let queues = self.queues(group)?;
        let is_made = group::is_made(&self.link, &queues).await?;
        let state = group::look_at(&self.link, &queues.messages).await?;
        match state.filter(|_| is_made) {
            None => tail::length(&self.link).await.map(Some),
            Some(state) if state.consumers == 0 => self.waiting_for_nobody(&queues, state.ready).await.map(Some),
            Some(state) => self.waiting_for_members(&queues, state).await,
        }
    }
}
