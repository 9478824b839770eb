//! `Idempotency-Key` on every POST: the same key with the same request means once, for 48 hours.
//!
//! A request that creates something derives its id from the key, so that the journal itself settles races; other
//! requests find the key in the state of what they act on.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use contracts::IdempotencyDigests;
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};
use uuid::{Builder, Uuid};

use super::problem::Problem;
use crate::faults;

pub const HEADER: &str = "Idempotency-Key";
const NAME: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_LENGTH: usize = 255;

/// Digests of the request's key, with method and path as its scope, and of its body in canonical form.
///
/// # Errors
/// 422 where the key is empty, too long or not visible ASCII.
pub fn digests_of(request: &HttpRequest, body: &Map<String, Value>) -> Result<Option<IdempotencyDigests>, Problem> {
    let Some(value) = request.headers().get(NAME) else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > MAX_LENGTH {
        let rule = format!("must have 1 to {MAX_LENGTH} visible ASCII characters");
        return Err(Problem::invalid_field(HEADER, rule));
    }
    if faults::unguarded("idempotency_keys") {
        return Ok(None);
    }
    let scope = format!("{}\n{}\n{key}", request.method(), request.path());
    // An object of JSON values always has a canonical form.
    let mut canonical = serde_json_canonicalizer::to_vec(body).unwrap_or_default();
    // Two users who happen to choose one key send two requests: the second must not get the first one's reply.
    if let Some(user) = request.headers().get(super::caller::NAME) {
        canonical.extend_from_slice(user.as_bytes());
    }
    Ok(Some(IdempotencyDigests {
        key: hex::encode(digest(&SHA256, scope.as_bytes())),
        request: hex::encode(digest(&SHA256, &canonical)),
    }))
}

/// The id that the `attempt`th creation by this key gets (UUIDv8, RFC 9562); a new UUIDv7 where there is no key.
///
/// Attempts above 0 are for keys that were used before and have expired since.
pub fn new_id(digests: Option<&IdempotencyDigests>, attempt: u32) -> String {
    let Some(digests) = digests else {
        return Uuid::now_v7().to_string();
    };
    derived_id(&format!("{}\n{attempt}", digests.key))
}

/// An id (UUIDv8) that is always the same for the same text.
pub fn derived_id(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
