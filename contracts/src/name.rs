use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A domain event's name in its dotted form, `event.created`.
///
/// The camel-case spelling that other implementations put on the wire (`eventCreated`) is read as the same name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct EventName(String);

impl EventName {
    pub fn parse(text: &str) -> Self {
        if text.contains('.') {
            return Self(text.to_owned());
        }
        let mut dotted = String::with_capacity(text.len() + 2);
        for (i, c) in text.chars().enumerate() {
            if c.is_ascii_uppercase() && i > 0 {
                dotted.push('.');
            }
            dotted.push(c.to_ascii_lowercase());
        }
        Self(dotted)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `event.created` as `eventCreated`.
    pub fn camel_case(&self) -> String {
        let mut parts = self.0.split('.');
        let mut camel = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let mut chars = part.chars();
            camel.extend(chars.next().map(|c| c.to_ascii_uppercase()));
            camel.push_str(chars.as_str());
        }
        camel
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_name() {
        for (dotted, camel) in [
            ("event.created", "eventCreated"),
            ("location.created", "locationCreated"),
            ("event.booked", "eventBooked"),
        ] {
            assert_eq!(EventName::parse(camel), EventName::parse(dotted));
            assert_eq!(EventName::parse(camel).as_str(), dotted);
            assert_eq!(EventName::parse(dotted).camel_case(), camel);
        }
    }
}
