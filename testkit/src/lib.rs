//! What tests need: the real platform as a process, a client, a clock that jumps, waiting without sleeping, real
//! [`servers`], and a [`history`] of what many clients asked, held against what became of it.
//!
//! No production code depends on this crate. Faults panic: they are the test's failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a fault here is a failing test"
)]

mod broker;
#[cfg(feature = "platform")]
mod client;
#[cfg(feature = "platform")]
mod clock;
#[cfg(feature = "platform")]
mod event_stream;
mod eventually;
#[cfg(feature = "platform")]
mod histories;
#[cfg(feature = "platform")]
pub mod history;
mod place;
#[cfg(feature = "platform")]
mod platform;
#[cfg(feature = "platform")]
mod said;
pub mod servers;
mod store;
mod variables;

pub use broker::broker_url;
pub use eventually::eventually;
pub use store::{Part, lose, store_url};
pub use variables::variables;

#[cfg(feature = "platform")]
pub use {
    client::{Client, Reply},
    clock::ManualClock,
    event_stream::{EventStream, Message},
    histories::{Histories, Written},
    platform::{Ended, Platform, PlatformBuilder},
};
