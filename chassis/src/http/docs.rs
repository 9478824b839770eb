//! The API's own description: `/openapi.json` (OpenAPI 3.1, made from the code) and a page to browse it at `/docs`.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_swagger_ui::{Config, serve};

use super::health::Readiness;
use super::problem::Problem;
use super::routing::resource;
use crate::http::form::FieldError;

/// What every service has.
#[derive(OpenApi)]
#[openapi(
    paths(super::health::live, super::health::ready),
    components(schemas(Problem, FieldError, Readiness))
)]
struct Common;

/// One document of all services behind a port.
pub(crate) fn document(services: impl IntoIterator<Item = Document>) -> Document {
    let mut document = Common::openapi();
    document.info.title = "MyEvents".to_owned();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    document.info.description = Some(
        "Create events, book seats. Replies to writes carry a Consistency-Token; send it with the next request to \
         see what you wrote. Send an Idempotency-Key with every POST to be able to repeat it safely."
            .to_owned(),
    );
    for service in services {
        document.merge(service);
    }
    document
}

pub(crate) fn routes(config: &mut web::ServiceConfig, document: &Document) {
    let json = document.to_json().unwrap_or_default();
    let openapi = move || {
        let json = json.clone();
        async move { HttpResponse::Ok().content_type("application/json").body(json) }
    };
    let ui: Arc<Config<'static>> = Arc::new(Config::from("/openapi.json"));
    let page = move |path: web::Path<String>| {
        let ui = Arc::clone(&ui);
        async move { file(&path, ui) }
    };
    config
        .service(resource("/openapi.json", "GET").get(openapi))
        .service(resource("/docs", "GET").get(to_index))
        .service(resource("/docs/{file:.*}", "GET").get(page));
}

async fn to_index() -> HttpResponse {
    HttpResponse::Found()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

fn file(path: &str, ui: Arc<Config<'static>>) -> Result<HttpResponse, Problem> {
    let path = if path.is_empty() { "index.html" } else { path };
    match serve(path, ui) {
        Ok(Some(file)) => Ok(HttpResponse::Ok()
            .content_type(file.content_type)
            .body(file.bytes.into_owned())),
        _ => Err(Problem::not_found("page")),
    }
}
