//! HTTP as every service speaks it: bodies, forms, problems, paging, conditional requests, tokens, keys, the server.

pub mod body;
pub mod caller;
pub mod conditional;
pub mod consistency;
pub mod docs;
pub mod form;
pub mod freshness;
pub mod health;
pub mod idempotency;
mod middleware;
pub mod paging;
pub mod problem;
pub mod routing;
pub mod server;
pub mod sse;
pub mod writing;

pub use body::JsonBody;
pub use form::{FieldError, Form};
pub use problem::Problem;
