use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lenient;
use crate::payloads::location::LocationDetails;

/// `event.created` and `event.changed`: the event's whole state, location and capacity included.
///
/// Only id, name, location id, start and end are in messages of other implementations; the rest is then absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventDetails {
    #[serde(alias = "ID", deserialize_with = "lenient::id")]
    pub id: String,
    #[serde(alias = "Name")]
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// The actor who runs the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organiser: Option<String>,
    #[serde(
        alias = "start",
        alias = "startTime",
        alias = "Start",
        deserialize_with = "lenient::time"
    )]
    pub start_time: Timestamp,
    #[serde(alias = "end", alias = "endTime", alias = "End", deserialize_with = "lenient::time")]
    pub end_time: Timestamp,
    /// Minutes, as the organiser stated it; informative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<u32>,
    #[serde(alias = "locationId", alias = "LocationID", deserialize_with = "lenient::id")]
    pub location_id: String,
    /// The location as it was at `location_version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationDetails>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location_version: Option<u64>,
    /// The hall it takes place in, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hall: Option<String>,
    /// The event's own capacity, where the organiser set one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_capacity: Option<u32>,
    /// Seats in force: the event's own, else its hall's, else all of its location's halls'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seats_per_booking: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seats_per_user: Option<u32>,
    /// Open from the moment of creation where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_start: Option<Timestamp>,
    /// The event's start where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_end: Option<Timestamp>,
}

/// `event.cancelled`. Bookings stay and say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCancelled {
    pub id: String,
    pub name: String,
}
