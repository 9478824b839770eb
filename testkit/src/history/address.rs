use tokio::sync::watch;

use crate::{Client, Platform};

/// Where the platform is now: it comes back at another port after each crash, and clients find it here.
#[derive(Debug, Clone)]
pub struct Address {
    current: watch::Sender<Option<Client>>,
}

impl Default for Address {
    fn default() -> Self {
        Self {
            current: watch::Sender::new(None),
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
        self.current.send_replace(Some(platform.client()));
    }

    /// Clients wait until it is set again. Another process may get the port of one that has ended.
    pub fn clear(&self) {
        self.current.send_replace(None);
    }

    /// Waits until there is one.
    pub(super) async fn wait(&self) -> Client {
        let mut current = self.current.subscribe();
        let found = current.wait_for(Option::is_some).await.unwrap();
        found.clone().unwrap()
    }
}
