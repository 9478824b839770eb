//! What of each domain event is public, and what stood after it.
//!
//! Never told: who, beyond the actor, and a booking's id, which lets cancel it. What is not named here stays private.

use chassis::Recorded;
use chassis::feed::{Facts, told};
use contracts::{DomainEvent, InventoryTerms, StreamKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// An inventory after one of its entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) sold: u32,
    /// In force then; `None` before there were any terms.
    pub(crate) capacity: Option<u32>,
    pub(crate) closed: bool,
    /// Version of the entry whose facts are the terms in force; 0 before there were any.
    pub(crate) terms_version: u64,
}

/// What is told of by far the most domain events.
#[derive(Serialize)]
struct Booked<'a> {
    event_id: &'a str,
    seats: u32,
}

/// What the feed tells of a domain event.
pub(crate) fn public_facts(recorded: &Recorded) -> Option<Facts> {
    let facts = match &recorded.event {
        DomainEvent::EventBooked(booked) => {
            return told(&Booked {
                event_id: &booked.event_id,
                seats: booked.seats,
            });
        }
        DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => {
            json!({ "event_id": details.id, "name": details.name, "start_time": details.start_time,
                    "end_time": details.end_time, "capacity": details.capacity })
        }
        DomainEvent::EventCancelled(cancelled) => json!({ "event_id": cancelled.id }),
        DomainEvent::InventoryOpened(terms) | DomainEvent::InventoryChanged(terms) => json!(terms),
        DomainEvent::InventoryClosed(closed) => json!({ "event_id": closed.event_id, "reason": closed.reason }),
        DomainEvent::BookingCancelled(cancelled) => {
            json!({ "event_id": cancelled.event_id, "seats": cancelled.seats, "cancelled_by": cancelled.cancelled_by })
        }
        _ => return None,
    };
    told(&facts)
}

/// The terms that the facts of `inventory.opened` and `inventory.changed` are.
pub(crate) fn terms_in(facts: Map<String, Value>) -> Option<InventoryTerms> {
    serde_json::from_value(Value::Object(facts)).ok()
}

/// What stands after an envelope. `None` for other streams than inventories, and where the beginning is not known: a sum
/// from the middle on would be wrong.
pub(crate) fn fold(before: Option<&Standing>, recorded: &Recorded) -> Option<Standing> {
    let is_inventory = recorded.envelope.stream.is(StreamKind::Inventory);
    if !is_inventory || before.is_none() && recorded.envelope.version > 1 {
        return None;
    }
    let mut standing = before.cloned().unwrap_or_default();
    standing.take_in(recorded);
    Some(standing)
}

impl chassis::feed::Standing for Standing {}

impl Standing {
    /// `None` where nothing is known.
    pub(crate) fn read(standing: &Map<String, Value>) -> Option<Self> {
        Self::deserialize(standing).ok()
    }

    fn take_in(&mut self, recorded: &Recorded) {
        match &recorded.event {
            DomainEvent::InventoryOpened(terms) | DomainEvent::InventoryChanged(terms) => {
                self.capacity = Some(terms.capacity);
                self.terms_version = recorded.envelope.version;
            }
            DomainEvent::InventoryClosed(_) => self.closed = true,
            DomainEvent::EventBooked(booked) => self.sold = self.sold.saturating_add(booked.seats),
            DomainEvent::BookingCancelled(cancelled) => self.sold = self.sold.saturating_sub(cancelled.seats),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::{Actor, CommitBounds, EventBooked, Hash, StreamId, Unsealed};
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn booked(stream: &str, version: u64) -> Recorded {
        let event = DomainEvent::EventBooked(EventBooked {
            booking_id: "b".to_owned(),
            event_id: "e".to_owned(),
            event_name: None,
            user_id: "u".to_owned(),
            seats: 2,
        });
        let sealed = Unsealed {
            id: Uuid::now_v7(),
            name: event.name(),
            stream: StreamId::parse(stream).unwrap(),
            version,
            commit: CommitBounds {
                first: version,
                last: version,
            },
            schema_version: event.schema_version(),
            time: Timestamp::UNIX_EPOCH,
            actor: Actor::system(),
            idempotency: None,
            payload: event.payload(),
        };
        let envelope = sealed.seal(&Hash::GENESIS, None);
        Recorded {
            envelope: envelope.into(),
            event,
        }
    }

    #[test]
    fn a_sum_is_never_begun_in_the_middle() {
        let first = fold(None, &booked("inventory/e", 1));
        assert_eq!(first.as_ref().unwrap().sold, 2);
        let second = fold(first.as_ref(), &booked("inventory/e", 2));
        assert_eq!(second.unwrap().sold, 4);
        assert_eq!(fold(None, &booked("inventory/e", 2)), None);
        assert_eq!(fold(None, &booked("event/e", 1)), None);
    }
}
