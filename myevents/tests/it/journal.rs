//! Looks into a service's journal from outside, and holds it to the law.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use contracts::{DomainEvent, Envelope, Hash, StreamId, StreamKind, verify_chain};
use persistence::Journal;

use crate::support::stores;

/// What a walk through an inventory's stream found.
pub(crate) struct Inventory {
    pub(crate) sold: u32,
    /// Seats by booking, cancelled ones included.
    pub(crate) bookings: BTreeMap<String, u32>,
}

/// The envelopes of an event's inventory, checked to be gapless and chained hash for hash.
pub(crate) async fn inventory_stream(folder: &Path, event_id: &str) -> Vec<Arc<Envelope>> {
    inventory_stream_in(&*stores(folder, "booking").await.journal, event_id).await
}

async fn inventory_stream_in(journal: &dyn Journal, event_id: &str) -> Vec<Arc<Envelope>> {
    let stream = StreamId::new(StreamKind::Inventory, event_id).unwrap();
    let commits = journal.read(&stream, 0, usize::MAX).await.unwrap();
    let envelopes: Vec<Arc<Envelope>> = commits.into_iter().flat_map(|commit| commit.envelopes).collect();
    verify_chain((0, Hash::GENESIS), &envelopes).unwrap();
    envelopes
}

/// Walks an inventory version by version: never more sold than the capacity then in force, every booking once.
pub(crate) async fn walk_inventory(folder: &Path, event_id: &str) -> Inventory {
    walk_inventory_in(&*stores(folder, "booking").await.journal, event_id).await
}

/// The same, of the journal of a booking service.
pub(crate) async fn walk_inventory_in(journal: &dyn Journal, event_id: &str) -> Inventory {
    let mut inventory = Inventory {
        sold: 0,
        bookings: BTreeMap::new(),
    };
    let mut capacity = 0;
    for envelope in inventory_stream_in(journal, event_id).await {
        match envelope.event().unwrap() {
            DomainEvent::InventoryOpened(terms) | DomainEvent::InventoryChanged(terms) => capacity = terms.capacity,
            DomainEvent::EventBooked(booked) => {
                inventory.sold += booked.seats;
                assert!(inventory.sold <= capacity, "oversold at version {}", envelope.version);
                let twice = inventory.bookings.insert(booked.booking_id, booked.seats);
                assert_eq!(twice, None, "booked twice at version {}", envelope.version);
            }
            DomainEvent::BookingCancelled(cancelled) => inventory.sold -= cancelled.seats,
            _ => {}
        }
    }
    inventory
}
