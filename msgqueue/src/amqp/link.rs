//! One connection, made when it is needed and made anew when it has ended.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use lapin::tcp::OwnedTLSConfig;
use lapin::{Channel, Connection, ConnectionProperties, DefaultConnectionBuilder};
use tokio::sync::Mutex;

use super::errors::{bounded, broker_error};
use super::url::AmqpUrl;
use crate::BrokerError;

pub(super) struct Link {
    url: AmqpUrl,
    purpose: &'static str,
    connection: Mutex<Option<Arc<Connection>>>,
}

impl Link {
    /// `purpose` is shown in RabbitMQ's list of connections.
    pub(super) fn new(url: AmqpUrl, purpose: &'static str) -> Self {
        Self {
            url,
            purpose,
            connection: Mutex::new(None),
        }
    }

    pub(super) fn url(&self) -> &AmqpUrl {
        &self.url
    }

    /// A channel of its own for the caller: an error ends the whole channel.
    pub(super) async fn channel(&self) -> Result<Channel, BrokerError> {
        let connection = self.connection().await?;
        bounded(connection.create_channel()).await
    }

    async fn connection(&self) -> Result<Arc<Connection>, BrokerError> {
        let mut current = self.connection.lock().await;
        if let Some(connection) = current.as_ref().filter(|it| it.status().connected()) {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(self.connect().await?);
        *current = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Gives up the connection, so that the next one to ask gets another: it does not answer, though it has not ended.
    pub(super) async fn abandon(&self) {
        let abandoned = self.connection.lock().await.take();
        drop(abandoned);
    }

    async fn connect(&self) -> Result<Connection, BrokerError> {
        let name = format!("myevents {}", self.purpose);
        let builder = DefaultConnectionBuilder::new()
            .map_err(broker_error)?
            .with_uri(self.url.uri.clone())
            .with_properties(ConnectionProperties::default().with_connection_name(name.into()))
            .with_tls_config(OwnedTLSConfig {
                identity: None,
                cert_chain: read_roots(self.url.roots.as_deref())?,
            });
        bounded(builder.connect()).await
    }
}

fn read_roots(file: Option<&Path>) -> Result<Option<String>, BrokerError> {
    let Some(file) = file else { return Ok(None) };
    let text = fs::read_to_string(file);
    let refused = |cause| BrokerError::Refused(format!("cacertfile `{}`: {cause}", file.display()));
    text.map(Some).map_err(refused)
}
