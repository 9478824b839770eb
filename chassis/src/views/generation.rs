//! Generations: one build of all of a service's views, with its own collections and consumer group.

use std::sync::Arc;

use persistence::{Collection, DocumentStore, Expect, PutError, StoreError, Write};
use serde_json::{Value, json};

const POINTER_COLLECTION: &str = "generations";
const POINTER: &str = "live";

/// The number of one build of the views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    number: u64,
}

impl Generation {
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A view's collection as it is called in this generation.
    pub fn collection(&self, name: &str) -> String {
        format!("g{}_{name}", self.number)
    }

    /// The consumer group that builds it.
    pub fn group(&self, service: &str) -> String {
        format!("{service}.views.{}", self.number)
    }
}

/// Which generation is read: one pointer document, changed by compare-and-set.
pub struct Generations {
    documents: Arc<dyn DocumentStore>,
}

impl Generations {
    pub async fn open(documents: Arc<dyn DocumentStore>) -> Result<Self, StoreError> {
        let declared = Collection {
            name: POINTER_COLLECTION.to_owned(),
            indexes: &[],
        };
        documents.declare(&declared).await?;
        Ok(Self { documents })
    }

    /// The generation that is read. The first call ever makes generation 1.
    pub async fn live(&self) -> Result<Generation, StoreError> {
        if let Some(live) = self.read().await? {
            return Ok(live);
        }
        let first = Write {
            collection: POINTER_COLLECTION.to_owned(),
            id: POINTER.to_owned(),
            expect: Expect::Absent,
            body: Some(json!({ "number": 1 })),
        };
        match self.documents.put(vec![first]).await {
            // Another replica was first, which is as good.
            Ok(()) | Err(PutError::Conflict { .. }) => {}
            Err(PutError::Store(error)) => return Err(error),
        }
        let missing = || StoreError::Broken("the pointer to the live views is missing".to_owned());
        self.read().await?.ok_or_else(missing)
    }

    async fn read(&self) -> Result<Option<Generation>, StoreError> {
        let found = self.documents.get(POINTER_COLLECTION, &[POINTER]).await?;
        let Some(pointer) = found.into_iter().next().flatten() else {
            return Ok(None);
        };
        let number = pointer.body.get("number").and_then(Value::as_u64);
        let broken = || StoreError::Broken("the pointer to the live views has no number".to_owned());
        Ok(Some(Generation {
            number: number.ok_or_else(broken)?,
        }))
    }
}
