//! Which collections are declared, and where their documents are.
//!
//! A place is never used twice: what a process that has not heard of it writes to a dropped collection is seen by nobody.
//! Places are remembered, and whatever does not find what it looks for asks the catalogue again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{IndexOptions, ReturnDocument};
use mongodb::{Collection as MongoCollection, IndexModel};

use super::database::{Database, PATIENCE, PATIENCE_WITH_INDEXES, read, read_all, write, write_within};
use super::failure::{is_duplicate_key, of_write};
use crate::checks::check_collection;
use crate::{BY_ID, Collection, Index, StoreError};

const DOCUMENTS: &str = "view.";
const WORDS: &str = "words.";
/// The index of the words.
pub(super) const BY_WORD: &str = "by_word";

pub(super) struct Catalogue {
    database: Arc<Database>,
    entries: MongoCollection<Document>,
    known: Mutex<HashMap<String, Arc<Entry>>>,
}

/// A declared collection.
#[derive(Debug)]
pub(super) struct Entry {
    name: String,
    place: String,
    /// The fields of each index.
    indexes: BTreeMap<String, Vec<String>>,
    /// Whether this process has made sure of the words' index. Most collections have no words.
    has_words: AtomicBool,
}

/// An order of a collection's documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredIndex {
    /// As the server knows it.
    pub(super) name: String,
    pub(super) fields: Vec<String>,
}

impl Catalogue {
    pub(super) fn of(database: Arc<Database>) -> Self {
        Self {
            entries: database.collection("catalogue"),
            database,
            known: Mutex::default(),
        }
    }

    /// As far as it is known here, or as it is.
    pub(super) async fn entry(&self, name: &str) -> Result<Arc<Entry>, StoreError> {
        let known = self.known().get(name).cloned();
        match known {
            Some(entry) => Ok(entry),
            None => self.look(name).await,
        }
    }

    /// As it is.
    ///
    /// # Errors
    /// [`StoreError::Broken`] where no such collection is declared.
    pub(super) async fn look(&self, name: &str) -> Result<Arc<Entry>, StoreError> {
        let found = read(self.entries.find_one(doc! { "_id": name })).await?;
        let Some(found) = found else {
            self.known().remove(name);
            return Err(StoreError::Broken(format!("collection `{name}` is not declared")));
        };
        Ok(self.remember(entry(&found)?))
    }

    /// Asks where the collection is known to be. Where nothing is found there, it may have moved meanwhile, or have got
    /// the index that was missing; then asks once more.
    pub(super) async fn ask_at<T, F>(
        &self,
        name: &str,
        ask: impl Fn(Arc<Entry>) -> F,
        is_found: impl Fn(&T) -> bool,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let entry = self.entry(name).await?;
        let found = ask(Arc::clone(&entry)).await;
        match &found {
            Ok(there) if is_found(there) => return found,
            Ok(_) | Err(StoreError::Broken(_)) => {}
            Err(_) => return found,
        }
        let current = self.look(name).await?;
        if current.says_the_same_as(&entry) {
            return found;
        }
        ask(current).await
    }

    /// Keeps the entry that is known already, if it says the same.
    fn remember(&self, entry: Entry) -> Arc<Entry> {
        let mut known = self.known();
        if let Some(same) = known.get(&entry.name).filter(|known| known.says_the_same_as(&entry)) {
            return Arc::clone(same);
        }
        let entry = Arc::new(entry);
        known.insert(entry.name.clone(), Arc::clone(&entry));
        entry
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Arc<Entry>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn declare(&self, collection: &Collection) -> Result<(), StoreError> {
        check_collection(collection)?;
        let place = doc! { "place": format!("{}.{}", collection.name, ObjectId::new()) };
        let entry = self.enter(&collection.name, doc! { "$setOnInsert": place }).await?;
        if collection.indexes.is_empty() {
            return Ok(());
        }
        let documents = self.documents(&entry);
        let declared = |index: &Index| StoredIndex::of(index.name, index.fields);
        let declared: Vec<StoredIndex> = collection.indexes.iter().map(declared).collect();
        let create = documents.create_indexes(declared.iter().map(StoredIndex::model));
        write_within(entry.patience_with(collection.indexes), create).await?;
        // Listed when they are there: a search says which one it goes along.
        let field = |index: &Index| (format!("indexes.{}", index.name), Bson::from(index.fields.to_vec()));
        let listed: Document = collection.indexes.iter().map(field).collect();
        self.list(&entry, listed).await?;
        let there = read(documents.list_index_names()).await?;
        for older in there
            .iter()
            .filter(|older| declared.iter().any(|index| index.replaces(older)))
        {
            write(documents.drop_index(older.as_str())).await?;
        }
        Ok(())
    }

    /// The entry comes first: what has none can be cleared away.
    async fn enter(&self, name: &str, update: Document) -> Result<Arc<Entry>, StoreError> {
        loop {
            let enter = self.entries.find_one_and_update(doc! { "_id": name }, update.clone());
            let enter = enter.upsert(true).return_document(ReturnDocument::After);
            match write(async { Ok(enter.await) }).await? {
                Ok(Some(found)) => return Ok(self.remember(entry(&found)?)),
                // Another process declared it in the same moment.
                Ok(None) => {}
                Err(error) if is_duplicate_key(&error) => {}
                Err(error) => return Err(of_write(error)),
            }
        }
    }

    async fn list(&self, place: &Entry, indexes: Document) -> Result<(), StoreError> {
        let same = doc! { "_id": &place.name, "place": &place.place };
        let list = self.entries.find_one_and_update(same, doc! { "$set": indexes });
        let listed = write(list.return_document(ReturnDocument::After)).await?;
        let gone = || StoreError::Unavailable(format!("`{}` was dropped while it was declared", place.name).into());
        self.remember(entry(&listed.ok_or_else(gone)?)?);
        Ok(())
    }

    /// Forgets a collection, and clears away what is there of it and of others that are not declared any more.
    pub(super) async fn drop_collection(&self, name: &str) -> Result<(), StoreError> {
        self.known().remove(name);
        write(self.entries.delete_one(doc! { "_id": name })).await?;
        // What is there is looked for first: an entry is older than its collections.
        let there = self.database.collection_names().await?;
        let declared = read_all(self.entries.find(doc! {})).await?;
        let declared: HashSet<&str> = declared
            .iter()
            .filter_map(|entry| entry.get_str("place").ok())
            .collect();
        let place = |name: &str| {
            name.strip_prefix(DOCUMENTS)
                .or(name.strip_prefix(WORDS))
                .map(str::to_owned)
        };
        for name in there
            .iter()
            .filter(|name| place(name).is_some_and(|place| !declared.contains(place.as_str())))
        {
            write(self.database.collection(name).drop()).await?;
        }
        Ok(())
    }

    pub(super) fn documents(&self, entry: &Entry) -> MongoCollection<RawDocumentBuf> {
        self.database.raw(&entry.documents())
    }

    /// Where a collection's words are looked for.
    pub(super) fn words(&self, entry: &Entry) -> MongoCollection<Document> {
        self.database.collection(&entry.words())
    }

    /// Makes sure that the words that are written next are found.
    pub(super) async fn prepare_words(&self, entry: &Entry) -> Result<(), StoreError> {
        if entry.has_words.load(Ordering::Acquire) {
            return Ok(());
        }
        let options = IndexOptions::builder().name(BY_WORD.to_owned()).build();
        let model = IndexModel::builder().keys(doc! { "words": 1 }).options(options).build();
        write(self.words(entry).create_index(model)).await?;
        entry.has_words.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn database(&self) -> &Database {
        &self.database
    }
}

impl Entry {
    fn says_the_same_as(&self, other: &Self) -> bool {
        (&self.place, &self.indexes) == (&other.place, &other.indexes)
    }

    /// How long declaring these indexes may take: those that are listed are there.
    fn patience_with(&self, indexes: &[Index]) -> Duration {
        let is_listed = |index: &Index| {
            self.indexes
                .get(index.name)
                .is_some_and(|fields| fields == index.fields)
        };
        match indexes.iter().all(is_listed) {
            true => PATIENCE,
            false => PATIENCE_WITH_INDEXES,
        }
    }

    pub(super) fn documents(&self) -> String {
        format!("{DOCUMENTS}{}", self.place)
    }

    pub(super) fn words(&self) -> String {
        format!("{WORDS}{}", self.place)
    }

    /// # Errors
    /// [`StoreError::Broken`] where the collection has no such index.
    pub(super) fn index(&self, name: &str) -> Result<StoredIndex, StoreError> {
        if name == BY_ID {
            return Ok(StoredIndex {
                name: "_id_".to_owned(),
                fields: Vec::new(),
            });
        }
        let fields = self.indexes.get(name);
        let fields = fields.ok_or_else(|| StoreError::Broken(format!("index `{name}` is not declared")))?;
        Ok(StoredIndex::of(name, fields))
    }
}

impl StoredIndex {
    /// Its name tells the fields, so that others of the same name are told apart.
    fn of(name: &str, fields: &[impl AsRef<str>]) -> Self {
        let fields: Vec<String> = fields.iter().map(|field| field.as_ref().to_owned()).collect();
        Self {
            name: format!("{name}({})", fields.join(",")),
            fields,
        }
    }

    fn model(&self) -> IndexModel {
        let options = IndexOptions::builder().name(self.name.clone()).build();
        IndexModel::builder().keys(self.order(false)).options(options).build()
    }

    fn replaces(&self, other: &str) -> bool {
        let declared = |name: &str| name.split_once('(').map(|(declared, _)| declared.to_owned());
        other != self.name && declared(other).is_some() && declared(other) == declared(&self.name)
    }

    /// Where its values are in a stored document, and behind them the id.
    pub(super) fn paths(&self) -> Vec<String> {
        let fields = self.fields.iter().map(|field| format!("body.{field}"));
        fields.chain(["_id".to_owned()]).collect()
    }

    pub(super) fn order(&self, descending: bool) -> Document {
        let direction = if descending { -1 } else { 1 };
        self.paths()
            .into_iter()
            .map(|path| (path, Bson::Int32(direction)))
            .collect()
    }
}

fn entry(found: &Document) -> Result<Entry, StoreError> {
    let damaged = |error| StoreError::Broken(format!("the catalogue: {error}"));
    let mut indexes = BTreeMap::new();
    for (name, fields) in found.get_document("indexes").into_iter().flatten() {
        let fields = fields.as_array().into_iter().flatten();
        let fields = fields.filter_map(|field| field.as_str().map(str::to_owned));
        indexes.insert(name.clone(), fields.collect());
    }
    Ok(Entry {
        name: found.get_str("_id").map_err(damaged)?.to_owned(),
        place: found.get_str("place").map_err(damaged)?.to_owned(),
        indexes,
        has_words: AtomicBool::new(false),
    })
}
