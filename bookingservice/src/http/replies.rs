//! Bookings, availability, history and users as clients see them.

use chassis::feed::Entry;
use contracts::{EventBooked, InventoryTerms};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::domain::guest;
use crate::users::Person;
use crate::views::bookings::BookingDocument;
use crate::views::feed::Standing;
use crate::views::inventories::{InventoryDocument, SalesStatus};

/// A booking.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BookingReply {
    id: String,
    event_id: String,
    event_name: String,
    /// A user's id. A guest's id is a secret: it is shown to that guest only, others see `guest`.
    user_id: String,
    seats: u32,
    /// When it was booked.
    date: Timestamp,
    status: BookingStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<Timestamp>,
    /// True where the event does not take place.
    event_cancelled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum BookingStatus {
    Booked,
    Cancelled,
}

/// What is left of an event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AvailabilityReply {
    event_id: String,
    event_name: String,
    capacity: u32,
    seats_sold: u32,
    seats_left: u32,
    /// Seats sold above the capacity, after it was lowered.
    oversubscribed_by: u32,
    status: SalesStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seats_per_booking: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seats_per_user: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sales_start: Option<Timestamp>,
    sales_end: Timestamp,
    /// Version of the inventory.
    version: u64,
    /// The moment of the past that is told, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Timestamp>,
}

/// Something that happened to an event or to its seats.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryReply {
    /// `event/<id>` or `inventory/<id>`.
    stream: String,
    /// Its number in the stream.
    version: u64,
    /// What happened: `event.changed`, `event.booked`.
    name: String,
    time: Timestamp,
    /// Who: a user's id, `guest`, or `system`.
    actor: String,
    #[schema(value_type = Object, additional_properties = true)]
    facts: Map<String, Value>,
    #[serde(flatten)]
    seats: Option<SeatsAfter>,
}

/// The seats after it; absent where it is none of the inventory's.
#[derive(Debug, Serialize, ToSchema)]
struct SeatsAfter {
    capacity: u32,
    seats_sold: u32,
    seats_left: u32,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserReply {
    id: String,
    first: String,
    last: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u8>,
    /// The latest bookings, at most 20; absent in lists. All are at `/users/{id}/bookings`.
    #[serde(skip_serializing_if = "Option::is_none")]
    bookings: Option<Vec<BookingReply>>,
}

impl BookingReply {
    /// A booking as it was made.
    pub(crate) fn booked(booked: &EventBooked, date: Timestamp) -> Self {
        Self {
            id: booked.booking_id.clone(),
            event_id: booked.event_id.clone(),
            event_name: booked.event_name.clone().unwrap_or_default(),
            user_id: booked.user_id.clone(),
            seats: booked.seats,
            date,
            status: BookingStatus::Booked,
            cancelled_at: None,
            event_cancelled: false,
        }
    }

    /// A booking as `viewer` may see it.
    pub(crate) fn of(id: String, document: BookingDocument, event_cancelled: bool, viewer: Option<&str>) -> Self {
        let own = viewer == Some(document.user_id.as_str());
        let user_id = if own {
            &document.user_id
        } else {
            guest::masked(&document.user_id)
        };
        Self {
            id,
            user_id: user_id.to_owned(),
            event_id: document.event_id,
            event_name: document.event_name,
            seats: document.seats,
            date: document.booked_at,
            status: if document.cancelled_at.is_some() {
                BookingStatus::Cancelled
            } else {
                BookingStatus::Booked
            },
            cancelled_at: document.cancelled_at,
            event_cancelled,
        }
    }

    pub(crate) fn cancelled(mut self, at: Timestamp) -> Self {
        self.status = BookingStatus::Cancelled;
        self.cancelled_at = Some(at);
        self
    }
}

impl AvailabilityReply {
    pub(crate) fn of(document: &InventoryDocument, terms: &InventoryTerms, now: Timestamp) -> Self {
        Self {
            event_id: terms.event_id.clone(),
            event_name: terms.event_name.clone(),
            capacity: terms.capacity,
            seats_sold: document.sold,
            seats_left: terms.capacity.saturating_sub(document.sold),
            oversubscribed_by: document.sold.saturating_sub(terms.capacity),
            status: document.status(terms, now),
            max_seats_per_booking: terms.max_seats_per_booking,
            max_seats_per_user: terms.max_seats_per_user,
            sales_start: terms.sales_start,
            sales_end: terms.sales_end,
            version: document.version,
            at: None,
        }
    }

    /// Says that it is the past.
    pub(crate) fn at(mut self, moment: Timestamp) -> Self {
        self.at = Some(moment);
        self
    }
}

impl HistoryReply {
    pub(crate) fn of(entry: Entry) -> Self {
        Self {
            seats: Standing::read(&entry.standing).and_then(SeatsAfter::of),
            stream: entry.stream,
            version: entry.version,
            name: entry.name,
            time: entry.time,
            actor: entry.actor,
            facts: entry.facts,
        }
    }
}

impl SeatsAfter {
    fn of(standing: Standing) -> Option<Self> {
        let capacity = standing.capacity?;
        Some(Self {
            capacity,
            seats_sold: standing.sold,
            seats_left: capacity.saturating_sub(standing.sold),
        })
    }
}

impl UserReply {
    pub(crate) fn of(id: String, person: Person, bookings: Option<Vec<BookingReply>>) -> Self {
        Self {
            id,
            first: person.first,
            last: person.last,
            age: person.age,
            bookings,
        }
    }
}
