use serde::{Deserialize, Serialize};

use crate::lenient;

/// `location.created` and `location.changed`: the location's whole state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationDetails {
    #[serde(alias = "ID", deserialize_with = "lenient::id")]
    pub id: String,
    /// The id under which another system knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    #[serde(alias = "Name")]
    pub name: String,
    #[serde(alias = "Address", default)]
    pub address: String,
    #[serde(alias = "Country", default)]
    pub country: String,
    /// Hour of the day, 0 to 24.
    #[serde(
        alias = "opentime",
        alias = "openTime",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub open_time: Option<u8>,
    /// Hour of the day, 0 to 24.
    #[serde(
        alias = "closetime",
        alias = "closeTime",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub close_time: Option<u8>,
    /// IANA time zone, `Europe/Berlin`.
    #[serde(default = "utc")]
    pub time_zone: String,
    #[serde(alias = "Halls", default)]
    pub halls: Vec<Hall>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hall {
    #[serde(alias = "Name")]
    pub name: String,
    /// Where in the building it is.
    #[serde(alias = "Location", default)]
    pub location: String,
    #[serde(alias = "Capacity")]
    pub capacity: u32,
}

impl LocationDetails {
    /// The seats of all halls together; none where there is no hall.
    pub fn total_capacity(&self) -> Option<u32> {
        self.halls.iter().map(|hall| hall.capacity).reduce(u32::saturating_add)
    }
}

fn utc() -> String {
    "UTC".to_owned()
}
