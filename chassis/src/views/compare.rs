//! Compares two builds of the same views, document by document, and tells each by a digest.
//!
//! Both may move meanwhile. Documents carry the versions that they were built from, so those of equal versions have to
//! be equal, and a build that has taken in a version has to show it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use contracts::StreamId;
use persistence::{Document, DocumentStore, Search, StoreError};
use ring::digest::{Context, SHA256};
use tokio::task::JoinHandle;

use super::generation::Generation;
use super::unit::VERSIONS;
use crate::consumer::Progress;

/// Documents read at a time.
const PAGE: usize = 500;
/// Documents of a view that are noted to be looked at again.
const MOST_APART: usize = 10_000;

/// One build of the views.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) documents: Arc<dyn DocumentStore>,
    pub(crate) search: Arc<dyn Search>,
    pub(crate) generation: Generation,
    pub(crate) progress: Progress,
}

/// Two builds of the same views.
pub(crate) struct Comparison {
    pub(crate) before: Side,
    pub(crate) after: Side,
}

/// All documents of a view in one number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    pub documents: u64,
    /// SHA-256 over each document's id and canonical JSON (RFC 8785), in the order of ids, in hex.
    pub hash: String,
}

/// What a walk through one view of both builds found.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) before: Digest,
    pub(crate) after: Digest,
    /// How many documents of equal versions differ, and the first of them.
    pub(crate) different: u64,
    pub(crate) first_different: Option<String>,
    /// Documents of other versions on one side than on the other, or only there. A bounded number of them.
    pub(crate) apart: Vec<String>,
    /// Those that were not noted.
    pub(crate) more_apart: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    Same,
    /// They differ, and no envelope that is still on its way explains it.
    Different,
    /// One of them is ahead.
    Apart,
}

type Versions = BTreeMap<String, u64>;

impl Comparison {
    /// Walks through a view of both builds, or through what of it stands behind an id.
    pub(crate) async fn walk(
        &self,
        view: &str,
        behind: Option<&str>,
        seen: &(dyn Fn(u64) + Sync),
    ) -> Result<Compared, StoreError> {
        let pages = |side| Pages::of(side, view, behind);
        let (mut before, mut after) = (pages(&self.before), pages(&self.after));
        let mut found = Compared::default();
        loop {
            before.fill().await?;
            after.fill().await?;
            let (left, right) = match (before.front(), after.front()) {
                (None, None) => break,
                (Some(left), Some(right)) => match left.id.cmp(&right.id) {
                    Ordering::Less => (before.pop(), None),
                    Ordering::Greater => (None, after.pop()),
                    Ordering::Equal => (before.pop(), after.pop()),
                },
                (Some(_), None) => (before.pop(), None),
                (None, Some(_)) => (None, after.pop()),
            };
            found.take(left, right);
            seen(1);
        }
        (found.before, found.after) = (before.digest(), after.digest());
        Ok(found)
    }

    /// Looks at one document again. How far each build is, is read before its document: what it had taken in by then has
    /// to show.
    pub(crate) async fn look(&self, view: &str, id: &str) -> Result<Judgement, StoreError> {
        let mut streams = BTreeSet::new();
        for side in [&self.before, &self.after] {
            streams.extend(side.get(view, id).await?.iter().flat_map(streams_of));
        }
        let (taken_before, taken_after) = (self.before.taken(&streams).await?, self.after.taken(&streams).await?);
        let (left, right) = (self.before.get(view, id).await?, self.after.get(view, id).await?);
        let first = judge(left.as_ref(), right.as_ref());
        if first != Judgement::Apart {
            return Ok(first);
        }
        let (left, right) = (versions(left.as_ref()), versions(right.as_ref()));
        if lacks(&left, &taken_before, &right) || lacks(&right, &taken_after, &left) {
            return Ok(Judgement::Different);
        }
        Ok(Judgement::Apart)
    }
}

impl Side {
    pub(crate) async fn get(&self, view: &str, id: &str) -> Result<Option<Document>, StoreError> {
        let found = self.documents.get(&self.generation.collection(view), &[id]).await?;
        Ok(found.into_iter().next().flatten())
    }

    async fn taken(&self, streams: &BTreeSet<StreamId>) -> Result<Versions, StoreError> {
        let streams: Vec<StreamId> = streams.iter().cloned().collect();
        let kept: HashMap<_, _> = self.progress.load(&streams).await?;
        let version = |(stream, kept): (StreamId, crate::consumer::Kept)| {
            let version = kept.position.map_or(0, |position| position.version);
            (stream.to_string(), version)
        };
        Ok(kept.into_iter().map(version).collect())
    }
}

/// The versions of each stream that a document was built from; none where there is no document.
pub(crate) fn versions(document: Option<&Document>) -> Versions {
    let versions = document.and_then(|document| document.body.get(VERSIONS)?.as_object());
    let versions = versions.into_iter().flatten();
    versions
        .filter_map(|(stream, version)| Some((stream.clone(), version.as_u64()?)))
        .collect()
}

fn streams_of(document: &Document) -> Vec<StreamId> {
    let versions = versions(Some(document));
    versions
        .keys()
        .filter_map(|stream| StreamId::parse(stream).ok())
        .collect()
}

pub(crate) fn judge(left: Option<&Document>, right: Option<&Document>) -> Judgement {
    match (left, right) {
        (None, None) => Judgement::Same,
        (Some(left), Some(right)) if left.body == right.body => Judgement::Same,
        (Some(_), Some(_)) if versions(left) == versions(right) => Judgement::Different,
        _ => Judgement::Apart,
    }
}

/// Whether a document does not show a version that the other one shows and its own build has taken in.
fn lacks(own: &Versions, taken: &Versions, other: &Versions) -> bool {
    let of = |versions: &Versions, stream: &String| versions.get(stream).copied().unwrap_or(0);
    other
        .iter()
        .any(|(stream, version)| of(own, stream) < *version && of(taken, stream) >= *version)
}

impl Default for Compared {
    fn default() -> Self {
        let nothing = Digest {
            documents: 0,
            hash: String::new(),
        };
        Self {
            before: nothing.clone(),
            after: nothing,
            different: 0,
            first_different: None,
            apart: Vec::new(),
            more_apart: 0,
        }
    }
}

impl Compared {
    fn take(&mut self, left: Option<Document>, right: Option<Document>) {
        let judgement = judge(left.as_ref(), right.as_ref());
        let id = left.or(right).map(|document| document.id).unwrap_or_default();
        match judgement {
            Judgement::Same => {}
            Judgement::Different => {
                self.different += 1;
                self.first_different.get_or_insert(id);
            }
            Judgement::Apart if self.apart.len() < MOST_APART => self.apart.push(id),
            Judgement::Apart => self.more_apart += 1,
        }
    }
}

/// The documents of one view in the order of their ids. While a page is looked at the next one is read and digested.
struct Pages {
    documents: Arc<dyn DocumentStore>,
    collection: String,
    page: VecDeque<Document>,
    next: Option<JoinHandle<Result<Page, StoreError>>>,
    read: u64,
    hash: String,
}

struct Page {
    documents: VecDeque<Document>,
    hasher: Context,
}

impl Pages {
    fn of(side: &Side, view: &str, behind: Option<&str>) -> Self {
        let mut pages = Self {
            documents: Arc::clone(&side.documents),
            collection: side.generation.collection(view),
            page: VecDeque::new(),
            next: None,
            read: 0,
            hash: String::new(),
        };
        pages.read_on(behind.map(str::to_owned), Context::new(&SHA256));
        pages
    }

    fn read_on(&mut self, after: Option<String>, hasher: Context) {
        let (documents, collection) = (Arc::clone(&self.documents), self.collection.clone());
        self.next = Some(tokio::spawn(read(documents, collection, after, hasher)));
    }

    /// Sees to it that there is a front, as long as there are documents.
    async fn fill(&mut self) -> Result<(), StoreError> {
        if !self.page.is_empty() {
            return Ok(());
        }
        let Some(next) = self.next.take() else { return Ok(()) };
        let page = next.await.map_err(|_| StoreError::Closed)??;
        match page.documents.back() {
            Some(last) => self.read_on(Some(last.id.clone()), page.hasher),
            None => self.hash = hex::encode(page.hasher.finish()),
        }
        self.read += page.documents.len() as u64;
        self.page = page.documents;
        Ok(())
    }

    fn front(&self) -> Option<&Document> {
        self.page.front()
    }

    fn pop(&mut self) -> Option<Document> {
        self.page.pop_front()
    }

    fn digest(self) -> Digest {
        Digest {
            documents: self.read,
            hash: self.hash,
        }
    }
}

async fn read(
    documents: Arc<dyn DocumentStore>,
    collection: String,
    after: Option<String>,
    mut hasher: Context,
) -> Result<Page, StoreError> {
    let documents = documents.scan(&collection, after.as_deref(), PAGE).await?;
    for document in &documents {
        let body = serde_json_canonicalizer::to_vec(&document.body);
        let body = body.map_err(|cause| StoreError::Broken(format!("document `{}`: {cause}", document.id)))?;
        for part in [document.id.as_bytes(), &body] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    Ok(Page {
        documents: documents.into(),
        hasher,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(version: u64, seats: u32) -> Document {
        Document {
            id: "a".to_owned(),
            revision: 1,
            body: json!({ "seats": seats, VERSIONS: { "inventory/a": version } }),
        }
    }

    #[test]
    fn equal_versions_have_to_be_equal_documents() {
        let one = document(3, 1);
        assert_eq!(judge(Some(&one), Some(&document(3, 1))), Judgement::Same);
        assert_eq!(judge(Some(&one), Some(&document(3, 2))), Judgement::Different);
        assert_eq!(judge(Some(&one), Some(&document(4, 2))), Judgement::Apart);
        assert_eq!(judge(Some(&one), None), Judgement::Apart);
    }

    #[test]
    fn what_a_build_has_taken_in_has_to_show() {
        let at = |version| versions(Some(&document(version, 1)));
        assert!(lacks(&at(3), &at(4), &at(4)));
        assert!(lacks(&Versions::new(), &at(4), &at(4)));
        assert!(!lacks(&at(3), &at(3), &at(4)));
        assert!(!lacks(&at(4), &at(4), &at(4)));
    }
}
