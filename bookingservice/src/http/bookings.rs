use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use chassis::desk::{DeskError, Outcome, Request};
use chassis::http::consistency::Token;
use chassis::http::form::{self, Form};
use chassis::http::paging::{Page, PageRequest};
use chassis::http::{JsonBody, Problem, caller, conditional, freshness, writing};
use chassis::views::Found;
use contracts::{Actor, CancelledBy, DomainEvent, StreamId, StreamKind};
use persistence::StoreError;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::replies::{AvailabilityReply, BookingReply};
use super::{BookingApi, past};
use crate::domain::guest;
use crate::domain::inventory::{InventoryCommand, InventoryRejection};
use crate::views::bookings::{BY_EVENT, BY_USER, BookingDocument, COLLECTION};
use crate::views::inventories::{self, InventoryDocument};

const MOST_SEATS: u32 = 1_000_000;

/// Seats to book.
#[derive(Debug, ToSchema)]
pub(crate) struct NewBooking {
    /// All of them or none. From 1 on; an event may set a limit.
    #[schema(minimum = 1, maximum = 1_000_000)]
    seats: u32,
    /// A registered user or a guest; by default whoever X-User-Id names, else a new guest.
    user_id: Option<String>,
}

impl NewBooking {
    fn read(body: &Map<String, Value>) -> Result<Self, Problem> {
        let mut form = Form::new(body);
        let seats = form.required(&["seats"], form::integer(1, MOST_SEATS));
        let user_id = form.optional(&["user_id"], form::id);
        form.finish().map_err(Problem::invalid)?;
        let seats = seats.ok_or_else(Problem::internal)?;
        Ok(Self { seats, user_id })
    }
}

/// Book seats of an event.
#[utoipa::path(post, path = "/events/{id}/bookings", operation_id = "bookSeats", tag = "bookings", request_body = NewBooking,
    params(
        ("id" = String, Path, description = "The event"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key means the same booking, for 48 hours"),
        ("Consistency-Token" = Option<String>, Header, description = "Of the reply that created the event"),
    ),
    responses(
        (status = 201, description = "Booked", body = BookingReply),
        (status = 404, description = "Unknown event", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Refused; seats_left says how many are left", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "A field breaks its rule", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn book(
    http: HttpRequest,
    api: web::Data<BookingApi>,
    event_id: web::Path<String>,
    JsonBody(body): JsonBody,
) -> Result<HttpResponse, Problem> {
    let booking = NewBooking::read(&body)?;
    let stream = inventory_of(&event_id)?;
    Token::of(&http)?
        .only(|stream| stream.is(StreamKind::Event))
        .wait(&api.policies)
        .await?;
    let user_id = user_of(&http, &api, booking.user_id).await?;
    let command = InventoryCommand::Book {
        booking_id: Uuid::now_v7().to_string(),
        user_id: user_id.clone(),
        seats: booking.seats,
    };
    let request = caller::request(&http, &body, command, Actor::new(user_id))?;
    // An event of a moment ago may not have been opened yet.
    let attempt = || attempt(&api, &stream, request.clone());
    let outcome = freshness::look_up(&event_id, api.clock.now(), attempt).await?;
    booked(&api, &outcome.ok_or_else(|| Problem::not_found("event"))?)
}

/// `None` where the event is not known.
async fn attempt(
    api: &BookingApi,
    stream: &StreamId,
    request: Request<InventoryCommand>,
) -> Result<Option<Outcome>, Problem> {
    match api.inventories.handle(stream, request).await {
        Err(DeskError::Rejected(InventoryRejection::NotOpened)) => Ok(None),
        outcome => Ok(Some(outcome?)),
    }
}

fn booked(api: &BookingApi, outcome: &Outcome) -> Result<HttpResponse, Problem> {
    let recorded = outcome.recorded.first().ok_or_else(Problem::internal)?;
    let DomainEvent::EventBooked(booked) = &recorded.event else {
        return Err(Problem::internal());
    };
    let time = recorded.envelope.time;
    if !outcome.replayed {
        api.sales.booked(booked, time);
    }
    let location = format!("/bookings/{}", booked.booking_id);
    Ok(writing::created(location, outcome, &BookingReply::booked(booked, time)))
}

/// Who books: the user that the body or the header names, else a new guest.
async fn user_of(http: &HttpRequest, api: &BookingApi, named: Option<String>) -> Result<String, Problem> {
    let (field, id) = match (named, caller::actor_of(http)?) {
        (Some(id), _) => ("user_id", id),
        (None, Some(actor)) => (caller::HEADER, actor.to_string()),
        (None, None) => return Ok(guest::new_id()),
    };
    if guest::is_guest(&id) || api.users.get(&id).await?.is_some() {
        return Ok(id);
    }
    Err(Problem::invalid_field(field, "names no registered user and no guest"))
}

/// The bookings of an event, oldest first.
#[utoipa::path(get, path = "/events/{id}/bookings", operation_id = "listBookingsOfEvent", tag = "bookings",
    params(("id" = String, Path), ("limit" = Option<u32>, Query), ("cursor" = Option<String>, Query)),
    responses(
        (status = 200, description = "A page", body = Page<BookingReply>),
        (status = 404, description = "Unknown event", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn list_of_event(
    http: HttpRequest,
    api: web::Data<BookingApi>,
    event_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let page = PageRequest::of(&http)?;
    Token::of(&http)?.wait(&api.views.progress).await?;
    find_inventory(&api, &event_id).await?;
    let viewer = caller::actor_of(&http)?;
    let viewer = viewer.as_ref().map(Actor::as_str);
    Ok(bookings_by(&api, BY_EVENT, &event_id, page, viewer)
        .await?
        .respond(&http))
}

/// What is left of an event, now or at a moment of the past.
///
/// `at` is a time (RFC 3339, or unix seconds) or a version of the inventory (`v17`), as its history numbers them.
#[utoipa::path(get, path = "/events/{id}/availability", operation_id = "getAvailability", tag = "bookings",
    params(
        ("id" = String, Path),
        ("at" = Option<String>, Query, description = "As it was at this time, or after this version: \
            `2026-12-15T14:00:00Z` or `v17`"),
    ),
    responses(
        (status = 200, description = "Seats sold and left", body = AvailabilityReply),
        (status = 404, description = "Unknown event; a time before it opened; a version that there is not", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`at` breaks its rule", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn availability(
    http: HttpRequest,
    api: web::Data<BookingApi>,
    event_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let moment = past::moment_of(&http)?;
    Token::of(&http)?.wait(&api.views.progress).await?;
    let document = find_inventory(&api, &event_id).await?;
    let terms = document.terms.as_ref().ok_or_else(|| Problem::not_found("event"))?;
    let Some(moment) = moment else {
        let reply = AvailabilityReply::of(&document, terms, api.clock.now());
        return Ok(conditional::respond(&http, document.version, &reply));
    };
    let (version, reply) = past::availability_at(&api, &inventory_of(&event_id)?, moment, document.version).await?;
    Ok(conditional::respond(&http, version, &reply))
}

/// One booking.
#[utoipa::path(get, path = "/bookings/{id}", operation_id = "getBooking", tag = "bookings", params(("id" = String, Path)), responses(
    (status = 200, description = "The booking", body = BookingReply),
    (status = 404, description = "Unknown or malformed", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn get(
    http: HttpRequest,
    api: web::Data<BookingApi>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Token::of(&http)?.wait(&api.views.progress).await?;
    let document = find_booking(&api, &id).await?;
    let version = document.version;
    let viewer = caller::actor_of(&http)?;
    let reply = reply_of(&api, id.into_inner(), document, viewer.as_ref().map(Actor::as_str)).await?;
    Ok(conditional::respond(&http, version, &reply))
}

/// Cancel a booking: its seats return. Twice is the same as once; possible until the event starts.
#[utoipa::path(delete, path = "/bookings/{id}", operation_id = "cancelBooking", tag = "bookings", params(("id" = String, Path)), responses(
    (status = 200, description = "Cancelled", body = BookingReply),
    (status = 404, description = "Unknown or malformed", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The event has started", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn cancel(
    http: HttpRequest,
    api: web::Data<BookingApi>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Token::of(&http)?.wait(&api.views.progress).await?;
    let document = find_booking(&api, &id).await?;
    let stream = inventory_of(&document.event_id)?;
    let viewer = caller::actor_of(&http)?;
    let viewer = viewer.as_ref().map(Actor::as_str);
    let command = InventoryCommand::Cancel {
        booking_id: id.clone(),
        cancelled_by: relation_to(&document, viewer),
    };
    let actor = Actor::new(document.user_id.clone());
    let outcome = api
        .inventories
        .handle(&stream, caller::request(&http, &Map::new(), command, actor)?)
        .await?;
    let reply = reply_of(&api, id.into_inner(), document, viewer).await?;
    // Cancelled earlier, it says when in the view.
    let reply = match outcome.recorded.first() {
        Some(recorded) => reply.cancelled(recorded.envelope.time),
        None => reply,
    };
    Ok(writing::changed(&outcome, outcome.version, &reply))
}

/// Whoever names nobody is the holder: to others a booking's id is not told.
fn relation_to(booking: &BookingDocument, viewer: Option<&str>) -> CancelledBy {
    match viewer {
        Some(viewer) if viewer != booking.user_id => CancelledBy::Other,
        _ => CancelledBy::Holder,
    }
}

/// A page of the bookings of a user, latest first.
pub(super) async fn bookings_of_user(
    api: &BookingApi,
    user_id: &str,
    page: PageRequest,
) -> Result<Page<BookingReply>, Problem> {
    bookings_by(api, BY_USER, user_id, page, Some(user_id)).await
}

async fn bookings_by(
    api: &BookingApi,
    index: &'static str,
    key: &str,
    page: PageRequest,
    viewer: Option<&str>,
) -> Result<Page<BookingReply>, Problem> {
    let mut query = page.query(index);
    query.equals = vec![json!(key)];
    query.descending = index == BY_USER;
    let (found, next): Found<BookingDocument> = api.views.find(COLLECTION, query).await?;
    let event_ids: BTreeSet<&str> = found.iter().map(|(_, booking)| booking.event_id.as_str()).collect();
    let cancelled = cancelled_events(api, event_ids).await?;
    let reply = |(id, booking): (String, BookingDocument)| {
        let event_cancelled = cancelled.contains(&booking.event_id);
        BookingReply::of(id, booking, event_cancelled, viewer)
    };
    Ok(Page::new(found.into_iter().map(reply).collect(), next.as_ref()))
}

/// Those of the events that do not take place.
async fn cancelled_events(api: &BookingApi, event_ids: BTreeSet<&str>) -> Result<BTreeSet<String>, StoreError> {
    let event_ids: Vec<&str> = event_ids.into_iter().collect();
    let found: Vec<(String, InventoryDocument)> = api.views.get_many(inventories::COLLECTION, &event_ids).await?;
    Ok(found
        .into_iter()
        .filter(|(_, inventory)| inventory.closed)
        .map(|(id, _)| id)
        .collect())
}

async fn reply_of(
    api: &BookingApi,
    id: String,
    document: BookingDocument,
    viewer: Option<&str>,
) -> Result<BookingReply, Problem> {
    let cancelled = cancelled_events(api, BTreeSet::from([document.event_id.as_str()])).await?;
    Ok(BookingReply::of(id, document, !cancelled.is_empty(), viewer))
}

/// An id that is no part of a stream's name names nothing.
pub(super) fn inventory_of(event_id: &str) -> Result<StreamId, Problem> {
    StreamId::new(StreamKind::Inventory, event_id).map_err(|_| Problem::not_found("event"))
}

async fn find_booking(api: &BookingApi, id: &str) -> Result<BookingDocument, Problem> {
    let found = freshness::look_up(id, api.clock.now(), || api.views.get(COLLECTION, id)).await?;
    found.ok_or_else(|| Problem::not_found("booking"))
}

pub(super) async fn find_inventory(api: &BookingApi, event_id: &str) -> Result<Arc<InventoryDocument>, Problem> {
    let found = freshness::look_up(event_id, api.clock.now(), || load_inventory(api, event_id)).await?;
    found.ok_or_else(|| Problem::not_found("event"))
}

async fn load_inventory(api: &BookingApi, event_id: &str) -> Result<Option<Arc<InventoryDocument>>, StoreError> {
    api.views.look_up(inventories::COLLECTION, event_id).await
}
