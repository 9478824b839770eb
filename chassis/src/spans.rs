//! Traces: the way from a request over journal, relay and broker to every view, as spans of OpenTelemetry,
//! <https://opentelemetry.io/docs/specs/otel/trace/>. Each envelope has the W3C trace context of the work that decided it, in
//! the journal and on the wire, so that whoever handles it goes on with that trace.
//!
//! Nothing of this costs anything where nobody collects traces, and spans have bounds. It must not know what is decided,
//! nor who asks.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName};
use contracts::{Envelope, TraceContext};
use jiff::Timestamp;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span as _, SpanContext, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
const LONGEST_STATE: usize = 512;
/// Envelopes of a batch that have spans: the first ones.
const MOST_OF_A_BATCH: usize = 128;
/// What is older is read again, as in a rebuild, and its trace is over.
const LONGEST_TRACE: Duration = Duration::from_secs(600);

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// From now on work has spans. A second call changes nothing.
pub(crate) fn start(tracer: SdkTracer) {
    let _ = TRACER.set(tracer);
}

/// The trace that a request says it is part of, where it says so properly.
pub(crate) fn sent_with(headers: &HeaderMap) -> Option<TraceContext> {
    let header = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
    let trace = TraceContext {
        traceparent: header(TRACE_PARENT)?,
        tracestate: header(TRACE_STATE).filter(|state| state.len() <= LONGEST_STATE),
    };
    span_context(&trace).is_valid().then_some(trace)
}

/// What logs call the trace.
pub(crate) fn trace_id(trace: &TraceContext) -> &str {
    // The second of its parts.
    trace.traceparent.split('-').nth(1).unwrap_or_default()
}

/// Work in a trace, from now until this is dropped.
pub(crate) struct Span(Option<opentelemetry_sdk::trace::Span>);

impl Span {
    /// A request that is answered, in the trace that it came with or in a new one.
    pub(crate) fn of_request(method: &'static str, sent: Option<&TraceContext>) -> Self {
        let attributes = || vec![KeyValue::new("http.request.method", method)];
        Self::begin(method, SpanKind::Server, sent, attributes)
    }

    /// What was asked for, and with which status it was answered. See the semantic conventions of OpenTelemetry for HTTP.
    pub(crate) fn answered(mut self, method: &str, route: &'static str, status: StatusCode) {
        let Some(span) = &mut self.0 else { return };
        span.update_name(format!("{method} {route}"));
        span.set_attribute(KeyValue::new("http.route", route));
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
    }

    /// A command that is decided: from when it comes to the desk until what it leads to is durable.
    pub(crate) fn of_decision(stream: &str, trace: Option<&TraceContext>) -> Self {
        if trace.is_none() {
            return Self(None);
        }
        let attributes = || vec![KeyValue::new("myevents.stream", stream.to_owned())];
        Self::begin("decide", SpanKind::Internal, trace, attributes)
    }

    /// What is caused by this work belongs to.
    pub(crate) fn trace(&self) -> Option<TraceContext> {
        let context = self.0.as_ref()?.span_context().clone();
        let mut fields = HashMap::new();
        let context = Context::new().with_remote_span_context(context);
        TraceContextPropagator::new().inject_context(&context, &mut fields);
        Some(TraceContext {
            traceparent: fields.remove(TRACE_PARENT.as_str())?,
            tracestate: fields.remove(TRACE_STATE.as_str()).filter(|state| !state.is_empty()),
        })
    }

    pub(crate) fn failed(&mut self, why: &impl ToString) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(why.to_string()));
        }
    }

    fn begin(
        name: impl Into<Cow<'static, str>>,
        kind: SpanKind,
        parent: Option<&TraceContext>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let parent = parent.map_or_else(Context::new, |trace| {
            Context::new().with_remote_span_context(span_context(trace))
        });
        let builder = tracer.span_builder(name).with_kind(kind).with_attributes(attributes());
        Self(Some(builder.start_with_context(tracer, &parent)))
    }
}

/// What is done with envelopes together, in the trace of each of them.
pub(crate) struct Spans(Vec<Span>);

impl Spans {
    pub(crate) fn of_append<'a>(envelopes: impl Iterator<Item = &'a Envelope>) -> Self {
        Self::begin("append", SpanKind::Internal, envelopes, &[])
    }

    pub(crate) fn of_publishing<'a>(envelopes: impl Iterator<Item = &'a Envelope>) -> Self {
        Self::begin("publish", SpanKind::Producer, envelopes, &[])
    }

    /// What a consumer group makes of them, until that is stored.
    pub(crate) fn of_applying<'a>(group: &str, envelopes: impl Iterator<Item = &'a Envelope>) -> Self {
        let group = KeyValue::new("messaging.consumer.group.name", group.to_owned());
        Self::begin("apply", SpanKind::Consumer, envelopes, &[group])
    }

    pub(crate) fn failed(&mut self, why: &impl ToString) {
        self.0.iter_mut().for_each(|span| span.failed(why));
    }

    fn begin<'a>(
        work: &str,
        kind: SpanKind,
        envelopes: impl Iterator<Item = &'a Envelope>,
        attributes: &[KeyValue],
    ) -> Self {
        if TRACER.get().is_none() {
            return Self(Vec::new());
        }
        let now = Timestamp::now();
        let traced = envelopes.filter_map(|envelope| Some((envelope, fresh(envelope, now)?)));
        let spans = traced.take(MOST_OF_A_BATCH).map(|(envelope, trace)| {
            let name = format!("{work} {}", envelope.name);
            let attributes = || attributes.iter().cloned().chain(attributes_of(envelope)).collect();
            Span::begin(name, kind.clone(), Some(trace), attributes)
        });
        Self(spans.collect())
    }
}

fn fresh(envelope: &Envelope, now: Timestamp) -> Option<&TraceContext> {
    let trace = envelope.trace.as_ref()?;
    // Another clock may be ahead of this one.
    let age = Duration::try_from(now.duration_since(envelope.time)).unwrap_or_default();
    (age < LONGEST_TRACE).then_some(trace)
}

fn attributes_of(envelope: &Envelope) -> [KeyValue; 3] {
    [
        KeyValue::new("messaging.message.id", envelope.id.to_string()),
        KeyValue::new("myevents.stream", envelope.stream.to_string()),
        KeyValue::new("myevents.version", i64::try_from(envelope.version).unwrap_or(i64::MAX)),
    ]
}

/// As W3C's Trace Context reads it, <https://www.w3.org/TR/trace-context/>; invalid where it breaks its rules.
fn span_context(trace: &TraceContext) -> SpanContext {
    let parent = Some((TRACE_PARENT.to_string(), trace.traceparent.clone()));
    let state = trace.tracestate.clone().map(|state| (TRACE_STATE.to_string(), state));
    let fields: HashMap<String, String> = parent.into_iter().chain(state).collect();
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &fields);
    context.span().span_context().clone()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const PROPER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn sent(parent: &'static str, state: Option<&str>) -> Option<TraceContext> {
        let mut headers = HeaderMap::new();
        headers.insert(TRACE_PARENT, HeaderValue::from_static(parent));
        if let Some(state) = state {
            headers.insert(TRACE_STATE, HeaderValue::from_str(state).unwrap());
        }
        sent_with(&headers)
    }

    #[test]
    fn a_trace_is_taken_over_only_as_the_standard_spells_it() {
        let trace = sent(PROPER, Some("vendor=value")).unwrap();
        assert_eq!(trace_id(&trace), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.tracestate.as_deref(), Some("vendor=value"));
        for improper in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "-------------------------------------------------------",
        ] {
            assert_eq!(sent(improper, None), None, "{improper}");
        }
        let too_long = format!("vendor={}", "v".repeat(LONGEST_STATE));
        assert_eq!(sent(PROPER, Some(&too_long)).unwrap().tracestate, None);
    }

    #[test]
    fn nothing_has_a_span_where_nobody_collects() {
        let trace = sent(PROPER, None);
        assert_eq!(Span::of_request("GET", trace.as_ref()).trace(), None);
    }
}
