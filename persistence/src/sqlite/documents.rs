use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use serde_json::Value;

use super::Database;
use super::connection::broken_or_unavailable;
use super::writer::Durability;
use crate::{Collection, Cursor, Document, DocumentStore, Expect, Index, Page, PutError, Query, StoreError, Write};

const MAX_NAME: usize = 64;
/// Documents of one page at most, whatever is asked for.
const MAX_PAGE: usize = 10_000;

pub(super) struct SqliteDocuments {
    database: Database,
    /// The indexes of declared collections: their fields make the expressions of a search.
    declared: RwLock<HashMap<String, &'static [Index]>>,
}

impl SqliteDocuments {
    pub(super) fn new(database: Database) -> Self {
        Self {
            database,
            declared: RwLock::default(),
        }
    }

    fn index(&self, collection: &str, name: &str) -> Result<Index, StoreError> {
        let declared = self.declared.read().unwrap_or_else(PoisonError::into_inner);
        let indexes = declared.get(collection).ok_or_else(|| undeclared(collection))?;
        let index = indexes.iter().find(|index| index.name == name);
        index.copied().ok_or_else(|| StoreError::Broken(format!("collection `{collection}` has no index `{name}`")))
    }

    fn check_declared(&self, collection: &str) -> Result<(), StoreError> {
        let declared = self.declared.read().unwrap_or_else(PoisonError::into_inner);
        if declared.contains_key(collection) { Ok(()) } else { Err(undeclared(collection)) }
    }
}

fn undeclared(collection: &str) -> StoreError {
    StoreError::Broken(format!("collection `{collection}` is not declared"))
}

#[async_trait]
impl DocumentStore for SqliteDocuments {
    async fn declare(&self, collection: &Collection) -> Result<(), StoreError> {
        check_name(&collection.name)?;
        let script = table_script(collection);
        let work = move |connection: &Connection| connection.execute_batch(&script).map_err(broken_or_unavailable);
        self.database.writer.submit(Durability::Flushed, work).await?;
        let mut declared = self.declared.write().unwrap_or_else(PoisonError::into_inner);
        declared.insert(collection.name.clone(), collection.indexes);
        Ok(())
    }

    async fn get(&self, collection: &str, ids: &[&str]) -> Result<Vec<Option<Document>>, StoreError> {
        self.check_declared(collection)?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!("SELECT id, revision, body FROM d_{collection} WHERE id = ?1");
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            ids.iter().map(|id| statement.query_row([id], read_row).optional()).collect::<rusqlite::Result<Vec<_>>>()
        };
        let rows = self.database.readers.read(read).await?;
        rows.into_iter().map(|row| row.map(Row::into_document).transpose()).collect()
    }

    async fn put(&self, writes: Vec<Write>) -> Result<(), PutError> {
        for write in &writes {
            self.check_declared(&write.collection)?;
        }
        let work = move |connection: &Connection| put_all(connection, &writes);
        self.database.writer.submit(Durability::Flushed, work).await
    }

    async fn find(&self, collection: &str, query: Query) -> Result<Page, StoreError> {
        let index = self.index(collection, query.index)?;
        let limit = query.limit.clamp(1, MAX_PAGE);
        let search = Arc::new(Select::new(collection, &index, &query, limit + 1)?);
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&search.sql)?;
            let rows = statement.query_map(params_from_iter(search.values.iter()), read_row)?;
            rows.collect::<rusqlite::Result<Vec<Row>>>()
        };
        let rows = self.database.readers.read(read).await?;
        let documents: Result<Vec<Document>, StoreError> = rows.into_iter().map(Row::into_document).collect();
        Ok(page(documents?, &index, limit))
    }

    async fn drop_collection(&self, collection: &str) -> Result<(), StoreError> {
        check_name(collection)?;
        let name = collection.to_owned();
        let work = move |connection: &Connection| {
            connection.execute_batch(&format!("DROP TABLE IF EXISTS d_{name}"))?;
            connection.execute("DELETE FROM words WHERE collection = ?1", [&name]).map(drop)
        };
        let work = move |connection: &Connection| work(connection).map_err(broken_or_unavailable);
        self.database.writer.submit(Durability::Flushed, work).await?;
        self.declared.write().unwrap_or_else(PoisonError::into_inner).remove(collection);
        Ok(())
    }
}

struct Row {
    id: String,
    revision: u64,
    body: String,
}

impl Row {
    fn into_document(self) -> Result<Document, StoreError> {
        let body = serde_json::from_str(&self.body)
            .map_err(|cause| StoreError::Broken(format!("document `{}`: {cause}", self.id)))?;
        Ok(Document {
            id: self.id,
            revision: self.revision,
            body,
        })
    }
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(0)?,
        revision: row.get(1)?,
        body: row.get(2)?,
    })
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain && !name.is_empty() && name.len() <= MAX_NAME {
        return Ok(());
    }
    let rule = format!("`{name}` is no collection's name: 1 to {MAX_NAME} letters, digits and `_`");
    Err(StoreError::Broken(rule))
}

fn table_script(collection: &Collection) -> String {
    let name = &collection.name;
    let mut script = format!(
        "CREATE TABLE IF NOT EXISTS d_{name} (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, body TEXT NOT NULL);"
    );
    for index in collection.indexes {
        let fields = expressions(index).join(", ");
        let index = index.name;
        script += &format!("CREATE INDEX IF NOT EXISTS d_{name}_{index} ON d_{name} ({fields}, id);");
    }
    script
}

/// The same text in index and search, or SQLite does not see that they belong together.
fn expressions(index: &Index) -> Vec<String> {
    index.fields.iter().map(|field| format!("json_extract(body, '$.{field}')")).collect()
}

fn put_all(connection: &Connection, writes: &[Write]) -> Result<(), PutError> {
    for (index, write) in writes.iter().enumerate() {
        let done = put(connection, write).map_err(broken_or_unavailable)?;
        if !done {
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
fn put(connection: &Connection, write: &Write) -> rusqlite::Result<bool> {
    let table = format!("d_{}", write.collection);
    let Some(body) = &write.body else {
        return delete(connection, &table, write);
    };
    let body = body.to_string();
    let changed = match write.expect {
        Expect::Anything => {
            let sql = format!(
                "INSERT INTO {table} (id, revision, body) VALUES (?1, 1, ?2)
                 ON CONFLICT (id) DO UPDATE SET revision = revision + 1, body = ?2"
            );
            connection.prepare_cached(&sql)?.execute(params![write.id, body])?
        }
        Expect::Absent => {
            let sql = format!("INSERT OR IGNORE INTO {table} (id, revision, body) VALUES (?1, 1, ?2)");
            connection.prepare_cached(&sql)?.execute(params![write.id, body])?
        }
        Expect::Revision(revision) => {
            let sql = format!("UPDATE {table} SET revision = revision + 1, body = ?2 WHERE id = ?1 AND revision = ?3");
            connection.prepare_cached(&sql)?.execute(params![write.id, body, revision])?
        }
    };
    Ok(changed == 1)
}

fn delete(connection: &Connection, table: &str, write: &Write) -> rusqlite::Result<bool> {
    let any = format!("DELETE FROM {table} WHERE id = ?1");
    match write.expect {
        Expect::Anything => connection.prepare_cached(&any)?.execute([&write.id]).map(|_| true),
        Expect::Absent => {
            let sql = format!("SELECT 1 FROM {table} WHERE id = ?1");
            connection.prepare_cached(&sql)?.exists([&write.id]).map(|exists| !exists)
        }
        Expect::Revision(revision) => {
            let sql = format!("{any} AND revision = ?2");
            let deleted = connection.prepare_cached(&sql)?.execute(params![write.id, revision])?;
            Ok(deleted == 1)
        }
    }
}

fn page(mut documents: Vec<Document>, index: &Index, limit: usize) -> Page {
    let more = documents.len() > limit;
    documents.truncate(limit);
    let next = documents.last().filter(|_| more).map(|last| Cursor {
        values: index.fields.iter().map(|field| last.body.get(*field).cloned().unwrap_or_default()).collect(),
        id: last.id.clone(),
    });
    Page { documents, next }
}

/// A search in an index as SQL.
struct Select {
    sql: String,
    values: Vec<SqlValue>,
}

impl Select {
    fn new(collection: &str, index: &Index, query: &Query, limit: usize) -> Result<Self, StoreError> {
        let columns = expressions(index);
        if query.equals.len() > columns.len() {
            return Err(StoreError::Broken(format!("index `{}` has fewer fields than asked for", index.name)));
        }
        let mut select = Self {
            sql: String::new(),
            values: Vec::new(),
        };
        let mut conditions = Vec::new();
        for (column, value) in columns.iter().zip(&query.equals) {
            conditions.push(format!("{column} IS {}", select.bind(value)));
        }
        if let Some(column) = columns.get(query.equals.len()) {
            for (bound, sign) in [(&query.lower, ">"), (&query.upper, "<")] {
                if let Some(bound) = bound {
                    let equal = if bound.inclusive { "=" } else { "" };
                    conditions.push(format!("{column} {sign}{equal} {}", select.bind(&bound.value)));
                }
            }
        }
        if let Some(cursor) = &query.after {
            conditions.push(select.behind(&columns, query, cursor)?);
        }
        let direction = if query.descending { "DESC" } else { "ASC" };
        let order: Vec<String> =
            columns.iter().map(String::as_str).chain(["id"]).map(|column| format!("{column} {direction}")).collect();
        let filter = if conditions.is_empty() { "1".to_owned() } else { conditions.join(" AND ") };
        select.sql = format!(
            "SELECT id, revision, body FROM d_{collection} WHERE {filter} ORDER BY {} LIMIT {limit}",
            order.join(", ")
        );
        Ok(select)
    }

    /// Behind the cursor in the order of the fields that are not fixed: `a > x OR (a IS x AND (b > y OR …))`.
    fn behind(&mut self, columns: &[String], query: &Query, cursor: &Cursor) -> Result<String, StoreError> {
        if cursor.values.len() != columns.len() {
            return Err(StoreError::Broken("the cursor is of another index".to_owned()));
        }
        let sign = if query.descending { "<" } else { ">" };
        let mut condition = String::new();
        let mut open = 0;
        for (column, value) in columns.iter().zip(&cursor.values).skip(query.equals.len()) {
            let further = self.further(column, sign, value);
            let same = self.bind(value);
            condition += &format!("({further} OR ({column} IS {same} AND ");
            open += 2;
        }
        let id = self.bind(&Value::from(cursor.id.as_str()));
        condition += &format!("id {sign} {id}");
        condition += &")".repeat(open);
        Ok(condition)
    }

    /// Null sorts first, and compares with nothing.
    fn further(&mut self, column: &str, sign: &str, value: &Value) -> String {
        match (value.is_null(), sign) {
            (true, ">") => format!("{column} IS NOT NULL"),
            (true, _) => "0".to_owned(),
            (false, ">") => format!("{column} > {}", self.bind(value)),
            (false, _) => format!("({column} < {} OR {column} IS NULL)", self.bind(value)),
        }
    }

    fn bind(&mut self, value: &Value) -> String {
        self.values.push(match value {
            Value::Null => SqlValue::Null,
            Value::Bool(truth) => SqlValue::Integer(i64::from(*truth)),
            Value::Number(number) => number.as_i64().map_or_else(
                || SqlValue::Real(number.as_f64().unwrap_or_default()),
                SqlValue::Integer,
            ),
            Value::String(text) => SqlValue::Text(text.clone()),
            Value::Array(_) | Value::Object(_) => SqlValue::Text(value.to_string()),
        });
        format!("?{}", self.values.len())
    }
}
