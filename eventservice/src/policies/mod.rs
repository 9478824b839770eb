//! What the event service does of itself when something has happened.

mod adopt_foreign;
mod follow_location;

pub(crate) use adopt_foreign::AdoptForeign;
pub(crate) use follow_location::FollowLocation;
