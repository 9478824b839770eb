//! Readers for spellings that other implementations write: numeric ids, unix seconds.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer, Error, Visitor};

enum TextOrNumber {
    Text(String),
    Number(i64),
}

/// An id as text, or as the number that some stores use.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match deserializer.deserialize_any(TextOrNumberVisitor)? {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string(),
    })
}

/// A time as RFC 3339 text, or as unix seconds.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    match deserializer.deserialize_any(TextOrNumberVisitor)? {
        TextOrNumber::Text(text) => text.parse().map_err(D::Error::custom),
        TextOrNumber::Number(seconds) => Timestamp::from_second(seconds).map_err(D::Error::custom),
    }
}

struct TextOrNumberVisitor;

impl Visitor<'_> for TextOrNumberVisitor {
    type Value = TextOrNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a whole number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber::Text(text))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber::Number(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<TextOrNumber, E> {
        let number = i64::try_from(number).map_err(E::custom)?;
        Ok(TextOrNumber::Number(number))
    }
}
