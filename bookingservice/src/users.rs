//! Who users are: names and ages live here and nowhere else, so that they can be erased. Not a view: the log holds ids
//! only.

use std::sync::Arc;

use chassis::http::paging::PageRequest;
use persistence::{Collection, Document, DocumentStore, Expect, Index, Page, PutError, Query, StoreError, Write};
use serde::{Deserialize, Serialize};
use serde_json::json;

const COLLECTION: &str = "users";
const BY_FIRST: &str = "by_first";
const BY_LAST: &str = "by_last";
const INDEXES: &[Index] = &[
    Index {
        name: BY_FIRST,
        fields: &["first_key", "last_key"],
    },
    Index {
        name: BY_LAST,
        fields: &["last_key", "first_key"],
    },
];

/// Where they are kept.
pub(crate) fn collection() -> Collection {
    Collection {
        name: COLLECTION.to_owned(),
        indexes: INDEXES,
    }
}

/// What a user told of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) first: String,
    pub(crate) last: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) age: Option<u8>,
}

#[derive(Clone)]
pub(crate) struct Users {
    documents: Arc<dyn DocumentStore>,
}

/// By which names users are looked for.
#[derive(Debug, Default)]
pub(crate) struct NameFilter {
    pub(crate) first: Option<String>,
    pub(crate) last: Option<String>,
}

impl Users {
    pub(crate) async fn open(documents: Arc<dyn DocumentStore>) -> Result<Self, StoreError> {
        documents.declare(&collection()).await?;
        Ok(Self { documents })
    }

    /// Keeps a new user's names, unless there are some already.
    pub(crate) async fn add(&self, id: &str, person: &Person) -> Result<(), StoreError> {
        self.put(id, person, Expect::Absent).await
    }

    /// Keeps a user's names in place of those there are.
    pub(crate) async fn set(&self, id: &str, person: &Person) -> Result<(), StoreError> {
        self.put(id, person, Expect::Anything).await
    }

    async fn put(&self, id: &str, person: &Person, expect: Expect) -> Result<(), StoreError> {
        let body = json!({
            "first": person.first, "last": person.last, "age": person.age,
            "first_key": person.first.to_lowercase(), "last_key": person.last.to_lowercase(),
        });
        let write = Write {
            collection: COLLECTION.to_owned(),
            id: id.to_owned(),
            expect,
            body: Some(body.into()),
        };
        match self.documents.put(vec![write]).await {
            Ok(()) | Err(PutError::Conflict { .. }) => Ok(()),
            Err(PutError::Store(error)) => Err(error),
        }
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Option<Person>, StoreError> {
        let found = self.documents.get(COLLECTION, &[id]).await?;
        found.into_iter().next().flatten().map(Document::read).transpose()
    }

    /// A page of users with these names, in any letter case, by last name.
    pub(crate) async fn find(&self, names: &NameFilter, page: PageRequest) -> Result<Page, StoreError> {
        let key = |name: &String| json!(name.to_lowercase());
        let (index, equals) = match (&names.first, &names.last) {
            (Some(first), None) => (BY_FIRST, vec![key(first)]),
            (first, last) => (BY_LAST, last.iter().chain(first).map(key).collect()),
        };
        let query = Query {
            equals,
            ..page.query(index)
        };
        self.documents.find(COLLECTION, query).await
    }
}
