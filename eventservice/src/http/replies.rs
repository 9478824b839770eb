//! Events and locations as clients see them.

use contracts::{EventDetails, Hall, LocationDetails};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::views::events::{EventDocument, NotBookable};

/// An event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventReply {
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organiser: Option<String>,
    start_time: Timestamp,
    end_time: Timestamp,
    /// Minutes, as stated by the organiser.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u32>,
    location_id: String,
    location: Option<LocationReply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hall: Option<String>,
    /// Seats in force.
    capacity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seats_per_booking: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seats_per_user: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sales_start: Option<Timestamp>,
    sales_end: Timestamp,
    /// `scheduled`, `cancelled` or `over`.
    status: Status,
    seats_sold: u32,
    /// Seats still for sale; null until the booking service has opened the event.
    seats_left: Option<u32>,
    /// Seats sold above the capacity, after it was lowered.
    #[serde(skip_serializing_if = "is_zero")]
    oversubscribed_by: u32,
    bookable: bool,
    /// Why it cannot be booked now.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_bookable_because: Option<NotBookable>,
    /// What `If-Match` compares.
    version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Scheduled,
    Cancelled,
    Over,
}

/// A location.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LocationReply {
    id: String,
    /// The id under which another system knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    name: String,
    address: String,
    country: String,
    /// Hour of the day, 0 to 24.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_time: Option<u8>,
    /// Hour of the day, 0 to 24.
    #[serde(skip_serializing_if = "Option::is_none")]
    close_time: Option<u8>,
    /// IANA time zone.
    time_zone: String,
    halls: Vec<HallReply>,
    /// What `If-Match` compares; absent inside an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HallReply {
    name: String,
    location: String,
    capacity: u32,
}

impl EventReply {
    /// `None` where only the event's inventory has been heard of.
    pub(crate) fn of(document: &EventDocument, now: Timestamp) -> Option<Self> {
        let details = document.details.clone()?;
        let status = match (document.cancelled, document.is_over(now)) {
            (true, _) => Status::Cancelled,
            (false, true) => Status::Over,
            (false, false) => Status::Scheduled,
        };
        let not_bookable_because = document.not_bookable(now);
        Some(Self {
            seats_sold: document.inventory.sold,
            seats_left: document.seats_left(),
            oversubscribed_by: document.oversubscribed(),
            bookable: not_bookable_because.is_none(),
            not_bookable_because,
            status,
            ..Self::of_details(details, document.version)
        })
    }

    /// An event that has just been created or changed, before its inventory is heard of.
    pub(crate) fn of_details(details: EventDetails, version: u64) -> Self {
        Self {
            sales_end: details.sales_end.unwrap_or(details.start_time),
            id: details.id,
            name: details.name,
            description: details.description,
            image_url: details.image_url,
            organiser: details.organiser,
            start_time: details.start_time,
            end_time: details.end_time,
            duration: details.duration,
            location_id: details.location_id,
            location: details.location.map(|location| LocationReply::of(location, None)),
            hall: details.hall,
            capacity: details.capacity,
            max_seats_per_booking: details.max_seats_per_booking,
            max_seats_per_user: details.max_seats_per_user,
            sales_start: details.sales_start,
            status: Status::Scheduled,
            seats_sold: 0,
            seats_left: None,
            oversubscribed_by: 0,
            bookable: false,
            not_bookable_because: Some(NotBookable::Opening),
            version,
        }
    }
}

impl LocationReply {
    pub(crate) fn of(details: LocationDetails, version: Option<u64>) -> Self {
        Self {
            id: details.id,
            external_id: details.external_id,
            name: details.name,
            address: details.address,
            country: details.country,
            open_time: details.open_time,
            close_time: details.close_time,
            time_zone: details.time_zone,
            halls: details.halls.into_iter().map(HallReply::of).collect(),
            version,
        }
    }
}

impl HallReply {
    fn of(hall: Hall) -> Self {
        Self {
            name: hall.name,
            location: hall.location,
            capacity: hall.capacity,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
