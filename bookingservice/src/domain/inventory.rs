mod bookings;
mod compact_id;
#[cfg(test)]
mod model;
mod snapshot;

use chassis::Recorded;
use chassis::desk::{Aggregate, SnapshotCodec};
use contracts::{
    BookingCancelled, CancelledBy, CloseReason, DomainEvent, EventBooked, InventoryClosed, InventoryTerms,
};
use jiff::Timestamp;

use bookings::Bookings;

/// The stream `inventory/<event id>`: what is needed to prove that no seat is sold twice, and nothing else.
///
/// The law: no booking raises the seats sold above the capacity then in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inventory {
    terms: Option<InventoryTerms>,
    closed: bool,
    /// Version of the event that terms or closing came from last.
    source_version: u64,
    sold: u32,
    bookings: Bookings,
}

#[derive(Debug, Clone)]
pub(crate) enum InventoryCommand {
    /// Sell on these terms from now on. Older terms than those in force change nothing.
    SetTerms(InventoryTerms),
    Close {
        event_id: String,
        source_version: u64,
    },
    /// All seats or none.
    Book {
        booking_id: String,
        user_id: String,
        seats: u32,
    },
    /// The seats return.
    Cancel {
        booking_id: String,
        cancelled_by: CancelledBy,
    },
}

/// Why seats are not sold, or a booking is not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InventoryRejection {
    /// Never opened: there is no such event, as far as is known.
    NotOpened,
    EventCancelled {
        left: u32,
    },
    EventOver {
        left: u32,
    },
    SalesNotStarted {
        start: Timestamp,
        left: u32,
    },
    SalesEnded {
        left: u32,
    },
    NotEnoughSeats {
        left: u32,
    },
    OverBookingLimit {
        most: u32,
        left: u32,
    },
    OverUserLimit {
        most: u32,
        booked: u32,
        left: u32,
    },
    UnknownBooking,
    /// Bookings can be cancelled until the event starts.
    EventStarted,
}

impl Aggregate for Inventory {
    type Command = InventoryCommand;
    type Rejection = InventoryRejection;

    const SNAPSHOTS: Option<SnapshotCodec<Self>> = Some(snapshot::CODEC);

    fn decide(&self, command: &InventoryCommand, now: Timestamp) -> Result<Vec<DomainEvent>, InventoryRejection> {
        match command {
            InventoryCommand::SetTerms(terms) => Ok(self.set_terms(terms)),
            InventoryCommand::Close {
                event_id,
                source_version,
            } => Ok(self.close(event_id, *source_version)),
            InventoryCommand::Book {
                booking_id,
                user_id,
                seats,
            } => self.book(booking_id, user_id, *seats, now),
            InventoryCommand::Cancel {
                booking_id,
                cancelled_by,
            } => self.cancel(booking_id, *cancelled_by, now),
        }
    }

    fn apply(&mut self, recorded: &Recorded) {
        match &recorded.event {
            DomainEvent::InventoryOpened(terms) | DomainEvent::InventoryChanged(terms) => {
                self.source_version = terms.source_version;
                self.bookings.count_users(terms.max_seats_per_user.is_some());
                self.terms = Some(terms.clone());
            }
            DomainEvent::InventoryClosed(closed) => {
                self.source_version = closed.source_version;
                self.closed = true;
            }
            DomainEvent::EventBooked(booked) => self.take_seats(booked),
            DomainEvent::BookingCancelled(cancelled) => self.return_seats(cancelled),
            _ => {}
        }
    }

    fn settle(&mut self) {
        self.bookings.settle();
    }
}

impl Inventory {
    /// Seats that can still be sold; none where more are sold than the capacity, after it was lowered.
    pub(crate) fn left(&self) -> u32 {
        let capacity = self.terms.as_ref().map_or(0, |terms| terms.capacity);
        capacity.saturating_sub(self.sold)
    }

    fn set_terms(&self, terms: &InventoryTerms) -> Vec<DomainEvent> {
        if terms.source_version <= self.source_version {
            return Vec::new();
        }
        vec![match self.terms {
            None => DomainEvent::InventoryOpened(terms.clone()),
            Some(_) => DomainEvent::InventoryChanged(terms.clone()),
        }]
    }

    fn close(&self, event_id: &str, source_version: u64) -> Vec<DomainEvent> {
        if self.closed || source_version <= self.source_version {
            return Vec::new();
        }
        vec![DomainEvent::InventoryClosed(InventoryClosed {
            event_id: event_id.to_owned(),
            reason: CloseReason::Cancelled,
            source_version,
        })]
    }

    fn book(
        &self,
        booking_id: &str,
        user_id: &str,
        seats: u32,
        now: Timestamp,
    ) -> Result<Vec<DomainEvent>, InventoryRejection> {
        // One may be closed before anybody has said how many seats it has.
        if self.closed {
            return Err(InventoryRejection::EventCancelled { left: self.left() });
        }
        let terms = self.terms.as_ref().ok_or(InventoryRejection::NotOpened)?;
        self.check_open(terms, now)?;
        self.check_limits(terms, user_id, seats)?;
        Ok(vec![DomainEvent::EventBooked(EventBooked {
            booking_id: booking_id.to_owned(),
            event_id: terms.event_id.clone(),
            event_name: Some(terms.event_name.clone()),
            user_id: user_id.to_owned(),
            seats,
        })])
    }

    fn check_open(&self, terms: &InventoryTerms, now: Timestamp) -> Result<(), InventoryRejection> {
        let left = self.left();
        if now >= terms.end_time {
            return Err(InventoryRejection::EventOver { left });
        }
        if now >= terms.sales_end {
            return Err(InventoryRejection::SalesEnded { left });
        }
        match terms.sales_start {
            Some(start) if now < start => Err(InventoryRejection::SalesNotStarted { start, left }),
            _ => Ok(()),
        }
    }

    fn check_limits(&self, terms: &InventoryTerms, user_id: &str, seats: u32) -> Result<(), InventoryRejection> {
        let left = self.left();
        if let Some(most) = terms.max_seats_per_booking.filter(|most| seats > *most) {
            return Err(InventoryRejection::OverBookingLimit { most, left });
        }
        if let Some(most) = terms.max_seats_per_user {
            let booked = self.bookings.seats_of(user_id);
            if booked.saturating_add(seats) > most {
                return Err(InventoryRejection::OverUserLimit { most, booked, left });
            }
        }
        if seats > left {
            return Err(InventoryRejection::NotEnoughSeats { left });
        }
        Ok(())
    }

    fn cancel(
        &self,
        booking_id: &str,
        cancelled_by: CancelledBy,
        now: Timestamp,
    ) -> Result<Vec<DomainEvent>, InventoryRejection> {
        let booking = self
            .bookings
            .get(booking_id)
            .ok_or(InventoryRejection::UnknownBooking)?;
        let terms = self.terms.as_ref().ok_or(InventoryRejection::NotOpened)?;
        if booking.cancelled {
            return Ok(Vec::new());
        }
        if now >= terms.start_time {
            return Err(InventoryRejection::EventStarted);
        }
        Ok(vec![DomainEvent::BookingCancelled(BookingCancelled {
            booking_id: booking_id.to_owned(),
            event_id: terms.event_id.clone(),
            user_id: booking.user.to_text(),
            seats: booking.seats,
            cancelled_by,
        })])
    }

    fn take_seats(&mut self, booked: &EventBooked) {
        self.sold = self.sold.saturating_add(booked.seats);
        self.bookings.add(&booked.booking_id, &booked.user_id, booked.seats);
    }

    fn return_seats(&mut self, cancelled: &BookingCancelled) {
        self.sold = self.sold.saturating_sub(cancelled.seats);
        self.bookings
            .cancel(&cancelled.booking_id, &cancelled.user_id, cancelled.seats);
    }
}

#[cfg(test)]
mod tests {
    use contracts::{Actor, CommitBounds, Hash, StreamId, Unsealed};
    use uuid::Uuid;

    use super::*;

    const HOUR: i64 = 3_600;

    /// The event starts at hour 0 and ends at hour 2.
    pub(super) fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_797_343_200 + hour * HOUR).unwrap()
    }

    fn terms(capacity: u32) -> InventoryTerms {
        InventoryTerms {
            event_id: "aida".to_owned(),
            event_name: "Aida".to_owned(),
            start_time: at(0),
            end_time: at(2),
            capacity,
            max_seats_per_booking: None,
            max_seats_per_user: None,
            sales_start: None,
            sales_end: at(0),
            source_version: 1,
        }
    }

    pub(super) fn take_in(inventory: &mut Inventory, event: DomainEvent) {
        let sealed = Unsealed {
            id: Uuid::now_v7(),
            name: event.name(),
            stream: StreamId::parse("inventory/aida").unwrap(),
            version: 1,
            commit: CommitBounds { first: 1, last: 1 },
            schema_version: 1,
            time: at(-9),
            actor: Actor::system(),
            idempotency: None,
            payload: event.payload(),
        };
        inventory.apply(&Recorded {
            envelope: sealed.seal(&Hash::GENESIS, None).into(),
            event,
        });
    }

    fn opened(terms: InventoryTerms) -> Inventory {
        let mut inventory = Inventory::default();
        take_in(&mut inventory, DomainEvent::InventoryOpened(terms));
        inventory
    }

    fn book(inventory: &mut Inventory, id: &str, user: &str, seats: u32) -> Result<(), InventoryRejection> {
        let command = InventoryCommand::Book {
            booking_id: id.to_owned(),
            user_id: user.to_owned(),
            seats,
        };
        decide(inventory, &command, at(-9))
    }

    fn cancel(inventory: &mut Inventory, id: &str, now: Timestamp) -> Result<(), InventoryRejection> {
        let command = InventoryCommand::Cancel {
            booking_id: id.to_owned(),
            cancelled_by: CancelledBy::Holder,
        };
        decide(inventory, &command, now)
    }

    fn decide(inventory: &mut Inventory, command: &InventoryCommand, now: Timestamp) -> Result<(), InventoryRejection> {
        for event in inventory.decide(command, now)? {
            take_in(inventory, event);
        }
        Ok(())
    }

    #[test]
    fn seats_are_sold_up_to_the_capacity_all_or_nothing() {
        let mut inventory = opened(terms(5));
        assert_eq!(book(&mut inventory, "1", "u", 3), Ok(()));
        let refused = book(&mut inventory, "2", "u", 3);
        assert_eq!(refused, Err(InventoryRejection::NotEnoughSeats { left: 2 }));
        assert_eq!(book(&mut inventory, "3", "u", 2), Ok(()));
        assert_eq!(inventory.left(), 0);
    }

    #[test]
    fn cancelled_seats_return_once() {
        let mut inventory = opened(terms(5));
        book(&mut inventory, "1", "u", 5).unwrap();
        assert_eq!(cancel(&mut inventory, "1", at(-1)), Ok(()));
        assert_eq!(cancel(&mut inventory, "1", at(-1)), Ok(()));
        assert_eq!(inventory.left(), 5);
        assert_eq!(
            cancel(&mut inventory, "2", at(-1)),
            Err(InventoryRejection::UnknownBooking)
        );
    }

    #[test]
    fn bookings_can_be_cancelled_until_the_event_starts() {
        let mut inventory = opened(terms(5));
        book(&mut inventory, "1", "u", 5).unwrap();
        assert_eq!(
            cancel(&mut inventory, "1", at(0)),
            Err(InventoryRejection::EventStarted)
        );
    }

    #[test]
    fn a_user_has_a_limit_that_cancelling_frees() {
        let mut inventory = opened(InventoryTerms {
            max_seats_per_user: Some(4),
            max_seats_per_booking: Some(3),
            ..terms(100)
        });
        let refused = book(&mut inventory, "0", "u", 4);
        assert_eq!(
            refused,
            Err(InventoryRejection::OverBookingLimit { most: 3, left: 100 })
        );
        book(&mut inventory, "1", "u", 3).unwrap();
        let refused = book(&mut inventory, "2", "u", 2);
        let expected = InventoryRejection::OverUserLimit {
            most: 4,
            booked: 3,
            left: 97,
        };
        assert_eq!(refused, Err(expected));
        assert_eq!(book(&mut inventory, "3", "another", 2), Ok(()));
        cancel(&mut inventory, "1", at(-1)).unwrap();
        assert_eq!(book(&mut inventory, "4", "u", 2), Ok(()));
    }

    #[test]
    fn the_sales_window_and_the_event_have_ends() {
        let inventory = opened(InventoryTerms {
            sales_start: Some(at(-5)),
            sales_end: at(-1),
            ..terms(5)
        });
        let command = InventoryCommand::Book {
            booking_id: "1".to_owned(),
            user_id: "u".to_owned(),
            seats: 1,
        };
        let rejected = |now| inventory.decide(&command, now).unwrap_err();
        let left = 5;
        assert_eq!(
            rejected(at(-6)),
            InventoryRejection::SalesNotStarted { start: at(-5), left }
        );
        assert_eq!(rejected(at(-1)), InventoryRejection::SalesEnded { left });
        assert_eq!(rejected(at(2)), InventoryRejection::EventOver { left });
        assert!(inventory.decide(&command, at(-2)).is_ok());
    }

    #[test]
    fn a_closed_inventory_sells_nothing_and_an_unopened_one_is_unknown() {
        let mut inventory = opened(terms(5));
        let close = InventoryCommand::Close {
            event_id: "aida".to_owned(),
            source_version: 2,
        };
        decide(&mut inventory, &close, at(-9)).unwrap();
        assert_eq!(
            book(&mut inventory, "1", "u", 1),
            Err(InventoryRejection::EventCancelled { left: 5 })
        );
        assert_eq!(inventory.decide(&close, at(-9)), Ok(vec![]));
        assert_eq!(
            book(&mut Inventory::default(), "1", "u", 1),
            Err(InventoryRejection::NotOpened)
        );
        let never_opened = Inventory {
            closed: true,
            ..Inventory::default()
        };
        assert_eq!(
            book(&mut never_opened.clone(), "1", "u", 1),
            Err(InventoryRejection::EventCancelled { left: 0 })
        );
    }

    #[test]
    fn capacity_counts_at_once_and_old_terms_change_nothing() {
        let mut inventory = opened(terms(5));
        book(&mut inventory, "1", "u", 5).unwrap();
        let raised = InventoryTerms {
            source_version: 3,
            ..terms(6)
        };
        decide(&mut inventory, &InventoryCommand::SetTerms(raised), at(-9)).unwrap();
        assert_eq!(inventory.left(), 1);
        let late = InventoryTerms {
            source_version: 2,
            ..terms(900)
        };
        decide(&mut inventory, &InventoryCommand::SetTerms(late), at(-9)).unwrap();
        assert_eq!(inventory.left(), 1);
        let lowered = InventoryTerms {
            source_version: 4,
            ..terms(2)
        };
        decide(&mut inventory, &InventoryCommand::SetTerms(lowered), at(-9)).unwrap();
        assert_eq!(
            book(&mut inventory, "2", "u", 1),
            Err(InventoryRejection::NotEnoughSeats { left: 0 })
        );
    }
}
