//! The event service's read models.

pub(crate) mod events;
pub(crate) mod locations;
