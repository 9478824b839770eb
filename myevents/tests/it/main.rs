//! The platform from outside: the real binary, over HTTP, on free ports and in folders of its own.

mod booking;
mod idempotency;
mod racing;
mod journal;
mod support;
