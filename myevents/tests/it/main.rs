//! The platform from outside: the real binary, over HTTP, on free ports and in folders of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a fault here is a failing test, and a test tells what it has seen"
)]

mod bad_input;
mod booking;
mod bookings;
mod brokers;
mod clock_jumps;
mod crafted;
mod crashes;
mod demo;
mod disk_full;
mod encrypted;
mod events;
mod history;
mod http_conventions;
mod idempotency;
mod journal;
mod live;
mod load;
mod moving;
mod moving_stores;
mod observed;
mod originals;
mod parked;
mod racing;
mod rebuild;
mod replicas;
mod restore;
mod rolling;
mod small_disk;
mod snapshots;
mod soak;
mod stores;
mod stranger;
mod support;
mod traces;
mod trial;
mod upcasting;
mod verify;
