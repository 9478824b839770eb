//! Search: the words of each document in a table per collection, sorted, so that a beginning of a word is a range.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params, params_from_iter, types::Value as SqlValue};

use super::catalogue::{self, Entry};
use super::database::{Database, sql_limit};
use super::writer::Durability;
use crate::search::{asked_for, end_of_range};
use crate::{Indexed, Search, StoreError, tokens};

/// From this many matches on, the chance to meet one soon is better along the ids than along the words.
const MANY_MATCHES: i64 = 2_000;

pub(super) struct SqliteSearch {
    database: Arc<Database>,
}

impl SqliteSearch {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Search for SqliteSearch {
    async fn index(&self, collection: &str, entries: &[(String, String)]) -> Result<(), StoreError> {
        let collection = collection.to_owned();
        let words = |(id, text): &(String, String)| (id.clone(), tokens(text));
        let entries: Vec<(String, Vec<String>)> = entries.iter().map(words).collect();
        let work = move |connection: &Connection| index(connection, &collection, &entries);
        self.database.writer.run(Durability::Full, work).await
    }

    async fn find(&self, collection: &str, text: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let (collection, words) = (collection.to_owned(), asked_for(text));
        let work = move |connection: &Connection| find(connection, &collection, &words, limit);
        self.database.readers.read(work).await
    }

    async fn scan(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Indexed>, StoreError> {
        let (collection, after) = (collection.to_owned(), after.map(str::to_owned));
        let work = move |connection: &Connection| scan(connection, &collection, after.as_deref(), limit);
        self.database.readers.read(work).await
    }
}

fn index(connection: &Connection, collection: &str, entries: &[(String, Vec<String>)]) -> Result<(), StoreError> {
    let table = catalogue::entry(connection, collection)?.words();
    let mut forget = connection.prepare_cached(&format!("DELETE FROM {table} WHERE id = ?1"))?;
    let mut insert = connection.prepare_cached(&format!("INSERT INTO {table} (word, id) VALUES (?1, ?2)"))?;
    for (id, words) in entries {
        forget.execute([id])?;
        for word in words {
            insert.execute(params![word, id])?;
        }
    }
    Ok(())
}

fn find(connection: &Connection, collection: &str, words: &[String], limit: usize) -> Result<Vec<String>, StoreError> {
    let entry = catalogue::entry(connection, collection)?;
    let Some(first) = words.first() else {
        return Ok(Vec::new());
    };
    let by_ids = has_many_matches(connection, entry, first)?;
    let ranges = words
        .iter()
        .flat_map(|word| [word.clone(), end_of_range(word)])
        .map(SqlValue::Text);
    let parameters = ranges.chain([SqlValue::Integer(sql_limit(limit))]);
    let mut statement = connection.prepare_cached(&select(entry, words.len(), by_ids))?;
    let ids = statement.query_map(params_from_iter(parameters), |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<Vec<String>>>()?)
}

fn scan(
    connection: &Connection,
    collection: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Indexed>, StoreError> {
    let entry = catalogue::entry(connection, collection)?;
    let (table, by_id) = (entry.words(), entry.words_by_id());
    // The empty text is the first id there can be.
    let (comparison, from) = after.map_or((">=", ""), |id| (">", id));
    let sql = format!("SELECT id, word FROM {table} INDEXED BY {by_id} WHERE id {comparison} ?1 ORDER BY id, word");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([from])?;
    let mut found: Vec<Indexed> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, word): (String, String) = (row.get(0)?, row.get(1)?);
        if found.last().is_none_or(|(last, _)| *last != id) {
            if found.len() == limit {
                break;
            }
            found.push((id, Vec::new()));
        }
        if let Some((_, words)) = found.last_mut() {
            words.push(word);
        }
    }
    Ok(found)
}

fn has_many_matches(connection: &Connection, entry: Entry, word: &str) -> Result<bool, StoreError> {
    let table = entry.words();
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {table} WHERE word >= ?1 AND word < ?2 LIMIT ?3)");
    let mut statement = connection.prepare_cached(&sql)?;
    let count: i64 = statement.query_row(params![word, end_of_range(word), MANY_MATCHES], |row| row.get(0))?;
    Ok(count == MANY_MATCHES)
}

fn select(entry: Entry, words: usize, by_ids: bool) -> String {
    let table = entry.words();
    let along = if by_ids {
        format!("INDEXED BY {}", entry.words_by_id())
    } else {
        String::new()
    };
    let other =
        format!(" AND EXISTS (SELECT 1 FROM {table} other WHERE other.id = first.id AND word >= ? AND word < ?)");
    let others = other.repeat(words.saturating_sub(1));
    format!(
        "SELECT DISTINCT id FROM {table} AS first {along} WHERE first.word >= ? AND first.word < ?{others} \
         ORDER BY id LIMIT ?"
    )
}
