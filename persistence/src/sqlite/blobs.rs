//! Blobs, one row each, in a table of their own beside the documents.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::database::Database;
use super::writer::Durability;
use crate::checks::check_blob;
use crate::{Blobs, StoreError};

pub(super) struct SqliteBlobs {
    database: Arc<Database>,
}

impl SqliteBlobs {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

pub(super) fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("CREATE TABLE IF NOT EXISTS blobs (id TEXT PRIMARY KEY NOT NULL, bytes BLOB NOT NULL)")
}

#[async_trait]
impl Blobs for SqliteBlobs {
    async fn get(&self, ids: &[&str]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let ids = owned(ids);
        let work = move |connection: &Connection| get(connection, &ids);
        self.database.readers.read(work).await
    }

    async fn put(&self, id: &str, bytes: Bytes) -> Result<(), StoreError> {
        check_blob(id, &bytes)?;
        let id = id.to_owned();
        let work = move |connection: &Connection| put(connection, &id, &bytes);
        self.database.writer.run(Durability::Full, work).await
    }

    async fn remove(&self, ids: &[&str]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = owned(ids);
        let work = move |connection: &Connection| remove(connection, &ids);
        self.database.writer.run(Durability::Full, work).await
    }
}

fn owned(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn get(connection: &Connection, ids: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM blobs WHERE id = ?1")?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let bytes: Option<Vec<u8>> = statement.query_row([id], |row| row.get(0)).optional()?;
        found.push(bytes.map(Bytes::from));
    }
    Ok(found)
}

fn put(connection: &Connection, id: &str, bytes: &Bytes) -> Result<(), StoreError> {
    let sql = "INSERT INTO blobs (id, bytes) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes";
    connection.prepare_cached(sql)?.execute(params![id, &bytes[..]])?;
    Ok(())
}

fn remove(connection: &Connection, ids: &[String]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("DELETE FROM blobs WHERE id = ?1")?;
    for id in ids {
        statement.execute([id])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite;

    #[tokio::test]
    async fn a_file_from_before_there_were_blobs_gets_their_table() {
        let folder = tempfile::tempdir().unwrap();
        drop(sqlite::open(folder.path()).await.unwrap());
        let older = Connection::open(folder.path().join("views.sqlite")).unwrap();
        older.execute_batch("DROP TABLE blobs").unwrap();
        older.pragma_update(None, "user_version", 1).unwrap();
        let blobs = sqlite::open(folder.path()).await.unwrap().blobs;
        blobs.put("a", Bytes::from("1")).await.unwrap();
        assert_eq!(blobs.get(&["a"]).await.unwrap(), [Some(Bytes::from("1"))]);
    }
}
