//! The page that browsers show: what `frontend` is built to, inside this program.
//!
//! One document serves all of its addresses, and finds out by itself which of them it is to show. It must not know of the
//! API.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, LazyLock};

use actix_web::guard::{self, Guard};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, AcceptEncoding, Encoding, Header, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use chassis::http::routing::resource;
use chassis::http::server::Routes;
use chassis::http::{Problem, conditional};
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::{Embed, EmbeddedFile};

const DOCUMENT: &str = "index.html";
/// The page's own addresses.
const ADDRESSES: [&str; 6] = ["/", "/e/{id}", "/b/{id}", "/me", "/organise", "/organise/{rest:.*}"];
/// Scripts and styles come from here and nowhere else, and nothing is written into the document.
const POLICY: &str = "default-src 'self'; img-src 'self' https: data:; object-src 'none'; base-uri 'none'; \
                      form-action 'self'; frame-ancestors 'none'";
/// What is called differently whenever it changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Absent where the page was not built.
#[derive(Embed)]
#[folder = "../frontend/dist"]
#[allow_missing = true]
struct Files;

/// A file as it is sent.
struct Served {
    plain: Bytes,
    gzip: Bytes,
    content_type: String,
    plain_tag: String,
    gzip_tag: String,
}

static SERVED: LazyLock<HashMap<String, Served>> = LazyLock::new(|| {
    let named = |name: Cow<'static, str>| Some((name.to_string(), Served::of(Files::get(&name)?)));
    Files::iter().filter_map(named).collect()
});

/// Whether there is a page.
pub(crate) fn is_built() -> bool {
    SERVED.contains_key(DOCUMENT)
}

pub(crate) fn routes() -> Routes {
    Arc::new(|config: &mut web::ServiceConfig| {
        for address in ADDRESSES {
            config.service(resource(address, "GET").get(document));
        }
        config.service(resource("/assets/{file}", "GET").get(asset));
        // Whoever follows a link that leads nowhere is shown that, and programs get a problem document.
        config.service(
            web::resource("/{path:.*}")
                .guard(guard::Get())
                .guard(ForBrowsers)
                .to(missing),
        );
    })
}

async fn document(http: HttpRequest) -> Result<HttpResponse, Problem> {
    respond(&http, StatusCode::OK)
}

async fn missing(http: HttpRequest) -> Result<HttpResponse, Problem> {
    respond(&http, StatusCode::NOT_FOUND)
}

fn respond(http: &HttpRequest, status: StatusCode) -> Result<HttpResponse, Problem> {
    let document = SERVED.get(DOCUMENT);
    let document = document.ok_or_else(|| Problem::not_found("page"))?;
    let mut response = document.respond(http, status, "no-cache");
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // A booking's address lets cancel it.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (header::PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

async fn asset(http: HttpRequest, file: web::Path<String>) -> Result<HttpResponse, Problem> {
    let file = SERVED.get(&format!("assets/{file}"));
    let file = file.ok_or_else(|| Problem::not_found("file"))?;
    Ok(file.respond(&http, StatusCode::OK, FOR_EVER))
}

impl Served {
    fn of(file: EmbeddedFile) -> Self {
        let plain = Bytes::from(file.data.into_owned());
        let digest = hex::encode(&file.metadata.sha256_hash()[..8]);
        Self {
            gzip: gzip(&plain),
            plain,
            content_type: with_charset(file.metadata.mimetype()),
            plain_tag: format!("\"{digest}\""),
            gzip_tag: format!("\"{digest}-gzip\""),
        }
    }

    fn respond(&self, http: &HttpRequest, status: StatusCode, cache: &'static str) -> HttpResponse {
        let is_gzip = takes_gzip(http);
        let tag = if is_gzip { &self.gzip_tag } else { &self.plain_tag };
        let mut response = HttpResponse::build(status);
        response
            .insert_header((header::CACHE_CONTROL, cache))
            .insert_header((header::VARY, "Accept-Encoding, Accept"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::ETAG, tag.clone()));
        if status == StatusCode::OK && conditional::matches_none(http, tag) {
            response.status(StatusCode::NOT_MODIFIED);
            return response.finish();
        }
        response.insert_header((header::CONTENT_TYPE, self.content_type.clone()));
        if !is_gzip {
            return response.body(self.plain.clone());
        }
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
        response.body(self.gzip.clone())
    }
}

/// Made once, and sent many times.
fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Memory takes everything.
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    written.unwrap_or_default().into()
}

fn with_charset(kind: &str) -> String {
    match kind {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    }
}

fn takes_gzip(http: &HttpRequest) -> bool {
    let known = [Encoding::gzip(), Encoding::identity()];
    let accepted = AcceptEncoding::parse(http).ok();
    accepted.and_then(|accepted| accepted.negotiate(known.iter())) == Some(Encoding::gzip())
}

/// Browsers ask for documents like this, and nobody else does.
struct ForBrowsers;

impl Guard for ForBrowsers {
    fn check(&self, context: &guard::GuardContext<'_>) -> bool {
        let accepted = context.head().headers().get(header::ACCEPT);
        accepted.is_some_and(|accepted| accepted.to_str().is_ok_and(|text| text.contains("text/html")))
    }
}
