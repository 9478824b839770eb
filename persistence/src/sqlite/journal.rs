//! Commits, and the outbox of those that wait to be published.
//!
//! A commit is a row that is never changed. Its key stands in `outbox`, written in the same transaction, until it is
//! published: so what waits is found without looking at history.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use contracts::{Hash, StreamId};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Rows, params};

use super::database::{Database, sql_limit};
use super::walk::walk;
use super::writer::Durability;
use crate::stored_commit::{StoredCommit, decode};
use crate::{AppendError, Commit, CommitKey, Journal, StoreError, Walked};

pub(super) struct SqliteJournal {
    database: Arc<Database>,
    /// The last stream of the last answer of `unpublished`; the next answer begins behind it.
    last_served: Mutex<String>,
}

impl SqliteJournal {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self {
            database,
            last_served: Mutex::default(),
        }
    }
}

impl SqliteJournal {
    async fn execute(&self, sql: &'static str) -> Result<(), StoreError> {
        let work = move |connection: &Connection| Ok(connection.execute_batch(sql)?);
        self.database.writer.run(Durability::Full, work).await
    }
}

/// Commits have row numbers because a row of up to 4 KiB then stays on one page; in a B-tree of its own key it would
/// not from 1 KiB on.
pub(super) fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS commits (
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
         ) WITHOUT ROWID;",
    )
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn append(&self, previous: Hash, commit: &Commit) -> Result<(), AppendError> {
        let body = commit.check(previous)?;
        let commit = StoredCommit::of(commit, body)?;
        let base = ((commit.first - 1).cast_signed(), previous.to_string());
        let row = CommitRow { base, commit };
        let work = move |connection: &Connection| append(connection, &row);
        self.database.writer.run(Durability::Full, work).await
    }

    async fn read(&self, stream: &StreamId, after: u64, limit: usize) -> Result<Vec<Commit>, StoreError> {
        let stream = stream.clone();
        let work = move |connection: &Connection| read(connection, stream.as_str(), after, limit);
        self.database.readers.read(work).await
    }

    async fn walk(&self, after: Option<&CommitKey>, limit: usize) -> Result<Vec<Walked>, StoreError> {
        let after = after.map(|key| (key.stream.to_string(), key.first_version.cast_signed()));
        let work = move |connection: &Connection| walk(connection, &after.unwrap_or_default(), limit);
        self.database.readers.read(work).await
    }

    async fn unpublished(&self, limit: usize) -> Result<Vec<Commit>, StoreError> {
        let behind = self.last_served.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let work = move |connection: &Connection| unpublished(connection, &behind, limit.max(1));
        let (commits, last) = self.database.readers.read(work).await?;
        if let Some(last) = last {
            *self.last_served.lock().unwrap_or_else(PoisonError::into_inner) = last;
        }
        Ok(commits)
    }

    async fn mark_published(&self, commits: &[CommitKey]) -> Result<(), StoreError> {
        if commits.is_empty() {
            return Ok(());
        }
        let keys = commits.to_vec();
        let work = move |connection: &Connection| mark_published(connection, &keys);
        self.database.writer.run(Durability::Relaxed, work).await
    }

    async fn unpublished_count(&self) -> Result<u64, StoreError> {
        self.database.readers.read(count_waiting).await
    }

    async fn seal(&self) -> Result<(), StoreError> {
        let sql = "CREATE TRIGGER IF NOT EXISTS sealed BEFORE INSERT ON commits
                   BEGIN SELECT RAISE(ABORT, 'the journal is sealed'); END";
        self.execute(sql).await
    }

    async fn unseal(&self) -> Result<(), StoreError> {
        self.execute("DROP TRIGGER IF EXISTS sealed").await
    }
}

/// A checked commit, and the version and hash that it stands on.
struct CommitRow {
    base: (i64, String),
    commit: StoredCommit,
}

fn append(connection: &Connection, row: &CommitRow) -> Result<(), AppendError> {
    let head = head(connection, &row.commit.stream)?;
    if head == row.base {
        return Ok(insert(connection, &row.commit)?);
    }
    if is_stored(connection, &row.commit)? {
        return Ok(());
    }
    let head = head.0.cast_unsigned();
    Err(AppendError::Conflict { head })
}

/// Last version and hash of a stream.
fn head(connection: &Connection, stream: &str) -> rusqlite::Result<(i64, String)> {
    let sql = "SELECT last_version, hash FROM commits WHERE stream = ?1 ORDER BY first_version DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let head = statement.query_row([stream], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(head.optional()?.unwrap_or_else(|| (0, Hash::GENESIS.to_string())))
}

/// Whether this very commit was appended before. Its hash tells it from another one that was given the same id.
fn is_stored(connection: &Connection, row: &StoredCommit) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM commits
               WHERE stream = ?1 AND first_version = ?2 AND last_version = ?3 AND id = ?4 AND hash = ?5";
    let mut statement = connection.prepare_cached(sql)?;
    statement.exists(params![
        row.stream,
        row.first.cast_signed(),
        row.last.cast_signed(),
        row.id,
        row.hash
    ])
}

fn insert(connection: &Connection, row: &StoredCommit) -> rusqlite::Result<()> {
    let mut commits = connection.prepare_cached(
        "INSERT INTO commits (stream, first_version, last_version, id, hash, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    commits.execute(params![
        row.stream,
        row.first.cast_signed(),
        row.last.cast_signed(),
        row.id,
        row.hash,
        row.body
    ])?;
    let mut outbox = connection.prepare_cached("INSERT INTO outbox (stream, first_version) VALUES (?1, ?2)")?;
    outbox.execute(params![row.stream, row.first.cast_signed()])?;
    Ok(())
}

/// The commit that holds version `after + 1` is the last one that begins at or below it.
fn read(connection: &Connection, stream: &str, after: u64, limit: usize) -> Result<Vec<Commit>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, body FROM commits
         WHERE stream = ?1 AND last_version > ?2 AND first_version >= coalesce(
             (SELECT max(first_version) FROM commits WHERE stream = ?1 AND first_version <= ?2 + 1), 1)
         ORDER BY first_version LIMIT ?3",
    )?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    decode_all(statement.query(params![stream, after, sql_limit(limit)])?)
}

fn decode_all(mut rows: Rows<'_>) -> Result<Vec<Commit>, StoreError> {
    let mut commits = Vec::new();
    while let Some(row) = rows.next()? {
        commits.push(decode_row(row)?);
    }
    Ok(commits)
}

fn decode_row(row: &Row<'_>) -> Result<Commit, StoreError> {
    let (id, body): (String, String) = (row.get(0)?, row.get(1)?);
    decode(&id, &body).map_err(StoreError::Broken)
}

/// Each waiting stream gets an equal share of `limit`, and those that have more get the room that others left.
///
/// Returns the last stream that got a share, too. A stream's commits are taken in order from its first waiting one, so
/// that none stands before its predecessor.
fn unpublished(
    connection: &Connection,
    behind: &str,
    limit: usize,
) -> Result<(Vec<Commit>, Option<String>), StoreError> {
    let mut streams = waiting_streams(connection, behind, limit)?;
    let share = limit / streams.len().max(1);
    let mut room = limit;
    let mut answer = Vec::new();
    let mut hungry = Vec::new();
    for stream in &streams {
        let commits = waiting_commits(connection, stream, 0, share)?;
        room -= commits.len();
        if commits.len() == share {
            let last = commits.last().and_then(Commit::key);
            hungry.extend(last);
        }
        answer.extend(commits);
    }
    for last in hungry {
        let more = waiting_commits(connection, last.stream.as_str(), last.first_version, room)?;
        room -= more.len();
        answer.extend(more);
    }
    Ok((answer, streams.pop()))
}

/// At most `limit` streams with waiting commits: those after `behind` in order, then those up to it.
fn waiting_streams(connection: &Connection, behind: &str, limit: usize) -> Result<Vec<String>, StoreError> {
    // One look into the index per stream, however many commits wait in it.
    let sql = "SELECT stream FROM outbox WHERE stream > ?1 ORDER BY stream LIMIT 1";
    let mut next = connection.prepare_cached(sql)?;
    let mut streams = Vec::new();
    take_streams(&mut next, behind, None, limit, &mut streams)?;
    take_streams(&mut next, "", Some(behind), limit, &mut streams)?;
    Ok(streams)
}

fn take_streams(
    next: &mut CachedStatement<'_>,
    behind: &str,
    up_to: Option<&str>,
    limit: usize,
    streams: &mut Vec<String>,
) -> Result<(), StoreError> {
    let mut at = behind.to_owned();
    while streams.len() < limit {
        let found: Option<String> = next.query_row([&at], |row| row.get(0)).optional()?;
        let Some(stream) = found.filter(|stream| up_to.is_none_or(|end| stream.as_str() <= end)) else {
            return Ok(());
        };
        at.clone_from(&stream);
        streams.push(stream);
    }
    Ok(())
}

fn waiting_commits(
    connection: &Connection,
    stream: &str,
    behind: u64,
    limit: usize,
) -> Result<Vec<Commit>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, body FROM outbox JOIN commits USING (stream, first_version)
         WHERE stream = ?1 AND first_version > ?2 ORDER BY first_version LIMIT ?3",
    )?;
    decode_all(statement.query(params![stream, behind.cast_signed(), sql_limit(limit)])?)
}

fn mark_published(connection: &Connection, keys: &[CommitKey]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("DELETE FROM outbox WHERE stream = ?1 AND first_version = ?2")?;
    for key in keys {
        statement.execute(params![key.stream.as_str(), key.first_version.cast_signed()])?;
    }
    Ok(())
}

fn count_waiting(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM outbox")?;
    let count: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}
