//! Blobs, a document each.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use mongodb::Collection;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, doc};

use super::database::{Database, read_all, write};
use crate::checks::check_blob;
use crate::{Blobs, StoreError};

pub(super) struct MongoBlobs {
    blobs: Collection<Document>,
}

impl MongoBlobs {
    pub(super) fn new(database: &Database) -> Self {
        Self {
            blobs: database.collection("blobs"),
        }
    }
}

#[async_trait]
impl Blobs for MongoBlobs {
    async fn get(&self, ids: &[&str]) -> Result<Vec<Option<Bytes>>, StoreError> {
        let documents = read_all(self.blobs.find(doc! { "_id": { "$in": ids } })).await?;
        let found: HashMap<String, Bytes> = documents.into_iter().map(blob).collect::<Result<_, _>>()?;
        Ok(ids.iter().map(|id| found.get(*id).cloned()).collect())
    }

    async fn put(&self, id: &str, bytes: Bytes) -> Result<(), StoreError> {
        check_blob(id, &bytes)?;
        let bytes = Binary {
            subtype: BinarySubtype::Generic,
            bytes: bytes.into(),
        };
        let put = self
            .blobs
            .replace_one(doc! { "_id": id }, doc! { "_id": id, "bytes": bytes });
        write(put.upsert(true)).await.map(drop)
    }

    async fn remove(&self, ids: &[&str]) -> Result<(), StoreError> {
        write(self.blobs.delete_many(doc! { "_id": { "$in": ids } }))
            .await
            .map(drop)
    }
}

fn blob(mut document: Document) -> Result<(String, Bytes), StoreError> {
    let damaged = || StoreError::Broken("a blob has another shape".to_owned());
    let id = document.get_str("_id").map_err(|_| damaged())?.to_owned();
    match document.remove("bytes") {
        Some(mongodb::bson::Bson::Binary(binary)) => Ok((id, binary.bytes.into())),
        _ => Err(damaged()),
    }
}
