//! What services tell each other: domain events, the envelope that carries them, and their history.
//!
//! One type serves the journal, the broker and the views, so a fact cannot change its shape on the way.
//! Formats are versioned: every version ever written is read ([`upcast`]), only the newest is written,
//! and `golden/` keeps one JSON file per version that a test reads back.
//!
//! This crate must not know of brokers, databases, HTTP, or of how anything is decided.

mod actor;
mod canonical;
mod domain_event;
mod envelope;
mod hash_chain;
mod lenient;
mod name;
mod payload;
mod payloads;
mod stream;
pub mod upcast;

pub use actor::Actor;
pub use domain_event::{DecodeError, DomainEvent};
pub use envelope::{CommitBounds, Envelope, IdempotencyDigests, TraceContext, Unsealed};
pub use hash_chain::{BrokenChain, Hash, verify_chain};
pub use name::EventName;
pub use payload::Payload;
pub use payloads::booking::{BookingCancelled, CancelledBy, EventBooked};
pub use payloads::event::{EventCancelled, EventDetails};
pub use payloads::inventory::{CloseReason, InventoryClosed, InventoryTerms};
pub use payloads::location::{Hall, LocationDetails};
pub use payloads::user::UserRegistered;
pub use stream::{InvalidStreamId, StreamId, StreamKind};
