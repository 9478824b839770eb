use actix_web::{HttpRequest, HttpResponse, web};
use chassis::desk::Outcome;
use chassis::http::consistency::Token;
use chassis::http::form::Form;
use chassis::http::paging::{Page, PageRequest};
use chassis::http::{JsonBody, Problem, caller, conditional, freshness, writing};
use contracts::{Actor, DomainEvent, LocationDetails, StreamId, StreamKind};

use super::EventApi;
use super::replies::LocationReply;
use crate::domain::location::{LocationCommand, LocationRejection};
use crate::input::{LocationPatch, NewLocation, read_location, read_location_change};
use crate::views::locations::{BY_NAME, COLLECTION, LocationDocument};

/// Create a location.
#[utoipa::path(post, path = "/locations", operation_id = "createLocation", tag = "locations", request_body = NewLocation, responses(
    (status = 201, description = "Created", body = LocationReply),
    (status = 422, description = "A field breaks its rule", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    http: HttpRequest,
    api: web::Data<EventApi>,
    JsonBody(body): JsonBody,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::new(&body);
    let details = read_location(&mut form);
    form.finish().map_err(Problem::invalid)?;
    let details = details.ok_or_else(Problem::internal)?;
    let request = caller::request(&http, &body, (), Actor::system())?;
    let command = |id| LocationCommand::Create(LocationDetails { id, ..details.clone() });
    let taken = |rejection: &LocationRejection| *rejection == LocationRejection::AlreadyExists;
    let outcome = writing::create(&api.locations, StreamKind::Location, request, command, taken).await?;
    let details = details_in(&outcome).ok_or_else(Problem::internal)?;
    let location = format!("/locations/{}", details.id);
    Ok(writing::created(
        location,
        &outcome,
        &LocationReply::of(details, Some(outcome.version)),
    ))
}

/// All locations, by name.
#[utoipa::path(get, path = "/locations", operation_id = "listLocations", tag = "locations",
    params(("limit" = Option<u32>, Query, description = "1 to 200, 20 by default"), ("cursor" = Option<String>, Query)),
    responses((status = 200, description = "A page", body = Page<LocationReply>)))]
pub(super) async fn list(http: HttpRequest, api: web::Data<EventApi>) -> Result<HttpResponse, Problem> {
    let page = PageRequest::of(&http)?;
    Token::of(&http)?.wait(&api.views.progress).await?;
    let (found, next) = api.views.find(COLLECTION, page.query(BY_NAME)).await?;
    let items = found
        .into_iter()
        .filter_map(|(_, document)| reply_of(document))
        .collect();
    Ok(Page::new(items, next.as_ref()).respond(&http))
}

/// One location.
#[utoipa::path(get, path = "/locations/{id}", operation_id = "getLocation", tag = "locations", params(("id" = String, Path)), responses(
    (status = 200, description = "The location", body = LocationReply),
    (status = 404, description = "Unknown", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn get(
    http: HttpRequest,
    api: web::Data<EventApi>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Token::of(&http)?.wait(&api.views.progress).await?;
    let found = freshness::look_up(&id, api.clock.now(), || api.views.get(COLLECTION, &id)).await?;
    let document: LocationDocument = found.ok_or_else(|| Problem::not_found("location"))?;
    let version = document.version;
    let reply = reply_of(document).ok_or_else(|| Problem::not_found("location"))?;
    Ok(conditional::respond(&http, version, &reply))
}

/// Change a location. Its coming events follow.
#[utoipa::path(patch, path = "/locations/{id}", operation_id = "changeLocation", tag = "locations", params(("id" = String, Path)),
    request_body = LocationPatch, responses(
    (status = 200, description = "Changed", body = LocationReply),
    (status = 412, description = "Changed by somebody else", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    http: HttpRequest,
    api: web::Data<EventApi>,
    id: web::Path<String>,
    JsonBody(body): JsonBody,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::new(&body);
    let change = read_location_change(&mut form);
    form.finish().map_err(Problem::invalid)?;
    let stream = stream_of(&id)?;
    let mut request = caller::request(&http, &body, LocationCommand::Change(change), Actor::system())?;
    request.if_version = conditional::if_match(&http)?;
    let outcome = api.locations.handle(&stream, request).await?;
    let (location, version) = api.locations.read(&stream).await?;
    let details = location.details.ok_or_else(|| Problem::not_found("location"))?;
    Ok(writing::changed(
        &outcome,
        version,
        &LocationReply::of(details, Some(version)),
    ))
}

/// An id that is no part of a stream's name names nothing.
fn stream_of(id: &str) -> Result<StreamId, Problem> {
    StreamId::new(StreamKind::Location, id).map_err(|_| Problem::not_found("location"))
}

fn details_in(outcome: &Outcome) -> Option<LocationDetails> {
    match &outcome.recorded.last()?.event {
        DomainEvent::LocationCreated(details) | DomainEvent::LocationChanged(details) => Some(details.clone()),
        _ => None,
    }
}

fn reply_of(document: LocationDocument) -> Option<LocationReply> {
    let version = document.version;
    document
        .details
        .map(|details| LocationReply::of(details, Some(version)))
}
