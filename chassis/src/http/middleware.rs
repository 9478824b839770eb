//! What happens to every request: an id in and out, its time and status in the metrics, and, while the server shuts
//! down, the end of its connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use tracing::Span;
use tracing_actix_web::{DefaultRootSpanBuilder, RootSpanBuilder};
use uuid::Uuid;

use crate::metrics::HttpMetrics;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LENGTH: usize = 128;

/// The id of a request: the client's own, if it sent a proper one.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Raised when the server stops: connections end with their next reply.
#[derive(Clone, Default)]
pub(crate) struct Draining(pub(crate) Arc<AtomicBool>);

pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let id = request_id(&request);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.call(request).await?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    end_connection_when_draining(&mut response);
    count(&response, started);
    Ok(response)
}

fn request_id(request: &ServiceRequest) -> String {
    let sent = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
    let proper = |id: &&str| !id.is_empty() && id.len() <= MAX_LENGTH && id.bytes().all(|b| b.is_ascii_graphic());
    sent.filter(proper)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn end_connection_when_draining<B>(response: &mut ServiceResponse<B>) {
    let draining = response.request().app_data::<web::Data<Draining>>();
    if draining.is_some_and(|draining| draining.0.load(Ordering::Relaxed)) {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(actix_web::http::ConnectionType::Close);
    }
}

fn count<B>(response: &ServiceResponse<B>, started: Instant) {
    let request = response.request();
    let Some(metrics) = request.app_data::<web::Data<HttpMetrics>>() else {
        return;
    };
    // Paths hold ids: only their patterns may become labels.
    let route = request.match_pattern().unwrap_or_else(|| "unknown".to_owned());
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    };
    metrics.answered(
        method,
        &route,
        response.status().as_u16(),
        started.elapsed().as_secs_f64(),
    );
}

/// The root span of a request carries our request id.
pub(crate) struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = request
            .extensions()
            .get::<RequestId>()
            .map(|id| id.0.clone())
            .unwrap_or_default();
        let route = request.match_pattern().unwrap_or_default();
        tracing::info_span!("request", request_id = id, method = %request.method(), route)
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        DefaultRootSpanBuilder::on_request_end(span, outcome);
    }
}
