use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use contracts::{Envelope, Hash, StreamId};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::Database;
use super::connection::broken_or_unavailable;
use super::writer::Durability;
use crate::{AppendError, Commit, CommitKey, Journal, StoreError};

pub(super) struct SqliteJournal {
    database: Database,
    /// The stream that `unpublished` served last: the next answer begins behind it.
    served_last: Mutex<String>,
}

/// A commit as its row holds it.
struct Row {
    id: String,
    body: String,
}

struct Head {
    version: u64,
    hash: String,
}

impl SqliteJournal {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            served_last: Mutex::default(),
        }
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn append(&self, previous: Hash, commit: Commit) -> Result<(), AppendError> {
        let body = commit.check(previous)?;
        let work = move |connection: &Connection| append(connection, previous, &commit, &body);
        self.database.writer.submit(Durability::Flushed, work).await
    }

    async fn read(&self, stream: &StreamId, after: u64, limit: usize) -> Result<Vec<Commit>, StoreError> {
        let stream = stream.to_string();
        let rows = self.database.readers.read(move |connection| read_rows(connection, &stream, after, limit));
        rows.await?.into_iter().map(Row::into_commit).collect()
    }

    async fn unpublished(&self, limit: usize) -> Result<Vec<Commit>, StoreError> {
        let start = self.served_last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let read = move |connection: &Connection| {
            let streams = waiting_streams(connection, &start, limit)?;
            let rows = fair_share(connection, &streams, limit)?;
            Ok((rows, streams))
        };
        let (rows, streams) = self.database.readers.read(read).await?;
        // Where all waiting streams were served the order does not matter; where not, the next answer goes on here.
        if let Some(last) = streams.into_iter().next_back() {
            *self.served_last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        }
        rows.into_iter().map(Row::into_commit).collect()
    }

    async fn mark_published(&self, commits: &[CommitKey]) -> Result<(), StoreError> {
        let commits = commits.to_vec();
        let work = move |connection: &Connection| mark_published(connection, &commits).map_err(broken_or_unavailable);
        self.database.writer.submit(Durability::Eventual, work).await
    }

    async fn unpublished_count(&self) -> Result<u64, StoreError> {
        let count = |connection: &Connection| connection.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0));
        self.database.readers.read(count).await
    }
}

fn append(connection: &Connection, previous: Hash, commit: &Commit, body: &str) -> Result<(), AppendError> {
    let (Some(first), Some(last)) = (commit.envelopes.first(), commit.envelopes.last()) else {
        return Ok(());
    };
    let head = head(connection, &first.stream).map_err(broken_or_unavailable)?;
    if head.version + 1 != first.version || head.hash != previous.to_string() {
        return already_appended(connection, commit, body, head.version);
    }
    insert(connection, commit, first, last, body).map_err(broken_or_unavailable)?;
    Ok(())
}

fn head(connection: &Connection, stream: &StreamId) -> rusqlite::Result<Head> {
    let sql = "SELECT last_version, hash FROM commits WHERE stream = ?1 ORDER BY first_version DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Head {
            version: row.get(0)?,
            hash: row.get(1)?,
        })
    };
    let found = connection.prepare_cached(sql)?.query_row([stream.as_str()], read).optional()?;
    Ok(found.unwrap_or_else(|| Head {
        version: 0,
        hash: Hash::GENESIS.to_string(),
    }))
}

/// Success if it is this very commit that stands in the way, a conflict otherwise.
fn already_appended(connection: &Connection, commit: &Commit, body: &str, head: u64) -> Result<(), AppendError> {
    let Some(key) = commit.key() else { return Ok(()) };
    let sql = "SELECT id, body FROM commits WHERE stream = ?1 AND first_version = ?2";
    let known = connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            let row = |row: &rusqlite::Row<'_>| Ok(Row { id: row.get(0)?, body: row.get(1)? });
            statement.query_row(params![key.stream.as_str(), key.first_version], row).optional()
        })
        .map_err(broken_or_unavailable)?;
    if known.is_some_and(|known| known.id == commit.id.to_string() && known.body == body) {
        return Ok(());
    }
    Err(AppendError::Conflict { head })
}

fn insert(
    connection: &Connection,
    commit: &Commit,
    first: &Envelope,
    last: &Envelope,
    body: &str,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO commits (stream, first_version, last_version, id, hash, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let row = params![
        first.stream.as_str(),
        first.version,
        last.version,
        commit.id.to_string(),
        last.hash.to_string(),
        body
    ];
    connection.prepare_cached(sql)?.execute(row)?;
    let sql = "INSERT INTO outbox (stream, first_version) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![first.stream.as_str(), first.version])?;
    Ok(())
}

fn read_rows(connection: &Connection, stream: &str, after: u64, limit: usize) -> rusqlite::Result<Vec<Row>> {
    // Commits are gapless, so those above `after` begin with the last one that starts at or below `after + 1`.
    let sql = "SELECT id, body FROM commits
        WHERE stream = ?1 AND last_version > ?2 AND first_version >= coalesce(
            (SELECT max(first_version) FROM commits WHERE stream = ?1 AND first_version <= ?2 + 1), 0)
        ORDER BY first_version LIMIT ?3";
    let mut statement = connection.prepare_cached(sql)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![stream, after, limit], read_row)?;
    rows.collect()
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(0)?,
        body: row.get(1)?,
    })
}

/// At most `limit` streams with waiting commits, in turn behind `start`: each found by one look into the index.
fn waiting_streams(connection: &Connection, start: &str, limit: usize) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT stream FROM outbox WHERE stream > ?1 ORDER BY stream LIMIT 1";
    let mut next = connection.prepare_cached(sql)?;
    let mut behind = |stream: &str| next.query_row([stream], |row| row.get::<_, String>(0)).optional();
    let mut streams: Vec<String> = Vec::new();
    let mut at = start.to_owned();
    let mut wrapped = start.is_empty();
    while streams.len() < limit {
        match behind(&at)? {
            Some(stream) if wrapped && !start.is_empty() && stream.as_str() > start => break,
            Some(stream) => {
                at.clone_from(&stream);
                streams.push(stream);
            }
            None if wrapped => break,
            None => {
                wrapped = true;
                at.clear();
            }
        }
    }
    Ok(streams)
}

/// The first waiting commits of each stream: an equal share for all, and what is left over to those with more.
fn fair_share(connection: &Connection, streams: &[String], limit: usize) -> rusqlite::Result<Vec<Row>> {
    let sql = "SELECT c.id, c.body FROM outbox o
        JOIN commits c ON c.stream = o.stream AND c.first_version = o.first_version
        WHERE o.stream = ?1 ORDER BY o.first_version LIMIT ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = Vec::new();
    for (i, stream) in streams.iter().enumerate() {
        let share = (limit - rows.len()) / (streams.len() - i);
        let share = i64::try_from(share.max(1)).unwrap_or(i64::MAX);
        for row in statement.query_map(params![stream, share], read_row)? {
            rows.push(row?);
        }
    }
    Ok(rows)
}

fn mark_published(connection: &Connection, commits: &[CommitKey]) -> rusqlite::Result<()> {
    let sql = "DELETE FROM outbox WHERE stream = ?1 AND first_version = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    for commit in commits {
        statement.execute(params![commit.stream.as_str(), commit.first_version])?;
    }
    Ok(())
}

impl Row {
    fn into_commit(self) -> Result<Commit, StoreError> {
        let envelopes = serde_json::from_str(&self.body)
            .map_err(|cause| StoreError::Broken(format!("commit {}: {cause}", self.id)))?;
        let id = Uuid::parse_str(&self.id).map_err(|cause| StoreError::Broken(format!("commit {}: {cause}", self.id)))?;
        Ok(Commit { id, envelopes })
    }
}
