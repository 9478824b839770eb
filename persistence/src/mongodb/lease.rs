//! Leases: a document each, changed only by whoever knows what it says.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::database::{Database, read, write};
use super::failure::{is_duplicate_key, of_write};
use crate::{Lease, LeaseRecord, StoreError};

pub(super) struct MongoLease {
    leases: Collection<Document>,
}

impl MongoLease {
    pub(super) fn new(database: &Database) -> Self {
        Self {
            leases: database.collection("leases"),
        }
    }
}

#[async_trait]
impl Lease for MongoLease {
    async fn read(&self, name: &str) -> Result<Option<LeaseRecord>, StoreError> {
        let found = read(self.leases.find_one(doc! { "_id": name })).await?;
        found.map(|lease| record(name, &lease)).transpose()
    }

    async fn replace(
        &self,
        name: &str,
        expected: Option<&LeaseRecord>,
        next: &LeaseRecord,
    ) -> Result<bool, StoreError> {
        let Some(expected) = expected else {
            return self.begin(name, next).await;
        };
        let known = document(name, expected);
        let outcome = write(self.leases.replace_one(known, document(name, next))).await?;
        Ok(outcome.matched_count == 1)
    }
}

impl MongoLease {
    async fn begin(&self, name: &str, first: &LeaseRecord) -> Result<bool, StoreError> {
        let insert = self.leases.insert_one(document(name, first));
        match write(async { Ok(insert.await) }).await? {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate_key(&error) => Ok(false),
            Err(error) => Err(of_write(error)),
        }
    }
}

/// The counter's bits: MongoDB has no unsigned numbers.
fn document(name: &str, record: &LeaseRecord) -> Document {
    doc! { "_id": name, "holder": &record.holder, "counter": record.counter.cast_signed() }
}

fn record(name: &str, lease: &Document) -> Result<LeaseRecord, StoreError> {
    let damaged = |error| StoreError::Broken(format!("lease `{name}`: {error}"));
    Ok(LeaseRecord {
        holder: lease.get_str("holder").map_err(damaged)?.to_owned(),
        counter: lease.get_i64("counter").map_err(damaged)?.cast_unsigned(),
    })
}
