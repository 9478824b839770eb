//! Connections, made when they are needed and made anew when they have ended.
//!
//! RabbitMQ may hold up a connection that publishes, all of it. So what publishes has one of its own.

use std::sync::Arc;

use lapin::{Channel, Connection};
use tokio::sync::Mutex;

use super::attempt::connect;
use super::errors::bounded;
use super::topology::confirm_publishes;
use super::url::AmqpUrl;
use crate::BrokerError;

pub(super) struct Link {
    url: AmqpUrl,
    asking: Slot,
    publishing: Slot,
}

/// A connection that is there, or will be.
struct Slot {
    /// Shown in RabbitMQ's list of connections.
    name: &'static str,
    connection: Mutex<Option<Arc<Connection>>>,
}

impl Link {
    pub(super) fn new(url: AmqpUrl) -> Self {
        Self {
            url,
            asking: Slot::new("myevents"),
            publishing: Slot::new("myevents, publishing"),
        }
    }

    pub(super) fn url(&self) -> &AmqpUrl {
        &self.url
    }

    /// A channel of its own for the caller, who does not publish there: an error ends the whole channel.
    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        self.asking.channel(&self.url).await
    }

    /// The same, for publishing with confirms.
    pub(super) async fn publishing_channel(&self) -> Result<Channel, BrokerError> {
        let channel = self.publishing.channel(&self.url).await?;
        confirm_publishes(&channel).await?;
        Ok(channel)
    }

    /// Gives up the connection for publishing: it does not answer, though it has not ended.
    pub(super) async fn abandon_publishing(&self) {
        self.publishing.abandon(None).await;
    }
}

impl Slot {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            connection: Mutex::new(None),
        }
    }

    /// RabbitMQ's errors use up numbers of channels (lapin never gives such a number out again), so a connection that
    /// has no channel left is replaced.
    async fn channel(&self, url: &AmqpUrl) -> Result<Channel, BrokerError> {
        let connection = self.connection(url).await?;
        if let Ok(channel) = bounded(connection.create_channel()).await {
            return Ok(channel);
        }
        self.abandon(Some(&connection)).await;
        bounded(self.connection(url).await?.create_channel()).await
    }

    async fn connection(&self, url: &AmqpUrl) -> Result<Arc<Connection>, BrokerError> {
        let mut current = self.connection.lock().await;
        if let Some(connection) = current.as_ref().filter(|it| it.status().connected()) {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(connect(url, self.name).await?);
        *current = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Lets the next one to ask get another connection. Channels of this one live on. `which` is the one meant, where
    /// it may have been replaced already.
    async fn abandon(&self, which: Option<&Arc<Connection>>) {
        let mut current = self.connection.lock().await;
        let is_meant = |it: &mut Arc<Connection>| which.is_none_or(|which| Arc::ptr_eq(it, which));
        let abandoned = current.take_if(is_meant);
        drop(abandoned);
    }
}
