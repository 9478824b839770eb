//! The event service: locations and events, who changes them, and how they are found.
//!
//! It knows of bookings only what it hears through the broker. It must not know the booking service's code.

pub mod audit;
mod domain;
mod http;
mod input;
mod policies;
mod views;

use std::sync::Arc;

use chassis::clock::Clock;
use chassis::config::{Defaults, Settings};
use chassis::desk::Desk;
use chassis::http::server::Api;
use chassis::operator::Profile;
use chassis::service::{Service, StartError};
use chassis::views::View;
use contracts::StreamKind;
use utoipa::OpenApi;

use crate::audit::HistoryAudit;
use crate::domain::event::Event;
use crate::domain::location::Location;
use crate::http::EventApi;
use crate::policies::{AdoptForeign, FollowLocation};
use crate::views::events::EventsView;
use crate::views::locations::LocationsView;

/// Its name in settings, group names and metrics, and its ports.
pub const DEFAULTS: Defaults = Defaults {
    service: "event",
    database: "events",
    listen: "127.0.0.1:8181",
    listen_tls: "127.0.0.1:9191",
    listen_metrics: "127.0.0.1:9100",
    owns_plain_ports: true,
};

/// What the operator's commands have to know of it.
pub const PROFILE: Profile = Profile {
    defaults: &DEFAULTS,
    streams: &[StreamKind::Event, StreamKind::Location],
    views: all_views,
    kept: Vec::new,
    audit: || Box::new(HistoryAudit::default()),
};

/// Starts everything but the server, and returns what the server is to serve.
///
/// # Errors
/// One line that names the setting at fault, or what the store says.
pub async fn start(settings: Settings, clock: Arc<dyn Clock>) -> Result<(Service, Api), StartError> {
    let mut service = Service::open(settings, clock, PROFILE.streams).await?;
    service.start_relay();
    let events: Desk<Event> = service.desk();
    let locations: Desk<Location> = service.desk();
    let views = service.start_views(all_views()).await?;
    let documents = &service.stores.documents;
    let follow = async || FollowLocation::open(events.clone(), locations.clone(), Arc::clone(documents)).await;
    let follow = service.from_store(follow).await?;
    let adopt = AdoptForeign {
        events: events.clone(),
        locations: locations.clone(),
    };
    service.start_policies(vec![Arc::new(follow), Arc::new(adopt)]).await?;
    let api = EventApi {
        events,
        locations,
        views,
        search: Arc::clone(&service.stores.search),
        clock: Arc::clone(&service.clock),
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
    vec![Arc::new(EventsView), Arc::new(LocationsView)]
}
