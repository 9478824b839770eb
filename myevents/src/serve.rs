//! `myevents serve`: both services in one process. The event service's port serves everything, so that a browser needs
//! one origin; the booking service's own port works as when it runs alone.

use std::process::ExitCode;
use std::sync::Arc;

use chassis::clock::SystemClock;
use chassis::config::{Defaults, Flags, Settings};
use chassis::http::server::Api;
use chassis::service::StartError;
use chassis::shutdown::Shutdown;
use chassis::{binary, without_secrets};

use crate::page;

/// Plain ports in the configuration are the event service's; `booking.listen` is the other one's.
const BOOKING: Defaults = Defaults {
    owns_plain_ports: false,
    ..bookingservice::DEFAULTS
};

pub(crate) fn run(flags: &Flags) -> ExitCode {
    let settings = Settings::load(&eventservice::DEFAULTS, flags)
        .and_then(|events| Ok((events, Settings::load(&BOOKING, flags)?)));
    let (events, bookings) = match settings {
        Ok(settings) => settings,
        Err(error) => return binary::fail(&error),
    };
    if flags.check_health {
        return binary::check_health(&events);
    }
    binary::run_observed("myevents", &events.clone(), serve(events, bookings))
}

async fn serve(events: Settings, bookings: Settings) -> Result<(), StartError> {
    // Whichever began first would claim it.
    if events.store == bookings.store && persistence::is_known(&events.store) {
        return Err(StartError::SharedStore(without_secrets(&events.store)));
    }
    let mut shutdown = Shutdown::listen().map_err(StartError::Signals)?;
    let clock = Arc::new(SystemClock);
    let starting = async {
        let events = eventservice::start(events, clock.clone()).await?;
        Ok::<_, StartError>((events, bookingservice::start(bookings, clock).await?))
    };
    // A start may wait for its store or its broker.
    let Some(started) = shutdown.or(starting).await else {
        return Ok(());
    };
    let ((mut event_service, event_api), (mut booking_service, booking_api)) = started?;
    let event_endpoints = event_service.serve(both(event_api, &booking_api))?;
    let booking_endpoints = booking_service.serve(booking_api)?;
    let endpoints = [
        (&event_service.settings, event_endpoints),
        (&booking_service.settings, booking_endpoints),
    ];
    binary::print_banner(&endpoints, page::is_built().then_some(event_endpoints.http));
    shutdown.requested().await;
    // Who asks twice does not want to wait.
    let draining = async { tokio::join!(event_service.drain(), booking_service.drain()) };
    shutdown.or(draining).await;
    // Requests of both end before either's background work does: they use it.
    tokio::join!(event_service.stop_serving(), booking_service.stop_serving());
    event_service.stop().await;
    booking_service.stop().await;
    Ok(())
}

fn both(mut events: Api, bookings: &Api) -> Api {
    events.routes.extend(bookings.routes.iter().cloned());
    events.documents.extend(bookings.documents.iter().cloned());
    events.health.extend(bookings.health.iter().cloned());
    events.page = page::is_built().then(page::routes);
    events
}
