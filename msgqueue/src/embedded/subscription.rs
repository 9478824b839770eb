use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::member::{Member, Taken};
use super::writer::{Change, Writer};
use crate::{BrokerError, Delivery, DeliveryTag, Subscription};

const MAX_BATCH: usize = 4_096;
/// How often a member that stands by asks whether the active one has gone.
const STANDBY_POLL: Duration = Duration::from_millis(50);
/// Wake-ups are hints: a member looks at the log after this time without one.
const IDLE_POLL: Duration = Duration::from_millis(250);

/// A look at the log that is under way, and the member that it has to give back.
type Look = JoinHandle<(Member, Result<Taken, BrokerError>)>;

/// State that a cancelled call leaves behind stays in these fields: a look under way goes on, and the next call waits
/// for it.
pub(super) struct EmbeddedSubscription {
    member: Option<Member>,
    look: Option<Look>,
    /// Taken from the log, not yet returned.
    ready: VecDeque<Delivery>,
    /// Returned, not yet acknowledged.
    outstanding: HashSet<DeliveryTag>,
    changes: watch::Receiver<()>,
    group: i64,
    writer: Arc<Writer>,
}

impl EmbeddedSubscription {
    pub(super) fn new(member: Member, group: i64, writer: Arc<Writer>) -> Self {
        Self {
            member: Some(member),
            look: None,
            ready: VecDeque::new(),
            outstanding: HashSet::new(),
            changes: writer.changes(),
            group,
            writer,
        }
    }

    async fn take(&mut self, max: usize) -> Result<Taken, BrokerError> {
        if self.look.is_none() {
            self.look = Some(self.start_look(max)?);
        }
        let Some(look) = self.look.as_mut() else {
            return Err(BrokerError::Closed);
        };
        let outcome = look.await;
        self.look = None;
        let (member, taken) = outcome.map_err(|_| BrokerError::Closed)?;
        self.member = Some(member);
        taken
    }

    fn start_look(&mut self, max: usize) -> Result<Look, BrokerError> {
        let mut member = self.member.take().ok_or(BrokerError::Closed)?;
        // Here and not for each call: a look that a cancelled call began does not show what came since.
        self.changes.mark_unchanged();
        Ok(spawn_blocking(move || {
            let taken = member.take(max);
            (member, taken)
        }))
    }

    async fn wait_for_change(&mut self) -> Result<(), BrokerError> {
        match timeout(IDLE_POLL, self.changes.changed()).await {
            Ok(Err(_)) => Err(BrokerError::Closed),
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    fn hand_over(&mut self, max: usize) -> Vec<Delivery> {
        let batch: Vec<Delivery> = self.ready.drain(..max.min(self.ready.len())).collect();
        self.outstanding.extend(batch.iter().map(|delivery| delivery.tag));
        batch
    }
}

#[async_trait]
impl Subscription for EmbeddedSubscription {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Delivery>, BrokerError> {
        let max = max.clamp(1, MAX_BATCH);
        while self.ready.is_empty() {
            match self.take(max).await? {
                Taken::Standby => sleep(STANDBY_POLL).await,
                Taken::Messages(messages) if messages.is_empty() => self.wait_for_change().await?,
                Taken::Messages(messages) => self.ready.extend(messages),
            }
        }
        let batch = self.hand_over(max);
        if batch.len() == max && self.ready.is_empty() {
            // There is more, most likely: it is read while this is worked on.
            self.look = Some(self.start_look(max)?);
        }
        Ok(batch)
    }

    async fn ack(&mut self, tags: &[DeliveryTag]) -> Result<(), BrokerError> {
        let known = tags.iter().filter(|tag| self.outstanding.contains(tag));
        let mut offsets: Vec<i64> = known.filter_map(|tag| i64::try_from(tag.0).ok()).collect();
        if offsets.is_empty() {
            return Ok(());
        }
        offsets.sort_unstable();
        let group = self.group;
        self.writer.submit(Change::Acknowledge { group, offsets }).await?;
        for tag in tags {
            self.outstanding.remove(tag);
        }
        Ok(())
    }
}
