//! The live generation as its readers see it: typed documents by their plain collection names.

use std::sync::Arc;

use persistence::{Cursor, DocumentStore, Query, StoreError};
use serde::de::DeserializeOwned;

use super::generation::Generation;
use crate::consumer::Progress;

/// Cheap to clone.
#[derive(Clone)]
pub struct LiveViews {
    pub generation: Generation,
    /// How far the views are.
    pub progress: Progress,
    pub documents: Arc<dyn DocumentStore>,
}

/// Documents with their ids, and where the next page starts.
pub type Found<T> = (Vec<(String, T)>, Option<Cursor>);

impl LiveViews {
    pub async fn get<T: DeserializeOwned>(&self, collection: &str, id: &str) -> Result<Option<T>, StoreError> {
        let mut found = self.get_many(collection, &[id]).await?;
        Ok(found.pop().map(|(_, document)| document))
    }

    /// Those of the documents that exist, in the order of `ids`.
    pub async fn get_many<T: DeserializeOwned>(
        &self,
        collection: &str,
        ids: &[&str],
    ) -> Result<Vec<(String, T)>, StoreError> {
        let found = self.documents.get(&self.generation.collection(collection), ids).await?;
        found
            .into_iter()
            .flatten()
            .map(|document| Ok((document.id.clone(), document.read()?)))
            .collect()
    }

    pub async fn find<T: DeserializeOwned>(&self, collection: &str, query: Query) -> Result<Found<T>, StoreError> {
        let page = self
            .documents
            .find(&self.generation.collection(collection), query)
            .await?;
        let mut found = Vec::with_capacity(page.documents.len());
        for document in page.documents {
            found.push((document.id.clone(), document.read()?));
        }
        Ok((found, page.next))
    }
}
