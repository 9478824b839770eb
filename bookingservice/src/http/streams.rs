//! What happens, as it happens: Server-Sent Events.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use chassis::http::consistency::Token;
use chassis::http::form::{Form, Reading, integer_in_text};
use chassis::http::paging::query_of;
use chassis::http::{Problem, sse};
use serde_json::Value;

use super::BookingApi;
use super::bookings::{find_inventory, inventory_of};
use crate::live::{Availabilities, Everything, Overview, Place};

/// Events that a stream may be of by name.
const MOST_EVENTS: usize = 200;
const ONLY_RULE: &str = "must be availability";

/// What happens to an event's seats, as it happens (Server-Sent Events).
///
/// Begins with `availability`: what is left now. Then comes a message for each entry of the inventory's history, named as the
/// entry is (`event.booked`, `booking.cancelled`) and with its JSON. With `only=availability` there are no entries, but
/// `availability` again for each new version, of several at a time the last one. What time alone changes, as sales that begin,
/// is not told.
///
/// A message's id is the inventory's version. Whoever comes back with `Last-Event-ID`, to whichever replica, goes on behind
/// that version, nothing left out and nothing twice; with `only=availability` it begins with what is left now in any case.
/// `resume` is the last message to a reader that was too slow (`too_slow`), or where the store failed (`unavailable`): come
/// back. Where too many streams are open a browser's EventSource gives up, so try anew after a while.
#[utoipa::path(get, path = "/events/{id}/stream", operation_id = "followEvent", tag = "live",
    params(
        ("id" = String, Path),
        ("only" = Option<String>, Query, description = "`availability`"),
        ("after" = Option<u64>, Query, description = "Like Last-Event-ID, for who cannot send headers"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The id of the last message that was seen"),
    ),
    responses(
        (status = 200, description = "Messages, for as long as both sides are there", body = String,
            content_type = "text/event-stream"),
        (status = 404, description = "Unknown event", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter breaks its rule", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "Too many streams are open", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(super) async fn of_event(
    http: HttpRequest,
    api: web::Data<BookingApi>,
    event_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let mut form = Form::from_query(&query_of(&http));
    let only_availability = form.optional(&["only"], read_only).is_some();
    let after = form.optional(&["after"], integer_in_text(0, u32::MAX)).map(u64::from);
    form.finish().map_err(Problem::invalid)?;
    let after = sse::last_id(&http)?.or(after);
    Token::of(&http)?.wait(&api.views.progress).await?;
    find_inventory(&api, &event_id).await?;
    let (live, stream, place) = (api.live.clone(), inventory_of(&event_id)?, place(&api)?);
    if only_availability {
        let listener = Availabilities::open(live, &stream, place).await?;
        return Ok(sse::respond(&http, listener.messages(), api.closing.clone()));
    }
    let listener = Everything::open(live, stream, after, place).await?;
    Ok(sse::respond(&http, listener.messages(), api.closing.clone()))
}

/// What is left of all events that are still to come, or of those that are named, as it changes (Server-Sent Events).
///
/// Begins with the picture as it is: one or several `snapshot`, the last of which says `is_complete`. Then `availability` for
/// each event whose seats have changed, the last of several changes at a time; it may tell once more what the picture
/// already has, so compare `version`. Whoever comes back gets the picture anew. `resume` is the last message, as above, and also
/// where the service's views were replaced by others (`views_changed`).
#[utoipa::path(get, path = "/stream", operation_id = "followAll", tag = "live",
    params(("events" = Option<String>, Query, description = "Ids of events, separated by commas, at most 200")),
    responses(
        (status = 200, description = "Messages, for as long as both sides are there", body = String,
            content_type = "text/event-stream"),
        (status = 422, description = "A parameter breaks its rule", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "Too many streams are open", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(super) async fn of_all(http: HttpRequest, api: web::Data<BookingApi>) -> Result<HttpResponse, Problem> {
    let mut form = Form::from_query(&query_of(&http));
    let only = form.optional(&["events"], read_ids);
    form.finish().map_err(Problem::invalid)?;
    Token::of(&http)?.wait(&api.views.progress).await?;
    let listener = Overview::open(api.live.clone(), only, place(&api)?);
    Ok(sse::respond(&http, listener.messages(), api.closing.clone()))
}

fn place(api: &BookingApi) -> Result<Place, Problem> {
    let place = api.live.place();
    place.ok_or_else(|| Problem::unavailable("Too many streams are open."))
}

fn read_only(value: &Value) -> Reading<()> {
    match value.as_str() {
        Some("availability") => Ok(()),
        _ => Err(ONLY_RULE.to_owned()),
    }
}

fn read_ids(value: &Value) -> Reading<BTreeSet<String>> {
    let text = value.as_str().unwrap_or_default();
    let ids: BTreeSet<String> = text.split(',').map(|id| id.trim().to_owned()).collect();
    let are_ids = ids.iter().all(|id| inventory_of(id).is_ok());
    match are_ids && ids.len() <= MOST_EVENTS {
        true => Ok(ids),
        false => Err(format!("must be 1 to {MOST_EVENTS} ids of events, separated by commas")),
    }
}
