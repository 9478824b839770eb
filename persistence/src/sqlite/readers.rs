//! Reading beside the writer: a few connections, used off the async threads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::connection::{broken_or_unavailable, open_reader};
use crate::StoreError;

/// Reads at the same time; more wait.
const CONNECTIONS: usize = 8;

#[derive(Clone)]
pub(super) struct Readers {
    pool: Arc<Pool>,
}

struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            pool: Arc::new(Pool {
                path,
                idle: Mutex::default(),
                places: Arc::new(Semaphore::new(CONNECTIONS)),
            }),
        }
    }

    /// Runs `read` on a connection that sees everything committed before the call.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.pool.places).acquire_owned().await;
        let place = place.map_err(|_| StoreError::Closed)?;
        let pool = Arc::clone(&self.pool);
        let work = move || {
            let _place = place;
            let connection = pool.take()?;
            let result = read(&connection);
            pool.give_back(connection);
            result.map_err(broken_or_unavailable)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Closed)?
    }
}

impl Pool {
    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| open_reader(&self.path), Ok)
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
