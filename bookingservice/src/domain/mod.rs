//! What may be sold to whom, and what may not. Pure: no I/O, no HTTP.

pub(crate) mod guest;
pub(crate) mod inventory;
pub(crate) mod user;
