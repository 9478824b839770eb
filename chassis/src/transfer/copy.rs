//! Copies what a service keeps into an empty store of any kind, and holds one against the other.
//!
//! That is the journal, commit by commit, with what of it is still to be published; and collections that no log brings
//! back. Views are not copied: the service builds them from the log when it starts on the new store.

use std::collections::HashSet;
use std::sync::Arc;

use contracts::{Hash, StreamId};
use persistence::{
    AppendError, Collection, Commit, CommitKey, Document, Expect, Journal, PutError, StoreError, Stores, Write,
};
use thiserror::Error;

use super::appending::Appending;
use crate::{faults, store_marks};

/// Commits and documents that are read together.
const PAGE: usize = 500;

/// What was copied and proved to be the same.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub streams: u64,
    pub commits: u64,
    pub envelopes: u64,
    /// Commits that are still to be published.
    pub unpublished: u64,
    /// Documents of collections beside the views.
    pub documents: u64,
}

#[derive(Debug, Error)]
pub enum CopyError {
    #[error("the store to move to is not empty; name one that nothing is in")]
    NotEmpty,
    #[error("the journal is damaged, see `myevents verify`: {0}")]
    Damaged(String),
    #[error("{0} differs in both stores: a process of the service may still be at work on one of them")]
    Differs(String),
    #[error("a commit is refused: {0}")]
    Append(#[from] AppendError),
    #[error("a store fails: {0}")]
    Store(#[from] StoreError),
    #[error("a store fails: {0}")]
    Put(#[from] PutError),
}

/// # Errors
/// [`CopyError::NotEmpty`]
pub async fn refuse_filled(to: &Stores) -> Result<(), CopyError> {
    match to.journal.is_empty().await? {
        true => Ok(()),
        false => Err(CopyError::NotEmpty),
    }
}

/// The service may start on what [`copy`] has filled.
pub async fn release(to: &Stores) -> Result<(), CopyError> {
    Ok(store_marks::end_restore(to).await?)
}

/// Copies the journal and the collections `kept` to an empty store. Told is how many commits more were copied or compared.
///
/// The service does not start there before [`release`].
pub async fn copy(
    from: &Stores,
    to: &Stores,
    kept: &[Collection],
    seen: &(dyn Fn(u64) + Sync),
) -> Result<Copied, CopyError> {
    store_marks::begin_restore(to).await?;
    faults::point("move.begun");
    let mut copied = copy_journal(from, to, seen).await?;
    for collection in kept {
        copied.documents += copy_documents(from, to, collection).await?;
    }
    faults::point("move.copied");
    compare_journals(&*from.journal, &*to.journal, seen).await?;
    for collection in kept {
        compare_documents(from, to, collection).await?;
    }
    faults::point("move.compared");
    Ok(copied)
}

async fn copy_journal(from: &Stores, to: &Stores, seen: &(dyn Fn(u64) + Sync)) -> Result<Copied, CopyError> {
    let unpublished = unpublished(&*from.journal).await?;
    let mut appending = Appending::to(Arc::clone(&to.journal));
    let mut copied = Copied {
        unpublished: unpublished.len() as u64,
        ..Copied::default()
    };
    // The walk goes from stream to stream: this is where the one under way ends.
    let mut end: Option<(StreamId, Hash)> = None;
    let mut pages = Pages::of(&*from.journal);
    while let Some(page) = pages.next().await? {
        let published: Vec<CommitKey> = page.iter().filter_map(Commit::key).collect();
        for commit in page {
            let Some(last) = commit.envelopes.last() else { continue };
            let next = (last.stream.clone(), last.hash);
            let previous = end.replace(next.clone()).filter(|(stream, _)| *stream == next.0);
            copied.streams += u64::from(previous.is_none());
            appending.add(previous.map_or(Hash::GENESIS, |(_, hash)| hash), commit);
        }
        let appended = appending.flush().await?;
        faults::point("move.appended");
        let published: Vec<CommitKey> = published.into_iter().filter(|key| !unpublished.contains(key)).collect();
        to.journal.mark_published(&published).await?;
        copied.commits += appended.commits;
        copied.envelopes += appended.envelopes;
        seen(appended.commits);
    }
    Ok(copied)
}

async fn unpublished(journal: &dyn Journal) -> Result<HashSet<CommitKey>, StoreError> {
    let count = usize::try_from(journal.unpublished_count().await?).unwrap_or(usize::MAX);
    let waiting = journal.unpublished(count.max(1)).await?;
    Ok(waiting.iter().filter_map(Commit::key).collect())
}

/// A journal, page by page.
struct Pages<'a> {
    journal: &'a dyn Journal,
    after: Option<CommitKey>,
}

impl<'a> Pages<'a> {
    fn of(journal: &'a dyn Journal) -> Self {
        Self { journal, after: None }
    }

    /// `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<Commit>>, CopyError> {
        let walked = self.journal.walk(self.after.as_ref(), PAGE).await?;
        self.after = walked.last().and_then(|last| last.key.clone());
        let page = walked.into_iter().map(|found| found.commit.map_err(CopyError::Damaged));
        let page: Vec<Commit> = page.collect::<Result<_, _>>()?;
        Ok((!page.is_empty()).then_some(page))
    }
}

async fn compare_journals(
    one: &dyn Journal,
    other: &dyn Journal,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<(), CopyError> {
    let (mut ones, mut others) = (Pages::of(one), Pages::of(other));
    loop {
        let (one, other) = (
            ones.next().await?.unwrap_or_default(),
            others.next().await?.unwrap_or_default(),
        );
        if one != other {
            return Err(CopyError::Differs(first_difference(&one, &other)));
        }
        if one.is_empty() {
            return Ok(());
        }
        seen(one.len() as u64);
    }
}

fn first_difference(one: &[Commit], other: &[Commit]) -> String {
    let longest = one.len().max(other.len());
    let at = (0..longest)
        .find(|at| one.get(*at) != other.get(*at))
        .unwrap_or_default();
    let key = one.get(at).or(other.get(at)).and_then(Commit::key);
    key.map_or("the journal".to_owned(), |key| {
        format!("the commit at version {} of {}", key.first_version, key.stream)
    })
}

async fn copy_documents(from: &Stores, to: &Stores, collection: &Collection) -> Result<u64, CopyError> {
    for stores in [from, to] {
        stores.documents.declare(collection).await?;
    }
    let (mut count, mut after) = (0, None);
    loop {
        let page = page(from, collection, after.as_deref()).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(last.id.clone());
        count += page.len() as u64;
        to.documents
            .put(page.into_iter().map(|document| new(collection, document)).collect())
            .await?;
    }
}

fn new(collection: &Collection, document: Document) -> Write {
    Write {
        collection: collection.name.clone(),
        id: document.id,
        expect: Expect::Absent,
        body: Some(document.body.into()),
    }
}

async fn page(stores: &Stores, collection: &Collection, after: Option<&str>) -> Result<Vec<Document>, StoreError> {
    stores.documents.scan(&collection.name, after, PAGE).await
}

async fn compare_documents(one: &Stores, other: &Stores, collection: &Collection) -> Result<(), CopyError> {
    let mut after: Option<String> = None;
    loop {
        let ones = page(one, collection, after.as_deref()).await?;
        let others = page(other, collection, after.as_deref()).await?;
        let content = |document: &Document| (document.id.clone(), document.body.clone());
        if !ones.iter().map(content).eq(others.iter().map(content)) {
            return Err(CopyError::Differs(format!("the collection `{}`", collection.name)));
        }
        let Some(last) = ones.last() else { return Ok(()) };
        after = Some(last.id.clone());
    }
}
