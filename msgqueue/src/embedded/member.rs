//! One member of a group, with its connection and its claim to be the active one.

use std::fs::{File, TryLockError};

use rusqlite::Connection;

use super::database::{Database, broker_error, unavailable};
use super::group;
use super::records;
use crate::{BrokerError, Delivery};

pub(super) struct Member {
    connection: Connection,
    group: i64,
    lock: File,
    active: bool,
    /// Everything up to this offset was delivered to this member or acknowledged before it came.
    seen: i64,
}

pub(super) enum Taken {
    /// Another member is the active one.
    Standby,
    /// May be empty.
    Messages(Vec<Delivery>),
}

impl Member {
    pub(super) fn join(database: &Database, group: i64) -> Result<Self, BrokerError> {
        Ok(Self {
            connection: database.connect()?,
            group,
            lock: File::create(database.group_lock(group)).map_err(unavailable)?,
            active: false,
            seen: 0,
        })
    }

    /// Takes up to `max` messages that this member has not had.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] once the group was dropped.
    pub(super) fn take(&mut self, max: usize) -> Result<Taken, BrokerError> {
        // Before the snapshot is taken, so that it shows all that the member before this one acknowledged.
        self.claim()?;
        let taken = self.read(max).map_err(|e| broker_error(&e))?;
        taken.ok_or_else(BrokerError::group_dropped)
    }

    fn claim(&mut self) -> Result<(), BrokerError> {
        if self.active {
            return Ok(());
        }
        match self.lock.try_lock() {
            Ok(()) => self.active = true,
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(unavailable(error)),
        }
        Ok(())
    }

    /// `None` once the group was dropped.
    fn read(&mut self, max: usize) -> rusqlite::Result<Option<Taken>> {
        let snapshot = self.connection.transaction()?;
        let Some(watermark) = group::watermark(&snapshot, self.group)? else {
            return Ok(None);
        };
        if !self.active {
            return Ok(Some(Taken::Standby));
        }
        // The watermark may have passed us: over messages that were acknowledged before this member came.
        let page = records::read(&snapshot, self.group, self.seen.max(watermark), max)?;
        self.seen = page.seen;
        Ok(Some(Taken::Messages(page.deliveries)))
    }
}
