use std::borrow::Cow;
use std::str::FromStr;

use contracts::EventName;
use serde_json::{Map, Value};

use crate::Message;
use crate::attributes::Attributes;

/// The attribute that lists, with commas, what stands in the body only so that others can read it.
const ALIASES: &str = "aliases";
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

impl EventNames {
    /// Writes a message as it goes out.
    pub fn spell(self, message: &mut Message) {
        if self == Self::Dotted {
            return;
        }
        let Some(name) = message.attributes.get("type") else {
            return;
        };
        let name = EventName::parse(name);
        add_aliases(&name, message);
        message.attributes.insert("type".to_owned(), name.camel_case());
    }
}

fn add_aliases(name: &EventName, message: &mut Message) {
    let theirs: Vec<_> = THEIR_FIELDS.iter().filter(|(of, ..)| *of == name.as_str()).collect();
    if theirs.is_empty() {
        return;
    }
    let Ok(mut fields) = serde_json::from_slice::<Map<String, Value>>(&message.body) else {
        return;
    };
    let mut added = Vec::new();
    for (_, ours, theirs) in theirs {
        if let Some(value) = fields.get(*ours).cloned() {
            fields.insert((*theirs).to_owned(), value);
            added.push(*theirs);
        }
    }
    if added.is_empty() {
        return;
    }
    message.attributes.insert(ALIASES.to_owned(), added.join(","));
    message.body = Value::from(fields).to_string().into_bytes();
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
