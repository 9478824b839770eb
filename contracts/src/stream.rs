use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What an aggregate is; the part of a stream's name before the slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    Event,
    Location,
    Inventory,
    User,
}

impl StreamKind {
    pub const ALL: [Self; 4] = [Self::Event, Self::Location, Self::Inventory, Self::User];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Location => "location",
            Self::Inventory => "inventory",
            Self::User => "user",
        }
    }
}

/// The name of one aggregate's stream, `inventory/<event id>`. At most 200 bytes.
///
/// Kinds that this build does not know are kept as they are: a newer service may publish them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamId(String);

#[derive(Debug, Error, PartialEq, Eq)]
#[error("a stream id is `<kind>/<id>` of at most {MAX_BYTES} printable ASCII characters")]
pub struct InvalidStreamId;

const MAX_BYTES: usize = 200;

impl StreamId {
    pub fn parse(text: &str) -> Result<Self, InvalidStreamId> {
        Self::check(text)?;
        Ok(Self(text.to_owned()))
    }

    fn check(text: &str) -> Result<(), InvalidStreamId> {
        let (kind, id) = text.split_once('/').ok_or(InvalidStreamId)?;
        let printable = text.bytes().all(|b| b.is_ascii_graphic());
        if kind.is_empty() || id.is_empty() || !printable || text.len() > MAX_BYTES {
            return Err(InvalidStreamId);
        }
        Ok(())
    }

    /// The stream of the aggregate with this id. Fails where the id came from outside and is not printable.
    pub fn new(kind: StreamKind, id: &str) -> Result<Self, InvalidStreamId> {
        let text = [kind.as_str(), "/", id].concat();
        Self::check(&text)?;
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is(&self, kind: StreamKind) -> bool {
        self.kind() == kind.as_str()
    }

    pub fn is_one_of(&self, kinds: &[StreamKind]) -> bool {
        kinds.iter().any(|kind| self.is(*kind))
    }

    pub fn kind(&self) -> &str {
        self.split().0
    }

    /// The aggregate's id: an event's for `event/…` and for `inventory/…`. Brokers partition by it.
    pub fn entity_id(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or((&self.0, ""))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for StreamId {
    type Error = InvalidStreamId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::check(&text)?;
        Ok(Self(text))
    }
}

impl From<StreamId> for String {
    fn from(id: StreamId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_id_has_a_kind_and_an_entity() {
        let id = StreamId::new(StreamKind::Inventory, "42").unwrap();
        assert_eq!((id.kind(), id.entity_id()), ("inventory", "42"));
    }

    #[test]
    fn malformed_stream_ids_are_refused() {
        for text in [
            "",
            "event",
            "event/",
            "/1",
            "event/a b",
            "event/\0",
            &format!("event/{}", "x".repeat(200)),
        ] {
            assert_eq!(StreamId::parse(text), Err(InvalidStreamId), "{text:?}");
            let json = serde_json::Value::from(text);
            assert!(serde_json::from_value::<StreamId>(json).is_err(), "{text:?}");
        }
        for id in ["", "a b", "ä", &"x".repeat(200)] {
            assert_eq!(StreamId::new(StreamKind::Event, id), Err(InvalidStreamId), "{id:?}");
        }
    }
}
