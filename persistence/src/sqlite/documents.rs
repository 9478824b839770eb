//! Documents: one table per collection, a row per document, its body as JSON text.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::catalogue::{self, Entry};
use super::database::{Database, sql_limit};
use super::find::find;
use super::writer::Durability;
use crate::{Collection, Document, DocumentStore, Expect, Page, PutError, Query, StoreError, Write};

const MAX_ID_BYTES: usize = 300;

pub(super) struct SqliteDocuments {
    database: Arc<Database>,
}

impl SqliteDocuments {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

#[async_trait]
impl DocumentStore for SqliteDocuments {
    async fn declare(&self, collection: &Collection) -> Result<(), StoreError> {
        catalogue::check_names(collection)?;
        let collection = collection.clone();
        let work = move |connection: &Connection| catalogue::declare(connection, &collection);
        self.database.writer.run(Durability::Full, work).await
    }

    async fn get(&self, collection: &str, ids: &[&str]) -> Result<Vec<Option<Document>>, StoreError> {
        let collection = collection.to_owned();
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let work = move |connection: &Connection| get(connection, &collection, &ids);
        self.database.readers.read(work).await
    }

    async fn put(&self, writes: Vec<Write>) -> Result<(), PutError> {
        writes.iter().try_for_each(check)?;
        if writes.is_empty() {
            return Ok(());
        }
        let work = move |connection: &Connection| put(connection, &writes);
        self.database.writer.run(Durability::Full, work).await
    }

    async fn find(&self, collection: &str, query: Query) -> Result<Page, StoreError> {
        let collection = collection.to_owned();
        let work = move |connection: &Connection| find(connection, &collection, &query);
        self.database.readers.read(work).await
    }

    async fn scan(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, StoreError> {
        let (collection, after) = (collection.to_owned(), after.map(str::to_owned));
        let work = move |connection: &Connection| scan(connection, &collection, after.as_deref(), limit);
        self.database.readers.read(work).await
    }

    async fn drop_collection(&self, collection: &str) -> Result<(), StoreError> {
        let collection = collection.to_owned();
        let work = move |connection: &Connection| catalogue::drop_collection(connection, &collection);
        self.database.writer.run(Durability::Full, work).await
    }

    fn change_mark(&self) -> Option<u64> {
        self.database.change_mark.read()
    }
}

fn get(connection: &Connection, collection: &str, ids: &[String]) -> Result<Vec<Option<Document>>, StoreError> {
    let documents = catalogue::entry(connection, collection)?.documents();
    let sql = format!("SELECT id, revision, body FROM {documents} WHERE id = ?1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let row = statement.query_row([id], raw).optional()?;
        found.push(row.map(decode).transpose()?);
    }
    Ok(found)
}

fn scan(
    connection: &Connection,
    collection: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Document>, StoreError> {
    let documents = catalogue::entry(connection, collection)?.documents();
    // The empty text is the first id there can be.
    let (comparison, from) = after.map_or((">=", ""), |id| (">", id));
    let sql = format!("SELECT id, revision, body FROM {documents} WHERE id {comparison} ?1 ORDER BY id LIMIT ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![from, sql_limit(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(decode(raw(row)?)?);
    }
    Ok(found)
}

type Raw = (String, i64, String);

/// A row of id, revision and body.
pub(super) fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

pub(super) fn decode((id, revision, body): Raw) -> Result<Document, StoreError> {
    let body = serde_json::from_str(&body).map_err(|e| StoreError::Broken(format!("document `{id}`: {e}")))?;
    Ok(Document {
        id,
        revision: revision.cast_unsigned(),
        body,
    })
}

fn check(write: &Write) -> Result<(), StoreError> {
    let Write {
        collection, id, body, ..
    } = write;
    if id.len() > MAX_ID_BYTES {
        return Err(StoreError::Broken(format!(
            "`{collection}` was given an id of {} bytes",
            id.len()
        )));
    }
    if body.as_ref().is_some_and(|body| !body.is_object()) {
        return Err(StoreError::Broken(format!(
            "document `{id}` of `{collection}` is no JSON object"
        )));
    }
    Ok(())
}

fn put(connection: &Connection, writes: &[Write]) -> Result<(), PutError> {
    let mut entries: HashMap<&str, Entry> = HashMap::new();
    for (index, write) in writes.iter().enumerate() {
        let entry = match entries.get(write.collection.as_str()) {
            Some(entry) => *entry,
            None => catalogue::entry(connection, &write.collection)?,
        };
        entries.insert(&write.collection, entry);
        if !put_one(connection, entry, write)? {
            return Err(PutError::Conflict {
                index,
                collection: write.collection.clone(),
                id: write.id.clone(),
            });
        }
    }
    Ok(())
}

/// False where the document is not as expected.
fn put_one(connection: &Connection, entry: Entry, write: &Write) -> rusqlite::Result<bool> {
    let documents = entry.documents();
    match &write.body {
        Some(body) => upsert(connection, &documents, write, body.as_str()),
        None => delete(connection, &documents, write),
    }
}

fn upsert(connection: &Connection, documents: &str, write: &Write, body: &str) -> rusqlite::Result<bool> {
    let insert = format!("INSERT INTO {documents} (id, revision, body) VALUES (?1, 1, ?2) ON CONFLICT (id)");
    let update = "UPDATE SET revision = revision + 1, body = excluded.body";
    let changed = match write.expect {
        Expect::Anything => {
            let mut statement = connection.prepare_cached(&format!("{insert} DO {update}"))?;
            statement.execute(params![write.id, body])?
        }
        Expect::Absent => {
            let mut statement = connection.prepare_cached(&format!("{insert} DO NOTHING"))?;
            statement.execute(params![write.id, body])?
        }
        Expect::Revision(revision) => {
            let sql =
                format!("UPDATE {documents} SET revision = revision + 1, body = ?2 WHERE id = ?1 AND revision = ?3");
            let mut statement = connection.prepare_cached(&sql)?;
            statement.execute(params![write.id, body, revision.cast_signed()])?
        }
    };
    Ok(changed == 1)
}

fn delete(connection: &Connection, documents: &str, write: &Write) -> rusqlite::Result<bool> {
    let here = format!("FROM {documents} WHERE id = ?1");
    match write.expect {
        Expect::Anything => {
            let mut statement = connection.prepare_cached(&format!("DELETE {here}"))?;
            statement.execute([&write.id])?;
            Ok(true)
        }
        Expect::Absent => {
            let mut statement = connection.prepare_cached(&format!("SELECT 1 {here}"))?;
            Ok(!statement.exists([&write.id])?)
        }
        Expect::Revision(revision) => {
            let mut statement = connection.prepare_cached(&format!("DELETE {here} AND revision = ?2"))?;
            Ok(statement.execute(params![write.id, revision.cast_signed()])? == 1)
        }
    }
}
