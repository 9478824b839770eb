//! The log's file: where it lies, how it is opened, which tables it has, what its errors mean.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use crate::BrokerError;

/// The log's file in its folder.
pub(super) const FILE: &str = "log.sqlite";

/// Of the stored format; raised with every change of the tables.
const FORMAT: i64 = 2;

/// Ids of groups are never used twice, so that a group that was dropped and made again is another one.
const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE log (
        offset     INTEGER PRIMARY KEY AUTOINCREMENT,
        key        TEXT NOT NULL,
        attributes TEXT NOT NULL,
        body       BLOB NOT NULL,
        envelope   TEXT
    ) STRICT;
    CREATE TABLE groups (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        name         TEXT NOT NULL UNIQUE,
        acknowledged INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE acks (
        group_id INTEGER NOT NULL,
        offset   INTEGER NOT NULL,
        PRIMARY KEY (group_id, offset)
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 2;
    COMMIT;
";
/// Format 1 kept every envelope as a message; those stay as they are.
const FROM_FORMAT_1: &str = "
    BEGIN IMMEDIATE;
    ALTER TABLE log ADD COLUMN envelope TEXT;
    PRAGMA user_version = 2;
    COMMIT;
";

const BUSY_PAUSE: Duration = Duration::from_millis(1);
const BUSY_ATTEMPTS: i32 = 5_000;

/// A log's folder that is known to hold a file of this format.
pub(super) struct Database {
    folder: PathBuf,
}

impl Database {
    pub(super) fn open(folder: &Path) -> Result<Self, BrokerError> {
        make_private(folder).map_err(unavailable)?;
        fs::create_dir_all(folder.join("groups")).map_err(unavailable)?;
        let database = Self {
            folder: folder.to_owned(),
        };
        let opening = File::create(folder.join("open.lock")).map_err(unavailable)?;
        opening.lock().map_err(unavailable)?;
        prepare(&database.connect()?)?;
        Ok(database)
    }

    pub(super) fn connect(&self) -> Result<Connection, BrokerError> {
        let mut connection = Connection::open(self.folder.join(FILE)).map_err(|e| broker_error(&e))?;
        connection
            .busy_handler(Some(wait_for_other_writer))
            .map_err(|e| broker_error(&e))?;
        // Else a plan may depend on the values that are asked for, and is made anew whenever these change.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .map_err(|e| broker_error(&e))?;
        Ok(connection)
    }

    pub(super) fn group_lock(&self, group: i64) -> PathBuf {
        self.folder.join("groups").join(format!("{group}.lock"))
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// SQLite's own busy timeout sleeps up to 100 ms at a time, and a process that writes all the time would starve us.
fn wait_for_other_writer(attempt: i32) -> bool {
    thread::sleep(BUSY_PAUSE);
    attempt < BUSY_ATTEMPTS
}

fn prepare(connection: &Connection) -> Result<(), BrokerError> {
    let format = format(connection).map_err(|e| broker_error(&e))?;
    if format > FORMAT {
        return Err(BrokerError::Refused(format!(
            "the log has format {format}, this build reads up to {FORMAT}"
        )));
    }
    use_write_ahead_log(connection)?;
    let change = match format {
        0 => TABLES,
        1 => FROM_FORMAT_1,
        _ => return Ok(()),
    };
    connection.execute_batch(change).map_err(|e| broker_error(&e))
}

fn format(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn use_write_ahead_log(connection: &Connection) -> Result<(), BrokerError> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|e| broker_error(&e))?;
    if mode != "wal" {
        return Err(BrokerError::Refused(format!(
            "the log's file system only allows journal mode {mode}"
        )));
    }
    Ok(())
}

pub(super) fn unavailable(error: io::Error) -> BrokerError {
    BrokerError::Unavailable(error.into())
}

/// By reference, because one failed transaction answers many callers.
pub(super) fn broker_error(error: &rusqlite::Error) -> BrokerError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed,
        ) => BrokerError::Unavailable(error.to_string().into()),
        _ => BrokerError::Refused(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{group, records};
    use super::*;

    const FORMAT_1: &str = "
        CREATE TABLE log (
            offset     INTEGER PRIMARY KEY AUTOINCREMENT,
            key        TEXT NOT NULL,
            attributes TEXT NOT NULL,
            body       BLOB NOT NULL
        ) STRICT;
        CREATE TABLE groups (
            id           INTEGER PRIMARY KEY AUTOINCREMENT,
            name         TEXT NOT NULL UNIQUE,
            acknowledged INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE acks (
            group_id INTEGER NOT NULL,
            offset   INTEGER NOT NULL,
            PRIMARY KEY (group_id, offset)
        ) STRICT, WITHOUT ROWID;
        INSERT INTO log (key, attributes, body) VALUES ('a', '{\"id\":\"1\"}', x'31'), ('a', '{\"id\":\"2\"}', x'32');
        INSERT INTO groups (name, acknowledged) VALUES ('group', 1);
        PRAGMA user_version = 1;
    ";

    #[test]
    fn a_log_of_the_first_format_is_read_on_where_its_groups_are() {
        let folder = tempfile::tempdir().unwrap();
        let old = Connection::open(folder.path().join(FILE)).unwrap();
        old.execute_batch(FORMAT_1).unwrap();
        drop(old);
        for _ in 0..2 {
            let connection = Database::open(folder.path()).unwrap().connect().unwrap();
            let group = group::find(&connection, "group").unwrap().unwrap();
            let done = group::watermark(&connection, group).unwrap().unwrap();
            let page = records::read(&connection, group, done, 10).unwrap();
            let messages: Vec<_> = page.deliveries.iter().map(|delivery| delivery.message()).collect();
            let told = messages
                .iter()
                .map(|message| (message.attributes["id"].as_str(), &message.body[..]));
            assert_eq!(told.collect::<Vec<_>>(), [("2", &b"2"[..])]);
        }
    }

    fn refusal(folder: &Path) -> String {
        match Database::open(folder) {
            Err(BrokerError::Refused(reason)) => reason,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it was opened"),
        }
    }

    #[test]
    fn a_newer_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Database::open(folder.path()).unwrap().connect().unwrap();
        connection.pragma_update(None, "user_version", FORMAT + 1).unwrap();
        assert!(refusal(folder.path()).contains("format 3"));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("log.sqlite"), "no database".repeat(1_000)).unwrap();
        assert!(refusal(folder.path()).contains("not a database"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_unavailable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let outcome = Database::open(&file.path().join("log"));
        assert!(matches!(outcome, Err(BrokerError::Unavailable(_))));
    }

    #[cfg(unix)]
    #[test]
    fn a_new_folder_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("broker");
        Database::open(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn many_open_a_new_log_at_once() {
        let folder = tempfile::tempdir().unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| drop(Database::open(folder.path()).unwrap()));
            }
        });
    }
}
