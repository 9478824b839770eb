//! Readers for spellings that other implementations write: numeric ids, unix seconds.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(i64),
}

/// An id as text, or as the number that some stores use.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string(),
    })
}

/// A time as RFC 3339 text, or as unix seconds.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) => text.parse().map_err(de::Error::custom),
        TextOrNumber::Number(seconds) => Timestamp::from_second(seconds).map_err(de::Error::custom),
    }
}
