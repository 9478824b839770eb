//! Search: the words of each document as an array, whose index has each word by itself.

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Array, Bson, Document, doc};
use mongodb::options::Hint;

use super::catalogue::{BY_WORD, Catalogue, Entry};
use super::database::{read, read_all};
use super::journal::bounded;
use crate::search::{asked_for, end_of_range};
use crate::{Indexed, Search, StoreError, tokens};

/// From this many matches on, the chance to meet one soon is better along the ids than along the words.
const MANY_MATCHES: u64 = 2_000;
/// In one request; each has up to 500 words of up to 64 characters, and the server takes 16 MB at once.
const ENTRIES: usize = 50;

pub(super) struct MongoSearch {
    catalogue: Arc<Catalogue>,
}

impl MongoSearch {
    pub(super) fn new(catalogue: Arc<Catalogue>) -> Self {
        Self { catalogue }
    }
}

#[async_trait]
impl Search for MongoSearch {
    async fn index(&self, collection: &str, entries: &[(String, String)]) -> Result<(), StoreError> {
        let entry = self.catalogue.look(collection).await?;
        self.catalogue.prepare_words(&entry).await?;
        for entries in entries.chunks(ENTRIES) {
            // One that has no words finds nothing, so it need not be removed in a request of its own.
            let statements: Array = entries.iter().map(|(id, text)| Bson::from(set(id, text))).collect();
            let command = doc! { "update": entry.words(), "updates": statements, "ordered": true };
            let reply = self.catalogue.database().tell(command).await?;
            if let Some(failed) = reply.get("writeErrors") {
                return Err(StoreError::Unknown(failed.to_string().into()));
            }
        }
        Ok(())
    }

    async fn find(&self, collection: &str, text: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let words = &asked_for(text);
        let find = |entry: Arc<Entry>| async move { self.find_at(&entry, words, limit).await };
        self.catalogue.ask_at(collection, find, |found| !found.is_empty()).await
    }

    async fn scan(&self, collection: &str, after: Option<&str>, limit: usize) -> Result<Vec<Indexed>, StoreError> {
        let entry = self.catalogue.look(collection).await?;
        let mut filter = doc! { "words.0": { "$exists": true } };
        filter.extend(after.map(|after| ("_id".to_owned(), Bson::from(doc! { "$gt": after }))));
        let words = self.catalogue.words(&entry);
        let find = words
            .find(filter)
            .sort(doc! { "_id": 1 })
            .hint(by_id())
            .limit(bounded(limit));
        read_all(find).await?.iter().map(indexed).collect()
    }
}

impl MongoSearch {
    async fn find_at(&self, entry: &Entry, words: &[String], limit: usize) -> Result<Vec<String>, StoreError> {
        let collection = self.catalogue.words(entry);
        let Some(along) = way(&collection, words).await? else {
            return Ok(Vec::new());
        };
        let all: Array = words
            .iter()
            .map(|word| Bson::from(doc! { "words": beginning(word) }))
            .collect();
        let find = collection.find(doc! { "$and": all }).projection(doc! { "_id": 1 });
        let found = read_all(find.sort(doc! { "_id": 1 }).hint(along).limit(bounded(limit))).await?;
        found.iter().map(id).collect()
    }
}

/// Along which index to look: that of the words if one of them is rare. `None` where one has no match at all.
async fn way(collection: &Collection<Document>, words: &[String]) -> Result<Option<Hint>, StoreError> {
    let mut way = (!words.is_empty()).then(by_id);
    for word in words {
        match matches(collection, word).await? {
            0 => return Ok(None),
            MANY_MATCHES => {}
            _ => {
                way = Some(Hint::Name(BY_WORD.to_owned()));
                break;
            }
        }
    }
    Ok(way)
}

/// Counted up to [`MANY_MATCHES`].
async fn matches(collection: &Collection<Document>, word: &str) -> Result<u64, StoreError> {
    let count = collection.count_documents(doc! { "words": beginning(word) });
    read(count.hint(Hint::Name(BY_WORD.to_owned())).limit(MANY_MATCHES)).await
}

/// Of one word of the array, and not of one word the one end and of another the other.
fn beginning(word: &str) -> Document {
    doc! { "$elemMatch": { "$gte": word, "$lt": end_of_range(word) } }
}

fn by_id() -> Hint {
    Hint::Name("_id_".to_owned())
}

fn set(id: &str, text: &str) -> Document {
    doc! { "q": { "_id": id }, "u": { "_id": id, "words": tokens(text) }, "upsert": true }
}

fn id(found: &Document) -> Result<String, StoreError> {
    let damaged = |error| StoreError::Broken(format!("words have another shape: {error}"));
    Ok(found.get_str("_id").map_err(damaged)?.to_owned())
}

fn indexed(found: &Document) -> Result<Indexed, StoreError> {
    let words = found.get_array("words").into_iter().flatten();
    let words = words.filter_map(|word| word.as_str().map(str::to_owned));
    Ok((id(found)?, words.collect()))
}
