//! Visitors of what the demo puts on, who book now and then and sometimes change their minds, until they are told to stop: so
//! that there are curves to look at.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Created, DemoError};
use crate::api::{Api, CONSISTENCY_TOKEN, IDEMPOTENCY_KEY};

/// Between two visitors, in milliseconds.
const PAUSES: std::ops::Range<u64> = 200..1_500;
const PARTIES: std::ops::RangeInclusive<u32> = 1..=4;
/// How many of a hundred cancel at once.
const REGRETS: u32 = 15;

/// Events that may be booked, by id.
pub(super) async fn come(api: &Api, events: &[String], stop: &CancellationToken) -> Result<(), DemoError> {
    let mut random: StdRng = rand::make_rng();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(Duration::from_millis(random.random_range(PAUSES))) => {}
        }
        let event = &events[random.random_range(0..events.len())];
        let booking = book(api, event, random.random_range(PARTIES)).await?;
        if let Some((booking, token)) = booking.filter(|_| random.random_ratio(REGRETS, 100)) {
            cancel(api, &booking.id, &token).await?;
        }
    }
}

/// `None` where there are not so many seats left.
async fn book(api: &Api, event: &str, seats: u32) -> Result<Option<(Created, String)>, DemoError> {
    let path = format!("/events/{event}/bookings");
    let what = format!("POST {path}");
    let key = format!("{:032x}", rand::random::<u128>());
    let request = || {
        let request = api.request(Method::POST, &path).header(IDEMPOTENCY_KEY, &key);
        request.json(&json!({ "seats": seats }))
    };
    let reply = api.ask(&what, request).await?;
    if reply.status == 409 {
        return Ok(None);
    }
    let reply = reply.succeeded(&what)?;
    let booking = reply.read(&what)?;
    Ok(Some((booking, reply.token.unwrap_or_default())))
}

async fn cancel(api: &Api, booking: &str, token: &str) -> Result<(), DemoError> {
    let path = format!("/bookings/{booking}");
    let what = format!("DELETE {path}");
    let request = || api.request(Method::DELETE, &path).header(CONSISTENCY_TOKEN, token);
    api.ask(&what, request).await?.succeeded(&what)?;
    Ok(())
}
