//! The way through the whole journal, past what is damaged.

use contracts::StreamId;
use rusqlite::{Connection, Row, params};

use super::database::sql_limit;
use super::journal::decode_text;
use crate::{Commit, CommitKey, StoreError, Walked};

/// A key as it is stored.
type RawKey = (String, i64);

const COLUMNS: &str = "stream, first_version, id, last_version, hash, body";

/// A page is read in one go. Where a part of the file is damaged, it is read again commit by commit, because the index
/// still tells which ones there are.
pub(super) fn walk(connection: &Connection, after: &RawKey, limit: usize) -> Result<Vec<Walked>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM commits WHERE (stream, first_version) > (?1, ?2) \
         ORDER BY stream, first_version LIMIT ?3"
    ))?;
    let mut rows = statement.query(params![after.0, after.1, sql_limit(limit)])?;
    let mut page = Vec::new();
    loop {
        match rows.next() {
            Ok(Some(row)) => page.push(walked(&(row.get(0)?, row.get(1)?), row)?),
            Ok(None) => return Ok(page),
            Err(_) => return walk_one_by_one(connection, after, limit),
        }
    }
}

fn walk_one_by_one(connection: &Connection, after: &RawKey, limit: usize) -> Result<Vec<Walked>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM commits WHERE stream = ?1 AND first_version = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut page = Vec::new();
    for key in keys(connection, after, limit)? {
        let found = statement.query_row(params![key.0, key.1], |row| Ok(walked(&key, row)));
        page.push(found.unwrap_or_else(|error| unreadable(&key, error.to_string()))?);
    }
    Ok(page)
}

/// From the index alone.
fn keys(connection: &Connection, after: &RawKey, limit: usize) -> rusqlite::Result<Vec<RawKey>> {
    let mut statement = connection.prepare_cached(
        "SELECT stream, first_version FROM commits WHERE (stream, first_version) > (?1, ?2)
         ORDER BY stream, first_version LIMIT ?3",
    )?;
    let keys = statement.query_map(params![after.0, after.1, sql_limit(limit)], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    keys.collect()
}

fn walked(key: &RawKey, row: &Row<'_>) -> Result<Walked, StoreError> {
    match read_commit(key, row) {
        Ok(commit) => Ok(Walked {
            key: key_of(key)?,
            commit: Ok(commit),
        }),
        Err(why) => unreadable(key, why),
    }
}

fn read_commit(key: &RawKey, row: &Row<'_>) -> Result<Commit, String> {
    let text = |column| row.get::<_, String>(column).map_err(|error| error.to_string());
    let last: i64 = row.get(3).map_err(|error| error.to_string())?;
    let commit = decode_text(&text(2)?, &text(5)?)?;
    if !tells_the_same(&commit, (key.1, last), &text(4)?) {
        return Err("its record tells another version or hash than its content".to_owned());
    }
    Ok(commit)
}

/// Whether the columns beside a commit are those of its envelopes.
fn tells_the_same(commit: &Commit, bounds: (i64, i64), hash: &str) -> bool {
    let (Some(first), Some(last)) = (commit.envelopes.first(), commit.envelopes.last()) else {
        return false;
    };
    let found = (first.version.cast_signed(), last.version.cast_signed());
    found == bounds && last.hash.to_string() == hash
}

fn unreadable(key: &RawKey, why: String) -> Result<Walked, StoreError> {
    Ok(Walked {
        key: key_of(key)?,
        commit: Err(why),
    })
}

fn key_of((stream, first_version): &RawKey) -> Result<CommitKey, StoreError> {
    let broken = |_| {
        StoreError::Broken(format!(
            "a commit has the key `{stream}`, {first_version}, which is none"
        ))
    };
    Ok(CommitKey {
        stream: StreamId::parse(stream).map_err(broken)?,
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
    fn keys_are_read_from_the_index_alone() {
        let connection = journal();
        let plan = "EXPLAIN QUERY PLAN SELECT stream, first_version FROM commits
             WHERE (stream, first_version) > ('a', 1) ORDER BY stream, first_version LIMIT 9";
        let step: String = connection.query_row(plan, [], |row| row.get("detail")).unwrap();
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
        let all = walk(&connection, &RawKey::default(), 9).unwrap();
        let streams: Vec<&str> = all.iter().map(|walked| walked.key.stream.as_str()).collect();
        assert_eq!(streams, ["event/1", "event/2", "event/3"]);
        assert!(all.iter().all(|walked| walked.commit.is_err()), "{all:?}");
        assert_eq!(walk_one_by_one(&connection, &RawKey::default(), 9).unwrap(), all);
    }
}
