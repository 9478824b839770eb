//! The payload of each domain event. Fields are only ever added as optional, or a new schema version begins.

pub(crate) mod booking;
pub(crate) mod event;
pub(crate) mod inventory;
pub(crate) mod location;
pub(crate) mod user;
