//! An attempt to connect, which ends when nobody waits for it any more.
//!
//! The driver works on a thread of its own, and goes on there for as long as the other side is silent: a RabbitMQ that is
//! paused takes connections and says nothing. Whoever tried again and again would gather threads and sockets on both
//! sides. Nothing but the end of its socket ends such a thread.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use lapin::runtime::default_runtime;
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{AsyncTcpStream, Connection, ConnectionProperties};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::errors::{bounded, broker_error};
use super::url::AmqpUrl;
use crate::BrokerError;

/// Shuts its socket down when it is dropped, unless a connection was made of it.
#[derive(Default)]
struct Attempt {
    socket: OnceLock<TcpStream>,
    is_made: AtomicBool,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.get().filter(|_| !self.is_made.load(Ordering::Relaxed)) {
            // One that has ended by itself cannot be shut down, and need not be.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Attempt {
    /// # Errors
    /// Where nobody waits for it any more.
    fn watch(attempt: &Weak<Self>, socket: BorrowedFd<'_>) -> io::Result<()> {
        let attempt = attempt.upgrade().ok_or(io::ErrorKind::TimedOut)?;
        let _ = attempt.socket.set(socket.try_clone_to_owned()?.into());
        Ok(())
    }
}

/// `name` is shown in RabbitMQ's list of connections. May be cancelled.
pub(super) async fn connect(url: &AmqpUrl, name: &str) -> Result<Connection, BrokerError> {
    let tls = OwnedTLSConfig {
        identity: None,
        cert_chain: read_roots(url.roots.as_deref())?,
    };
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let patience = Duration::from_millis(url.uri.query.connection_timeout.unwrap_or(u64::MAX));
    let attempt = Arc::new(Attempt::default());
    let watched = Arc::downgrade(&attempt);
    let runtime = default_runtime().map_err(broker_error)?;
    let reactor = runtime.clone();
    let open = async move |uri: AMQPUri, _| {
        let host = uri.authority.host;
        let reaching = async {
            let addresses = resolve(&host, uri.authority.port).await?;
            AsyncTcpStream::connect(&reactor, addresses).await
        };
        let stream = timeout(patience, reaching).await.map_err(io::Error::from)??;
        if let AsyncTcpStream::Plain(plain) = &stream {
            Attempt::watch(&watched, plain.get_ref().as_fd())?;
        }
        match uri.scheme {
            AMQPScheme::AMQP => Ok(stream),
            AMQPScheme::AMQPS => Ok(stream.into_tls(&host, tls.as_ref()).await?),
        }
    };
    let connection = bounded(Connection::connector(url.uri.clone(), runtime, open, properties)).await?;
    attempt.is_made.store(true, Ordering::Relaxed);
    Ok(connection)
}

async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(lookup_host((host, port)).await?.collect())
}

fn read_roots(file: Option<&Path>) -> Result<Option<String>, BrokerError> {
    let Some(file) = file else { return Ok(None) };
    let refused = |cause: &str| BrokerError::Refused(format!("cacertfile `{}`: {cause}", file.display()));
    let text = fs::read_to_string(file).map_err(|cause| refused(&cause.to_string()))?;
    // The label that RFC 7468 gives them. The driver takes a file without any for no roots of our own.
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(refused("it has no certificate in PEM"));
    }
    Ok(Some(text))
}
