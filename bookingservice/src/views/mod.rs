//! The booking service's read models, and what of each domain event is public.

pub(crate) mod bookings;
pub(crate) mod inventories;

use chassis::Recorded;
use contracts::DomainEvent;
use serde_json::{Map, Value, json};

/// What the feed tells of a domain event: never who, beyond the actor, and no booking's id, which lets cancel it.
pub(crate) fn public_facts(recorded: &Recorded) -> Option<Map<String, Value>> {
    let facts = match &recorded.event {
        DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => {
            json!({ "event_id": details.id, "name": details.name, "start_time": details.start_time,
                    "end_time": details.end_time, "capacity": details.capacity })
        }
        DomainEvent::EventCancelled(cancelled) => json!({ "event_id": cancelled.id }),
        DomainEvent::InventoryOpened(terms) | DomainEvent::InventoryChanged(terms) => {
            json!({ "event_id": terms.event_id, "capacity": terms.capacity })
        }
        DomainEvent::InventoryClosed(closed) => json!({ "event_id": closed.event_id, "reason": closed.reason }),
        DomainEvent::EventBooked(booked) => json!({ "event_id": booked.event_id, "seats": booked.seats }),
        DomainEvent::BookingCancelled(cancelled) => {
            json!({ "event_id": cancelled.event_id, "seats": cancelled.seats })
        }
        _ => return None,
    };
    facts.as_object().cloned()
}
