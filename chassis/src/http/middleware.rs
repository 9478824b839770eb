//! What happens to every request: an id in and out, its span in a trace, its time and status in the metrics, HEAD as GET,
//! where it is wanted the word to keep to HTTPS, and, while the server shuts down, the end of its connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use tracing::{Instrument, debug, field, info_span};
use uuid::Uuid;

use super::routing::Pattern;
use super::sse::OnlyHead;
use crate::metrics::HttpMetrics;
use crate::spans::{self, Span};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;
const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Raised when the server is about to stop: connections end with their next reply.
#[derive(Clone, Default)]
pub(crate) struct Draining(Arc<AtomicBool>);

impl Draining {
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether browsers that came by HTTPS are to come by nothing else from then on, RFC 6797.
#[derive(Clone, Copy)]
pub(crate) struct Strict(pub(crate) bool);

/// Everything that is logged on the way stands in the request's span.
pub(crate) async fn observe(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let id = request_id(&request);
    let method = known(request.method());
    let sent = spans::sent_with(request.headers());
    let span = Span::of_request(method, sent.as_ref());
    let trace = span.trace().or(sent);
    let logged = info_span!(
        "request",
        request_id = id,
        trace_id = field::Empty,
        method,
        route = field::Empty
    );
    if !logged.is_disabled() {
        logged.record("route", request.match_pattern());
        if let Some(trace) = &trace {
            logged.record("trace_id", spans::trace_id(trace));
        }
    }
    if let Some(trace) = trace {
        request.extensions_mut().insert(trace);
    }
    ask_as_get(&mut request);
    let mut response = next.call(request).instrument(logged.clone()).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    keep_to_https(&mut response);
    end_connection_when_draining(&mut response);
    // Paths hold ids: only their patterns may become labels.
    let route = response.request().app_data::<Pattern>();
    let route = route.map_or("unknown", |pattern| pattern.0);
    if let Some(metrics) = response.request().app_data::<web::Data<HttpMetrics>>() {
        metrics.answered(method, route, response.status(), started.elapsed());
    }
    span.answered(method, route, response.status());
    debug!(
        parent: &logged,
        status = response.status().as_u16(),
        milliseconds = started.elapsed().as_secs_f64() * 1_000.0,
        "answered"
    );
    Ok(response)
}

/// For servers without anything else around their routes.
pub(crate) async fn head_as_get(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    ask_as_get(&mut request);
    next.call(request).await
}

/// HEAD is answered by whoever answers GET. The body is left out where the reply is sent, because there it is known
/// what the client asked for; its length is told.
fn ask_as_get(request: &mut ServiceRequest) {
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
        request.extensions_mut().insert(OnlyHead);
    }
}

fn request_id(request: &ServiceRequest) -> String {
    let sent = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
    let proper = |id: &&str| !id.is_empty() && id.len() <= MAX_LENGTH && id.bytes().all(|b| b.is_ascii_graphic());
    sent.filter(proper)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn keep_to_https<B>(response: &mut ServiceResponse<B>) {
    let request = response.request();
    let is_strict = request.app_data::<web::Data<Strict>>().is_some_and(|strict| strict.0);
    if is_strict && request.app_config().secure() {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, A_YEAR);
    }
}

fn end_connection_when_draining<B>(response: &mut ServiceResponse<B>) {
    let draining = response.request().app_data::<web::Data<Draining>>();
    if draining.is_some_and(|draining| draining.is_on()) {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(actix_web::http::ConnectionType::Close);
    }
}

/// Anybody may send any method; only known ones may become labels.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
