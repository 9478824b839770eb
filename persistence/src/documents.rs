use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::StoreError;

/// The order of a collection's documents by nothing but their id. Every collection has it, without declaring it, and
/// none can declare another one by this name.
pub const BY_ID: &str = "by_id";

/// A named set of documents and the ways it is searched, declared once by the view that owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Letters, digits and `_`; generations prefix theirs.
    pub name: String,
    pub indexes: &'static [Index],
}

/// An order of documents by top-level fields, then by id. A field that is absent or null sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    pub name: &'static str,
    /// Names of top-level fields of the body that hold text, integers or booleans.
    pub fields: &'static [&'static str],
}

#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// At most 300 bytes.
    pub id: String,
    /// Raised by every write of the document, from 1. Starts over when a document is deleted and written again.
    pub revision: u64,
    /// A JSON object.
    pub body: Value,
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    Anything,
    Absent,
    Revision(u64),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    pub collection: String,
    pub id: String,
    pub expect: Expect,
    /// The new body, a JSON object; `None` deletes.
    pub body: Option<Body>,
}

/// A document's body as it is written: JSON text. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Body(Arc<str>);

#[derive(Debug, Error)]
pub enum PutError {
    /// The document that write number `index` (from 0) names is not as expected. The writes before it may have
    /// happened, it and those behind it have not.
    #[error("document `{id}` of `{collection}` was changed by another writer")]
    Conflict {
        index: usize,
        collection: String,
        id: String,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One page's worth of a search by a declared index.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Name of a declared [`Index`], or [`BY_ID`].
    pub index: &'static str,
    /// Values for the index's first fields, which documents must have.
    pub equals: Vec<Value>,
    /// Bounds for the field behind those in `equals`, in the index's order: an upper one alone takes in documents
    /// without the field, an exclusive lower one of null leaves them out. For [`BY_ID`] they are texts that bound the id.
    pub lower: Option<Bound>,
    pub upper: Option<Bound>,
    /// Go on behind this place.
    pub after: Option<Cursor>,
    pub descending: bool,
    /// At least 1.
    pub limit: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    pub value: Value,
    pub inclusive: bool,
}

/// A place in an index: the values of its fields (all of them, in order) and the id of the document it stands behind.
/// It stays valid when that document is changed or deleted.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Cursor {
    pub values: Vec<Value>,
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    pub documents: Vec<Document>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Cursor>,
}

/// Documents by id and by declared index. Each write is atomic by itself; nothing else is.
#[async_trait]
pub trait DocumentStore: Send + Sync {
    /// Makes the collection and its indexes where they are missing. Any number of times, by any number of processes.
    async fn declare(&self, collection: &Collection) -> Result<(), StoreError>;

    /// The documents with these ids, in the order of `ids`.
    async fn get(&self, collection: &str, ids: &[&str]) -> Result<Vec<Option<Document>>, StoreError>;

    /// Carries out `writes` in order and stops at the first whose expectation fails. When this returns `Ok` all of
    /// them are durable. A crash leaves a prefix of them: what must be written last stands last.
    async fn put(&self, writes: Vec<Write>) -> Result<(), PutError>;

    /// A page of documents by a declared index. Pages follow each other without repeating or losing a document that was
    /// there all along, whatever is inserted meanwhile. A cursor that does not fit the index and what is to be equal is
    /// [`StoreError::ForeignCursor`].
    async fn find(&self, collection: &str, query: Query) -> Result<Page, StoreError>;

    /// The places in the index of what [`DocumentStore::find`] would return, at most as many as the query's limit, and
    /// nothing of the documents themselves. Fewer than the limit are the last.
    async fn keys(&self, collection: &str, query: Query) -> Result<Vec<Cursor>, StoreError>;

    /// The documents behind the id `after`, at most `limit` of them, in the order of their ids' bytes: the way through a
    /// whole collection. Loses and repeats no document that was there all along, whatever is written meanwhile.
    async fn scan(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Document>, StoreError>;

    /// Forgets the collection with all its documents. Fine where there is none.
    async fn drop_collection(&self, collection: &str) -> Result<(), StoreError>;

    /// What was read since a mark was taken is still so where the mark is still the same: every change that was
    /// confirmed by then, whoever made it, has led to another one. Does not wait for anything.
    ///
    /// `None` where the store cannot tell for much less than what reading a document takes.
    fn change_mark(&self) -> Option<u64> {
        None
    }
}

impl Body {
    pub fn of(document: &impl Serialize) -> serde_json::Result<Self> {
        Ok(Self(serde_json::to_string(document)?.into()))
    }

    /// A document with one more field, which it does not have yet.
    ///
    /// # Errors
    /// Where it is no object.
    pub fn of_with(document: &impl Serialize, name: &str, value: &impl Serialize) -> serde_json::Result<Self> {
        let mut text = serde_json::to_string(document)?;
        if !text.starts_with('{') || text.pop() != Some('}') {
            return Err(serde::ser::Error::custom("it is no object"));
        }
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&serde_json::to_string(name)?);
        text.push(':');
        text.push_str(&serde_json::to_string(value)?);
        text.push('}');
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }

    pub fn to_value(&self) -> serde_json::Result<Value> {
        serde_json::from_str(&self.0)
    }
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Document {
    /// The body as the type that the view keeps in this collection.
    ///
    /// # Errors
    /// [`StoreError::Broken`] where it has another shape.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, StoreError> {
        serde_json::from_value(self.body)
            .map_err(|cause| StoreError::Broken(format!("document `{}` has another shape: {cause}", self.id)))
    }
}

impl Query {
    /// Everything in the index's order, from its start.
    pub fn all(index: &'static str, limit: usize) -> Self {
        Self {
            index,
            equals: Vec::new(),
            lower: None,
            upper: None,
            after: None,
            descending: false,
            limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_added_to_an_object_and_to_nothing_else() {
        let added = |value: Value| Body::of_with(&value, "a \"b\"", &[1]).map(|body| body.to_value().unwrap());
        assert_eq!(added(json!({})).unwrap(), json!({"a \"b\"": [1]}));
        assert_eq!(added(json!({"c": {}})).unwrap(), json!({"c": {}, "a \"b\"": [1]}));
        assert!(added(json!([])).is_err());
        assert!(added(json!("{}")).is_err());
    }
}
