//! Compares the words by which the documents of two builds of a view are found.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use persistence::{Indexed, Search, StoreError};

use super::compare::{Comparison, Side};

/// Documents read at a time.
const PAGE: usize = 500;

/// Documents that are found by other words in one build than in the other.
#[derive(Debug, Default)]
pub(crate) struct WordsApart {
    pub(crate) first: Option<String>,
    pub(crate) count: u64,
}

impl Comparison {
    pub(crate) async fn words_apart(&self, view: &str) -> Result<WordsApart, StoreError> {
        let (mut left, mut right) = (Pages::of(&self.before, view), Pages::of(&self.after, view));
        let mut apart = WordsApart::default();
        loop {
            left.fill().await?;
            right.fill().await?;
            let order = match (left.page.front(), right.page.front()) {
                (None, None) => return Ok(apart),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((left, _)), Some((right, _))) => left.cmp(right),
            };
            let one = (order != Ordering::Greater).then(|| left.page.pop_front()).flatten();
            let other = (order != Ordering::Less).then(|| right.page.pop_front()).flatten();
            if one != other {
                apart.count += 1;
                apart.first = apart.first.or_else(|| one.or(other).map(|(id, _)| id));
            }
        }
    }
}

struct Pages {
    search: Arc<dyn Search>,
    collection: String,
    page: VecDeque<Indexed>,
    after: Option<String>,
    ended: bool,
}

impl Pages {
    fn of(side: &Side, view: &str) -> Self {
        Self {
            search: Arc::clone(&side.search),
            collection: side.generation.collection(view),
            page: VecDeque::new(),
            after: None,
            ended: false,
        }
    }

    /// Sees to it that there is a front, as long as there are words.
    async fn fill(&mut self) -> Result<(), StoreError> {
        if self.ended || !self.page.is_empty() {
            return Ok(());
        }
        let found = self.search.scan(&self.collection, self.after.as_deref(), PAGE).await?;
        match found.last() {
            Some((id, _)) => self.after = Some(id.clone()),
            None => self.ended = true,
        }
        self.page = found.into();
        Ok(())
    }
}
