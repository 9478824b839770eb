//! The chassis on real parts: the embedded store and broker, in folders of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a fault here is a failing test"
)]

mod consumer;
mod desk;
mod desk_ahead;
mod desk_overload;
mod feed;
mod rebuild;
mod relay;
mod snapshots;
mod support;
mod tls;
