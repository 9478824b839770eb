//! The way through the whole journal, past what is damaged.

use contracts::StreamId;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use crate::stored_commit::StoredCommit;
use crate::{Commit, CommitKey, StoreError, Walked};

/// The key that a walk goes on behind, as it is stored.
pub(super) type After = (String, i64);

/// A key as the index tells it, and the number of its record.
struct Entry {
    key: Result<CommitKey, String>,
    record: i64,
}

/// The index tells which commits there are, and each record is read by its number and compared with its key: so damage to
/// either shows, and one record that cannot be read hides no other.
pub(super) fn walk(connection: &Connection, after: &After, limit: usize) -> Result<Vec<Walked>, StoreError> {
    let sql = "SELECT stream, first_version, last_version, id, hash, body FROM commits WHERE rowid = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut page = Vec::new();
    for Entry { key, record } in entries(connection, after, limit)? {
        page.push(match key {
            Err(why) => Walked {
                key: None,
                commit: Err(why),
            },
            Ok(key) => {
                let commit = statement.query_row([record], |row| Ok(read_commit(&key, row)));
                let commit = commit.unwrap_or_else(|error| Err(error.to_string()));
                Walked { key: Some(key), commit }
            }
        });
    }
    Ok(page)
}

/// Up to `limit` that have a key, and the others among them. Where the index breaks off, what stands before comes first.
fn entries(connection: &Connection, after: &After, limit: usize) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached(ENTRIES)?;
    let mut rows = statement.query(params![after.0, after.1])?;
    let (mut entries, mut with_key) = (Vec::new(), 0);
    while with_key < limit && entries.len() < limit.saturating_mul(2) {
        let entry = match rows.next() {
            Ok(Some(row)) => read_entry(row)?,
            Ok(None) => break,
            Err(_) if with_key > 0 => break,
            Err(error) => return Err(error),
        };
        with_key += usize::from(entry.key.is_ok());
        entries.push(entry);
    }
    // What stands behind the last key comes with the next page, because the walk goes on behind a key.
    if let Some(last) = entries.iter().rposition(|entry| entry.key.is_ok()) {
        entries.truncate(last + 1);
    }
    Ok(entries)
}

const ENTRIES: &str = "SELECT stream, first_version, rowid FROM commits WHERE (stream, first_version) > (?1, ?2)
    ORDER BY stream, first_version";

fn read_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let (stream, version) = (row.get_ref(0)?, row.get_ref(1)?);
    let key = key_of(stream, version);
    Ok(Entry {
        key: key.ok_or_else(|| format!("its key is {}, {}, which is none", shown(stream), shown(version))),
        record: row.get(2)?,
    })
}

fn key_of(stream: ValueRef<'_>, version: ValueRef<'_>) -> Option<CommitKey> {
    let version = version.as_i64().ok().filter(|version| *version > 0)?;
    Some(CommitKey {
        stream: StreamId::parse(stream.as_str().ok()?).ok()?,
        first_version: version.cast_unsigned(),
    })
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) | ValueRef::Blob(text) => format!("`{}`", String::from_utf8_lossy(text)),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Null => "nothing".to_owned(),
    }
}

fn read_commit(key: &CommitKey, row: &Row<'_>) -> Result<Commit, String> {
    let text = |column| row.get::<_, String>(column).map_err(|error| error.to_string());
    let version = |column| row.get::<_, i64>(column).map_err(|error| error.to_string());
    let stored = StoredCommit {
        stream: text(0)?,
        first: version(1)?.cast_unsigned(),
        last: version(2)?.cast_unsigned(),
        id: text(3)?,
        hash: text(4)?,
        body: text(5)?,
    };
    stored.proved(key)
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
        let step: String = plan.query_row(params!["a", 1], |row| row.get("detail")).unwrap();
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
        assert_eq!(streams(&all), ["event/1", "event/2", "event/3"]);
        assert!(all.iter().all(|walked| walked.commit.is_err()), "{all:?}");
    }

    fn streams(page: &[Walked]) -> Vec<&str> {
        let keys = page.iter().map(|walked| walked.key.as_ref());
        keys.map(|key| key.map_or("none", |key| key.stream.as_str())).collect()
    }

    #[test]
    fn a_damaged_key_is_named_and_hides_none_behind_it() {
        let connection = journal();
        let blob = rusqlite::types::Value::Blob(b"event/x".to_vec());
        let keys: [(rusqlite::types::Value, i64); 6] = [
            ("event/1".to_owned().into(), 1),
            ("event/2".to_owned().into(), -3),
            ("event/3".to_owned().into(), 1),
            ("no stream".to_owned().into(), 1),
            ("user/1".to_owned().into(), 1),
            (blob, 1),
        ];
        for (stream, version) in keys {
            let row = params![stream, version, version];
            let insert = "INSERT INTO commits (stream, first_version, last_version, id, hash, body)
                 VALUES (?1, ?2, ?3, '', '', '[]')";
            connection.execute(insert, row).unwrap();
        }
        let all = walk(&connection, &After::default(), 9).unwrap();
        assert_eq!(streams(&all), ["event/1", "none", "event/3", "none", "user/1"]);
        assert_eq!(all[1].commit, Err("its key is `event/2`, -3, which is none".to_owned()));
        assert_eq!(
            all[3].commit,
            Err("its key is `no stream`, 1, which is none".to_owned())
        );
        let (mut after, mut met) = (After::default(), Vec::new());
        loop {
            let page = walk(&connection, &after, 2).unwrap();
            met.extend(streams(&page).into_iter().map(str::to_owned));
            let Some(key) = page.into_iter().rev().find_map(|walked| walked.key) else {
                break;
            };
            after = (key.stream.to_string(), key.first_version.cast_signed());
        }
        assert_eq!(met, ["event/1", "none", "event/3", "none", "user/1", "none"]);
    }
}
