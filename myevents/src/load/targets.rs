//! The events that are booked: made for the run, or one that is there.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::check::{self, Facts};
use super::{LoadError, Options, report};
use crate::api::{Api, ApiError};

/// Bookings can be cancelled until an event starts.
const STARTS_IN: SignedDuration = SignedDuration::from_hours(30 * 24);
const PATIENCE: Duration = Duration::from_secs(60);

/// An event to book, and how it stood before.
pub(crate) struct Target {
    pub(crate) id: String,
    /// URL to book at.
    pub(crate) bookings: reqwest::Url,
    pub(crate) bookings_before: usize,
    pub(crate) sold_before: u64,
}

#[derive(Deserialize)]
struct Created {
    id: String,
}

pub(crate) async fn prepare(api: &Api, options: &Options) -> Result<Vec<Target>, LoadError> {
    if let Some(id) = &options.event {
        let facts = check::stable_facts(api, id, None, Instant::now() + PATIENCE).await?;
        return Ok(vec![target(api, id.clone(), &facts)?]);
    }
    let bar = report::counting_bar(u64::from(options.events), "making events");
    let mut targets = Vec::new();
    for number in 1..=options.events {
        targets.push(make(api, options.capacity, number).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(targets)
}

fn target(api: &Api, id: String, facts: &Facts) -> Result<Target, ApiError> {
    let url = api.url_of(&format!("/events/{id}/bookings"));
    Ok(Target {
        bookings: url.parse().map_err(|_| ApiError::Url(url))?,
        id,
        bookings_before: facts.bookings.len(),
        sold_before: facts.sold,
    })
}

async fn make(api: &Api, capacity: u32, number: u32) -> Result<Target, LoadError> {
    let (created, token): (Created, _) = api.post("/events", &[], &event(capacity, number)).await?;
    api.wait_until_open(&created.id, &token.unwrap_or_default()).await?;
    Ok(target(api, created.id, &Facts::default())?)
}

/// All runs share one location: it is found again by its id and name.
fn event(capacity: u32, number: u32) -> Value {
    json!({
        "name": format!("Load test {number}"),
        "start_time": (Timestamp::now() + STARTS_IN).to_string(),
        "duration": 120,
        "capacity": capacity,
        "location": {"id": "myevents-load", "name": "Load Test Hall", "country": "Nowhere"},
    })
}
