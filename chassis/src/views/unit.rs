//! The documents that one batch of envelopes touches: loaded once, changed in memory, written together.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use persistence::{Body, Document, DocumentStore, Expect, Query, StoreError, Write};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::generation::Generation;
use crate::faults;
use crate::recorded::Recorded;

/// Where a document keeps the version of each stream that it was built from.
pub(crate) const VERSIONS: &str = "_versions";

/// A document: its collection by its plain name, and its id.
pub type Key = (&'static str, String);
pub(crate) type SearchTexts = BTreeMap<String, Vec<(String, String)>>;
/// The writes of all changed documents, and the search texts by collection.
pub(crate) type Changes = (Vec<Write>, SearchTexts);

pub struct UnitOfWork {
    generation: Generation,
    documents: Arc<dyn DocumentStore>,
    /// By collection and id.
    loaded: HashMap<&'static str, HashMap<String, Loaded>>,
    /// Keys in the order of their first change.
    changed: Vec<Key>,
    texts: SearchTexts,
}

struct Loaded {
    revision: u64,
    versions: Versions,
    content: Content,
    changed: bool,
}

/// The version of each stream that a document was built from. There are few of them, mostly one.
#[derive(Default)]
struct Versions(Vec<(String, u64)>);

/// A document is read as its type when it is first changed, and becomes JSON again when the batch is done.
enum Content {
    Missing,
    Stored(Map<String, Value>),
    Read(Box<dyn AnyDocument>),
}

trait AnyDocument: Any + Send + Sync {
    fn to_body(&self, versions: &Versions) -> serde_json::Result<Body>;
}

impl<T: Serialize + Any + Send + Sync> AnyDocument for T {
    fn to_body(&self, versions: &Versions) -> serde_json::Result<Body> {
        Body::of_with(self, VERSIONS, versions)
    }
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

    /// Loads documents together that will be changed: much faster than one by one.
    pub(crate) async fn load_all(&mut self, keys: Vec<Key>) -> Result<(), StoreError> {
        let mut collections: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        for (collection, id) in keys {
            collections.entry(collection).or_default().push(id);
        }
        for (collection, mut ids) in collections {
            // Stable, which is fast for ids that come in order.
            ids.sort();
            ids.dedup();
            self.load(collection, ids).await?;
        }
        Ok(())
    }

    /// Changes the document `id`, a default one where there is none yet.
    ///
    /// The change is left out where the document has already taken in this version of the envelope's stream, so
    /// `change` may add and subtract. A collection holds documents of one type.
    pub async fn update<T>(
        &mut self,
        collection: &'static str,
        id: &str,
        recorded: &Recorded,
        change: impl FnOnce(&mut T),
    ) -> Result<(), StoreError>
    where
        T: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
    {
        self.load_missing(collection, id).await?;
        let Some(loaded) = find(&mut self.loaded, collection, id) else {
            return Ok(());
        };
        if loaded.has_taken_in(recorded) {
            return Ok(());
        }
        let document = loaded.content.read();
        change(document.map_err(|cause| another_shape(collection, id, &cause))?);
        loaded.note(recorded);
        if !std::mem::replace(&mut loaded.changed, true) {
            self.changed.push((collection, id.to_owned()));
        }
        Ok(())
    }

    /// What `read` takes from the document `id` with this batch's changes in it; `None` where there is none.
    pub async fn read<T, R>(
        &mut self,
        collection: &'static str,
        id: &str,
        read: impl FnOnce(&T) -> R,
    ) -> Result<Option<R>, StoreError>
    where
        T: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
    {
        self.load_missing(collection, id).await?;
        let loaded = find(&mut self.loaded, collection, id);
        let Some(loaded) = loaded.filter(|loaded| !matches!(loaded.content, Content::Missing)) else {
            return Ok(None);
        };
        let document = loaded.content.read();
        Ok(Some(read(
            document.map_err(|cause| another_shape(collection, id, &cause))?,
        )))
    }

    /// The first document that a query finds, as stored: without this batch's changes.
    pub async fn find_stored<T: DeserializeOwned>(
        &self,
        collection: &'static str,
        query: Query,
    ) -> Result<Option<T>, StoreError> {
        let stored = self.generation.collection(collection);
        let page = self.documents.find(&stored, query).await?;
        page.documents.into_iter().next().map(Document::read).transpose()
    }

    /// Sets the words by which a document of a declared collection is found.
    pub fn set_search_text(&mut self, collection: &'static str, id: &str, text: String) {
        let collection = self.generation.collection(collection);
        self.texts.entry(collection).or_default().push((id.to_owned(), text));
    }

    pub(crate) fn finish(mut self) -> Result<Changes, StoreError> {
        let mut writes = Vec::with_capacity(self.changed.len());
        for (collection, id) in std::mem::take(&mut self.changed) {
            let loaded = self.loaded.get_mut(collection).and_then(|of| of.remove(&id));
            if let Some(loaded) = loaded {
                writes.push(loaded.into_write(self.generation.collection(collection), id)?);
            }
        }
        Ok((writes, self.texts))
    }

    async fn load_missing(&mut self, collection: &'static str, id: &str) -> Result<(), StoreError> {
        if find(&mut self.loaded, collection, id).is_some() {
            return Ok(());
        }
        self.load(collection, vec![id.to_owned()]).await
    }

    async fn load(&mut self, collection: &'static str, ids: Vec<String>) -> Result<(), StoreError> {
        let stored = self.generation.collection(collection);
        let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
        let found = self.documents.get(&stored, &asked).await?;
        let loaded = self.loaded.entry(collection).or_default();
        loaded.extend(ids.into_iter().zip(found.into_iter().map(Loaded::new)));
        Ok(())
    }
}

/// Apart from the unit, other fields of which are at hand meanwhile.
fn find<'l>(
    loaded: &'l mut HashMap<&'static str, HashMap<String, Loaded>>,
    collection: &str,
    id: &str,
) -> Option<&'l mut Loaded> {
    loaded.get_mut(collection)?.get_mut(id)
}

impl Loaded {
    fn new(document: Option<Document>) -> Self {
        let Some(document) = document else {
            return Self {
                revision: 0,
                versions: Versions::default(),
                content: Content::Missing,
                changed: false,
            };
        };
        let mut body = into_object(document.body);
        Self {
            revision: document.revision,
            versions: Versions::read(body.remove(VERSIONS).unwrap_or_default()),
            content: Content::Stored(body),
            changed: false,
        }
    }

    fn has_taken_in(&self, recorded: &Recorded) -> bool {
        if faults::unguarded("repeat_check") {
            return false;
        }
        let version = self.versions.of(recorded.envelope.stream.as_str());
        version.is_some_and(|version| version >= recorded.envelope.version)
    }

    fn note(&mut self, recorded: &Recorded) {
        self.versions
            .note(recorded.envelope.stream.as_str(), recorded.envelope.version);
    }

    fn into_write(self, collection: String, id: String) -> Result<Write, StoreError> {
        let body = self.content.to_body(&self.versions);
        Ok(Write {
            body: Some(body.map_err(|cause| another_shape(&collection, &id, &cause))?),
            collection,
            id,
            expect: if self.revision == 0 {
                Expect::Absent
            } else {
                Expect::Revision(self.revision)
            },
        })
    }
}

impl Versions {
    fn read(versions: Value) -> Self {
        let versions: BTreeMap<String, u64> = serde_json::from_value(versions).unwrap_or_default();
        Self(versions.into_iter().collect())
    }

    fn of(&self, stream: &str) -> Option<u64> {
        let known = self.0.iter().find(|(known, _)| known == stream);
        known.map(|(_, version)| *version)
    }

    fn note(&mut self, stream: &str, version: u64) {
        match self.0.iter_mut().find(|(known, _)| known == stream) {
            Some((_, known)) => *known = version,
            None => self.0.push((stream.to_owned(), version)),
        }
    }
}

impl Serialize for Versions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(stream, version)| (stream, version)))
    }
}

impl Content {
    fn read<T>(&mut self) -> serde_json::Result<&mut T>
    where
        T: Serialize + DeserializeOwned + Default + Send + Sync + 'static,
    {
        match std::mem::replace(self, Self::Missing) {
            Self::Missing => *self = Self::Read(Box::new(T::default())),
            Self::Stored(body) => *self = Self::Read(Box::new(serde_json::from_value::<T>(Value::Object(body))?)),
            read @ Self::Read(_) => *self = read,
        }
        let document: Option<&mut T> = match self {
            Self::Read(document) => {
                let document: &mut dyn Any = &mut **document;
                document.downcast_mut()
            }
            _ => None,
        };
        document.ok_or_else(|| serde::de::Error::custom("it was read as another type"))
    }

    fn to_body(&self, versions: &Versions) -> serde_json::Result<Body> {
        match self {
            Self::Missing => Map::new().to_body(versions),
            Self::Stored(body) => body.to_body(versions),
            Self::Read(document) => document.to_body(versions),
        }
    }
}

fn another_shape(collection: &str, id: &str, cause: &serde_json::Error) -> StoreError {
    StoreError::Broken(format!("document `{id}` of `{collection}` has another shape: {cause}"))
}

fn into_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
