//! The documents that one batch of envelopes touches: loaded once, changed in memory, written together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use persistence::{DocumentStore, Expect, StoreError, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::generation::Generation;
use crate::recorded::Recorded;

/// Where a document keeps the version of each stream that it was built from.
const VERSIONS: &str = "_versions";

type Key = (&'static str, String);
type SearchTexts = BTreeMap<String, Vec<(String, String)>>;

pub struct UnitOfWork {
    generation: Generation,
    documents: Arc<dyn DocumentStore>,
    loaded: HashMap<Key, Loaded>,
    /// Keys in the order of their first change.
    changed: Vec<Key>,
    texts: SearchTexts,
}

struct Loaded {
    revision: u64,
    body: Map<String, Value>,
    changed: bool,
}

impl UnitOfWork {
    pub(crate) fn new(generation: Generation, documents: Arc<dyn DocumentStore>) -> Self {
        Self {
            generation,
            documents,
            loaded: HashMap::new(),
            changed: Vec::new(),
            texts: BTreeMap::new(),
        }
    }

    /// Changes the document `id`, a default one where there is none yet.
    ///
    /// The change is left out where the document has already taken in this version of the envelope's stream, so
    /// `change` may add and subtract.
    pub async fn update<T: Serialize + DeserializeOwned + Default>(
        &mut self,
        collection: &'static str,
        id: &str,
        recorded: &Recorded,
        change: impl FnOnce(&mut T),
    ) -> Result<(), StoreError> {
        let key = (collection, id.to_owned());
        self.load(&key).await?;
        let Some(loaded) = self.loaded.get_mut(&key) else {
            return Ok(());
        };
        if loaded.has_taken_in(recorded) {
            return Ok(());
        }
        loaded.change(recorded, change).map_err(|cause| {
            StoreError::Broken(format!("document `{id}` of `{collection}` has another shape: {cause}"))
        })?;
        if !std::mem::replace(&mut loaded.changed, true) {
            self.changed.push(key);
        }
        Ok(())
    }

    /// Sets the words by which a document of a declared collection is found.
    pub fn set_search_text(&mut self, collection: &'static str, id: &str, text: String) {
        let collection = self.generation.collection(collection);
        self.texts.entry(collection).or_default().push((id.to_owned(), text));
    }

    /// The writes of all changed documents, and the search texts by collection.
    pub(crate) fn finish(mut self) -> (Vec<Write>, SearchTexts) {
        let mut writes = Vec::with_capacity(self.changed.len());
        for key in std::mem::take(&mut self.changed) {
            if let Some(loaded) = self.loaded.remove(&key) {
                writes.push(loaded.into_write(self.generation.collection(key.0), key.1));
            }
        }
        (writes, self.texts)
    }

    async fn load(&mut self, key: &Key) -> Result<(), StoreError> {
        if self.loaded.contains_key(key) {
            return Ok(());
        }
        let collection = self.generation.collection(key.0);
        let found = self.documents.get(&collection, &[key.1.as_str()]).await?;
        let loaded = match found.into_iter().next().flatten() {
            Some(document) => Loaded {
                revision: document.revision,
                body: into_object(document.body),
                changed: false,
            },
            None => Loaded {
                revision: 0,
                body: Map::new(),
                changed: false,
            },
        };
        self.loaded.insert(key.clone(), loaded);
        Ok(())
    }
}

impl Loaded {
    fn has_taken_in(&self, recorded: &Recorded) -> bool {
        let version = self
            .body
            .get(VERSIONS)
            .and_then(|versions| versions.get(recorded.envelope.stream.as_str()))
            .and_then(Value::as_u64);
        version.is_some_and(|version| version >= recorded.envelope.version)
    }

    fn change<T: Serialize + DeserializeOwned + Default>(
        &mut self,
        recorded: &Recorded,
        change: impl FnOnce(&mut T),
    ) -> Result<(), serde_json::Error> {
        let mut body = std::mem::take(&mut self.body);
        let mut versions = into_object(body.remove(VERSIONS).unwrap_or_default());
        let mut document = if body.is_empty() {
            T::default()
        } else {
            serde_json::from_value(Value::Object(body))?
        };
        change(&mut document);
        versions.insert(recorded.envelope.stream.to_string(), recorded.envelope.version.into());
        self.body = into_object(serde_json::to_value(document)?);
        self.body.insert(VERSIONS.to_owned(), Value::Object(versions));
        Ok(())
    }

    fn into_write(self, collection: String, id: String) -> Write {
        Write {
            collection,
            id,
            expect: if self.revision == 0 {
                Expect::Absent
            } else {
                Expect::Revision(self.revision)
            },
            body: Some(Value::Object(self.body)),
        }
    }
}

fn into_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
