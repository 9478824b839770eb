//! Documents: one table per collection, a row per document, its body as JSON text.

use std::collections::{HashMap, hash_map};
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Params, Row, params};

use super::catalogue;
use super::database::{Database, sql_limit};
use super::find::{find, keys};
use super::writer::Durability;
use crate::checks::{check_collection, check_write};
use crate::{Collection, Cursor, Document, DocumentStore, Expect, Page, PutError, Query, StoreError, Write};

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
        check_collection(collection)?;
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
        writes.iter().try_for_each(check_write)?;
        if writes.is_empty() {
            return Ok(());
        }
        // They come back to be dropped: others wait for the writer's thread.
        let work = move |connection: &Connection| put(connection, &writes).map(|()| writes);
        self.database.writer.run(Durability::Full, work).await.map(drop)
    }

    async fn find(&self, collection: &str, query: Query) -> Result<Page, StoreError> {
        let collection = collection.to_owned();
        let work = move |connection: &Connection| find(connection, &collection, &query);
        self.database.readers.read(work).await
    }

    async fn keys(&self, collection: &str, query: Query) -> Result<Vec<Cursor>, StoreError> {
        let collection = collection.to_owned();
        let work = move |connection: &Connection| keys(connection, &collection, &query);
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
        self.database.writer.run(Durability::Full, work).await?;
        // A job of its own each time, so that others come in between.
        while self
            .database
            .writer
            .run(Durability::Relaxed, catalogue::clear_some)
            .await?
        {}
        Ok(())
    }

    fn change_mark(&self) -> Option<u64> {
        self.database.change_mark.read()
    }
}

fn get(connection: &Connection, collection: &str, ids: &[String]) -> Result<Vec<Option<Document>>, StoreError> {
    let documents = catalogue::entry(connection, collection)?.documents();
    let sql = format!("SELECT id, revision, body FROM {documents} WHERE id >= ?1 ORDER BY id LIMIT 1");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = Vec::with_capacity(ids.len());
    let mut gap = Gap::default();
    for id in ids {
        if gap.has(id) {
            found.push(None);
            continue;
        }
        let row = statement.query_row([id], |row| is_at(row, id)).optional()?;
        found.push(match row {
            Some(Ok(row)) => Some(decode(row)?),
            next => {
                let to = next.and_then(Result::err);
                gap = Gap { from: Some(id), to };
                None
            }
        });
    }
    Ok(found)
}

/// The row, if it is that of `id`, else the id that it has.
fn is_at(row: &Row<'_>, id: &str) -> rusqlite::Result<Result<Raw, String>> {
    let is_it = row.get_ref(0)?.as_bytes().is_ok_and(|found| found == id.as_bytes());
    Ok(match is_it {
        true => Ok(raw(row)?),
        false => Err(row.get(0)?),
    })
}

/// Ids that no document has. New documents mostly come many at a time and side by side: one look tells it of them all.
#[derive(Default)]
struct Gap<'i> {
    from: Option<&'i str>,
    /// The next id that there is; `None` where there is none.
    to: Option<String>,
}

impl Gap<'_> {
    fn has(&self, id: &str) -> bool {
        self.from.is_some_and(|from| from <= id) && self.to.as_deref().is_none_or(|to| id < to)
    }
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

fn put(connection: &Connection, writes: &[Write]) -> Result<(), PutError> {
    let mut tables: HashMap<&str, Table<'_>> = HashMap::new();
    for (index, write) in writes.iter().enumerate() {
        let table = match tables.entry(&write.collection) {
            hash_map::Entry::Occupied(table) => table.into_mut(),
            hash_map::Entry::Vacant(place) => place.insert(Table::of(connection, &write.collection)?),
        };
        if !table.put(write)? {
            return Err(PutError::Conflict {
                index,
                collection: write.collection.clone(),
                id: write.id.clone(),
            });
        }
    }
    Ok(())
}

/// A collection's table while several of its documents are written, with the statements that this has taken so far.
struct Table<'c> {
    connection: &'c Connection,
    documents: String,
    statements: HashMap<Way, CachedStatement<'c>>,
}

/// Ways to write a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    Upsert,
    Insert,
    Update,
    Delete,
    DeleteRevision,
    /// To see that there is none.
    Look,
}

impl<'c> Table<'c> {
    fn of(connection: &'c Connection, collection: &str) -> Result<Self, StoreError> {
        Ok(Self {
            connection,
            documents: catalogue::entry(connection, collection)?.documents(),
            statements: HashMap::new(),
        })
    }

    /// False where the document is not as expected.
    fn put(&mut self, write: &Write) -> rusqlite::Result<bool> {
        let id = &write.id;
        match (&write.body, write.expect) {
            (Some(body), Expect::Anything) => self.changes_one(Way::Upsert, params![id, body.as_str()]),
            (Some(body), Expect::Absent) => self.changes_one(Way::Insert, params![id, body.as_str()]),
            (Some(body), Expect::Revision(revision)) => {
                self.changes_one(Way::Update, params![id, body.as_str(), revision.cast_signed()])
            }
            (None, Expect::Anything) => self.changes_one(Way::Delete, [id]).map(|_| true),
            (None, Expect::Absent) => Ok(!self.statement(Way::Look)?.exists([id])?),
            (None, Expect::Revision(revision)) => {
                self.changes_one(Way::DeleteRevision, params![id, revision.cast_signed()])
            }
        }
    }

    fn changes_one(&mut self, way: Way, params: impl Params) -> rusqlite::Result<bool> {
        Ok(self.statement(way)?.execute(params)? == 1)
    }

    fn statement(&mut self, way: Way) -> rusqlite::Result<&mut CachedStatement<'c>> {
        match self.statements.entry(way) {
            hash_map::Entry::Occupied(statement) => Ok(statement.into_mut()),
            hash_map::Entry::Vacant(place) => {
                let statement = self.connection.prepare_cached(&way.sql(&self.documents))?;
                Ok(place.insert(statement))
            }
        }
    }
}

impl Way {
    fn sql(self, documents: &str) -> String {
        let insert = format!("INSERT INTO {documents} (id, revision, body) VALUES (?1, 1, ?2) ON CONFLICT (id) DO");
        let change = "SET revision = revision + 1, body =";
        match self {
            Self::Upsert => format!("{insert} UPDATE {change} excluded.body"),
            Self::Insert => format!("{insert} NOTHING"),
            Self::Update => format!("UPDATE {documents} {change} ?2 WHERE id = ?1 AND revision = ?3"),
            Self::Delete => format!("DELETE FROM {documents} WHERE id = ?1"),
            Self::DeleteRevision => format!("DELETE FROM {documents} WHERE id = ?1 AND revision = ?2"),
            Self::Look => format!("SELECT 1 FROM {documents} WHERE id = ?1"),
        }
    }
}
