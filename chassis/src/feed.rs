//! The feed: the public facts about one entity in order, keyed by stream and version, and what stood after each.
//!
//! The ids of a stream's entries sort as its versions do, so that a run of versions is a run of ids: there is no index.
//!
//! It is a view like any other, so every replica can read it from any version on: history, the state at a time, live
//! streams and their resumption all come from here.
//!
//! What stands after an entry is folded from the entry before it, never from a total beside them: an entry that is
//! there is never changed again, so a batch that was written in part is written to its end with the same sums.
//!
//! Clocks may step back, versions never do. So an entry counts from the latest time that its stream had shown by then:
//! that never sinks, so what stood at a time is found by halving, without an index of times beside that of versions. The
//! feed must not know what is counted.

use async_trait::async_trait;
use contracts::StreamId;
use jiff::Timestamp;
use persistence::{BY_ID, Bound, Cursor, Index, Query, StoreError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::recorded::Recorded;
use crate::views::{Found, Key, LiveViews, UnitOfWork, View};

const COLLECTION: &str = "feed";
/// Ids were once not sorted as versions are, and entries repeated what their ids tell.
const FORM: u32 = 2;
/// Beyond any version.
const LATEST: u64 = 9_999_999_999_999_999;
/// How many versions back an entry may be of the same batch; farther back it is stored.
const NEAR: usize = 2_048;

/// The JSON object that an entry tells, which nobody takes apart before it is read.
pub type Facts = Box<RawValue>;

/// What may be told of a domain event in public: its facts, or `None` where it stays private.
pub type PublicFacts = fn(&Recorded) -> Option<Facts>;

/// What stands after an envelope, from what stood before it, where anything is known of that.
pub type Fold<S> = fn(Option<&S>, &Recorded) -> Option<S>;

/// What can stand after an entry.
pub trait Standing: Serialize + DeserializeOwned + Default + Clone + Send + Sync + 'static {
    /// Raised when it is kept otherwise than before, see [`View::form`].
    const FORM: u32 = 0;
}

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub stream: String,
    pub version: u64,
    pub name: String,
    pub time: Timestamp,
    /// Who: a user's id, `guest`, or `system`.
    pub actor: String,
    pub facts: Map<String, Value>,
    /// What stands after it. Empty where that is not known.
    pub standing: Map<String, Value>,
    /// From when on it counts.
    moment_ms: i64,
}

/// An entry as it is stored. Its id tells its stream and version.
#[derive(Default, Serialize, Deserialize)]
struct Stored<F, S> {
    name: String,
    time: Timestamp,
    actor: String,
    facts: F,
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<S>,
    /// From when on it counts, where that is not its own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    moment_ms: Option<i64>,
}

/// As it is read by those who do not know what is counted.
type AnyStored = Stored<Map<String, Value>, Map<String, Value>>;

/// Which state of a stream is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Version(u64),
    Time(Timestamp),
}

/// Which page of several streams is asked for.
#[derive(Debug, Clone)]
pub struct Walk {
    pub after: Option<Cursor>,
    /// Newest first.
    pub descending: bool,
    pub limit: usize,
}

/// A page of several streams.
#[derive(Debug)]
pub struct History {
    pub entries: Vec<Entry>,
    /// Where to go on, if there are more.
    pub next: Option<Cursor>,
}

/// Builds the feed.
pub struct FeedView<S> {
    pub public_facts: PublicFacts,
    pub fold: Fold<S>,
    /// An actor as the public may know it.
    pub public_actor: fn(&str) -> &str,
}

/// Reads the feed of one generation.
#[derive(Clone)]
pub struct Feed {
    views: LiveViews,
}

/// What an entry hands on to the next one.
#[derive(Default)]
struct Before<S> {
    standing: Option<S>,
    moment_ms: i64,
}

/// Where a page of several streams ended.
struct Place {
    moment_ms: i64,
    stream: StreamId,
    version: u64,
}

#[async_trait]
impl<S: Standing> View for FeedView<S> {
    fn collections(&self) -> &'static [(&'static str, &'static [Index])] {
        &[(COLLECTION, &[])]
    }

    fn form(&self) -> u32 {
        FORM + S::FORM
    }

    fn touches(&self, recorded: &Recorded, keys: &mut Vec<Key>) {
        let (stream, version) = (&recorded.envelope.stream, recorded.envelope.version);
        if version > 1 {
            keys.push((COLLECTION, id_of(stream, version - 1)));
        }
        keys.push((COLLECTION, id_of(stream, version)));
    }

    async fn apply(&self, recorded: &Recorded, unit: &mut UnitOfWork) -> Result<(), StoreError> {
        let Some(facts) = (self.public_facts)(recorded) else {
            return Ok(());
        };
        let envelope = &recorded.envelope;
        let before: Before<S> = before(&envelope.stream, envelope.version, unit).await?;
        let own_ms = envelope.time.as_millisecond();
        let entry = Stored {
            name: envelope.name.to_string(),
            time: envelope.time,
            actor: (self.public_actor)(envelope.actor.as_str()).to_owned(),
            facts,
            standing: (self.fold)(before.standing.as_ref(), recorded),
            moment_ms: Some(before.moment_ms).filter(|before| *before > own_ms),
        };
        let id = id_of(&envelope.stream, envelope.version);
        unit.update(COLLECTION, &id, recorded, |kept| *kept = entry).await
    }
}

/// Facts as the feed keeps them; `None` where they cannot be JSON.
pub fn told(facts: &impl Serialize) -> Option<Facts> {
    to_raw_value(facts).ok()
}

impl<F, S> Stored<F, S> {
    fn moment_ms(&self) -> i64 {
        self.moment_ms.unwrap_or_else(|| self.time.as_millisecond())
    }
}

impl Entry {
    fn read((id, stored): (String, AnyStored)) -> Result<Self, StoreError> {
        let named = id
            .split_once(' ')
            .and_then(|(stream, version)| Some((stream, version.parse().ok()?)));
        let (stream, version) = named.ok_or_else(|| StoreError::Broken(format!("`{id}` is no entry's id")))?;
        Ok(Self {
            stream: stream.to_owned(),
            version,
            moment_ms: stored.moment_ms(),
            name: stored.name,
            time: stored.time,
            actor: stored.actor,
            facts: stored.facts,
            standing: stored.standing.unwrap_or_default(),
        })
    }

    /// From when on it counts: the latest time that its stream had shown by then.
    pub fn moment(&self) -> Timestamp {
        Timestamp::from_millisecond(self.moment_ms).unwrap_or(self.time)
    }

    /// Its place among the entries of several streams: by time, and at the same time by stream.
    fn place(&self) -> (i64, &str, u64) {
        (self.moment_ms, &self.stream, self.version)
    }

    fn cursor(&self) -> Cursor {
        Cursor {
            values: vec![json!(self.moment_ms), json!(self.version)],
            id: self.stream.clone(),
        }
    }
}

impl Feed {
    pub fn new(views: LiveViews) -> Self {
        Self { views }
    }

    /// Entries of `stream` behind the version `after`, in order, at most `limit`; and where to go on, if there are more.
    pub async fn read(
        &self,
        stream: &StreamId,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<Entry>, Option<Cursor>), StoreError> {
        let query = run(stream, (after, false), (LATEST, true), limit);
        self.find(query).await
    }

    /// The entry of exactly this version.
    pub async fn entry(&self, stream: &StreamId, version: u64) -> Result<Option<Entry>, StoreError> {
        let id = id_of(stream, version);
        let stored = self.views.get(COLLECTION, &id).await?;
        stored.map(|stored| Entry::read((id, stored))).transpose()
    }

    /// The newest entry of `stream` at a moment; `None` before its first.
    pub async fn at(&self, stream: &StreamId, moment: Moment) -> Result<Option<Entry>, StoreError> {
        match moment {
            Moment::Version(version) => self.newest(stream, version).await,
            Moment::Time(time) => {
                let moment_ms = time.as_millisecond();
                self.last(stream, |entry| entry.moment_ms <= moment_ms).await
            }
        }
    }

    /// The newest entry up to `version`.
    async fn newest(&self, stream: &StreamId, version: u64) -> Result<Option<Entry>, StoreError> {
        let (mut found, _) = self.find(newest(stream, (version, true))).await?;
        Ok(found.pop())
    }

    async fn find(&self, query: Query) -> Result<(Vec<Entry>, Option<Cursor>), StoreError> {
        let (found, next): Found<AnyStored> = self.views.find(COLLECTION, query).await?;
        let entries: Result<_, _> = found.into_iter().map(Entry::read).collect();
        Ok((entries?, next))
    }

    /// The last entry that `counts`, as all before it do and none behind it does. Not every version has an entry.
    async fn last(&self, stream: &StreamId, counts: impl Fn(&Entry) -> bool) -> Result<Option<Entry>, StoreError> {
        let Some(newest) = self.newest(stream, LATEST).await? else {
            return Ok(None);
        };
        let mut last = None;
        // Entries up to `below` count, and those from `above` on do not.
        let (mut below, mut above) = (0, newest.version + 1);
        while above - below > 1 {
            let middle = below + (above - below) / 2;
            match self.newest(stream, middle).await? {
                Some(entry) if entry.version > below && !counts(&entry) => above = entry.version,
                Some(entry) if entry.version > below => (last, below) = (Some(entry), middle),
                _ => below = middle,
            }
        }
        Ok(last)
    }

    /// The entries of several streams in one order: by time, at the same time by stream, and never against the order of
    /// a stream.
    pub async fn merged(&self, streams: &[StreamId], walk: &Walk) -> Result<History, StoreError> {
        let place = walk.place(streams)?;
        let mut merged = Vec::new();
        for stream in streams {
            let query = walk.query(stream, self.start(stream, place.as_ref()).await?);
            merged.extend(self.find(query).await?.0);
        }
        merged.sort_by(|a, b| a.place().cmp(&b.place()));
        if walk.descending {
            merged.reverse();
        }
        let more = merged.len() > walk.limit;
        merged.truncate(walk.limit);
        let next = merged.last().filter(|_| more).map(Entry::cursor);
        Ok(History { entries: merged, next })
    }
}

impl Feed {
    /// The last version of a stream that stands at or before a place, in the order of several streams.
    async fn start(&self, stream: &StreamId, place: Option<&Place>) -> Result<Option<u64>, StoreError> {
        let Some(place) = place else { return Ok(None) };
        if place.stream == *stream {
            return Ok(Some(place.version));
        }
        let before = (place.moment_ms, place.stream.as_str());
        let last = self.last(stream, |entry| (entry.moment_ms, entry.stream.as_str()) < before);
        Ok(Some(last.await?.map_or(0, |entry| entry.version)))
    }
}

impl Walk {
    /// Where it goes on.
    fn place(&self, streams: &[StreamId]) -> Result<Option<Place>, StoreError> {
        let Some(cursor) = &self.after else { return Ok(None) };
        let place = Place::of(cursor).filter(|place| streams.contains(&place.stream));
        place.map(Some).ok_or(StoreError::ForeignCursor)
    }

    /// What one stream has for the page, behind or up to `start`. One more than asked for tells whether there is a next
    /// page.
    fn query(&self, stream: &StreamId, start: Option<u64>) -> Query {
        let (lower, upper) = match start {
            Some(version) if self.descending => ((0, true), (version, !self.after_own(stream))),
            Some(version) => ((version, false), (LATEST, true)),
            None => ((0, true), (LATEST, true)),
        };
        Query {
            descending: self.descending,
            ..run(stream, lower, upper, self.limit.saturating_add(1))
        }
    }

    /// Whether the page before ended in this stream.
    fn after_own(&self, stream: &StreamId) -> bool {
        self.after.as_ref().is_some_and(|cursor| cursor.id == stream.as_str())
    }
}

impl Place {
    fn of(cursor: &Cursor) -> Option<Self> {
        let [moment_ms, version] = &cursor.values[..] else {
            return None;
        };
        Some(Self {
            moment_ms: moment_ms.as_i64()?,
            stream: StreamId::parse(&cursor.id).ok()?,
            version: version.as_u64()?,
        })
    }
}

/// Nearly always the version before has an entry. Private facts, and names that this build did not know, leave gaps.
async fn before<S: Standing>(stream: &StreamId, version: u64, unit: &mut UnitOfWork) -> Result<Before<S>, StoreError> {
    for version in (1..version).rev().take(NEAR) {
        if let Some(before) = unit.read(COLLECTION, &id_of(stream, version), Before::of).await? {
            return Ok(before);
        }
    }
    if version <= NEAR as u64 + 1 {
        return Ok(Before::default());
    }
    let stored: Option<Stored<Facts, S>> = unit.find_stored(COLLECTION, newest(stream, (version, false))).await?;
    Ok(stored.as_ref().map(Before::of).unwrap_or_default())
}

impl<S: Standing> Before<S> {
    fn of(entry: &Stored<Facts, S>) -> Self {
        Self {
            standing: entry.standing.clone(),
            moment_ms: entry.moment_ms(),
        }
    }
}

/// No stream's name has a space in it: between a stream's ids there are none of another.
fn id_of(stream: &StreamId, version: u64) -> String {
    format!("{stream} {version:016}")
}

/// A version, and whether it is meant itself.
type End = (u64, bool);

/// The newest entry up to a version.
fn newest(stream: &StreamId, upper: End) -> Query {
    Query {
        descending: true,
        ..run(stream, (0, true), upper, 1)
    }
}

/// A stream's entries from one version to another.
fn run(stream: &StreamId, lower: End, upper: End, limit: usize) -> Query {
    let bound = |(version, inclusive): End| Bound {
        value: Value::from(id_of(stream, version.min(LATEST))),
        inclusive,
    };
    Query {
        lower: Some(bound(lower)),
        upper: Some(bound(upper)),
        ..Query::all(BY_ID, limit)
    }
}
