//! Who asks, and with what: the parts of a request that end up in envelopes.

use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage, HttpRequest};
use contracts::{Actor, TraceContext};
use serde_json::{Map, Value};

use super::form;
use super::idempotency;
use super::problem::Problem;
use crate::desk::Request;

/// The user's or guest's id, until there is sign-in.
pub const HEADER: &str = "X-User-Id";
pub(crate) const NAME: HeaderName = HeaderName::from_static("x-user-id");

/// The actor that a request names; `None` where it names none.
///
/// # Errors
/// 422 where the header breaks the rule for ids.
pub fn actor_of(request: &HttpRequest) -> Result<Option<Actor>, Problem> {
    let Some(value) = request.headers().get(NAME) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    let id = form::id(&Value::from(text)).map_err(|rule| Problem::invalid_field(HEADER, rule))?;
    Ok(Some(Actor::new(id)))
}

/// A command as the desk takes it. `actor` is for requests that name none.
pub fn request<C>(
    http: &HttpRequest,
    body: &Map<String, Value>,
    command: C,
    actor: Actor,
) -> Result<Request<C>, Problem> {
    Ok(Request {
        command,
        actor: actor_of(http)?.unwrap_or(actor),
        idempotency: idempotency::digests_of(http, body)?,
        if_version: None,
        trace: http.extensions().get::<TraceContext>().cloned(),
    })
}
