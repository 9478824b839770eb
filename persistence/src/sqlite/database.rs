//! One SQLite file: how it is opened, the version of its format, its writer and its readers.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::change_mark::ChangeMark;
use super::readers::Readers;
use super::writer::Writer;
use crate::StoreError;

/// Raised when what is in the tables changes in a way that older builds cannot read. Format 2 has blobs, and views whose
/// form is noted.
const FORMAT: i64 = 2;

/// How long another process's lock is waited for. SQLite's own waiting sleeps up to 100 ms between two looks, which
/// starves one of two busy processes; this one looks every millisecond.
const LOCK_POLL: Duration = Duration::from_millis(1);
const LOCK_POLLS: i32 = 5_000;

const STATEMENTS_KEPT: usize = 128;

/// Pages that the writer keeps at most: keys that are no times go all over an index, and a page that is not at hand is
/// read for each of them.
const WRITER_CACHE_KIB: i64 = 64 << 10;
/// Pages of 4 KiB in the log before they are moved into the file: a page that is written again and again is moved once.
const CHECKPOINT_PAGES: i64 = 8_000;

pub(super) struct Database {
    pub(super) writer: Writer,
    pub(super) readers: Readers,
    pub(super) change_mark: ChangeMark,
}

impl Database {
    /// Opens the file at `path`; `create` makes the tables that a new one or one of an older format lacks.
    pub(super) fn open(path: &Path, create: fn(&Connection) -> rusqlite::Result<()>) -> Result<Self, StoreError> {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
        // Before anything is changed in a file of a newer version.
        let format = format_of(&connection, path)?;
        use_write_ahead_log(&connection, path)?;
        if format < FORMAT {
            make_tables(&mut connection, path, create)?;
        }
        // Negative: in KiB.
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        Ok(Self {
            writer: Writer::start(connection)?,
            readers: Readers::new(path),
            change_mark: ChangeMark::new(path),
        })
    }
}

/// A connection for one thread at a time.
pub(super) fn connect(path: &Path, more: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(wait_for_lock))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Else a plan may depend on the values that are asked for, and is made anew whenever these change.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Where a plain sync leaves data in the disk's cache (macOS), these do not; elsewhere they mean nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// A limit as SQLite counts.
pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn wait_for_lock(polls: i32) -> bool {
    sleep(LOCK_POLL);
    polls < LOCK_POLLS
}

/// SQLite does not wait for locks while it changes to WAL mode, so two processes that make the file at once need
/// a loop here.
fn use_write_ahead_log(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let mut polls = 0;
    loop {
        let mode = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => return Err(StoreError::Broken(format!("{} stays in mode {mode}", path.display()))),
            Err(e) if is_locked(&e) && wait_for_lock(polls) => polls += 1,
            Err(e) => return Err(e.into()),
        }
    }
}

fn is_locked(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn make_tables(
    connection: &mut Connection,
    path: &Path,
    create: fn(&Connection) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    if format_of(&transaction, path)? == FORMAT {
        return Ok(());
    }
    create(&transaction)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    Ok(transaction.commit()?)
}

/// 0 for a file without tables.
fn format_of(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > FORMAT {
        return Err(StoreError::Broken(format!(
            "{} was written by a newer version",
            path.display()
        )));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_newer_version_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.sqlite");
        Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", FORMAT + 1)
            .unwrap();
        let error = Database::open(&path, |_| Ok(())).err().unwrap();
        assert!(error.to_string().contains("was written by a newer version"), "{error}");
        let mode: String = Connection::open(&path)
            .unwrap()
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "delete");
    }

    #[test]
    fn a_file_of_an_older_version_is_taken_over_and_marked_as_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.sqlite");
        let create =
            |connection: &Connection| connection.execute_batch("CREATE TABLE IF NOT EXISTS numbers (number INTEGER)");
        drop(Database::open(&path, create).unwrap());
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        drop(Database::open(&path, create).unwrap());
        let format: i64 = connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(format, FORMAT);
    }

    #[test]
    fn a_file_that_is_no_database_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text.sqlite");
        std::fs::write(
            &path,
            "certainly not a database, and longer than its header would be. ".repeat(4),
        )
        .unwrap();
        let error = Database::open(&path, |_| Ok(())).err().unwrap();
        assert!(matches!(error, StoreError::Broken(_)), "{error:?}");
    }
}
