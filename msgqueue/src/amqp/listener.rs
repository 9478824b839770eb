use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};

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
    /// The lock that other processes see holds within one connection for nobody.
    making: Mutex<()>,
}

impl AmqpListener {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link: Arc::new(link),
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

    /// What nobody has taken up yet waits in the queue, and before it what the log has.
    async fn waiting_for_nobody(&self, queues: &GroupQueues, ready: u64) -> Result<u64, BrokerError> {
        if !group::begins_with_marker(&self.link, queues).await? {
            return Ok(ready);
        }
        let channel = self.link.channel().await?;
        let position = Position::read(&channel, &queues.position).await?;
        Ok(position.left() + ready - 1)
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
        let member = Member::join(Arc::clone(&self.link), queues, for_member, from_member).await?;
        tokio::spawn(member.run());
        Ok(Box::new(AmqpSubscription {
            deliveries,
            commands,
            failed: None,
        }))
    }

    async fn drop_group(&self, group: &str) -> Result<(), BrokerError> {
        group::unmake(&self.link, &self.queues(group)?).await
    }

    async fn lag(&self, group: &str) -> Result<Option<u64>, BrokerError> {
        let queues = self.queues(group)?;
        let is_made = group::is_made(&self.link, &queues).await?;
        let state = group::look_at(&self.link, &queues.messages).await?;
        let lag = match state.filter(|_| is_made) {
            None => tail::length(&self.link).await?,
            Some(QueueState { ready, consumers: 0 }) => self.waiting_for_nobody(&queues, ready).await?,
            Some(QueueState { ready, consumers }) => ready + census::ask(&self.link, &queues, consumers).await?,
        };
        Ok(Some(lag))
    }
}
