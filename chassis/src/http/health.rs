//! `/health/live`: the process answers. `/health/ready`: how each part is.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::middleware::Draining;
use super::routing::resource;
use crate::health::{Health, PartHealth, State};

/// How a service is: as well as its worst part.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    state: State,
    parts: BTreeMap<String, PartHealth>,
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(resource("/health/live", "GET").get(live))
        .service(resource("/health/ready", "GET").get(ready));
}

/// The process is alive.
#[utoipa::path(get, path = "/health/live", operation_id = "isAlive", tag = "health", responses((status = 200, description = "Alive")))]
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "state": "ok" }))
}

/// How each part is, and whether this process goes on. Degraded parts catch up by themselves and do not stop requests; with a
/// part that is down the service should get none.
#[utoipa::path(get, path = "/health/ready", operation_id = "isReady", tag = "health", responses(
    (status = 200, description = "Takes requests", body = Readiness),
    (status = 503, description = "A part is down, or the process ends", body = Readiness),
))]
pub(crate) async fn ready(health: web::Data<Vec<Health>>, draining: web::Data<Draining>) -> HttpResponse {
    let mut parts = BTreeMap::new();
    for health in health.iter() {
        parts.extend(health.parts());
    }
    if draining.is_on() {
        parts.insert(
            "requests".to_owned(),
            PartHealth::down("the process ends: ask another one"),
        );
    }
    let state = parts.values().map(|part| part.state).max().unwrap_or(State::Ok);
    let mut response = if state == State::Down {
        HttpResponse::ServiceUnavailable()
    } else {
        HttpResponse::Ok()
    };
    response.json(Readiness { state, parts })
}
