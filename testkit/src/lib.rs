//! What tests need: the real platform as a process, a client, a clock that jumps, waiting without sleeping, and a
//! [`history`] of what many clients asked, held against what became of it.
//!
//! No production code depends on this crate. Faults panic: they are the test's failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a fault here is a failing test"
)]

mod client;
mod clock;
mod eventually;
mod histories;
pub mod history;
mod platform;

pub use client::{Client, Reply};
pub use clock::ManualClock;
pub use eventually::eventually;
pub use histories::{Histories, Written};
pub use platform::{Ended, Platform, PlatformBuilder};
