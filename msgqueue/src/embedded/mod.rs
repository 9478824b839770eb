//! The broker that needs no server: a durable log in one SQLite file, shared by the processes that open its folder.
//!
//! It exists so that the whole platform runs from one command on a fresh machine, with the same guarantees as a real
//! broker on one host. The trade-off: every process of the platform has to see the same local disk.
//!
//! ```text
//! FOLDER/log.sqlite       the log, the groups, and what they acknowledged
//! FOLDER/open.lock        held while the file is opened or made
//! FOLDER/groups/*.lock    held by the active member of each group
//! ```
//!
//! One thread of each process writes, so that whatever waits is committed at once; SQLite's lock lets one process
//! write at a time, so that offsets become visible in order and without holes. Members read through connections of
//! their own. A group has one active member, the holder of its lock file, and the kernel frees that lock the moment a
//! process dies. Wake-ups go through a channel within a process; other processes are noticed by polling.
//!
//! This module must not know what an envelope means: it keeps keys, attributes and bodies as they came.

mod database;
mod emitter;
mod group;
mod listener;
mod log;
mod member;
mod records;
mod subscription;
mod writer;

use std::path::Path;

pub use log::Log;

use crate::{Broker, BrokerError};

/// Whether there is a log in `folder`.
pub(crate) fn is_there(folder: &Path) -> bool {
    folder.join(database::FILE).is_file()
}

/// Opens the log in `folder`, and makes both where they are missing.
///
/// # Errors
/// [`BrokerError::Unavailable`] where the folder cannot be used, [`BrokerError::Refused`] where the file is damaged or
/// was written by a newer version.
pub async fn open(folder: &Path) -> Result<Broker, BrokerError> {
    Ok(Log::open(folder).await?.broker())
}
