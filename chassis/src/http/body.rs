use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, web};
use serde_json::{Map, Value};

use super::problem::{Problem, too_large};

/// The largest request body, in bytes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// A request body that is a JSON object of bounded size.
///
/// Refused with 415 where another content type is stated, 413 where it is too large, 400 where it is not JSON, 422
/// where it is JSON but no object.
pub struct JsonBody(pub Map<String, Value>);

impl FromRequest for JsonBody {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let media_type = check_media_type(request);
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            media_type?;
            parse(&bytes.await.map_err(|error| refused(&error))?)
        })
    }
}

fn parse(bytes: &[u8]) -> Result<JsonBody, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(JsonBody(object)),
        Ok(_) => Err(Problem::invalid_field("", "the body must be a JSON object")),
        Err(error) => Err(Problem::malformed(format!("The body is not JSON: {error}."))),
    }
}

/// A body without a stated type is taken for JSON.
fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let stated = request
        .headers()
        .get(header::CONTENT_TYPE)
        .map(|value| value.to_str().unwrap_or_default());
    let Some(stated) = stated.filter(|stated| *stated != "application/json") else {
        return Ok(());
    };
    let essence = stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        "The body's content type is not supported",
    )
    .detail("Send Content-Type: application/json."))
}

fn refused(error: &actix_web::Error) -> Problem {
    if error.as_response_error().status_code() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large(&format!("A body has at most {MAX_BODY_BYTES} bytes."));
    }
    Problem::malformed("The body ended too early or cannot be read.")
}
