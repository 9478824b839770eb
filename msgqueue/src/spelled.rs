//! An envelope as it goes out: its CloudEvents attributes and its body, by the names that a setting asks for.

use std::borrow::Cow;
use std::fmt::{Display, Write};

use contracts::Envelope;

use crate::EventNames;
use crate::event_names::{ALIASES, with_aliases};

/// What is written of an envelope; its attributes are not made before they are asked for.
pub(crate) struct Spelled<'a> {
    envelope: &'a Envelope,
    pub(crate) name: Cow<'a, str>,
    pub(crate) body: Cow<'a, [u8]>,
    aliases: Option<String>,
}

impl<'a> Spelled<'a> {
    pub(crate) fn of(envelope: &'a Envelope, names: EventNames) -> Self {
        let dotted = Self {
            envelope,
            name: envelope.name.as_str().into(),
            body: envelope.payload.as_str().as_bytes().into(),
            aliases: None,
        };
        match names {
            EventNames::Dotted => dotted,
            EventNames::CamelCase => dotted.in_camel_case(),
        }
    }

    fn in_camel_case(mut self) -> Self {
        if let Some((aliases, body)) = with_aliases(&self.envelope.name, &self.body) {
            self.aliases = Some(aliases);
            self.body = body.into();
        }
        self.name = self.envelope.name.camel_case().into();
        self
    }

    /// The id of the entity that the stream is about.
    pub(crate) fn key(&self) -> &'a str {
        self.envelope.stream.entity_id()
    }

    /// Tells name and value of each attribute, by its plain name and in the names' order.
    pub(crate) fn each_attribute(&self, mut tell: impl FnMut(&str, &str)) {
        let envelope = self.envelope;
        let mut text = String::new();
        let mut set = |name: &str, value: &dyn Display| {
            text.clear();
            // A String takes whatever is written to it.
            let _ = write!(text, "{value}");
            tell(name, &text);
        };
        let (digests, trace) = (envelope.idempotency.as_ref(), envelope.trace.as_ref());
        set("actor", &envelope.actor);
        self.aliases.iter().for_each(|aliases| set(ALIASES, aliases));
        set("commitfirst", &envelope.commit.first);
        set("commitlast", &envelope.commit.last);
        set("datacontenttype", &"application/json");
        set("hash", &envelope.hash);
        set("id", &envelope.id);
        digests.iter().for_each(|digests| set("idempotencykey", &digests.key));
        digests
            .iter()
            .for_each(|digests| set("idempotencyrequest", &digests.request));
        set("schemaversion", &envelope.schema_version);
        set("source", &format_args!("/{}", envelope.stream));
        set("specversion", &"1.0");
        set("stream", &envelope.stream);
        set("streamversion", &envelope.version);
        set("time", &envelope.time);
        trace.iter().for_each(|trace| set("traceparent", &trace.traceparent));
        trace
            .and_then(|trace| trace.tracestate.as_ref())
            .iter()
            .for_each(|state| set("tracestate", state));
        set("type", &self.name);
    }
}
