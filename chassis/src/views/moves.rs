//! In which streams the live views have moved on, whichever replica took them there.
//!
//! Each record of progress carries the wall clock of whoever wrote it. Clocks differ, and what is written is seen a moment
//! later: so every look begins a while before the newest record that was seen, and now and then a longer while. Streams
//! that are followed by name are asked for then, too, whatever the clocks say. It must not know what a stream is about.

use std::collections::HashMap;

use contracts::StreamId;
use persistence::StoreError;

use super::{Generation, LiveProgress};
use crate::consumer::progress::{Moved, now_ms};

/// A record may be written by a clock that is so far behind, or be seen so late.
const USUALLY_LATE_MS: i64 = 2_000;
const LATEST_MS: i64 = 60_000;
/// One look in so many goes back as far as the latest may be.
const LONG_LOOKS: u32 = 20;
/// Records that are asked for together.
const TOGETHER: usize = 500;

/// What has moved, from when it was made on.
pub struct Moves {
    progress: LiveProgress,
    place: Option<Place>,
    /// Versions that were told, and when they were reached.
    told: HashMap<StreamId, (u64, i64)>,
    looks: u32,
}

/// What a look has found.
#[derive(Debug)]
pub struct Look {
    /// Streams that have moved on, each with the version that it has reached.
    pub moved: Vec<(StreamId, u64)>,
    /// Other views are live than before: of what moved until then, only streams that are followed are told.
    pub is_anew: bool,
}

/// How far whose records were looked at.
struct Place {
    generation: Generation,
    newest_ms: i64,
    /// What is older is no news: views that were built anew have written everything of late.
    oldest_ms: i64,
}

impl Moves {
    pub fn of(progress: LiveProgress) -> Self {
        Self {
            progress,
            place: None,
            told: HashMap::new(),
            looks: 0,
        }
    }

    /// What has moved since the last look; the first one also tells some of what moved a moment before. `followed` names,
    /// now and then, the streams of which nothing may be missed.
    pub async fn look(&mut self, followed: impl FnOnce() -> Vec<StreamId>) -> Result<Look, StoreError> {
        let (is_anew, newest_ms, oldest_ms) = self.place().await?;
        let is_long = self.looks.is_multiple_of(LONG_LOOKS);
        let late = if is_long { LATEST_MS } else { USUALLY_LATE_MS };
        let mut found = self.moved_since((newest_ms - late).max(oldest_ms)).await?;
        if is_long {
            found.extend(self.versions(&followed(), newest_ms).await?);
        }
        self.looks = self.looks.wrapping_add(1);
        let moved = found.into_iter().filter_map(|moved| self.note(moved)).collect();
        self.told.retain(|_, (_, moved_ms)| *moved_ms >= newest_ms - LATEST_MS);
        Ok(Look { moved, is_anew })
    }

    /// Lets the next look tell once more what the last ones have told.
    pub fn forget(&mut self) {
        self.told.clear();
        self.looks = 0;
    }

    /// Whether other views are live than before; the newest record that is known, and the oldest that counts.
    async fn place(&mut self) -> Result<(bool, i64, i64), StoreError> {
        let generation = self.progress.generation();
        if let Some(place) = self.place.as_mut().filter(|place| place.generation == generation) {
            // A clock that was ahead, and was set right, would hide what is written from now on.
            place.newest_ms = place.newest_ms.min(now_ms());
            place.oldest_ms = place.oldest_ms.min(place.newest_ms - USUALLY_LATE_MS);
            return Ok((false, place.newest_ms, place.oldest_ms));
        }
        let newest_ms = self.progress.newest_move().await?.unwrap_or(i64::MAX).min(now_ms());
        let oldest_ms = newest_ms - USUALLY_LATE_MS;
        let before = self.place.replace(Place {
            generation,
            newest_ms,
            oldest_ms,
        });
        self.forget();
        Ok((before.is_some(), newest_ms, oldest_ms))
    }

    async fn moved_since(&self, since_ms: i64) -> Result<Vec<Moved>, StoreError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (moved, next) = self.progress.moved(since_ms, after).await?;
            all.extend(moved);
            let Some(next) = next else { return Ok(all) };
            after = Some(next);
        }
    }

    /// As if they had moved just now, so that it is remembered what was told of them.
    async fn versions(&self, followed: &[StreamId], now_ms: i64) -> Result<Vec<Moved>, StoreError> {
        let mut all = Vec::with_capacity(followed.len());
        for some in followed.chunks(TOGETHER) {
            let versions = self.progress.versions(some).await?;
            all.extend(versions.into_iter().map(|(stream, version)| Moved {
                stream,
                version,
                moved_ms: now_ms,
            }));
        }
        Ok(all)
    }

    fn note(&mut self, moved: Moved) -> Option<(StreamId, u64)> {
        if let Some(place) = &mut self.place {
            place.newest_ms = place.newest_ms.max(moved.moved_ms);
        }
        let told = self.told.entry(moved.stream.clone()).or_default();
        let is_news = told.0 < moved.version;
        *told = (told.0.max(moved.version), moved.moved_ms.max(told.1));
        is_news.then_some((moved.stream, moved.version))
    }
}
