//! The past of an event, as the feed has it: who did what when, and what was left at a moment.

use actix_web::{HttpRequest, HttpResponse, web};
use chassis::feed::{Entry, History, Moment, Walk};
use chassis::http::consistency::Token;
use chassis::http::form::{self, Form, Reading};
use chassis::http::paging::{Page, PageRequest, query_of};
use chassis::http::{Problem, freshness};
use contracts::{StreamId, StreamKind};
use jiff::Timestamp;
use persistence::StoreError;
use serde_json::Value;

use super::BookingApi;
use super::replies::{AvailabilityReply, HistoryReply};
use crate::views::feed::{self, Standing};
use crate::views::inventories::InventoryDocument;

/// Smaller whole numbers are more likely meant as versions than as seconds of the year 2001 and before.
const FEWEST_SECONDS: i64 = 1_000_000_000;
const MOMENT_RULE: &str =
    "must be a time (RFC 3339 text, or unix seconds from 1000000000 on) or a version from 1 on (v17)";

/// What happened to an event and to its seats: who, what and when.
///
/// Oldest first, or newest first with `order=desc`. Entries of the event and of its inventory stand in the order of
/// their times; those of each in the order of their versions, even where a clock was set back.
#[utoipa::path(get, path = "/events/{id}/history", operation_id = "getHistory", tag = "bookings",
    params(
        ("id" = String, Path),
        ("order" = Option<String>, Query, description = "`asc`, oldest first, by default; or `desc`"),
        ("limit" = Option<u32>, Query),
        ("cursor" = Option<String>, Query),
    ),
    responses(
        (status = 200, description = "A page", body = Page<HistoryReply>),
        (status = 404, description = "Unknown event", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter breaks its rule", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(super) async fn history(
    http: HttpRequest,
    api: web::Data<BookingApi>,
    event_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let walk = read_walk(&http)?;
    Token::of(&http)?.wait(&api.views.progress).await?;
    let streams = streams_of(&event_id)?;
    let found = freshness::look_up(&event_id, api.clock.now(), || happened(&api, &streams, &walk)).await?;
    let history = found.ok_or_else(|| Problem::not_found("event"))?;
    let items = history.entries.into_iter().map(HistoryReply::of).collect();
    Ok(Page::new(items, history.next.as_ref()).respond(&http))
}

/// The moment that `at` names; `None` where it is absent.
pub(super) fn moment_of(http: &HttpRequest) -> Result<Option<Moment>, Problem> {
    let mut form = Form::from_query(&query_of(http));
    let moment = form.optional(&["at"], read_moment);
    form.finish().map_err(Problem::invalid)?;
    Ok(moment)
}

/// What was left at a moment, and the version of the inventory then. Of the inventory this version has been seen: a store
/// may show its document before it shows the entry that belongs to it.
pub(super) async fn availability_at(
    api: &BookingApi,
    inventory: &StreamId,
    moment: Moment,
    seen: u64,
) -> Result<(u64, AvailabilityReply), Problem> {
    let needed = match moment {
        Moment::Time(_) => seen,
        Moment::Version(version) => version.min(seen),
    };
    Token::at(inventory.clone(), needed).wait(&api.views.progress).await?;
    let entry = match moment {
        Moment::Time(_) => api.feed.at(inventory, moment).await?,
        Moment::Version(version) => up_to(api, inventory, version).await?,
    };
    let entry = entry.ok_or_else(not_open_yet)?;
    let at = match moment {
        Moment::Time(time) => has_come(time, &entry, api.clock.now())?,
        Moment::Version(_) => entry.time,
    };
    let document = inventory_after(api, inventory, &entry).await?;
    let terms = document.terms.as_ref().ok_or_else(not_open_yet)?;
    let reply = AvailabilityReply::of(&document, terms, at).at(at);
    Ok((document.version, reply))
}

fn read_walk(http: &HttpRequest) -> Result<Walk, Problem> {
    let mut form = Form::from_query(&query_of(http));
    let descending = form.optional(&["order"], read_order).unwrap_or(false);
    let page = PageRequest::read(&mut form);
    form.finish().map_err(Problem::invalid)?;
    Ok(Walk {
        after: page.after,
        descending,
        limit: page.limit,
    })
}

fn read_order(value: &Value) -> Reading<bool> {
    match value.as_str() {
        Some("asc") => Ok(false),
        Some("desc") => Ok(true),
        _ => Err("must be asc or desc".to_owned()),
    }
}

fn read_moment(value: &Value) -> Reading<Moment> {
    let text = value.as_str().unwrap_or_default().trim();
    if let Some(digits) = text.strip_prefix(['v', 'V']) {
        return read_version(digits).ok_or_else(|| MOMENT_RULE.to_owned());
    }
    let too_few = text.parse().is_ok_and(|seconds: i64| seconds < FEWEST_SECONDS);
    let time = form::time(&Value::from(text)).ok().filter(|_| !too_few);
    time.map(Moment::Time).ok_or_else(|| MOMENT_RULE.to_owned())
}

/// Stores compare whole numbers of 64 bits with a sign.
fn read_version(digits: &str) -> Option<Moment> {
    let version: i64 = digits.parse().ok().filter(|_| !digits.starts_with('+'))?;
    let version = u64::try_from(version).ok().filter(|version| *version > 0)?;
    Some(Moment::Version(version))
}

fn streams_of(event_id: &str) -> Result<[StreamId; 2], Problem> {
    let stream = |kind| StreamId::new(kind, event_id).map_err(|_| Problem::not_found("event"));
    Ok([stream(StreamKind::Event)?, stream(StreamKind::Inventory)?])
}

/// `None` where nothing ever happened: there is no such event.
async fn happened(api: &BookingApi, streams: &[StreamId], walk: &Walk) -> Result<Option<History>, StoreError> {
    let history = api.feed.merged(streams, walk).await?;
    let nothing = history.entries.is_empty() && walk.after.is_none();
    Ok((!nothing).then_some(history))
}

/// A time that is ahead of this clock is known only where the stream has got there by another one.
fn has_come(time: Timestamp, entry: &Entry, now: Timestamp) -> Result<Timestamp, Problem> {
    if time > now.max(entry.moment()) {
        return Err(Problem::invalid_field("at", "must not be in the future"));
    }
    Ok(time)
}

/// The newest entry up to a version that is known. It may have none of its own, where this build did not know the name of
/// what happened.
async fn up_to(api: &BookingApi, inventory: &StreamId, version: u64) -> Result<Option<Entry>, Problem> {
    let moment = Moment::Version(version);
    let found = api.feed.at(inventory, moment).await?;
    if found.as_ref().is_none_or(|entry| entry.version == version) {
        return Ok(found);
    }
    let current = api.views.progress.version(inventory).await?;
    if current < version {
        return Err(Problem::not_found("version").with("current_version", current));
    }
    // Its entry may have come in between.
    Ok(api.feed.at(inventory, moment).await?)
}

async fn inventory_after(api: &BookingApi, inventory: &StreamId, entry: &Entry) -> Result<InventoryDocument, Problem> {
    let standing = Standing::read(&entry.standing).ok_or_else(not_open_yet)?;
    let opened = api.feed.entry(inventory, standing.terms_version).await?;
    Ok(InventoryDocument {
        terms: opened.and_then(|opened| feed::terms_in(opened.facts)),
        sold: standing.sold,
        closed: standing.closed,
        version: entry.version,
    })
}

fn not_open_yet() -> Problem {
    Problem::not_found("availability").detail("The event was not open for booking yet.")
}
