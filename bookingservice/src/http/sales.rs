//! How sales go over all events.

use actix_web::{HttpRequest, HttpResponse, web};
use chassis::http::Problem;
use chassis::http::consistency::Token;
use chassis::http::form::{self, Form};
use chassis::http::paging::query_of;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::BookingApi;
use crate::views::sales::{Hour, Sales};

const USUAL_HOURS: u32 = 24;
/// A week.
const MOST_HOURS: u32 = 168;

/// How sales went, hour by hour.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SalesReply {
    /// Oldest first, without a gap up to the hour that is now.
    items: Vec<HourReply>,
}

/// An hour's sales.
#[derive(Debug, Serialize, ToSchema)]
struct HourReply {
    /// When it begins: a full hour in UTC.
    start: Timestamp,
    /// In bookings made in that hour, whatever became of them.
    seats_booked: u64,
    /// In bookings cancelled in that hour, whenever they were made.
    seats_cancelled: u64,
}

/// Seats booked and cancelled in each of the latest hours, over all events
///
/// Where more events were sold than one answer may look at (50,000, counted anew in each hour), the oldest hours are left out.
/// One answer is reckoned at a time, and serves all who have asked before it was begun.
#[utoipa::path(get, path = "/sales", operation_id = "listSales", tag = "bookings",
    params(("hours" = Option<u32>, Query, description = "How many, 1 to 168; 24 by default")),
    responses(
        (status = 200, description = "Sales by hour", body = SalesReply),
        (status = 422, description = "A parameter breaks its rule", body = Problem,
            content_type = "application/problem+json"),
    ))]
pub(super) async fn by_hour(http: HttpRequest, api: web::Data<BookingApi>) -> Result<HttpResponse, Problem> {
    let mut form = Form::from_query(&query_of(&http));
    let hours = form.optional(&["hours"], form::integer_in_text(1, MOST_HOURS));
    form.finish().map_err(Problem::invalid)?;
    Token::of(&http)?.wait(&api.views.progress).await?;
    let count = hours.unwrap_or(USUAL_HOURS);
    let found = api.latest_sales.hours(&api.views, api.clock.now(), count).await?;
    let items = found.iter().filter_map(HourReply::of).collect();
    Ok(HttpResponse::Ok().json(SalesReply { items }))
}

impl HourReply {
    fn of((hour, sales): (Hour, Sales)) -> Option<Self> {
        Some(Self {
            start: hour.start()?,
            seats_booked: sales.booked,
            seats_cancelled: sales.cancelled,
        })
    }
}
