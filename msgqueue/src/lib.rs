//! The way from one service to all others: emit, listen, acknowledge, replay.
//!
//! [`EventEmitter`] and [`EventListener`] are all that the platform knows of a broker. An adapter maps envelopes to
//! its own messages through [`Message`], states its [`Guarantees`], and proves them by the [`conformance`] suite.
//! Delivery is at least once: consumers recognise repeats by stream and version, so no adapter has to hide them.
//!
//! To add a broker: one module here with its emitter and listener, one line in [`open`] for its URL scheme, and the
//! conformance suite run on it. Only that module may name its driver crate.
//!
//! This crate must not know of databases, HTTP, or of how anything is decided.

#[cfg(feature = "amqp")]
pub mod amqp;
mod attributes;
mod blocking;
pub mod embedded;
mod emitter;
mod error;
mod event_names;
mod group_name;
#[cfg(feature = "kafka")]
pub mod kafka;
mod listener;
mod message;
mod open;
mod spelled;
mod url_error;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use emitter::EventEmitter;
pub use error::BrokerError;
pub use event_names::EventNames;
pub use group_name::temporary as temporary_group;
pub use listener::{Delivery, DeliveryTag, EventListener, Guarantees, Raw, Subscription};
pub use message::{Message, MessageError};
pub use open::{Broker, OpenError, is_embedded, is_there, open};
pub use url_error::UrlError;
