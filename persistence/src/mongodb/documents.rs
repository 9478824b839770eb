//! Documents: each is one document of MongoDB, `{_id, revision, body}`.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use mongodb::bson::{RawDocumentBuf, doc};

use super::body;
use super::catalogue::{Catalogue, Entry};
use super::database::read_all;
use super::find;
use super::journal::bounded;
use super::writes;
use crate::checks::check_write;
use crate::{Collection, Cursor, Document, DocumentStore, Page, PutError, Query, StoreError, Write};

/// Ids in one request.
const IDS: usize = 2_000;

pub(super) struct MongoDocuments {
    catalogue: Arc<Catalogue>,
}

impl MongoDocuments {
    pub(super) fn new(catalogue: Arc<Catalogue>) -> Self {
        Self { catalogue }
    }

    async fn scan_at(&self, entry: &Entry, after: Option<&str>, limit: usize) -> Result<Vec<Document>, StoreError> {
        let filter = after.map_or_else(|| doc! {}, |after| doc! { "_id": { "$gt": after } });
        let documents = self.catalogue.documents(entry);
        let find = documents.find(filter).sort(doc! { "_id": 1 }).limit(bounded(limit));
        decoded(&read_all(find).await?)
    }

    async fn get_at(&self, entry: &Entry, ids: &[&str]) -> Result<Vec<Option<Document>>, StoreError> {
        let (documents, mut found) = (self.catalogue.documents(entry), HashMap::new());
        for ids in ids.chunks(IDS) {
            let some = documents.find(doc! { "_id": { "$in": ids } });
            let some = decoded(&read_all(some).await?)?;
            found.extend(some.into_iter().map(|document| (document.id.clone(), document)));
        }
        Ok(ids.iter().map(|id| found.get(*id).cloned()).collect())
    }
}

#[async_trait]
impl DocumentStore for MongoDocuments {
    async fn declare(&self, collection: &Collection) -> Result<(), StoreError> {
        self.catalogue.declare(collection).await
    }

    async fn get(&self, collection: &str, ids: &[&str]) -> Result<Vec<Option<Document>>, StoreError> {
        let get = |entry: Arc<Entry>| async move { self.get_at(&entry, ids).await };
        let is_found = |found: &Vec<Option<Document>>| found.iter().all(Option::is_some) && !ids.is_empty();
        self.catalogue.ask_at(collection, get, is_found).await
    }

    async fn put(&self, writes: Vec<Write>) -> Result<(), PutError> {
        writes.iter().try_for_each(check_write)?;
        writes::put(&self.catalogue, &writes).await
    }

    async fn find(&self, collection: &str, query: Query) -> Result<Page, StoreError> {
        let query = &query;
        let find = |entry: Arc<Entry>| async move { find::find(&self.catalogue, &entry, query).await };
        let is_found = |page: &Page| !page.documents.is_empty();
        self.catalogue.ask_at(collection, find, is_found).await
    }

    async fn keys(&self, collection: &str, query: Query) -> Result<Vec<Cursor>, StoreError> {
        let query = &query;
        let keys = |entry: Arc<Entry>| async move { find::keys(&self.catalogue, &entry, query).await };
        self.catalogue.ask_at(collection, keys, |keys| !keys.is_empty()).await
    }

    async fn scan(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, StoreError> {
        let scan = |entry: Arc<Entry>| async move { self.scan_at(&entry, after, limit).await };
        self.catalogue.ask_at(collection, scan, |found| !found.is_empty()).await
    }

    async fn drop_collection(&self, collection: &str) -> Result<(), StoreError> {
        self.catalogue.drop_collection(collection).await
    }
}

pub(super) fn decoded(stored: &[RawDocumentBuf]) -> Result<Vec<Document>, StoreError> {
    stored.iter().map(|stored| body::document(stored)).collect()
}
