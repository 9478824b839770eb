//! The event service's HTTP interface: decode, call, encode; nothing else.

mod events;
mod list;
mod locations;
mod replies;

use std::sync::Arc;

use actix_web::web;
use chassis::clock::Clock;
use chassis::desk::Desk;
use chassis::http::problem::Problem;
use chassis::http::routing::resource;
use chassis::http::{FieldError, server::Routes};
use chassis::views::LiveViews;
use persistence::Search;
use utoipa::OpenApi;

use crate::domain::Violation;
use crate::domain::event::{Event, EventRejection};
use crate::domain::location::{Location, LocationRejection};

/// What the handlers work with.
#[derive(Clone)]
pub(crate) struct EventApi {
    pub(crate) events: Desk<Event>,
    pub(crate) locations: Desk<Location>,
    pub(crate) views: LiveViews,
    pub(crate) search: Arc<dyn Search>,
    pub(crate) clock: Arc<dyn Clock>,
}

#[derive(OpenApi)]
#[openapi(
    paths(
        events::create,
        events::list,
        events::get,
        events::get_by_search_route,
        events::find_by_name,
        events::change,
        events::cancel,
        locations::create,
        locations::list,
        locations::get,
        locations::change,
    ),
    tags(
        (name = "events", description = "What people book"),
        (name = "locations", description = "Where events take place"),
    )
)]
pub(crate) struct Document;

pub(crate) fn routes(api: EventApi) -> Routes {
    Arc::new(move |config: &mut web::ServiceConfig| {
        config
            .app_data(web::Data::new(api.clone()))
            .service(
                resource("/events", "GET, POST")
                    .route(web::post().to(events::create))
                    .route(web::get().to(events::list)),
            )
            .service(
                resource("/events/{id}", "GET, PATCH")
                    .route(web::get().to(events::get))
                    .route(web::patch().to(events::change)),
            )
            .service(resource("/events/id/{id}", "GET").route(web::get().to(events::get_by_search_route)))
            .service(resource("/events/name/{name}", "GET").route(web::get().to(events::find_by_name)))
            .service(resource("/events/{id}/cancel", "POST").route(web::post().to(events::cancel)))
            .service(
                resource("/locations", "GET, POST")
                    .route(web::post().to(locations::create))
                    .route(web::get().to(locations::list)),
            )
            .service(
                resource("/locations/{id}", "GET, PATCH")
                    .route(web::get().to(locations::get))
                    .route(web::patch().to(locations::change)),
            );
    })
}

fn field_errors(violations: Vec<Violation>) -> Vec<FieldError> {
    violations
        .into_iter()
        .map(|violation| FieldError::new(violation.field, violation.rule))
        .collect()
}

impl From<EventRejection> for Problem {
    fn from(rejection: EventRejection) -> Self {
        match rejection {
            EventRejection::Unknown => Problem::not_found("event"),
            EventRejection::AlreadyExists => conflict("already-exists", "There is such an event already"),
            EventRejection::Cancelled => conflict("event-cancelled", "The event is cancelled"),
            EventRejection::Invalid(violations) => Problem::invalid(field_errors(violations)),
        }
    }
}

impl From<LocationRejection> for Problem {
    fn from(rejection: LocationRejection) -> Self {
        match rejection {
            LocationRejection::Unknown => Problem::not_found("location"),
            LocationRejection::AlreadyExists => conflict("already-exists", "There is such a location already"),
            LocationRejection::Invalid(violations) => Problem::invalid(field_errors(violations)),
        }
    }
}

fn conflict(short_name: &'static str, title: &'static str) -> Problem {
    Problem::new(actix_web::http::StatusCode::CONFLICT, short_name, title)
}
