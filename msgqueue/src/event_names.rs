use std::borrow::Cow;
use std::str::FromStr;

use contracts::EventName;
use serde_json::{Map, Value};

use crate::attributes::Attributes;

/// The attribute that lists, with commas, what stands in the body only so that others can read it.
pub(crate) const ALIASES: &str = "aliases";
/// Fields that the original services' code calls otherwise than their book's text: the event's name, ours, theirs.
const THEIR_FIELDS: [(&str, &str, &str); 4] = [
    ("event.booked", "event_id", "eventId"),
    ("event.booked", "user_id", "userId"),
    ("location.created", "open_time", "openTime"),
    ("location.created", "close_time", "closeTime"),
];

/// How events' names are written on the wire. Both spellings are read, whichever is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventNames {
    /// `event.created`
    #[default]
    Dotted,
    /// `eventCreated`, as the original services have it; their names of fields are written beside ours.
    CamelCase,
}

/// The aliases that the body gets, and the body with them; `None` where the original services have no other names.
pub(crate) fn with_aliases(name: &EventName, body: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut theirs = THEIR_FIELDS.iter().filter(|(of, ..)| *of == name.as_str()).peekable();
    theirs.peek()?;
    let mut fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let mut added = Vec::new();
    for (_, ours, theirs) in theirs {
        if let Some(value) = fields.get(*ours).cloned() {
            fields.insert((*theirs).to_owned(), value);
            added.push(*theirs);
        }
    }
    if added.is_empty() {
        return None;
    }
    Some((added.join(","), Value::from(fields).to_string().into_bytes()))
}

/// The body as it was before anything was written beside it.
pub(crate) fn without_aliases<'a>(all: &dyn Attributes, body: &'a [u8]) -> Cow<'a, [u8]> {
    let Some(aliases) = all.attribute(ALIASES) else {
        return Cow::Borrowed(body);
    };
    let Ok(mut fields) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return Cow::Borrowed(body);
    };
    for alias in aliases.split(',') {
        fields.remove(alias);
    }
    Cow::Owned(Value::from(fields).to_string().into_bytes())
}

impl FromStr for EventNames {
    type Err = &'static str;

    /// # Errors
    /// The rule that is broken.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dotted" => Ok(Self::Dotted),
            "camel" => Ok(Self::CamelCase),
            _ => Err("is `dotted` or `camel`"),
        }
    }
}
