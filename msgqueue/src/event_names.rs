use std::str::FromStr;

use contracts::EventName;

use crate::Message;

/// How events' names are written on the wire. Both spellings are read, whichever is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EventNames {
    /// `event.created`
    #[default]
    Dotted,
    /// `eventCreated`, as the original services have it.
    CamelCase,
}

impl EventNames {
    /// Writes a message's name as it goes out.
    pub fn spell(self, message: &mut Message) {
        if self == Self::CamelCase
            && let Some(name) = message.attributes.get_mut("type")
        {
            *name = EventName::parse(name).camel_case();
        }
    }
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
