//! The booking service's HTTP interface: decode, call, encode; nothing else.

mod bookings;
mod past;
mod problems;
pub(crate) mod replies;
mod sales;
mod streams;
mod users;

use std::sync::Arc;

use actix_web::web;
use chassis::clock::Clock;
use chassis::consumer::Progress;
use chassis::desk::Desk;
use chassis::feed::Feed;
use chassis::http::routing::resource;
use chassis::http::server::Routes;
use chassis::views::LiveViews;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use crate::domain::inventory::Inventory;
use crate::domain::user::User;
use crate::live::Live;
use crate::sales_metrics::SalesMetrics;
use crate::users::Users;
use crate::views::sales::LatestSales;

/// What the handlers work with.
#[derive(Clone)]
pub(crate) struct BookingApi {
    pub(crate) inventories: Desk<Inventory>,
    pub(crate) registrations: Desk<User>,
    pub(crate) users: Users,
    pub(crate) views: LiveViews,
    pub(crate) feed: Feed,
    pub(crate) live: Live,
    /// Cancelled when streams are to end.
    pub(crate) closing: CancellationToken,
    /// How far events have become inventories.
    pub(crate) policies: Progress,
    pub(crate) sales: SalesMetrics,
    pub(crate) latest_sales: LatestSales,
    pub(crate) clock: Arc<dyn Clock>,
}

#[derive(OpenApi)]
#[openapi(
    paths(
        bookings::book,
        bookings::list_of_event,
        bookings::availability,
        past::history,
        sales::by_hour,
        streams::of_event,
        streams::of_all,
        bookings::get,
        bookings::cancel,
        users::register,
        users::list,
        users::get,
        users::list_bookings,
    ),
    tags(
        (name = "bookings", description = "Seats sold"),
        (name = "live", description = "What happens, as it happens"),
        (name = "users", description = "Who books"),
    )
)]
pub(crate) struct Document;

pub(crate) fn routes(api: BookingApi) -> Routes {
    Arc::new(move |config: &mut web::ServiceConfig| {
        config
            .app_data(web::Data::new(api.clone()))
            .service(
                resource("/events/{id}/bookings", "GET, POST")
                    .route(web::post().to(bookings::book))
                    .route(web::get().to(bookings::list_of_event)),
            )
            .service(resource("/events/{id}/availability", "GET").route(web::get().to(bookings::availability)))
            .service(resource("/events/{id}/history", "GET").route(web::get().to(past::history)))
            .service(resource("/events/{id}/stream", "GET").route(web::get().to(streams::of_event)))
            .service(resource("/sales", "GET").route(web::get().to(sales::by_hour)))
            .service(resource("/stream", "GET").route(web::get().to(streams::of_all)))
            .service(
                resource("/bookings/{id}", "GET, DELETE")
                    .route(web::get().to(bookings::get))
                    .route(web::delete().to(bookings::cancel)),
            )
            .service(
                resource("/users", "GET, POST")
                    .route(web::post().to(users::register))
                    .route(web::get().to(users::list)),
            )
            .service(resource("/users/{id}", "GET").route(web::get().to(users::get)))
            .service(resource("/users/{id}/bookings", "GET").route(web::get().to(users::list_bookings)));
    })
}
