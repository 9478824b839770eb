//! Whether anything in a file has changed, told without reading it.
//!
//! SQLite counts for each connection how often others have changed the file, whichever process they belong to. So this
//! has a connection that writes nothing: every change is somebody else's. It never waits.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::database::connect;

pub(super) struct ChangeMark {
    path: PathBuf,
    counter: Mutex<Counter>,
}

#[derive(Default)]
struct Counter {
    connection: Option<Connection>,
    /// Each connection counts from the same number, so two of them must not be compared.
    connections: u32,
}

impl ChangeMark {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            counter: Mutex::default(),
        }
    }

    /// Another one than before where the file has changed; `None` where that is not known just now.
    pub(super) fn read(&self) -> Option<u64> {
        let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = counter.read(&self.path);
        if mark.is_err() {
            counter.connection = None;
        }
        mark.ok()
    }
}

impl Counter {
    fn read(&mut self, path: &Path) -> rusqlite::Result<u64> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open(path)?,
        };
        let connection = self.connection.insert(connection);
        let changes: u32 = connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        Ok(u64::from(self.connections) << 32 | u64::from(changes))
    }

    fn open(&mut self, path: &Path) -> rusqlite::Result<Connection> {
        let connection = connect(path, OpenFlags::empty())?;
        connection.pragma_update(None, "query_only", true)?;
        connection.busy_timeout(Duration::ZERO)?;
        self.connections = self.connections.wrapping_add(1);
        Ok(connection)
    }
}
