//! Histories made by hand: right ones that are long, and wrong ones that no service would write.

use std::sync::Arc;

use contracts::{
    Actor, CommitBounds, DomainEvent, Envelope, EventBooked, Hash, InventoryTerms, StreamId, StreamKind, Unsealed,
};
use jiff::Timestamp;
use msgqueue::EventEmitter;
use persistence::{Commit, Journal};
use uuid::Uuid;

/// A stream that is written version by version.
pub(crate) struct History {
    stream: StreamId,
    hash: Hash,
    version: u64,
}

impl History {
    /// The inventory of an event, before its first version.
    pub(crate) fn inventory(event_id: &str) -> Self {
        Self {
            stream: StreamId::new(StreamKind::Inventory, event_id).unwrap(),
            hash: Hash::GENESIS,
            version: 0,
        }
    }

    /// The next commit.
    pub(crate) fn commit(&mut self, events: Vec<DomainEvent>) -> Vec<Envelope> {
        let bounds = CommitBounds {
            first: self.version + 1,
            last: self.version + events.len() as u64,
        };
        events.into_iter().map(|event| self.envelope(&event, bounds)).collect()
    }

    fn envelope(&mut self, event: &DomainEvent, commit: CommitBounds) -> Envelope {
        self.version += 1;
        let unsealed = Unsealed {
            id: Uuid::now_v7(),
            name: event.name(),
            stream: self.stream.clone(),
            version: self.version,
            commit,
            schema_version: event.schema_version(),
            time: Timestamp::UNIX_EPOCH,
            actor: Actor::system(),
            idempotency: None,
            payload: event.payload(),
        };
        let envelope = unsealed.seal(&self.hash, None);
        self.hash = envelope.hash;
        envelope
    }

    /// Appends the next commit to a journal.
    pub(crate) async fn append(&mut self, journal: &dyn Journal, events: Vec<DomainEvent>) {
        let previous = self.hash;
        let commit = Commit {
            id: Uuid::now_v7(),
            envelopes: shared(&self.commit(events)),
        };
        journal.append(previous, &commit).await.unwrap();
    }

    pub(crate) fn opened(&self, capacity: u32) -> DomainEvent {
        DomainEvent::InventoryOpened(InventoryTerms {
            event_id: self.stream.entity_id().to_owned(),
            event_name: "crafted".to_owned(),
            start_time: Timestamp::UNIX_EPOCH,
            end_time: Timestamp::UNIX_EPOCH,
            capacity,
            max_seats_per_booking: None,
            max_seats_per_user: None,
            sales_start: None,
            sales_end: Timestamp::UNIX_EPOCH,
            source_version: 1,
        })
    }

    pub(crate) fn booked(&self, seats: u32) -> DomainEvent {
        DomainEvent::EventBooked(EventBooked {
            booking_id: Uuid::now_v7().to_string(),
            event_id: self.stream.entity_id().to_owned(),
            event_name: None,
            user_id: Uuid::now_v7().to_string(),
            seats,
        })
    }
}

/// Inventories with so many bookings each, in commits of ten.
pub(crate) fn long_history(inventories: usize, bookings: usize) -> Vec<Envelope> {
    let mut all = Vec::new();
    for number in 0..inventories {
        let mut history = History::inventory(&format!("crafted-{number}"));
        all.extend(history.commit(vec![history.opened(u32::MAX)]));
        for _ in 0..bookings / 10 {
            let events = (0..10).map(|_| history.booked(1)).collect();
            all.extend(history.commit(events));
        }
    }
    all
}

/// As journals and emitters take them.
pub(crate) fn shared(envelopes: &[Envelope]) -> Vec<Arc<Envelope>> {
    envelopes.iter().cloned().map(Arc::new).collect()
}

/// Puts a history into a journal and a log, as if a service had published it.
pub(crate) async fn publish(history: &[Envelope], journal: &dyn Journal, emitter: &dyn EventEmitter) {
    let streams = history.chunk_by(|a, b| a.stream == b.stream);
    futures::future::join_all(streams.map(|stream| append_all(stream, journal))).await;
    for batch in history.chunks(1_000) {
        emitter.emit(&shared(batch)).await.unwrap();
    }
}

async fn append_all(stream: &[Envelope], journal: &dyn Journal) {
    let mut previous = Hash::GENESIS;
    for envelopes in stream.chunk_by(|a, b| a.commit == b.commit) {
        let commit = Commit {
            id: Uuid::now_v7(),
            envelopes: shared(envelopes),
        };
        let key = commit.key().unwrap();
        journal.append(previous, &commit).await.unwrap();
        journal.mark_published(&[key]).await.unwrap();
        previous = envelopes.last().unwrap().hash;
    }
}
