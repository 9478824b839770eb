//! The handle that a process has on the log: emitter and listener at once.

use std::path::Path;
use std::sync::Arc;

use super::database::Database;
use super::records::Record;
use super::writer::{Change, Writer};
use crate::blocking::blocking;
use crate::{Broker, BrokerError, Message};

/// A log that is open. Clones share its thread, which ends with the last of them and the last subscription.
#[derive(Clone)]
pub struct Log {
    pub(super) database: Arc<Database>,
    pub(super) writer: Arc<Writer>,
}

impl Log {
    /// # Errors
    /// Like [`open`](super::open).
    pub async fn open(folder: &Path) -> Result<Self, BrokerError> {
        let folder = folder.to_owned();
        blocking(move || {
            let database = Database::open(&folder)?;
            let writer = Writer::start(database.connect()?)?;
            Ok(Self {
                database: Arc::new(database),
                writer: Arc::new(writer),
            })
        })
        .await
    }

    pub fn broker(&self) -> Broker {
        Broker {
            emitter: Arc::new(self.clone()),
            listener: Arc::new(self.clone()),
        }
    }

    /// Appends messages as they are, whether or not they are envelopes: for tests that need foreign, repeated or
    /// reordered ones. Confirms and fails like [`EventEmitter::emit`](crate::EventEmitter::emit), but all or none of
    /// them are appended, side by side.
    pub async fn emit_raw(&self, messages: &[Message]) -> Result<(), BrokerError> {
        self.append(messages.iter().cloned().map(Record::from_message)).await
    }

    pub(super) async fn append(
        &self,
        records: impl Iterator<Item = Result<Record, BrokerError>> + Send,
    ) -> Result<(), BrokerError> {
        let records = records.collect::<Result<Vec<_>, _>>()?;
        if records.is_empty() {
            return Ok(());
        }
        self.writer.submit(Change::Append(records)).await
    }
}
