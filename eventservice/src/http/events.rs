use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use chassis::desk::{Outcome, Request};
use chassis::faults;
use chassis::http::consistency::Token;
use chassis::http::form::Form;
use chassis::http::paging::{Page, PageRequest};
use chassis::http::{JsonBody, Problem, caller, conditional, freshness, idempotency, writing};
use contracts::{Actor, DomainEvent, EventDetails, StreamId, StreamKind};
use jiff::Timestamp;
use persistence::StoreError;

use super::replies::EventReply;
use super::{EventApi, field_errors, list as listing};
use crate::domain::event::{self, EventCommand, EventRejection, Place};
use crate::domain::location::{self, LocationCommand};
use crate::input::{EmbeddedLocation, EventPatch, NewEvent, read_event_change};
use crate::views::events::{COLLECTION, EventDocument};

/// Create an event, with its location if that is not known yet.
#[utoipa::path(post, path = "/events", operation_id = "createEvent", tag = "events", request_body = NewEvent,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key means the same event, for 48 hours")),
    responses(
        (status = 201, description = "Created; Location and Consistency-Token in the headers", body = EventReply),
        (status = 422, description = "A field breaks its rule", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn create(
    http: HttpRequest,
    api: web::Data<EventApi>,
    JsonBody(body): JsonBody,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::new(&body);
    let event = NewEvent::read(&mut form);
    form.finish().map_err(Problem::invalid)?;
    let mut event = event.ok_or_else(Problem::internal)?;
    let base = caller::request(&http, &body, (), Actor::system())?;
    if event.organiser.is_none() && base.actor != Actor::system() {
        event.organiser = Some(base.actor.to_string());
    }
    let place = find_place(&api, &event, &base).await?;
    let mut details = event.into_details(String::new());
    event::move_to(&mut details, &place);
    if place.version == 0 {
        // Checked before the location is created, so that a refused event leaves nothing behind. At a known location
        // the desk checks: it knows a repeated key before it knows today's halls.
        event::check(&details).map_err(|violations| Problem::invalid(field_errors(violations)))?;
        event::move_to(&mut details, &create_place(&api, place, &base).await?);
        faults::point("events.placed");
    }
    let command = |id| EventCommand::Create(Box::new(EventDetails { id, ..details.clone() }));
    let taken = |rejection: &EventRejection| *rejection == EventRejection::AlreadyExists;
    let outcome = writing::create(&api.events, StreamKind::Event, base, command, taken).await?;
    let details = details_in(&outcome).ok_or_else(Problem::internal)?;
    let location = format!("/events/{}", details.id);
    Ok(writing::created(
        location,
        &outcome,
        &EventReply::of_details(details, outcome.version),
    ))
}

/// The location of a new event: a known one, or one to be created, which has version 0.
async fn find_place(api: &EventApi, event: &NewEvent, base: &Request<()>) -> Result<Place, Problem> {
    if let Some(id) = &event.location_id {
        let unknown = || Problem::invalid_field("location_id", "names no known location");
        return known_place(api, id).await?.ok_or_else(unknown);
    }
    // One of both is there: the form saw to it.
    let location = event.location.as_ref().ok_or_else(Problem::internal)?;
    if let Some(id) = &location.id
        && let Some(place) = known_place(api, id).await?
    {
        return Ok(place);
    }
    new_place(api, location, base).await
}

/// The same external id and name lead to the same location, whoever comes first.
async fn new_place(api: &EventApi, location: &EmbeddedLocation, base: &Request<()>) -> Result<Place, Problem> {
    let unknown = || Problem::invalid_field("location.id", "names no known location; to create it, send its name");
    let mut details = location.details.clone().ok_or_else(unknown)?;
    details.external_id = location.id.clone().or(details.external_id);
    details.id = match (&details.external_id, &base.idempotency) {
        (Some(external), _) => idempotency::derived_id(&format!("location\n{external}\n{}", details.name)),
        (None, Some(digests)) => idempotency::derived_id(&format!("location\n{}", digests.key)),
        (None, None) => idempotency::new_id(None, 0),
    };
    if let Some(place) = known_place(api, &details.id).await? {
        return Ok(place);
    }
    location::check(&details).map_err(|violations| Problem::invalid(nested(violations)))?;
    Ok(Place { details, version: 0 })
}

fn nested(violations: Vec<crate::domain::Violation>) -> Vec<chassis::http::FieldError> {
    let mut errors = field_errors(violations);
    for error in &mut errors {
        error.field = format!("location.{}", error.field);
    }
    errors
}

async fn create_place(api: &EventApi, place: Place, base: &Request<()>) -> Result<Place, Problem> {
    let stream = StreamId::new(StreamKind::Location, &place.details.id).map_err(|_| Problem::internal())?;
    let mut request = base.clone().with(LocationCommand::Ensure(place.details));
    // The key belongs to the event; the location's id alone makes this safe to repeat.
    request.idempotency = None;
    api.locations.handle(&stream, request).await?;
    let (location, version) = api.locations.read(&stream).await?;
    let details = location.details.ok_or_else(Problem::internal)?;
    Ok(Place { details, version })
}

async fn known_place(api: &EventApi, id: &str) -> Result<Option<Place>, Problem> {
    let Ok(stream) = StreamId::new(StreamKind::Location, id) else {
        return Ok(None);
    };
    let (location, version) = api.locations.read(&stream).await?;
    Ok(location.details.map(|details| Place { details, version }))
}

/// Events, soonest first: by default those that are neither cancelled nor over.
#[utoipa::path(get, path = "/events", operation_id = "listEvents", tag = "events",
    params(
        ("status" = Option<String>, Query, description = "`open` (default) or `all`"),
        ("from" = Option<String>, Query, description = "Starts at or after this time"),
        ("to" = Option<String>, Query, description = "Starts before this time"),
        ("country" = Option<String>, Query),
        ("text" = Option<String>, Query, description = "Words, or their beginnings, of name, description and place"),
        ("available" = Option<bool>, Query, description = "Only those that can be booked now, or only the others"),
        ("limit" = Option<u32>, Query, description = "1 to 200, 20 by default"),
        ("cursor" = Option<String>, Query),
    ),
    responses((status = 200, description = "A page", body = Page<EventReply>)))]
pub(super) async fn list(http: HttpRequest, api: web::Data<EventApi>) -> Result<HttpResponse, Problem> {
    let search = listing::EventSearch::read(&http)?;
    Token::of(&http)?.wait(&api.views.progress).await?;
    Ok(listing::find(&api, &search).await?.respond(&http))
}

/// One event.
#[utoipa::path(get, path = "/events/{id}", operation_id = "getEvent", tag = "events", params(("id" = String, Path)), responses(
    (status = 200, description = "The event", body = EventReply),
    (status = 304, description = "As the client has it"),
    (status = 404, description = "Unknown or malformed", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn get(
    http: HttpRequest,
    api: web::Data<EventApi>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Token::of(&http)?.wait(&api.views.progress).await?;
    let now = api.clock.now();
    let document = freshness::look_up(&id, now, || load(&api, &id)).await?;
    let document = document.ok_or_else(|| Problem::not_found("event"))?;
    respond(&http, &document, now)
}

/// One event, by the search route.
#[utoipa::path(get, path = "/events/id/{id}", operation_id = "getEventById", tag = "events", params(("id" = String, Path)), responses(
    (status = 200, description = "The event", body = EventReply),
    (status = 404, description = "Unknown or malformed", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn get_by_search_route(
    http: HttpRequest,
    api: web::Data<EventApi>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    get(http, api, id).await
}

/// Events of this name, in any letter case; several may share it.
#[utoipa::path(get, path = "/events/name/{name}", operation_id = "findEventsByName", tag = "events",
    params(("name" = String, Path), ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page; empty where there is none", body = Page<EventReply>)))]
pub(super) async fn find_by_name(
    http: HttpRequest,
    api: web::Data<EventApi>,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let page = PageRequest::of(&http)?;
    Token::of(&http)?.wait(&api.views.progress).await?;
    Ok(listing::find_by_name(&api, &name, page).await?.respond(&http))
}

/// Change an event, capacity included.
#[utoipa::path(patch, path = "/events/{id}", operation_id = "changeEvent", tag = "events", request_body = EventPatch,
    params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "ETag of the version to change")),
    responses(
        (status = 200, description = "Changed", body = EventReply),
        (status = 409, description = "Cancelled", body = Problem, content_type = "application/problem+json"),
        (status = 412, description = "Changed by somebody else", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field breaks its rule", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn change(
    http: HttpRequest,
    api: web::Data<EventApi>,
    id: web::Path<String>,
    JsonBody(body): JsonBody,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::new(&body);
    let (mut change, location_id) = read_event_change(&mut form);
    form.finish().map_err(Problem::invalid)?;
    if let Some(id) = location_id {
        let unknown = || Problem::invalid_field("location_id", "names no known location");
        change.place = Some(known_place(&api, &id).await?.ok_or_else(unknown)?);
    }
    decide(&http, &api, &id, &body, EventCommand::Change(Box::new(change))).await
}

/// Cancel an event. Its bookings stay and say so; cancelling twice is the same as once.
#[utoipa::path(post, path = "/events/{id}/cancel", operation_id = "cancelEvent", tag = "events", params(("id" = String, Path)), responses(
    (status = 200, description = "Cancelled", body = EventReply),
    (status = 404, description = "Unknown", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn cancel(
    http: HttpRequest,
    api: web::Data<EventApi>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    decide(&http, &api, &id, &serde_json::Map::new(), EventCommand::Cancel).await
}

/// Carries out a command on a known event and answers with the event as it then is.
async fn decide(
    http: &HttpRequest,
    api: &EventApi,
    id: &str,
    body: &serde_json::Map<String, serde_json::Value>,
    command: EventCommand,
) -> Result<HttpResponse, Problem> {
    let stream = stream_of(id)?;
    let mut request = caller::request(http, body, command, Actor::system())?;
    request.if_version = conditional::if_match(http)?;
    let outcome = api.events.handle(&stream, request).await?;
    let (event, version) = api.events.read(&stream).await?;
    let mut document = load(api, id).await?.map(Arc::unwrap_or_clone).unwrap_or_default();
    document.show(
        event.details.ok_or_else(|| Problem::not_found("event"))?,
        event.cancelled,
        version,
    );
    let reply = EventReply::of(&document, api.clock.now()).ok_or_else(Problem::internal)?;
    Ok(writing::changed(&outcome, version, &reply))
}

fn respond(http: &HttpRequest, document: &EventDocument, now: Timestamp) -> Result<HttpResponse, Problem> {
    let reply = EventReply::of(document, now).ok_or_else(|| Problem::not_found("event"))?;
    Ok(conditional::respond(http, document.version, &reply))
}

/// An id that is no part of a stream's name names nothing.
fn stream_of(id: &str) -> Result<StreamId, Problem> {
    StreamId::new(StreamKind::Event, id).map_err(|_| Problem::not_found("event"))
}

fn details_in(outcome: &Outcome) -> Option<EventDetails> {
    match &outcome.recorded.first()?.event {
        DomainEvent::EventCreated(details) => Some(details.clone()),
        _ => None,
    }
}

/// Only events that are known themselves: an inventory alone is not one yet.
async fn load(api: &EventApi, id: &str) -> Result<Option<Arc<EventDocument>>, StoreError> {
    let document: Option<Arc<EventDocument>> = api.views.look_up(COLLECTION, id).await?;
    Ok(document.filter(|document| document.details.is_some()))
}
