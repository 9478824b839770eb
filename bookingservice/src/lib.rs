//! The booking service: seats sold and returned, and who books them.
//!
//! It knows of events only what it hears through the broker. It must not know the event service's code.

pub mod audit;
mod domain;
mod http;
mod live;
mod policies;
mod sales_metrics;
mod users;
mod views;

use std::sync::Arc;

use chassis::clock::Clock;
use chassis::config::{Defaults, Settings};
use chassis::desk::Desk;
use chassis::feed::{Feed, FeedView};
use chassis::http::server::Api;
use chassis::operator::Profile;
use chassis::service::{Service, StartError};
use chassis::views::View;
use contracts::StreamKind;
use prometheus::IntCounter;
use utoipa::OpenApi;

use crate::audit::InventoryAudit;
use crate::domain::guest;
use crate::domain::inventory::Inventory;
use crate::domain::user::User;
use crate::http::BookingApi;
use crate::live::Live;
use crate::policies::FollowEvents;
use crate::sales_metrics::SalesMetrics;
use crate::users::Users;
use crate::views::bookings::BookingsView;
use crate::views::inventories::InventoriesView;
use crate::views::sales::{LatestSales, SalesView};

/// Its name in settings, group names and metrics, and its ports.
pub const DEFAULTS: Defaults = Defaults {
    service: "booking",
    database: "bookings",
    listen: "127.0.0.1:8282",
    listen_tls: "127.0.0.1:9292",
    listen_metrics: "127.0.0.1:9101",
    owns_plain_ports: true,
};

/// What the operator's commands have to know of it.
pub const PROFILE: Profile = Profile {
    defaults: &DEFAULTS,
    streams: &[StreamKind::Inventory, StreamKind::User],
    views: all_views,
    kept: || vec![users::collection()],
    audit: || Box::new(InventoryAudit::default()),
};

/// Starts everything but the server, and returns what the server is to serve.
///
/// # Errors
/// One line that names the setting at fault, or what the store says.
pub async fn start(settings: Settings, clock: Arc<dyn Clock>) -> Result<(Service, Api), StartError> {
    let mut service = Service::open(settings, clock, PROFILE.streams).await?;
    service.start_relay();
    let inventories: Desk<Inventory> = service.desk();
    let registrations: Desk<User> = service.desk();
    let sales = SalesMetrics::register(service.metrics.registry())?;
    let views = service.start_views(views_that_count(Some(sales.oversold()))).await?;
    let follow = FollowEvents {
        inventories: inventories.clone(),
        sales: sales.clone(),
    };
    let policies = service.start_policies(vec![Arc::new(follow)]).await?;
    let feed = Feed::new(views.clone());
    let clock = Arc::clone(&service.clock);
    let live = Live::new(
        views.clone(),
        feed.clone(),
        Arc::clone(&clock),
        service.metrics.registry(),
    )?;
    service.run_for_requests("streams", live.clone().run());
    let users = async || Users::open(Arc::clone(&service.stores.documents)).await;
    let api = BookingApi {
        inventories,
        registrations,
        users: service.from_store(users).await?,
        feed,
        live,
        closing: service.closing(),
        views,
        policies,
        sales,
        latest_sales: LatestSales::default(),
        clock,
    };
    let api = Api {
        routes: vec![http::routes(api)],
        documents: vec![http::Document::openapi()],
        page: None,
        health: vec![service.health.clone()],
        metrics: service.metrics.http.clone(),
        cors_origins: service.settings.cors_origins.clone(),
    };
    Ok((service, api))
}

fn all_views() -> Vec<Arc<dyn View>> {
    views_that_count(None)
}

fn views_that_count(oversold: Option<IntCounter>) -> Vec<Arc<dyn View>> {
    let feed = FeedView {
        public_facts: views::feed::public_facts,
        fold: views::feed::fold,
        public_actor: guest::masked,
    };
    vec![
        Arc::new(BookingsView),
        Arc::new(InventoriesView { oversold }),
        Arc::new(SalesView),
        Arc::new(feed),
    ]
}
