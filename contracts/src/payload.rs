use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::canonical;

/// A domain event's facts: JSON on one line, as it was written.
///
/// It is carried as text, because most of those through whose hands it goes have no use for what is in it.
#[derive(Clone)]
pub struct Payload {
    json: Box<RawValue>,
    /// Whether the text is known to be canonical; if not, it still may be.
    canonical: bool,
}

impl Payload {
    /// What always serialises: structs of text, numbers and times.
    pub(crate) fn of(facts: &impl Serialize) -> Self {
        match to_raw_value(facts) {
            // Names that do not stand in order are sorted in a tree.
            Ok(json) if canonical::is_surely_canonical(json.get()) => Self { json, canonical: true },
            _ => serde_json::to_value(facts).unwrap_or_default().into(),
        }
    }

    /// Its JSON.
    pub fn as_str(&self) -> &str {
        self.json.get()
    }

    /// # Errors
    /// Where a number is larger than any that can be read, or the text is nested too deep.
    pub fn to_value(&self) -> serde_json::Result<Value> {
        serde_json::from_str(self.as_str())
    }

    pub(crate) fn raw(&self) -> &RawValue {
        &self.json
    }

    pub(crate) fn is_known_as_canonical(&self) -> bool {
        self.canonical
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        let json = RawValue::from_string(value.to_string());
        Self {
            json: json.unwrap_or_else(|_| RawValue::NULL.to_owned()),
            canonical: canonical::is_plain(&value),
        }
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        // An exported log has one envelope on a line.
        let is_broken = json.get().bytes().any(|byte| matches!(byte, b'\n' | b'\r'));
        if is_broken && let Ok(value) = serde_json::from_str::<Value>(json.get()) {
            return Ok(value.into());
        }
        Ok(Self { json, canonical: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Sorted {
        name: &'static str,
        seats: u32,
    }

    #[derive(Serialize)]
    struct Unsorted {
        seats: u32,
        name: &'static str,
    }

    #[test]
    fn facts_are_written_alike_in_whatever_order_their_fields_stand() {
        let name = "a \"name\"\n\u{1F3AB}";
        let sorted = Payload::of(&Sorted { name, seats: 2 });
        let unsorted = Payload::of(&Unsorted { seats: 2, name });
        assert_eq!(sorted, unsorted);
        assert_eq!(sorted, Payload::from(sorted.to_value().unwrap()));
        assert!(sorted.is_known_as_canonical() && unsorted.is_known_as_canonical());
    }
}
