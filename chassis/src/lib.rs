//! What every MyEvents service needs and no service is about: from configuration to the consumer loop.
//!
//! This is the only crate that joins storage to broker. It must not know which service it is in, nor any business rule.

pub mod audit;
pub mod background;
pub mod binary;
mod causes;
pub mod clock;
pub mod config;
pub mod consumer;
pub mod desk;
pub mod faults;
pub mod feed;
pub mod health;
pub mod http;
mod lease;
mod lost_journal;
pub mod metrics;
mod moved;
pub mod open_files;
pub mod operator;
pub mod packed;
pub mod policies;
pub mod probe;
mod pulse;
mod reach;
mod recorded;
pub mod relay;
pub mod service;
mod shown_url;
pub mod shutdown;
mod spans;
mod store_marks;
pub mod telemetry;
pub mod tls;
mod trace_exporter;
pub mod transfer;
pub mod views;
mod watch;

pub use causes::causes;
pub use recorded::Recorded;
pub use shown_url::without_secrets;
