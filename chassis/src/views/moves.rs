//! In which streams the live views have moved on, whichever replica took them there.
//!
//! Each record of progress carries the wall clock of whoever wrote it. Clocks differ, and what is written is seen a moment
//! later: so every look begins a while before the newest record that was seen, and now and then a longer while. Streams
//! that are followed by name are asked for then, too, whatever the clocks say. It must not know what a stream is about.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use contracts::StreamId;
use persistence::StoreError;

use super::{Generation, LiveProgress};
use crate::consumer::progress::{Moved, now_ms};

/// A record may be written by a clock that is so far behind, or be seen so late.
const USUALLY_LATE: Duration = Duration::from_secs(2);
const LATEST: Duration = Duration::from_secs(60);
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
    /// Other views are live, and no look has told so.
    is_anew: bool,
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
    /// Since when nothing newer was seen.
    quiet_since: Instant,
}

impl Moves {
    pub fn of(progress: LiveProgress) -> Self {
        Self {
            progress,
            place: None,
            told: HashMap::new(),
            looks: 0,
            is_anew: false,
        }
    }

    /// What has moved since the last look of those streams that are wanted; the first one also tells some of what moved
    /// before. `followed` names, now and then, the streams of which nothing may be missed.
    pub async fn look(
        &mut self,
        is_wanted: impl Fn(&StreamId) -> bool,
        followed: impl FnOnce() -> Vec<StreamId>,
    ) -> Result<Look, StoreError> {
        let newest_ms = self.take_place().await?;
        let is_long = self.looks.is_multiple_of(LONG_LOOKS);
        let mut moved = self
            .news(if is_long { LATEST } else { USUALLY_LATE }, is_wanted)
            .await?;
        if is_long {
            let versions = self.versions(&followed(), newest_ms).await?;
            moved.extend(versions.into_iter().filter_map(|moved| self.note(moved)));
        }
        self.looks = self.looks.wrapping_add(1);
        self.told.retain(|_, (_, moved_ms)| *moved_ms >= newest_ms - ms(LATEST));
        let is_anew = std::mem::take(&mut self.is_anew);
        Ok(Look { moved, is_anew })
    }

    /// Lets the next look tell once more what the last ones have told.
    pub fn forget(&mut self) {
        self.told.clear();
        self.looks = 0;
    }

    /// Goes on where the last look was, or begins with the views that are live. Returns the newest record that is known.
    async fn take_place(&mut self) -> Result<i64, StoreError> {
        let generation = self.progress.generation();
        if let Some(place) = self.place.as_mut().filter(|place| place.generation == generation) {
            // A clock that was ahead, and was set right, would hide what is written from now on.
            place.newest_ms = place.newest_ms.min(now_ms());
            place.oldest_ms = place.oldest_ms.min(place.newest_ms - ms(USUALLY_LATE));
            return Ok(place.newest_ms);
        }
        let newest_ms = self.progress.newest_move().await?.unwrap_or(i64::MAX).min(now_ms());
        self.is_anew = self.place.is_some();
        let late = if self.is_anew { USUALLY_LATE } else { LATEST };
        self.place = Some(Place {
            generation,
            newest_ms,
            oldest_ms: newest_ms - ms(late),
            quiet_since: Instant::now(),
        });
        self.forget();
        Ok(newest_ms)
    }

    /// What has moved of late, of what was not told.
    async fn news(
        &mut self,
        late: Duration,
        is_wanted: impl Fn(&StreamId) -> bool,
    ) -> Result<Vec<(StreamId, u64)>, StoreError> {
        let since_ms = self.place.as_ref().map_or(i64::MIN, |place| place.since_ms(late));
        let (mut news, mut after) = (Vec::new(), None);
        loop {
            let (found, next) = self.progress.moved(since_ms, after).await?;
            if let (Some(place), Some(newest_ms)) = (&mut self.place, found.iter().map(|moved| moved.moved_ms).max()) {
                place.see(newest_ms);
            }
            let wanted = found.into_iter().filter(|moved| is_wanted(&moved.stream));
            news.extend(wanted.filter_map(|moved| self.note(moved)));
            let Some(next) = next else { return Ok(news) };
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
        let told = self.told.entry(moved.stream.clone()).or_default();
        let is_news = told.0 < moved.version;
        *told = (told.0.max(moved.version), moved.moved_ms.max(told.1));
        is_news.then_some((moved.stream, moved.version))
    }
}

impl Place {
    /// From where on to look. What may come so late has come by now where it has been quiet for longer.
    fn since_ms(&self, late: Duration) -> i64 {
        if self.quiet_since.elapsed() > late + USUALLY_LATE {
            return self.newest_ms;
        }
        (self.newest_ms - ms(late)).max(self.oldest_ms)
    }

    fn see(&mut self, moved_ms: i64) {
        if moved_ms > self.newest_ms {
            self.newest_ms = moved_ms;
            self.quiet_since = Instant::now();
        }
    }
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
