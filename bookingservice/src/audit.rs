//! What a journal of inventories and users has to keep, told a second time: without the aggregate that decides, so that a
//! fault of either is seen by the other.
//!
//! The law: no booking raises the seats sold above the capacity then in force. Beside it, a booking is made once over all
//! inventories, and only one that stands is cancelled.

use std::collections::{HashMap, HashSet};

use chassis::Recorded;
use chassis::audit::{Audit, Violation};
use contracts::{BookingCancelled, DomainEvent, EventBooked, StreamId};
use thiserror::Error;
use uuid::Uuid;

/// How an inventory's history breaks the rules.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InventoryFault {
    #[error("{seats} seats are booked before the inventory is open")]
    NotOpen { seats: u32 },
    #[error("{seats} seats are booked after the inventory is closed")]
    Closed { seats: u32 },
    #[error("oversold: {seats} more seats make {sold} of {capacity}")]
    Oversold { seats: u32, sold: u64, capacity: u32 },
    #[error("booking {0} is made a second time")]
    BookedTwice(String),
    #[error("booking {0} is cancelled, which does not stand")]
    CancelledWithoutBooking(String),
    #[error("booking {id} of {booked} seats returns {returned}")]
    OtherSeats { id: String, booked: u32, returned: u32 },
}

/// Holds inventories to the rules, envelope by envelope.
///
/// It remembers each booking that was ever made in some 40 bytes, and those that stand in streams that are not done.
#[derive(Default)]
pub struct InventoryAudit {
    inventories: HashMap<StreamId, Inventory>,
    made: HashSet<BookingKey>,
    cancelled: u64,
    seats: u64,
}

#[derive(Default)]
struct Inventory {
    capacity: Option<u32>,
    closed: bool,
    sold: u64,
    /// Seats of the bookings that stand.
    standing: HashMap<BookingKey, u32>,
}

/// A booking's id. Nearly all are UUIDs, which are kept small.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum BookingKey {
    Uuid(u128),
    Text(Box<str>),
}

impl InventoryAudit {
    /// Takes in the next envelope of its stream.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn take(&mut self, recorded: &Recorded) -> Result<(), InventoryFault> {
        match &recorded.event {
            DomainEvent::InventoryOpened(terms) | DomainEvent::InventoryChanged(terms) => {
                self.of(recorded).capacity = Some(terms.capacity);
            }
            DomainEvent::InventoryClosed(_) => self.of(recorded).closed = true,
            DomainEvent::EventBooked(booked) => self.booked(recorded, booked)?,
            DomainEvent::BookingCancelled(cancelled) => self.cancelled(recorded, cancelled)?,
            _ => {}
        }
        Ok(())
    }

    fn of(&mut self, recorded: &Recorded) -> &mut Inventory {
        self.inventories.entry(recorded.envelope.stream.clone()).or_default()
    }

    fn booked(&mut self, recorded: &Recorded, booked: &EventBooked) -> Result<(), InventoryFault> {
        let key = BookingKey::of(&booked.booking_id);
        if !self.made.insert(key.clone()) {
            return Err(InventoryFault::BookedTwice(booked.booking_id.clone()));
        }
        self.seats += u64::from(booked.seats);
        self.of(recorded).book(key, booked.seats)
    }

    fn cancelled(&mut self, recorded: &Recorded, cancelled: &BookingCancelled) -> Result<(), InventoryFault> {
        self.cancelled += 1;
        self.of(recorded).cancel(cancelled)
    }
}

impl Audit for InventoryAudit {
    fn take_in(&mut self, recorded: &Recorded) -> Result<(), Violation> {
        Ok(self.take(recorded)?)
    }

    fn leave(&mut self, stream: &StreamId) {
        self.inventories.remove(stream);
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("bookings", self.made.len() as u64),
            ("cancelled", self.cancelled),
            ("seats booked", self.seats),
        ]
    }
}

impl Inventory {
    fn book(&mut self, key: BookingKey, seats: u32) -> Result<(), InventoryFault> {
        let capacity = self.capacity.ok_or(InventoryFault::NotOpen { seats })?;
        if self.closed {
            return Err(InventoryFault::Closed { seats });
        }
        let sold = self.sold + u64::from(seats);
        if sold > u64::from(capacity) {
            return Err(InventoryFault::Oversold { seats, sold, capacity });
        }
        self.sold = sold;
        self.standing.insert(key, seats);
        Ok(())
    }

    fn cancel(&mut self, cancelled: &BookingCancelled) -> Result<(), InventoryFault> {
        let id = &cancelled.booking_id;
        let standing = self.standing.remove(&BookingKey::of(id));
        let booked = standing.ok_or_else(|| InventoryFault::CancelledWithoutBooking(id.clone()))?;
        let returned = cancelled.seats;
        if booked != returned {
            let id = id.clone();
            return Err(InventoryFault::OtherSeats { id, booked, returned });
        }
        self.sold = self.sold.saturating_sub(u64::from(returned));
        Ok(())
    }
}

impl BookingKey {
    /// Only the usual spelling is kept as a number: two spellings of a UUID are two ids.
    fn of(id: &str) -> Self {
        let uuid = Uuid::try_parse(id).ok().filter(|uuid| uuid.to_string() == id);
        uuid.map_or_else(|| Self::Text(id.into()), |uuid| Self::Uuid(uuid.as_u128()))
    }
}

#[cfg(test)]
mod tests {
    use contracts::{Actor, CloseReason, CommitBounds, Hash, InventoryClosed, InventoryTerms, Unsealed};
    use jiff::Timestamp;

    use super::*;

    fn terms(capacity: u32) -> DomainEvent {
        DomainEvent::InventoryChanged(InventoryTerms {
            event_id: "aida".to_owned(),
            event_name: "Aida".to_owned(),
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

    fn booked(id: &str, seats: u32) -> DomainEvent {
        DomainEvent::EventBooked(EventBooked {
            booking_id: id.to_owned(),
            event_id: "aida".to_owned(),
            event_name: None,
            user_id: "u".to_owned(),
            seats,
        })
    }

    /// As it is read from a journal, so that new fields of its payload need not be named here.
    fn cancelled(id: &str, seats: u32) -> DomainEvent {
        let payload = serde_json::json!({"booking_id": id, "event_id": "aida", "user_id": "u", "seats": seats});
        let name = contracts::EventName::parse("booking.cancelled");
        DomainEvent::decode(&name, 1, &payload.into()).unwrap()
    }

    fn closed() -> DomainEvent {
        DomainEvent::InventoryClosed(InventoryClosed {
            event_id: "aida".to_owned(),
            reason: CloseReason::Cancelled,
            source_version: 2,
        })
    }

    fn recorded(stream: &str, event: &DomainEvent) -> Recorded {
        let sealed = Unsealed {
            id: Uuid::now_v7(),
            name: event.name(),
            stream: StreamId::parse(stream).unwrap(),
            version: 1,
            commit: CommitBounds { first: 1, last: 1 },
            schema_version: event.schema_version(),
            time: Timestamp::UNIX_EPOCH,
            actor: Actor::system(),
            idempotency: None,
            payload: event.payload(),
        };
        Recorded::read(sealed.seal(&Hash::GENESIS, None)).unwrap()
    }

    /// What is wrong with a history, and with which of its events, from 1.
    fn verdict(history: &[(&str, DomainEvent)]) -> Result<(), (usize, InventoryFault)> {
        let mut audit = InventoryAudit::default();
        for (number, (stream, event)) in history.iter().enumerate() {
            let taken = audit.take(&recorded(stream, event));
            taken.map_err(|fault| (number + 1, fault))?;
        }
        Ok(())
    }

    const A: &str = "inventory/a";
    const B: &str = "inventory/b";

    #[test]
    fn seats_return_and_capacities_change() {
        let history = [
            (A, terms(3)),
            (A, booked("1", 2)),
            (B, terms(1)),
            (A, booked("2", 1)),
            (A, cancelled("1", 2)),
            (B, booked("3", 1)),
            (A, terms(1)),
            (A, terms(2)),
            (A, booked("4", 1)),
            (A, closed()),
            (A, cancelled("4", 1)),
        ];
        assert_eq!(verdict(&history), Ok(()));
    }

    #[test]
    fn no_booking_raises_the_seats_sold_above_the_capacity_in_force() {
        let oversold = |seats, sold, capacity| InventoryFault::Oversold { seats, sold, capacity };
        let history = [(A, terms(3)), (A, booked("1", 2)), (A, booked("2", 2))];
        assert_eq!(verdict(&history), Err((3, oversold(2, 4, 3))));
        let history = [
            (A, terms(9)),
            (A, booked("1", 2)),
            (A, terms(1)),
            (A, cancelled("1", 2)),
            (A, booked("2", 1)),
            (A, booked("3", 1)),
        ];
        assert_eq!(verdict(&history), Err((6, oversold(1, 2, 1))));
        let history = [(A, terms(u32::MAX)), (A, booked("1", u32::MAX)), (A, booked("2", 1))];
        assert_eq!(verdict(&history), Err((3, oversold(1, 1 << 32, u32::MAX))));
    }

    #[test]
    fn nothing_is_booked_before_an_inventory_is_open_or_after_it_is_closed() {
        let history = [(B, terms(9)), (A, booked("1", 2))];
        assert_eq!(verdict(&history), Err((2, InventoryFault::NotOpen { seats: 2 })));
        let history = [(A, terms(9)), (A, closed()), (A, booked("1", 2))];
        assert_eq!(verdict(&history), Err((3, InventoryFault::Closed { seats: 2 })));
    }

    #[test]
    fn a_booking_is_made_once_over_all_inventories() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let twice = Err((4, InventoryFault::BookedTwice(id.to_owned())));
        assert_eq!(
            verdict(&[(A, terms(9)), (B, terms(9)), (A, booked(id, 1)), (B, booked(id, 1))]),
            twice
        );
        let mut audit = InventoryAudit::default();
        for event in [terms(9), booked("1", 1)] {
            audit.take(&recorded(A, &event)).unwrap();
        }
        audit.leave(&StreamId::parse(A).unwrap());
        audit.take(&recorded(B, &terms(9))).unwrap();
        let again = audit.take(&recorded(B, &booked("1", 1)));
        assert_eq!(again, Err(InventoryFault::BookedTwice("1".to_owned())));
    }

    #[test]
    fn only_bookings_that_stand_are_cancelled_with_all_their_seats() {
        let missing = |number, id: &str| Err((number, InventoryFault::CancelledWithoutBooking(id.to_owned())));
        assert_eq!(verdict(&[(A, terms(9)), (A, cancelled("1", 1))]), missing(2, "1"));
        let twice = [
            (A, terms(9)),
            (A, booked("1", 1)),
            (A, cancelled("1", 1)),
            (A, cancelled("1", 1)),
        ];
        assert_eq!(verdict(&twice), missing(4, "1"));
        let elsewhere = [
            (A, terms(9)),
            (A, booked("1", 1)),
            (B, terms(9)),
            (B, cancelled("1", 1)),
        ];
        assert_eq!(verdict(&elsewhere), missing(4, "1"));
        let fewer = InventoryFault::OtherSeats {
            id: "1".to_owned(),
            booked: 3,
            returned: 2,
        };
        assert_eq!(
            verdict(&[(A, terms(9)), (A, booked("1", 3)), (A, cancelled("1", 2))]),
            Err((3, fewer))
        );
    }
}
