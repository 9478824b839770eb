//! Events as they are read, with the seats left: from the event's own stream and from its inventory's, in any order.

use async_trait::async_trait;
use chassis::Recorded;
use chassis::views::{Key, UnitOfWork, View};
use contracts::{DomainEvent, EventDetails, StreamKind};
use jiff::{SignedDuration, Timestamp};
use persistence::{Index, StoreError};
use serde::{Deserialize, Serialize};

pub(crate) const COLLECTION: &str = "events";
/// Events that are not cancelled, by how long they last and by start.
pub(crate) const LISTED: &str = "listed";
pub(crate) const LISTED_IN_COUNTRY: &str = "listed_in_country";
/// Every event by start.
pub(crate) const ALL: &str = "all_events";
pub(crate) const ALL_IN_COUNTRY: &str = "all_in_country";
pub(crate) const BY_NAME: &str = "by_name";

const INDEXES: &[Index] = &[
    Index {
        name: LISTED,
        fields: &["length", "start_ms"],
    },
    Index {
        name: LISTED_IN_COUNTRY,
        fields: &["country_key", "length", "start_ms"],
    },
    Index {
        name: ALL,
        fields: &["known", "start_ms"],
    },
    Index {
        name: ALL_IN_COUNTRY,
        fields: &["country_key", "start_ms"],
    },
    Index {
        name: BY_NAME,
        fields: &["name_key", "start_ms"],
    },
];

/// Events up to this long are `short`: among those that have begun, only the latest can still be on.
pub(crate) const SHORT: SignedDuration = SignedDuration::from_hours(24);

/// How long a listed event lasts; lists look for each kind from another start on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Length {
    Short,
    Long,
}

/// One event. The first fields are there for the indexes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct EventDocument {
    /// False while only the inventory has been heard of.
    known: bool,
    /// Absent for cancelled events.
    length: Option<Length>,
    pub(crate) start_ms: Option<i64>,
    name_key: Option<String>,
    country_key: Option<String>,
    /// Version of the event's own stream.
    pub(crate) version: u64,
    pub(crate) details: Option<EventDetails>,
    pub(crate) cancelled: bool,
    pub(crate) inventory: Inventory,
}

/// What has been heard of the event's inventory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Inventory {
    /// Absent before it opens.
    pub(crate) capacity: Option<u32>,
    pub(crate) sold: u32,
    pub(crate) closed: bool,
}

/// Why an event cannot be booked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NotBookable {
    Cancelled,
    Over,
    /// The booking service has not opened it yet.
    Opening,
    /// Nobody has told yet of the location that it names.
    LocationUnknown,
    /// It has no capacity of its own, and neither has its location.
    CapacityUnknown,
    SalesNotStarted,
    SalesEnded,
    SoldOut,
}

pub(crate) struct EventsView;

#[async_trait]
impl View for EventsView {
    fn collections(&self) -> &'static [(&'static str, &'static [Index])] {
        &[(COLLECTION, INDEXES)]
    }

    fn touches(&self, recorded: &Recorded, keys: &mut Vec<Key>) {
        let stream = &recorded.envelope.stream;
        if stream.is(StreamKind::Event) || stream.is(StreamKind::Inventory) {
            keys.push((COLLECTION, stream.entity_id().to_owned()));
        }
    }

    async fn apply(&self, recorded: &Recorded, unit: &mut UnitOfWork) -> Result<(), StoreError> {
        if let DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) = &recorded.event {
            unit.set_search_text(COLLECTION, &details.id, search_text(details));
        }
        let stream = &recorded.envelope.stream;
        if !stream.is(StreamKind::Event) && !stream.is(StreamKind::Inventory) {
            return Ok(());
        }
        let change = |document: &mut EventDocument| document.take_in(recorded);
        unit.update(COLLECTION, stream.entity_id(), recorded, change).await
    }
}

impl EventDocument {
    fn take_in(&mut self, recorded: &Recorded) {
        match &recorded.event {
            DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => {
                self.version = recorded.envelope.version;
                self.set_details(details);
            }
            DomainEvent::EventCancelled(_) => {
                self.version = recorded.envelope.version;
                self.cancelled = true;
                self.length = None;
            }
            DomainEvent::InventoryOpened(terms) | DomainEvent::InventoryChanged(terms) => {
                self.inventory.capacity = Some(terms.capacity);
            }
            DomainEvent::InventoryClosed(_) => self.inventory.closed = true,
            DomainEvent::EventBooked(booked) => self.inventory.sold += booked.seats,
            DomainEvent::BookingCancelled(cancelled) => {
                self.inventory.sold = self.inventory.sold.saturating_sub(cancelled.seats);
            }
            _ => {}
        }
    }

    /// What the journal knows already and the view may not: for the reply to a command.
    pub(crate) fn show(&mut self, details: EventDetails, cancelled: bool, version: u64) {
        self.details = Some(details);
        self.cancelled = cancelled;
        self.version = version;
    }

    fn set_details(&mut self, details: &EventDetails) {
        let long = details.end_time.duration_since(details.start_time) > SHORT;
        let length = if long { Length::Long } else { Length::Short };
        self.known = true;
        self.length = (!self.cancelled).then_some(length);
        self.start_ms = Some(details.start_time.as_millisecond());
        self.name_key = Some(details.name.to_lowercase());
        self.country_key = details
            .location
            .as_ref()
            .map(|location| location.country.to_lowercase());
        self.details = Some(details.clone());
    }

    /// Seats that can still be sold; never below none, whatever the capacity was lowered to.
    pub(crate) fn seats_left(&self) -> Option<u32> {
        Some(self.inventory.capacity?.saturating_sub(self.inventory.sold))
    }

    /// Seats sold above the capacity in force, after it was lowered.
    pub(crate) fn oversubscribed(&self) -> u32 {
        self.inventory
            .capacity
            .map_or(0, |capacity| self.inventory.sold.saturating_sub(capacity))
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.details.as_ref().is_some_and(|details| details.end_time <= now)
    }

    /// Why it cannot be booked at `now`; `None` where it can.
    pub(crate) fn not_bookable(&self, now: Timestamp) -> Option<NotBookable> {
        let details = self.details.as_ref()?;
        let sales_end = details.sales_end.unwrap_or(details.start_time);
        if self.cancelled || self.inventory.closed {
            return Some(NotBookable::Cancelled);
        }
        if self.is_over(now) {
            return Some(NotBookable::Over);
        }
        if now >= sales_end {
            return Some(NotBookable::SalesEnded);
        }
        if details.sales_start.is_some_and(|start| now < start) {
            return Some(NotBookable::SalesNotStarted);
        }
        match self.seats_left() {
            None => Some(why_not_open(details)),
            Some(0) => Some(NotBookable::SoldOut),
            Some(_) => None,
        }
    }
}

/// Only events that another program told of may lack what is sold by.
fn why_not_open(details: &EventDetails) -> NotBookable {
    match (&details.location, details.capacity) {
        (_, Some(_)) => NotBookable::Opening,
        (None, None) => NotBookable::LocationUnknown,
        (Some(_), None) => NotBookable::CapacityUnknown,
    }
}

/// What an event is found by: its name, description, and place.
fn search_text(details: &EventDetails) -> String {
    let mut text = format!(
        "{} {}",
        details.name,
        details.description.as_deref().unwrap_or_default()
    );
    if let Some(location) = &details.location {
        text += &format!(" {} {} {}", location.name, location.address, location.country);
    }
    text
}
