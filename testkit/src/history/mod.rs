//! Histories: what many clients asked and were told, held against what became of it.
//!
//! A [`Load`] drives the platform with clients that go on through crashes, and records every request with its reply, or
//! that there was none: then the outcome is not known, and either is right. [`check`] reads journals, log and views when
//! the platform is quiet again, and finds every [`Difference`]. It folds the journals by rules of its own and knows
//! nothing of the services' code, so that a fault there is not repeated here.
//!
//! To add a request: its variant in `record.rs`, when clients send it in `actor.rs`, and what must have become of it in
//! one of the checks.

mod actor;
mod address;
mod bookings;
mod checker;
mod difference;
mod facts;
mod load;
mod log;
mod organising;
mod parts;
mod record;
mod views;

pub use address::Address;
pub use checker::{check, verify_offline};
pub use difference::{Difference, Findings, Kind};
pub use load::{Load, LoadOptions};
pub use parts::Parts;
pub use record::{History, Outcome, Record, Request};
