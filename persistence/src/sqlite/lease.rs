//! Leases, one row each.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::database::Database;
use super::writer::Durability;
use crate::{Lease, LeaseRecord, StoreError};

pub(super) struct SqliteLease {
    database: Arc<Database>,
}

impl SqliteLease {
    pub(super) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

pub(super) fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS leases (
             name TEXT PRIMARY KEY NOT NULL,
             holder TEXT NOT NULL,
             counter INTEGER NOT NULL
         )",
    )
}

#[async_trait]
impl Lease for SqliteLease {
    async fn read(&self, name: &str) -> Result<Option<LeaseRecord>, StoreError> {
        let name = name.to_owned();
        self.database
            .readers
            .read(move |connection| find(connection, &name))
            .await
    }

    async fn replace(
        &self,
        name: &str,
        expected: Option<&LeaseRecord>,
        next: &LeaseRecord,
    ) -> Result<bool, StoreError> {
        let (name, expected, next) = (name.to_owned(), expected.cloned(), next.clone());
        let work = move |connection: &Connection| swap(connection, &name, expected.as_ref(), &next);
        self.database.writer.run(Durability::Full, work).await
    }
}

fn find(connection: &Connection, name: &str) -> Result<Option<LeaseRecord>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT holder, counter FROM leases WHERE name = ?1")?;
    let record = statement.query_row([name], |row| {
        Ok(LeaseRecord {
            holder: row.get(0)?,
            counter: row.get::<_, i64>(1)?.cast_unsigned(),
        })
    });
    Ok(record.optional()?)
}

fn swap(
    connection: &Connection,
    name: &str,
    expected: Option<&LeaseRecord>,
    next: &LeaseRecord,
) -> Result<bool, StoreError> {
    if find(connection, name)?.as_ref() != expected {
        return Ok(false);
    }
    let sql = "INSERT OR REPLACE INTO leases (name, holder, counter) VALUES (?1, ?2, ?3)";
    let mut statement = connection.prepare_cached(sql)?;
    statement.execute(params![name, next.holder, next.counter.cast_signed()])?;
    Ok(true)
}
