//! Random commands against a model that is slow and obviously right: inventory and model agree on every decision and
//! every state, and no seat is sold twice, wherever time goes and however often the state is kept and read back.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;

use super::tests::{at, take_in};
use super::*;

const CASES: u32 = 200;
const STEPS: usize = 500;
/// A look at every booking takes long where there are many: each step looks at those it touched, each so many at all.
const LOOK_AT_ALL: usize = 10;

type Decision = Result<Vec<DomainEvent>, InventoryRejection>;

#[derive(Debug, Clone)]
enum Step {
    Book {
        user: usize,
        seats: u32,
    },
    /// One of the bookings there are, by its place, or an unknown one.
    Cancel(Option<prop::sample::Index>),
    /// Terms from so many versions after the newest known, or before.
    SetTerms {
        newer: i64,
        terms: Box<InventoryTerms>,
    },
    Close {
        newer: i64,
    },
    Hours(i64),
    Snapshot,
    /// As a clerk does behind a commit.
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    let newer = -2..4_i64;
    prop_oneof![
        400 => (0..5_usize, 1..6_u32).prop_map(|(user, seats)| Step::Book { user, seats }),
        200 => any::<prop::sample::Index>().prop_map(|which| Step::Cancel(Some(which))),
        10 => Just(Step::Cancel(None)),
        80 => (newer.clone(), terms()).prop_map(|(newer, terms)| Step::SetTerms { newer, terms: Box::new(terms) }),
        1 => newer.prop_map(|newer| Step::Close { newer }),
        150 => (-8..9_i64).prop_map(Step::Hours),
        40 => Just(Step::Snapshot),
        200 => Just(Step::Settle),
    ]
}

/// The event starts around hour 0.
fn terms() -> impl Strategy<Value = InventoryTerms> {
    let limit = || prop::option::weighted(0.4, 2..9_u32);
    let hours = (-2..3_i64, -6..0_i64, prop::option::of(-24..-8_i64));
    (0..60_u32, limit(), limit(), hours).prop_map(|(capacity, of_booking, of_user, (start, end_of_sales, sales))| {
        InventoryTerms {
            event_id: "aida".to_owned(),
            event_name: "Aida".to_owned(),
            start_time: at(start),
            end_time: at(start + 2),
            capacity,
            max_seats_per_booking: of_booking,
            max_seats_per_user: of_user,
            sales_start: sales.map(at),
            sales_end: at(start + end_of_sales.min(0)),
            source_version: 0,
        }
    })
}

/// What an inventory is, in plain words.
#[derive(Debug, Default)]
struct Model {
    terms: Option<InventoryTerms>,
    closed: bool,
    source_version: u64,
    bookings: BTreeMap<String, Sale>,
}

#[derive(Debug, Clone)]
struct Sale {
    user_id: String,
    seats: u32,
    cancelled: bool,
}

impl Model {
    fn sold(&self) -> u32 {
        self.standing().map(|sale| sale.seats).sum()
    }

    fn held_by(&self, user_id: &str) -> u32 {
        let of_user = self.standing().filter(|sale| sale.user_id == user_id);
        of_user.map(|sale| sale.seats).sum()
    }

    fn standing(&self) -> impl Iterator<Item = &Sale> {
        self.bookings.values().filter(|sale| !sale.cancelled)
    }

    fn left(&self) -> u32 {
        let capacity = self.terms.as_ref().map_or(0, |terms| terms.capacity);
        if self.sold() < capacity {
            capacity - self.sold()
        } else {
            0
        }
    }

    fn decide(&self, command: &InventoryCommand, now: Timestamp) -> Decision {
        match command {
            InventoryCommand::SetTerms(terms) => Ok(self.expected_terms(terms)),
            InventoryCommand::Close { source_version, .. } => Ok(self.expected_close(*source_version)),
            InventoryCommand::Book {
                booking_id,
                user_id,
                seats,
            } => self.expected_booking(booking_id, user_id, *seats, now),
            InventoryCommand::Cancel { booking_id, .. } => self.expected_cancellation(booking_id, now),
        }
    }

    fn expected_terms(&self, terms: &InventoryTerms) -> Vec<DomainEvent> {
        match (terms.source_version > self.source_version, &self.terms) {
            (false, _) => vec![],
            (true, None) => vec![DomainEvent::InventoryOpened(terms.clone())],
            (true, Some(_)) => vec![DomainEvent::InventoryChanged(terms.clone())],
        }
    }

    fn expected_close(&self, source_version: u64) -> Vec<DomainEvent> {
        let event = InventoryClosed {
            event_id: "aida".to_owned(),
            reason: CloseReason::Cancelled,
            source_version,
        };
        let news = !self.closed && source_version > self.source_version;
        news.then_some(DomainEvent::InventoryClosed(event))
            .into_iter()
            .collect()
    }

    /// The first rule in this list that is broken is the answer.
    fn expected_booking(&self, booking_id: &str, user_id: &str, seats: u32, now: Timestamp) -> Decision {
        if self.closed {
            return Err(InventoryRejection::EventCancelled { left: self.left() });
        }
        let terms = self.terms.as_ref().ok_or(InventoryRejection::NotOpened)?;
        let (left, booked) = (self.left(), self.held_by(user_id));
        let of_booking = terms.max_seats_per_booking.unwrap_or(u32::MAX);
        let of_user = terms.max_seats_per_user.unwrap_or(u32::MAX);
        let start = terms.sales_start.unwrap_or(Timestamp::MIN);
        let rules = [
            (now >= terms.end_time, InventoryRejection::EventOver { left }),
            (now >= terms.sales_end, InventoryRejection::SalesEnded { left }),
            (now < start, InventoryRejection::SalesNotStarted { start, left }),
            (
                seats > of_booking,
                InventoryRejection::OverBookingLimit { most: of_booking, left },
            ),
            (
                booked + seats > of_user,
                InventoryRejection::OverUserLimit {
                    most: of_user,
                    booked,
                    left,
                },
            ),
            (seats > left, InventoryRejection::NotEnoughSeats { left }),
        ];
        if let Some((_, rejection)) = rules.into_iter().find(|(broken, _)| *broken) {
            return Err(rejection);
        }
        Ok(vec![DomainEvent::EventBooked(EventBooked {
            booking_id: booking_id.to_owned(),
            event_id: "aida".to_owned(),
            event_name: Some("Aida".to_owned()),
            user_id: user_id.to_owned(),
            seats,
        })])
    }

    fn expected_cancellation(&self, booking_id: &str, now: Timestamp) -> Decision {
        let (Some(sale), Some(terms)) = (self.bookings.get(booking_id), &self.terms) else {
            return Err(InventoryRejection::UnknownBooking);
        };
        if sale.cancelled {
            return Ok(vec![]);
        }
        if now >= terms.start_time {
            return Err(InventoryRejection::EventStarted);
        }
        Ok(vec![DomainEvent::BookingCancelled(BookingCancelled {
            booking_id: booking_id.to_owned(),
            event_id: "aida".to_owned(),
            user_id: sale.user_id.clone(),
            seats: sale.seats,
            cancelled_by: CancelledBy::Holder,
        })])
    }

    fn apply(&mut self, event: &DomainEvent) {
        match event {
            DomainEvent::InventoryOpened(terms) | DomainEvent::InventoryChanged(terms) => {
                self.source_version = terms.source_version;
                self.terms = Some(terms.clone());
            }
            DomainEvent::InventoryClosed(closed) => {
                self.source_version = closed.source_version;
                self.closed = true;
            }
            DomainEvent::EventBooked(booked) => {
                let sale = Sale {
                    user_id: booked.user_id.clone(),
                    seats: booked.seats,
                    cancelled: false,
                };
                self.bookings.insert(booked.booking_id.clone(), sale);
            }
            DomainEvent::BookingCancelled(cancelled) => {
                let sale = self.bookings.get_mut(&cancelled.booking_id).unwrap();
                sale.cancelled = true;
            }
            _ => unreachable!("no inventory decides that"),
        }
    }
}

/// Both of them at one time of one day.
struct Run {
    inventory: Inventory,
    model: Model,
    hour: i64,
    booked: u32,
    /// What was decided, by name, to see that everything was.
    seen: BTreeSet<String>,
}

impl Run {
    fn new() -> Self {
        Self {
            inventory: Inventory::default(),
            model: Model::default(),
            hour: -20,
            booked: 0,
            seen: BTreeSet::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Hours(hours) => self.hour = (self.hour + hours).clamp(-30, 6),
            Step::Snapshot => self.through_a_snapshot(),
            Step::Settle => self.inventory.settle(),
            Step::Book { user, seats } => {
                self.booked += 1;
                let command = InventoryCommand::Book {
                    booking_id: booking_id(self.booked),
                    user_id: USERS[user].to_owned(),
                    seats,
                };
                self.command(&command);
            }
            Step::Cancel(which) => {
                let booking_id = self.some_booking(which);
                let cancelled_by = CancelledBy::Holder;
                self.command(&InventoryCommand::Cancel {
                    booking_id,
                    cancelled_by,
                });
            }
            Step::SetTerms { newer, mut terms } => {
                terms.source_version = self.version(newer);
                self.command(&InventoryCommand::SetTerms(*terms));
            }
            Step::Close { newer } => {
                let source_version = self.version(newer);
                let event_id = "aida".to_owned();
                self.command(&InventoryCommand::Close {
                    event_id,
                    source_version,
                });
            }
        }
    }

    fn version(&self, newer: i64) -> u64 {
        self.model.source_version.saturating_add_signed(newer)
    }

    fn some_booking(&self, which: Option<prop::sample::Index>) -> String {
        match which {
            Some(which) if !self.model.bookings.is_empty() => {
                let place = which.index(self.model.bookings.len());
                self.model.bookings.keys().nth(place).unwrap().clone()
            }
            _ => "unknown".to_owned(),
        }
    }

    fn command(&mut self, command: &InventoryCommand) {
        let now = at(self.hour);
        let decision = self.inventory.decide(command, now);
        assert_eq!(
            decision,
            self.model.decide(command, now),
            "{command:?} at hour {}",
            self.hour
        );
        self.note(&decision);
        let events = decision.unwrap_or_default();
        self.lose_against_another_writer(&events);
        for event in events {
            self.model.apply(&event);
            take_in(&mut self.inventory, event.clone());
            self.check_law(&event);
            self.check_touched(&event);
        }
    }

    /// What was decided and not committed leaves no trace.
    fn lose_against_another_writer(&self, events: &[DomainEvent]) {
        let mut draft = self.inventory.clone();
        events.iter().for_each(|event| take_in(&mut draft, event.clone()));
        draft.settle();
    }

    fn note(&mut self, decision: &Decision) {
        let name = match decision {
            Ok(events) => events
                .first()
                .map_or("nothing".to_owned(), |event| event.name().to_string()),
            Err(rejection) => format!("{rejection:?}").split(' ').next().unwrap().to_owned(),
        };
        self.seen.insert(name);
    }

    /// No booking raises the seats sold above the capacity then in force. By the model's count, not the inventory's.
    fn check_law(&self, event: &DomainEvent) {
        if let DomainEvent::EventBooked(_) = event {
            let capacity = self.model.terms.as_ref().unwrap().capacity;
            assert!(self.model.sold() <= capacity, "oversold");
        }
    }

    fn check_touched(&self, event: &DomainEvent) {
        let inventory = &self.inventory;
        assert_eq!(
            (inventory.sold, inventory.left()),
            (self.model.sold(), self.model.left())
        );
        assert_eq!(inventory.terms, self.model.terms);
        let facts = (inventory.closed, inventory.source_version);
        assert_eq!(facts, (self.model.closed, self.model.source_version));
        match event {
            DomainEvent::EventBooked(booked) => self.check_booking(&booked.booking_id),
            DomainEvent::BookingCancelled(cancelled) => self.check_booking(&cancelled.booking_id),
            _ => self.check_all(),
        }
    }

    fn check_booking(&self, id: &str) {
        let (booking, sale) = (self.inventory.bookings.get(id).unwrap(), &self.model.bookings[id]);
        let known = (booking.user.to_text(), booking.seats, booking.cancelled);
        assert_eq!(
            known,
            (sale.user_id.clone(), sale.seats, sale.cancelled),
            "booking {id}"
        );
        self.check_user(&sale.user_id);
    }

    fn check_user(&self, user_id: &str) {
        let limited = self
            .model
            .terms
            .as_ref()
            .is_some_and(|terms| terms.max_seats_per_user.is_some());
        let held = if limited { self.model.held_by(user_id) } else { 0 };
        assert_eq!(self.inventory.bookings.seats_of(user_id), held, "seats of {user_id}");
    }

    fn check_all(&self) {
        self.model.bookings.keys().for_each(|id| self.check_booking(id));
        USERS.iter().for_each(|user_id| self.check_user(user_id));
        assert_eq!(self.inventory.bookings.count(), self.model.bookings.len());
    }

    fn through_a_snapshot(&mut self) {
        let mut bytes = Vec::new();
        (snapshot::CODEC.encode)(&self.inventory, &mut bytes).unwrap();
        self.inventory = (snapshot::CODEC.decode)(Bytes::from(bytes)).unwrap();
        self.check_all();
    }
}

/// Guests, registered users, and ids of another system.
const USERS: [&str; 5] = [
    "guest-0123456789abcdef0123456789abcdef",
    "guest-1123456789abcdef0123456789abcdef",
    "0195c1f0-1111-7000-8000-000000000001",
    "3",
    "GUEST-0123456789ABCDEF0123456789ABCDEF",
];

/// Most are UUIDs, some are of another origin.
fn booking_id(number: u32) -> String {
    match number % 5 {
        0 => format!("booking {number}"),
        _ => Uuid::from_u128(0x1000_0000_0000_7000_8000_0000_0000_0000 + u128::from(number)).to_string(),
    }
}

const ALL: [&str; 15] = [
    "EventCancelled",
    "EventOver",
    "EventStarted",
    "NotEnoughSeats",
    "NotOpened",
    "OverBookingLimit",
    "OverUserLimit",
    "SalesEnded",
    "SalesNotStarted",
    "UnknownBooking",
    "booking.cancelled",
    "event.booked",
    "inventory.changed",
    "inventory.closed",
    "inventory.opened",
];

#[test]
fn the_inventory_agrees_with_a_plain_model_for_100_000_steps() {
    let (seen, steps) = (RefCell::new(BTreeSet::new()), RefCell::new(0));
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step(), STEPS), |all| {
        let mut run = Run::new();
        for (number, step) in all.into_iter().enumerate() {
            run.step(step);
            if number % LOOK_AT_ALL == 0 {
                run.check_all();
            }
            *steps.borrow_mut() += 1;
        }
        seen.borrow_mut().append(&mut run.seen);
        Ok(())
    });
    outcome.unwrap_or_else(|fault| panic!("{fault}"));
    assert!(*steps.borrow() >= 100_000);
    let seen = seen.into_inner();
    let missing: Vec<_> = ALL.iter().filter(|name| !seen.contains(**name)).collect();
    assert!(
        missing.is_empty() && seen.contains("nothing"),
        "never decided: {missing:?}"
    );
}
