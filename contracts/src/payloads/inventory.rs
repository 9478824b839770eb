use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// `inventory.opened` and `inventory.changed`: the full terms under which an event's seats are sold from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryTerms {
    pub event_id: String,
    pub event_name: String,
    pub start_time: Timestamp,
    pub end_time: Timestamp,
    pub capacity: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seats_per_booking: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seats_per_user: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sales_start: Option<Timestamp>,
    pub sales_end: Timestamp,
    /// Version of `event/<id>` that these terms come from.
    pub source_version: u64,
}

/// `inventory.closed`: nothing is sold any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryClosed {
    pub event_id: String,
    pub reason: CloseReason,
    /// Version of `event/<id>` that closed it.
    pub source_version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    Cancelled,
}
