use serde::{Deserialize, Serialize};

use crate::lenient;

// Fields stand in the order of their names: then a payload is canonical as soon as it is written.

/// `event.booked`: seats sold, by the stream `inventory/<event id>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventBooked {
    /// Empty in messages of other implementations, which do not number bookings.
    #[serde(default)]
    pub booking_id: String,
    #[serde(alias = "eventId", alias = "EventID", deserialize_with = "lenient::id")]
    pub event_id: String,
    /// The event's name when it was booked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    #[serde(default = "one_seat")]
    pub seats: u32,
    #[serde(alias = "userId", alias = "UserID", deserialize_with = "lenient::id")]
    pub user_id: String,
}

/// `booking.cancelled`: the booking's seats return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingCancelled {
    pub booking_id: String,
    /// Since version 2.
    pub cancelled_by: CancelledBy,
    pub event_id: String,
    pub seats: u32,
    pub user_id: String,
}

/// Who cancelled a booking, seen from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// The user or guest who holds it.
    Holder,
    /// Somebody else who knew its id.
    Other,
}

fn one_seat() -> u32 {
    1
}
