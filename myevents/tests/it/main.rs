//! The platform from outside: the real binary, over HTTP, on free ports and in folders of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a fault here is a failing test")]

mod booking;
mod events;
mod bookings;
mod demo;
mod idempotency;
mod racing;
mod journal;
mod load;
mod parked;
mod support;
