use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::{Client, Platform};

/// Where the platform is now: it comes back at another port after each crash, and clients find it here. Of several
/// processes they ask one after the other.
#[derive(Debug, Clone)]
pub struct Address {
    current: watch::Sender<Vec<Client>>,
    turn: Arc<AtomicUsize>,
}

impl Default for Address {
    fn default() -> Self {
        Self {
            current: watch::Sender::new(Vec::new()),
            turn: Arc::default(),
        }
    }
}

impl Address {
    pub fn of(platform: &Platform) -> Self {
        let address = Self::default();
        address.set(platform);
        address
    }

    pub fn set(&self, platform: &Platform) {
        self.set_all([platform]);
    }

    /// Processes of one platform.
    pub fn set_all<'a>(&self, platforms: impl IntoIterator<Item = &'a Platform>) {
        let clients = platforms.into_iter().map(Platform::client);
        self.current.send_replace(clients.collect());
    }

    /// Clients wait until it is set again. Another process may get the port of one that has ended.
    pub fn clear(&self) {
        self.set_all([]);
    }

    /// Waits until there is one.
    pub(super) async fn wait(&self) -> Client {
        let mut current = self.current.subscribe();
        let found = current.wait_for(|clients| !clients.is_empty()).await.unwrap();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        found[turn % found.len()].clone()
    }
}
