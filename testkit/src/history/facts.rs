//! What the journals say, read from beginning to end and folded by rules of the checker's own.

use std::collections::{BTreeMap, BTreeSet};

use contracts::{DomainEvent, Envelope, EventBooked, Hash, InventoryTerms, StreamId, StreamKind, verify_chain};
use jiff::Timestamp;
use persistence::Stores;
use uuid::Uuid;

use super::parts::Opened;
use super::{Findings, Kind};

/// One envelope, read.
pub(super) struct Fact {
    pub(super) version: u64,
    pub(super) id: Uuid,
    pub(super) hash: Hash,
    pub(super) time: Timestamp,
    pub(super) actor: String,
    pub(super) event: DomainEvent,
}

/// Both journals, by stream.
#[derive(Default)]
pub(super) struct Journals {
    pub(super) streams: BTreeMap<StreamId, Vec<Fact>>,
}

/// A booking as the journal has it.
#[derive(Debug)]
pub(super) struct Booked {
    pub(super) id: String,
    pub(super) event: String,
    pub(super) guest: String,
    pub(super) seats: u32,
    pub(super) at: Timestamp,
    pub(super) cancelled_at: Option<Timestamp>,
}

/// An inventory at its last version.
#[derive(Default)]
pub(super) struct Inventory {
    pub(super) version: u64,
    pub(super) terms: Option<InventoryTerms>,
    /// In force at this version, as the event's own stream has it.
    capacity: u32,
    pub(super) sold: u32,
    /// In the order of the journal.
    pub(super) bookings: Vec<Booked>,
}

impl Journals {
    /// Reads these streams, each from the journal that it belongs to.
    pub(super) async fn read(parts: &Opened, streams: BTreeSet<StreamId>, findings: &mut Findings) -> Self {
        let mut journals = Self::default();
        for stream in streams {
            let of_events = stream.is(StreamKind::Event) || stream.is(StreamKind::Location);
            let stores = if of_events { &parts.events } else { &parts.bookings };
            let facts = read_stream(stores, &stream, findings).await;
            journals.streams.insert(stream, facts);
        }
        journals
    }

    pub(super) fn of_kind(&self, kind: StreamKind) -> impl Iterator<Item = (&str, &[Fact])> {
        let streams = self.streams.iter().filter(move |(stream, _)| stream.is(kind));
        streams.map(|(stream, facts)| (stream.entity_id(), facts.as_slice()))
    }

    pub(super) fn stream(&self, kind: StreamKind, id: &str) -> &[Fact] {
        let stream = StreamId::new(kind, id).ok();
        stream
            .and_then(|stream| self.streams.get(&stream))
            .map_or(&[], Vec::as_slice)
    }

    /// Every inventory, held to the law: no booking raises the seats sold above the capacity then in force. What that is
    /// the event's own stream says, not the terms that were made of it.
    pub(super) fn inventories(&self, findings: &mut Findings) -> BTreeMap<String, Inventory> {
        let inventories = self.of_kind(StreamKind::Inventory);
        inventories
            .map(|(event, facts)| (event.to_owned(), Inventory::fold(event, facts, self, findings)))
            .collect()
    }

    fn capacity_at(&self, event: &str, version: u64) -> Option<u32> {
        let fact = self
            .stream(StreamKind::Event, event)
            .iter()
            .find(|fact| fact.version == version)?;
        match &fact.event {
            DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => details.capacity,
            _ => None,
        }
    }
}

async fn read_stream(stores: &Stores, stream: &StreamId, findings: &mut Findings) -> Vec<Fact> {
    let commits = stores.journal.read(stream, 0, usize::MAX).await.unwrap();
    let envelopes: Vec<_> = commits.into_iter().flat_map(|commit| commit.envelopes).collect();
    if let Err(broken) = verify_chain((0, Hash::GENESIS), &envelopes) {
        findings.add(Kind::BrokenChain, broken.to_string());
    }
    let mut facts = Vec::with_capacity(envelopes.len());
    for envelope in &envelopes {
        facts.push(Fact::read(envelope));
    }
    facts
}

impl Fact {
    fn read(envelope: &Envelope) -> Self {
        Self {
            version: envelope.version,
            id: envelope.id,
            hash: envelope.hash,
            time: envelope.time,
            actor: envelope.actor.to_string(),
            event: envelope.event().unwrap(),
        }
    }
}

impl Inventory {
    fn fold(event: &str, facts: &[Fact], journals: &Journals, findings: &mut Findings) -> Self {
        let mut inventory = Self::default();
        for fact in facts {
            inventory.version = fact.version;
            match &fact.event {
                DomainEvent::InventoryOpened(terms) | DomainEvent::InventoryChanged(terms) => {
                    inventory.capacity = journals.capacity_at(event, terms.source_version).unwrap_or(0);
                    inventory.set_terms(terms, findings);
                }
                DomainEvent::EventBooked(booked) => inventory.book(booked, fact, findings),
                DomainEvent::BookingCancelled(cancelled) => inventory.cancel(&cancelled.booking_id, fact, findings),
                _ => {}
            }
        }
        inventory
    }

    fn set_terms(&mut self, terms: &InventoryTerms, findings: &mut Findings) {
        if terms.capacity != self.capacity {
            let (event, sells) = (&terms.event_id, terms.capacity);
            let what = format!(
                "inventory {event}@{} sells {sells} seats of {}",
                self.version, self.capacity
            );
            findings.add(Kind::Altered, what);
        }
        self.terms = Some(terms.clone());
    }

    fn book(&mut self, booked: &EventBooked, fact: &Fact, findings: &mut Findings) {
        self.sold += booked.seats;
        if self.sold > self.capacity {
            let (event, version) = (&booked.event_id, fact.version);
            let what = format!("inventory {event}@{version}: {} seats of {}", self.sold, self.capacity);
            findings.add(Kind::Oversold, what);
        }
        self.bookings.push(Booked {
            id: booked.booking_id.clone(),
            event: booked.event_id.clone(),
            guest: booked.user_id.clone(),
            seats: booked.seats,
            at: fact.time,
            cancelled_at: None,
        });
    }

    fn cancel(&mut self, booking: &str, fact: &Fact, findings: &mut Findings) {
        let standing = self
            .bookings
            .iter_mut()
            .find(|booked| booked.id == booking && booked.cancelled_at.is_none());
        let Some(booked) = standing else {
            return findings.add(
                Kind::Doubled,
                format!("booking {booking} is cancelled and did not stand"),
            );
        };
        booked.cancelled_at = Some(fact.time);
        self.sold -= booked.seats;
    }
}
