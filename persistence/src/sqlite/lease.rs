use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::Database;
use super::connection::broken_or_unavailable;
use super::writer::Durability;
use crate::{Lease, LeaseRecord, StoreError};

pub(super) struct SqliteLease {
    database: Database,
}

impl SqliteLease {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Lease for SqliteLease {
    async fn read(&self, name: &str) -> Result<Option<LeaseRecord>, StoreError> {
        let name = name.to_owned();
        self.database.readers.read(move |connection| read(connection, &name)).await
    }

    async fn replace(
        &self,
        name: &str,
        expected: Option<&LeaseRecord>,
        next: &LeaseRecord,
    ) -> Result<bool, StoreError> {
        let (name, expected, next) = (name.to_owned(), expected.cloned(), next.clone());
        let work = move |connection: &Connection| {
            if read(connection, &name)? != expected {
                return Ok(false);
            }
            let sql = "INSERT OR REPLACE INTO leases (name, holder, counter) VALUES (?1, ?2, ?3)";
            connection.execute(sql, params![name, next.holder, next.counter])?;
            Ok(true)
        };
        // A lease that a power failure takes back had its holder taken by it too.
        let work = move |connection: &Connection| work(connection).map_err(broken_or_unavailable);
        self.database.writer.submit(Durability::Eventual, work).await
    }
}

fn read(connection: &Connection, name: &str) -> rusqlite::Result<Option<LeaseRecord>> {
    let sql = "SELECT holder, counter FROM leases WHERE name = ?1";
    let record = |row: &rusqlite::Row<'_>| {
        Ok(LeaseRecord {
            holder: row.get(0)?,
            counter: row.get(1)?,
        })
    };
    connection.query_row(sql, [name], record).optional()
}
