//! What an event and a location are, and the rules by which they change. Pure: no I/O, no HTTP.

use std::fmt;

pub(crate) mod event;
pub(crate) mod location;

/// A rule that a command breaks, and the field at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) field: &'static str,
    pub(crate) rule: String,
}

impl Violation {
    pub(crate) fn new(field: &'static str, rule: impl Into<String>) -> Self {
        Self {
            field,
            rule: rule.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.rule)
    }
}

/// A change of one field: `None` leaves it, `Some(None)` clears it.
pub(crate) type Patch<T> = Option<Option<T>>;

pub(crate) fn patch<T>(field: &mut Option<T>, change: Patch<T>) {
    if let Some(value) = change {
        *field = value;
    }
}
