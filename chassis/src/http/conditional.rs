//! Conditional requests, RFC 9110 section 13: an entity tag says which version of a thing a client has seen.
//!
//! A tag is `"<version>-<digest>"`: the digest changes with every byte of the representation (seats left, say), the
//! version only when the thing itself is changed. `If-None-Match` compares all of it. `If-Match` compares the version,
//! so that a sale in between does not stand in an organiser's way.

use std::hash::{DefaultHasher, Hasher};

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::problem::Problem;

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
const USUAL_BYTES: usize = 1_024;

/// 200 with the entity and its tag, or 304 where the client has it already.
pub fn respond(request: &HttpRequest, version: u64, entity: &impl Serialize) -> HttpResponse {
    let body = json(entity);
    let tag = entity_tag(version, &body);
    if matches_none(request, &tag) {
        return HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish();
    }
    HttpResponse::Ok()
        .insert_header((header::ETAG, tag))
        .insert_header((header::CONTENT_TYPE, JSON))
        .body(body)
}

/// A representation, in one piece of memory that is large enough for most.
pub(crate) fn json(entity: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::with_capacity(USUAL_BYTES);
    match serde_json::to_writer(&mut body, entity) {
        Ok(()) => body,
        Err(_) => Vec::new(),
    }
}

/// The tag of a representation. Its digest may change with a release: then clients read once more.
pub fn entity_tag(version: u64, body: &[u8]) -> String {
    let mut digest = DefaultHasher::new();
    digest.write(body);
    format!("\"{version}-{:016x}\"", digest.finish())
}

/// The version that `If-Match` asks for; `None` where the header is absent or `*`.
///
/// # Errors
/// 412 where the header names no tag of ours.
pub fn if_match(request: &HttpRequest) -> Result<Option<u64>, Problem> {
    let Some(value) = request.headers().get(header::IF_MATCH) else {
        return Ok(None);
    };
    let value = value.to_str().unwrap_or_default();
    if value.trim() == "*" {
        return Ok(None);
    }
    let version = value
        .trim()
        .trim_matches('"')
        .split('-')
        .next()
        .and_then(|digits| digits.parse().ok());
    let Some(version) = version else {
        return Err(Problem::new(
            actix_web::http::StatusCode::PRECONDITION_FAILED,
            "precondition-failed",
            "It was changed in the meantime",
        )
        .detail("If-Match has to be an ETag of an earlier reply."));
    };
    Ok(Some(version))
}

/// Whether the client has what has this tag already.
pub fn matches_none(request: &HttpRequest, tag: &str) -> bool {
    let Some(value) = text_of(request, &header::IF_NONE_MATCH) else {
        return false;
    };
    value
        .split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

fn text_of<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}
