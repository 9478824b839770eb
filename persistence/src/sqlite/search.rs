use async_trait::async_trait;
use rusqlite::{Connection, params, params_from_iter};

use super::Database;
use super::connection::broken_or_unavailable;
use super::writer::Durability;
use crate::{Search, StoreError, tokens};

/// Words of a query that count; the longest, because they tell most.
const QUERY_WORDS: usize = 8;
/// Words by which one document is found.
const DOCUMENT_WORDS: usize = 1_000;

pub(super) struct SqliteSearch {
    database: Database,
}

impl SqliteSearch {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Search for SqliteSearch {
    async fn index(&self, collection: &str, entries: &[(String, String)]) -> Result<(), StoreError> {
        let (collection, entries) = (collection.to_owned(), entries.to_vec());
        let work = move |connection: &Connection| {
            for (id, text) in &entries {
                set_words(connection, &collection, id, text)?;
            }
            Ok(())
        };
        let work = move |connection: &Connection| work(connection).map_err(broken_or_unavailable);
        self.database.writer.submit(Durability::Flushed, work).await
    }

    async fn find(&self, collection: &str, text: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut words = tokens(text);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        words.truncate(QUERY_WORDS);
        let collection = collection.to_owned();
        self.database.readers.read(move |connection| find(connection, &collection, &words, limit)).await
    }
}

fn set_words(connection: &Connection, collection: &str, id: &str, text: &str) -> rusqlite::Result<()> {
    let sql = "DELETE FROM words WHERE collection = ?1 AND id = ?2";
    connection.prepare_cached(sql)?.execute(params![collection, id])?;
    let sql = "INSERT INTO words (collection, word, id) VALUES (?1, ?2, ?3)";
    let mut insert = connection.prepare_cached(sql)?;
    for word in tokens(text).into_iter().take(DOCUMENT_WORDS) {
        insert.execute(params![collection, word, id])?;
    }
    Ok(())
}

fn find(connection: &Connection, collection: &str, words: &[String], limit: usize) -> rusqlite::Result<Vec<String>> {
    let with_word = "SELECT id FROM words WHERE collection = ? AND word >= ? AND word < ?";
    let all = vec![with_word; words.len()].join(" INTERSECT ");
    let sql = format!("SELECT DISTINCT id FROM ({all}) ORDER BY id LIMIT {limit}");
    let bounds = words.iter().flat_map(|word| [collection.to_owned(), word.clone(), end_of_prefix(word)]);
    let mut statement = connection.prepare_cached(&sql)?;
    let ids = statement.query_map(params_from_iter(bounds), |row| row.get(0))?;
    ids.collect()
}

/// Sorts behind every word that begins with `word`: words hold letters and digits, all below this code point.
fn end_of_prefix(word: &str) -> String {
    format!("{word}{}", char::MAX)
}
