//! One who listens: to all that happens to an event, to what is left of it, or to what is left of many.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chassis::http::sse::message;
use contracts::StreamId;
use futures::{Stream, stream};
use persistence::StoreError;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tracing::warn;

use super::news::{News, joined, one_behind_the_other};
use super::picture::{self, Parts};
use super::watchers::{Left, OfAll};
use super::{Live, Place};

/// Entries that are read at a time by who is behind.
const PAGE: usize = 200;
/// A reader that was told more by another replica waits for this one to get there.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time to take the picture of all events.
const LONGEST_PICTURE: Duration = Duration::from_secs(60);

/// Hears all that happens to an event, nothing twice and without a gap.
pub(crate) struct Everything {
    live: Live,
    stream: StreamId,
    news: Receiver<Arc<News>>,
    first: Option<Bytes>,
    /// The version that was told last.
    last: u64,
    /// What is next is in the feed, and may not be in the news.
    is_behind: bool,
    is_over: bool,
    _place: Place,
}

/// Hears what is left of an event; of several changes perhaps the last only.
pub(crate) struct Availabilities {
    news: Receiver<Arc<News>>,
    first: Option<Bytes>,
    last: u64,
    _place: Place,
}

/// Hears what is left of many events.
pub(crate) struct Overview {
    live: Live,
    news: Receiver<OfAll>,
    /// Of which events; of all where none are named.
    only: Option<BTreeSet<String>>,
    came: Instant,
    /// Parts of the first picture, and how many of them are told; `None` where it is not held.
    picture: Option<(Parts, usize)>,
    is_shown: bool,
    is_over: bool,
    _place: Place,
}

impl Everything {
    /// Goes on behind the version `after`; else begins with what is left now.
    pub(crate) async fn open(
        live: Live,
        stream: StreamId,
        after: Option<u64>,
        place: Place,
    ) -> Result<Self, StoreError> {
        let news = live.watchers.subscribe(stream.entity_id());
        let (last, first) = begin(&live, &stream, after).await?;
        Ok(Self {
            live,
            stream,
            news,
            first,
            last,
            is_behind: true,
            is_over: false,
            _place: place,
        })
    }

    pub(crate) fn messages(self) -> impl Stream<Item = Bytes> {
        stream::unfold(self, |mut listener| async move {
            let next = listener.next().await?;
            Some((next, listener))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        while !self.is_over {
            if self.is_behind {
                match self.page().await {
                    Ok(Some(page)) => return Some(page),
                    Ok(None) => self.is_behind = false,
                    Err(error) => return Some(self.end_over(&error)),
                }
            }
            match self.news.recv().await {
                Ok(news) if news.after > self.last => self.is_behind = true,
                Ok(news) => {
                    let messages = news.behind(self.last);
                    self.last = self.last.max(news.version);
                    if messages.is_some() {
                        return messages;
                    }
                }
                Err(RecvError::Lagged(_)) => return Some(self.end_for_slow()),
                Err(RecvError::Closed) => return None,
            }
        }
        None
    }

    /// What the feed has behind what was told last, as far as the views are complete.
    async fn page(&mut self) -> Result<Option<Bytes>, StoreError> {
        let _turn = self.live.reads.acquire().await;
        // Whatever was told until now it is about to read.
        self.news = self.news.resubscribe();
        let complete = self.live.views.progress.version(&self.stream).await?;
        let (mut entries, _) = self.live.feed.read(&self.stream, self.last, PAGE).await?;
        entries.retain(|entry| entry.version <= complete);
        let Some(last) = entries.last() else { return Ok(None) };
        self.last = last.version;
        Ok(Some(joined(entries).0))
    }

    fn end_for_slow(&mut self) -> Bytes {
        self.is_over = true;
        slow(&self.live)
    }

    fn end_over(&mut self, error: &StoreError) -> Bytes {
        self.is_over = true;
        broken(error)
    }
}

impl Availabilities {
    /// Begins with what is left now, whatever the reader saw last: time alone may have begun or ended its sales.
    pub(crate) async fn open(live: Live, stream: &StreamId, place: Place) -> Result<Self, StoreError> {
        let news = live.watchers.subscribe(stream.entity_id());
        let now = live.availability(stream.entity_id()).await?;
        Ok(Self {
            news,
            last: now.as_ref().map_or(0, |told| told.version),
            first: now.map(|told| told.message),
            _place: place,
        })
    }

    pub(crate) fn messages(self) -> impl Stream<Item = Bytes> {
        stream::unfold(self, |mut listener| async move {
            let next = listener.next().await?;
            Some((next, listener))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let news = match self.news.recv().await {
                Ok(news) => news,
                // The news that it goes on with tell all that it missed.
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return None,
            };
            let told = news.availability.as_ref().filter(|told| told.version > self.last);
            if let Some(told) = told {
                self.last = told.version;
                return Some(told.message.clone());
            }
        }
    }
}

impl Overview {
    pub(crate) fn open(live: Live, only: Option<BTreeSet<String>>, place: Place) -> Self {
        Self {
            news: live.watchers.subscribe_to_all(),
            came: Instant::now(),
            live,
            only,
            picture: None,
            is_shown: false,
            is_over: false,
            _place: place,
        }
    }

    pub(crate) fn messages(self) -> impl Stream<Item = Bytes> {
        stream::unfold(self, |mut listener| async move {
            let next = listener.next().await?;
            Some((next, listener))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if self.is_over {
            return None;
        }
        if !self.is_shown {
            match self.next_part().await {
                Ok(Some(part)) => return Some(part),
                Ok(None) => self.is_shown = true,
                Err(error) => return Some(self.end(broken(&error))),
            }
        }
        loop {
            let last = match self.news.recv().await {
                Ok(OfAll::Left(left)) => match self.wanted(&left) {
                    Some(messages) => return Some(messages),
                    None => continue,
                },
                Ok(OfAll::Anew) => resume("views_changed"),
                Err(RecvError::Lagged(_)) => slow(&self.live),
                Err(RecvError::Closed) => return None,
            };
            return Some(self.end(last));
        }
    }

    fn end(&mut self, last: Bytes) -> Bytes {
        self.is_over = true;
        last
    }

    /// `None` where the picture is told. Nobody keeps one from others by taking it too slowly.
    async fn next_part(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.picture.is_none() {
            self.picture = Some((self.draw().await?, 0));
        }
        let Some((parts, told)) = &mut self.picture else {
            return Ok(None);
        };
        if *told > 0 && self.came.elapsed() > LONGEST_PICTURE {
            self.picture = None;
            return Ok(Some(self.end(slow(&self.live))));
        }
        let part = parts.get(*told).cloned();
        *told += 1;
        if part.is_none() {
            self.picture = None;
        }
        Ok(part)
    }

    async fn draw(&self) -> Result<Parts, StoreError> {
        let Some(only) = &self.only else {
            return picture::of_all(&self.live, self.came).await;
        };
        let _turn = self.live.reads.acquire().await;
        let part = picture::of_these(&self.live, only.iter().map(String::as_str)).await?;
        Ok([part].into())
    }

    /// Those of the messages that are of its events, one behind the other.
    fn wanted(&self, left: &Left) -> Option<Bytes> {
        let messages = match &self.only {
            Some(only) => one_behind_the_other(only.iter().filter_map(|id| left.each.get(id))),
            None => left.all.clone(),
        };
        (!messages.is_empty()).then_some(messages)
    }
}

/// The version that a reader has seen, and what it is to be told first.
async fn begin(live: &Live, stream: &StreamId, after: Option<u64>) -> Result<(u64, Option<Bytes>), StoreError> {
    let version = live.views.progress.version(stream).await?;
    live.watchers.begins(stream.entity_id(), version);
    if let Some(after) = after
        && (after <= version || live.views.progress.wait_for(stream, after, PATIENCE).await?)
    {
        return Ok((after, None));
    }
    let now = live.availability(stream.entity_id()).await?;
    Ok(now.map_or((version, None), |told| (told.version, Some(told.message))))
}

/// The last message to a reader that does not take what there is.
fn slow(live: &Live) -> Bytes {
    live.metrics.was_slow();
    resume("too_slow")
}

/// The last message where the store fails.
fn broken(error: &StoreError) -> Bytes {
    warn!(%error, "a stream ends, because what comes next cannot be read");
    resume("unavailable")
}

/// Browsers come back by themselves, and say what they have seen.
fn resume(reason: &str) -> Bytes {
    message("resume", None, &json!({ "reason": reason }))
}
