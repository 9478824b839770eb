//! The chassis on real parts: the embedded store and broker, in folders of their own.

mod consumer;
mod desk;
mod feed;
mod relay;
mod support;
mod tls;
