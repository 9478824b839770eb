//! The way through the whole journal, past what is damaged.

use contracts::StreamId;
use rusqlite::{Connection, Row, params};

use super::database::sql_limit;
use super::journal::decode_text;
use crate::{Commit, CommitKey, StoreError, Walked};

/// The key that a walk goes on behind, as it is stored.
pub(super) type After = (String, i64);

/// A key as the index tells it, and the number of its record.
struct Entry {
    stream: String,
    first_version: i64,
    record: i64,
}

/// The index tells which commits there are, and each record is read by its number and compared with its key: so damage to
/// either shows, and one record that cannot be read hides no other.
pub(super) fn walk(connection: &Connection, after: &After, limit: usize) -> Result<Vec<Walked>, StoreError> {
    let sql = "SELECT stream, first_version, last_version, id, hash, body FROM commits WHERE rowid = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut page = Vec::new();
    for entry in entries(connection, after, limit)? {
        let commit = statement.query_row([entry.record], |row| Ok(read_commit(&entry, row)));
        page.push(Walked {
            commit: commit.unwrap_or_else(|error| Err(error.to_string())),
            key: key_of(entry)?,
        });
    }
    Ok(page)
}

fn entries(connection: &Connection, after: &After, limit: usize) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached(ENTRIES)?;
    let entries = statement.query_map(params![after.0, after.1, sql_limit(limit)], |row| {
        Ok(Entry {
            stream: row.get(0)?,
            first_version: row.get(1)?,
            record: row.get(2)?,
        })
    })?;
    entries.collect()
}

const ENTRIES: &str = "SELECT stream, first_version, rowid FROM commits WHERE (stream, first_version) > (?1, ?2)
    ORDER BY stream, first_version LIMIT ?3";

fn read_commit(entry: &Entry, row: &Row<'_>) -> Result<Commit, String> {
    let text = |column| row.get::<_, String>(column).map_err(|error| error.to_string());
    let number = |column| row.get::<_, i64>(column).map_err(|error| error.to_string());
    let commit = decode_text(&text(3)?, &text(5)?)?;
    let (Some(first), Some(last)) = (commit.envelopes.first(), commit.envelopes.last()) else {
        return Err("it is empty".to_owned());
    };
    let told = (text(0)?, number(1)?, number(2)?, text(4)?);
    let (from, to) = (first.version.cast_signed(), last.version.cast_signed());
    let held = (first.stream.to_string(), from, to, last.hash.to_string());
    if told != held || (&held.0, from) != (&entry.stream, entry.first_version) {
        return Err(format!(
            "what is stored beside it is not of stream {}, version {from}",
            held.0
        ));
    }
    Ok(commit)
}

fn key_of(entry: Entry) -> Result<CommitKey, StoreError> {
    let Entry {
        stream, first_version, ..
    } = entry;
    let broken = |_| {
        StoreError::Broken(format!(
            "a commit has the key `{stream}`, {first_version}, which is none"
        ))
    };
    Ok(CommitKey {
        stream: StreamId::parse(&stream).map_err(broken)?,
        first_version: first_version.cast_unsigned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        super::super::journal::create_tables(&connection).unwrap();
        connection
    }

    #[test]
    fn entries_are_read_from_the_index_alone() {
        let connection = journal();
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {ENTRIES}")).unwrap();
        let step: String = plan.query_row(params!["a", 1, 9], |row| row.get("detail")).unwrap();
        assert!(step.contains("SEARCH commits USING COVERING INDEX"), "{step}");
    }

    #[test]
    fn a_damaged_commit_is_named_and_hides_none_behind_it() {
        let connection = journal();
        for (stream, body) in [("event/1", "[]"), ("event/2", "{no json"), ("event/3", "")] {
            let row = params![stream, 1, 1, uuid::Uuid::nil().to_string(), "", body];
            let insert = "INSERT INTO commits (stream, first_version, last_version, id, hash, body)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            connection.execute(insert, row).unwrap();
        }
        let all = walk(&connection, &After::default(), 9).unwrap();
        let streams: Vec<&str> = all.iter().map(|walked| walked.key.stream.as_str()).collect();
        assert_eq!(streams, ["event/1", "event/2", "event/3"]);
        assert!(all.iter().all(|walked| walked.commit.is_err()), "{all:?}");
    }
}
