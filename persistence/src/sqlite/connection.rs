//! Opening the files, their tables and versions, and what SQLite's errors mean.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::StoreError;

/// The version of the tables below. Raise it with every change, and migrate in [`prepare`].
const FORMAT: i64 = 1;
const BUSY: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
pub(super) enum FileKind {
    Journal,
    Views,
}

const JOURNAL_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS commits (
        stream TEXT NOT NULL,
        first_version INTEGER NOT NULL,
        last_version INTEGER NOT NULL,
        id TEXT NOT NULL,
        hash TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (stream, first_version)
    );
    CREATE TABLE IF NOT EXISTS outbox (
        stream TEXT NOT NULL,
        first_version INTEGER NOT NULL,
        PRIMARY KEY (stream, first_version)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS leases (
        name TEXT PRIMARY KEY,
        holder TEXT NOT NULL,
        counter INTEGER NOT NULL
    ) WITHOUT ROWID;";

const VIEWS_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS words (
        collection TEXT NOT NULL,
        word TEXT NOT NULL,
        id TEXT NOT NULL,
        PRIMARY KEY (collection, word, id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS words_by_id ON words (collection, id);";

/// Opens a file for writing and makes its tables.
pub(super) fn open(path: &Path, kind: FileKind) -> Result<Connection, StoreError> {
    let connection = Connection::open(path).map_err(broken_or_unavailable)?;
    configure(&connection).map_err(broken_or_unavailable)?;
    prepare(&connection, kind)?;
    Ok(connection)
}

/// Opens a file for reading beside its writer.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(broken_or_unavailable)?;
    connection.busy_timeout(BUSY).map_err(broken_or_unavailable)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Durable means on disk: every commit waits for the flush.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn prepare(connection: &Connection, kind: FileKind) -> Result<(), StoreError> {
    let version = |connection: &Connection| connection.pragma_query_value(None, "user_version", |row| row.get(0));
    let found: i64 = version(connection).map_err(broken_or_unavailable)?;
    if found > FORMAT {
        let text = format!("format {found} was written by a newer version; this one reads up to {FORMAT}");
        return Err(StoreError::Broken(text));
    }
    let tables = match kind {
        FileKind::Journal => JOURNAL_TABLES,
        FileKind::Views => VIEWS_TABLES,
    };
    let script = format!("BEGIN IMMEDIATE; {tables} PRAGMA user_version = {FORMAT}; COMMIT;");
    connection.execute_batch(&script).map_err(broken_or_unavailable)
}

/// An error before anything was committed.
pub(super) fn broken_or_unavailable(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::ReadOnly
            | ErrorCode::OperationInterrupted,
        ) => StoreError::Unavailable(Box::new(error)),
        _ => StoreError::Broken(error.to_string()),
    }
}
