//! Histories to start from: a data folder whose services have seen many events and bookings, written in seconds instead
//! of booked in hours.
//!
//! The journals get what the services themselves would have written, hash for hash, through the journals' own contract:
//! a location, events there, an inventory for each, and guests' bookings. Views are not written; the services build
//! them at their next start. Where the broker's log is written too, nothing waits to be published then.
//!
//! For folders whose services do not run.

use std::path::Path;
use std::sync::Arc;

use contracts::{
    Actor, CommitBounds, DomainEvent, Envelope, EventBooked, EventDetails, Hall, Hash, IdempotencyDigests,
    InventoryTerms, LocationDetails, StreamId, StreamKind, Unsealed,
};
use futures::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use msgqueue::Broker;
use persistence::{Commit, Stores};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{broker_url, store_url};

/// As many as fit into a commit by far.
const BOOKINGS_IN_COMMIT: u64 = 200;
/// Commits made ahead of the one that is written.
const COMMITS_AHEAD: usize = 4;
/// Streams written at once: their commits share syncs.
const STREAMS_AT_ONCE: usize = 128;

const SEATS_LEFT: u64 = 10_000_000;

/// What the services are to have seen.
#[derive(Debug, Clone)]
pub struct Histories {
    events: u64,
    bookings_of_each: u64,
    keyed: bool,
    published: Published,
    now: Timestamp,
}

/// Which log has it all, too.
#[derive(Debug, Clone)]
enum Published {
    Nowhere,
    /// That of the broker which tests use.
    Here,
    /// That of the broker with this URL.
    To(String),
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Written {
    pub location_id: String,
    /// In the order in which they start.
    pub event_ids: Vec<String>,
    pub envelopes: u64,
}

impl Histories {
    /// So many events at one location, each with so many bookings of one seat by a guest each, and ten million
    /// seats left. They start a month from now, a minute apart.
    pub fn new(events: u64, bookings_of_each: u64) -> Self {
        Self {
            events,
            bookings_of_each,
            keyed: false,
            published: Published::Nowhere,
            now: Timestamp::from_second(Timestamp::now().as_second()).unwrap(),
        }
    }

    /// Each booking came with an `Idempotency-Key`, a moment ago.
    pub fn keyed(mut self) -> Self {
        self.keyed = true;
        self
    }

    /// The embedded log has it all, too.
    pub fn published(mut self) -> Self {
        self.published = Published::Here;
        self
    }

    /// The log of the broker with this URL has it all, too.
    pub fn published_to(mut self, broker: &str) -> Self {
        self.published = Published::To(broker.to_owned());
        self
    }

    /// Writes into the folder of `myevents serve` with everything by default, which has none of it yet.
    pub async fn write(self, data_dir: &Path) -> Written {
        let events = self.target(data_dir, "event").await;
        let bookings = self.target(data_dir, "booking").await;
        let location = location();
        let mut envelopes = events.write(self.stream_of_location(&location)).await;
        let all: Vec<EventDetails> = (0..self.events).map(|number| self.event(number, &location)).collect();
        envelopes += events.write_all(&all, |event| self.stream_of_event(event)).await;
        envelopes += bookings.write_all(&all, |event| self.stream_of_inventory(event)).await;
        Written {
            location_id: location.id,
            event_ids: all.into_iter().map(|event| event.id).collect(),
            envelopes,
        }
    }

    async fn target(&self, data_dir: &Path, service: &str) -> Target {
        let stores = persistence::open(&store_url(data_dir, service)).await.unwrap();
        let url = match &self.published {
            Published::Nowhere => None,
            Published::Here => Some(broker_url(data_dir)),
            Published::To(url) => Some(url.clone()),
        };
        let broker = match url {
            Some(url) => Some(msgqueue::open(&url).await.unwrap()),
            None => None,
        };
        Target { stores, broker }
    }

    fn event(&self, number: u64, location: &LocationDetails) -> EventDetails {
        let after = SignedDuration::from_hours(30 * 24) + SignedDuration::from_mins(number.cast_signed());
        let start_time = self.now + after;
        let capacity = u32::try_from(self.bookings_of_each + SEATS_LEFT).unwrap();
        EventDetails {
            id: Uuid::now_v7().to_string(),
            name: format!("concert {number}"),
            description: None,
            image_url: None,
            organiser: None,
            start_time,
            end_time: start_time + SignedDuration::from_hours(2),
            duration: Some(120),
            location_id: location.id.clone(),
            location: Some(location.clone()),
            location_version: Some(1),
            hall: None,
            own_capacity: Some(capacity),
            capacity: Some(capacity),
            max_seats_per_booking: None,
            max_seats_per_user: None,
            sales_start: None,
            sales_end: None,
        }
    }

    fn stream_of_location(&self, location: &LocationDetails) -> Chain {
        let mut chain = Chain::new(StreamKind::Location, &location.id, self.now);
        chain.then(vec![(DomainEvent::LocationCreated(location.clone()), None)]);
        chain
    }

    fn stream_of_event(&self, event: &EventDetails) -> Chain {
        let mut chain = Chain::new(StreamKind::Event, &event.id, self.now);
        chain.then(vec![(DomainEvent::EventCreated(event.clone()), None)]);
        chain
    }

    fn stream_of_inventory(&self, event: &EventDetails) -> Chain {
        let mut chain = Chain::new(StreamKind::Inventory, &event.id, self.now);
        chain.then(vec![(DomainEvent::InventoryOpened(terms(event)), None)]);
        chain.bookings = self.bookings_of_each;
        chain.keyed = self.keyed;
        chain.event_name.clone_from(&event.name);
        chain
    }
}

/// A service's journal, and the log where it is written.
#[derive(Clone)]
struct Target {
    stores: Stores,
    broker: Option<Broker>,
}

impl Target {
    /// Returns how many envelopes that were.
    async fn write_all(&self, events: &[EventDetails], chain_of: impl Fn(&EventDetails) -> Chain) -> u64 {
        let chains = events.iter().map(chain_of);
        let writing = stream::iter(chains).map(|chain| tokio::spawn(self.clone().write_owned(chain)));
        let counts = writing.buffer_unordered(STREAMS_AT_ONCE);
        counts.fold(0, async |sum, count| sum + count.unwrap()).await
    }

    async fn write_owned(self, chain: Chain) -> u64 {
        self.write(chain).await
    }

    /// One thread makes commits while another writes.
    async fn write(&self, mut chain: Chain) -> u64 {
        let mut envelopes = 0;
        if chain.bookings == 0 {
            for (previous, commit) in chain {
                envelopes += self.append(previous, commit).await;
            }
            return envelopes;
        }
        let (made, mut commits) = mpsc::channel(COMMITS_AHEAD);
        let making = spawn_blocking(move || chain.try_for_each(|commit| made.blocking_send(commit)));
        while let Some((previous, commit)) = commits.recv().await {
            envelopes += self.append(previous, commit).await;
        }
        making.await.unwrap().unwrap();
        envelopes
    }

    async fn append(&self, previous: Hash, commit: Commit) -> u64 {
        let key = commit.key().unwrap();
        let envelopes = commit.envelopes.len() as u64;
        if let Some(broker) = &self.broker {
            broker.emitter.emit(&commit.envelopes).await.unwrap();
        }
        self.stores.journal.append(previous, &commit).await.unwrap();
        if self.broker.is_some() {
            self.stores.journal.mark_published(&[key]).await.unwrap();
        }
        envelopes
    }
}

/// A stream's commits, made one after the other.
struct Chain {
    stream: StreamId,
    now: Timestamp,
    version: u64,
    hash: Hash,
    /// The first commit, until it is taken.
    first: Option<(Hash, Commit)>,
    /// Bookings still to be made.
    bookings: u64,
    keyed: bool,
    event_name: String,
}

impl Iterator for Chain {
    /// A commit and the hash before it.
    type Item = (Hash, Commit);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let count = self.bookings.min(BOOKINGS_IN_COMMIT);
        self.bookings -= count;
        let bookings: Vec<_> = (0..count).map(|_| self.booking()).collect();
        (count > 0).then(|| self.commit(bookings))
    }
}

impl Chain {
    fn new(kind: StreamKind, id: &str, now: Timestamp) -> Self {
        Self {
            stream: StreamId::new(kind, id).unwrap(),
            now,
            version: 0,
            hash: Hash::GENESIS,
            first: None,
            bookings: 0,
            keyed: false,
            event_name: String::new(),
        }
    }

    fn then(&mut self, events: Vec<(DomainEvent, Option<IdempotencyDigests>)>) {
        self.first = Some(self.commit(events));
    }

    fn booking(&self) -> (DomainEvent, Option<IdempotencyDigests>) {
        let (booking, guest) = (Uuid::now_v7(), Uuid::now_v7().as_u128());
        let digests = || IdempotencyDigests {
            key: format!("{:032x}{guest:032x}", booking.as_u128()),
            request: format!("{guest:064x}"),
        };
        let booked = EventBooked {
            booking_id: booking.to_string(),
            event_id: self.stream.entity_id().to_owned(),
            event_name: Some(self.event_name.clone()),
            user_id: format!("guest-{guest:032x}"),
            seats: 1,
        };
        (DomainEvent::EventBooked(booked), self.keyed.then(digests))
    }

    fn commit(&mut self, events: Vec<(DomainEvent, Option<IdempotencyDigests>)>) -> (Hash, Commit) {
        let previous = self.hash;
        let bounds = CommitBounds {
            first: self.version + 1,
            last: self.version + events.len() as u64,
        };
        let events = events.into_iter();
        let envelopes = events
            .map(|(event, digests)| Arc::new(self.envelope(&event, digests, bounds)))
            .collect();
        let commit = Commit {
            id: Uuid::now_v7(),
            envelopes,
        };
        (previous, commit)
    }

    fn envelope(
        &mut self,
        event: &DomainEvent,
        idempotency: Option<IdempotencyDigests>,
        commit: CommitBounds,
    ) -> Envelope {
        self.version += 1;
        let actor = match event {
            DomainEvent::EventBooked(booked) => Actor::new(booked.user_id.clone()),
            _ => Actor::system(),
        };
        let unsealed = Unsealed {
            id: Uuid::now_v7(),
            name: event.name(),
            stream: self.stream.clone(),
            version: self.version,
            commit,
            schema_version: event.schema_version(),
            time: self.now,
            actor,
            idempotency,
            payload: event.payload(),
        };
        let envelope = unsealed.seal(&self.hash, None);
        self.hash = envelope.hash;
        envelope
    }
}

fn location() -> LocationDetails {
    LocationDetails {
        id: Uuid::now_v7().to_string(),
        external_id: None,
        name: "Philharmonic".to_owned(),
        address: String::new(),
        country: "Germany".to_owned(),
        open_time: None,
        close_time: None,
        time_zone: "Europe/Berlin".to_owned(),
        halls: vec![Hall {
            name: "Large hall".to_owned(),
            location: String::new(),
            capacity: 2_000,
        }],
    }
}

fn terms(event: &EventDetails) -> InventoryTerms {
    InventoryTerms {
        event_id: event.id.clone(),
        event_name: event.name.clone(),
        start_time: event.start_time,
        end_time: event.end_time,
        capacity: event.capacity.unwrap(),
        max_seats_per_booking: None,
        max_seats_per_user: None,
        sales_start: None,
        sales_end: event.start_time,
        source_version: 1,
    }
}
