//! The clients: each books, notes the answer, and books again when the pace allows it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::HumanCount;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use tokio::time::{Instant, interval, sleep};

use super::pace::Pace;
use super::tally::{Acknowledged, Fate, Tally};
use super::targets::Target;
use super::{LoadError, Options, report};
use crate::api::{Api, CONSISTENCY_TOKEN, Reply};

/// After a connection error, so that a platform that is away is not called without end.
const BREATH: Duration = Duration::from_millis(50);
const REDRAW: Duration = Duration::from_millis(500);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A run that is over.
pub(crate) struct Ran {
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
}

/// What all clients share.
struct Drive {
    api: Api,
    options: Options,
    urls: Vec<reqwest::Url>,
    pace: Pace,
    tally: Mutex<Tally>,
}

#[derive(Deserialize)]
struct BookingReply {
    id: String,
    user_id: String,
}

pub(crate) async fn run(api: &Api, options: &Options, targets: &[Target], seed: u64) -> Result<Ran, LoadError> {
    let drive = Arc::new(Drive {
        api: api.clone(),
        options: options.clone(),
        urls: targets.iter().map(|target| target.bookings.clone()).collect(),
        pace: Pace::start_now(options.seconds, options.rate),
        tally: Mutex::new(Tally::new(targets.len())?),
    });
    let progress = tokio::spawn(show_progress(Arc::clone(&drive)));
    let client = |number| tokio::spawn(client(Arc::clone(&drive), seed.wrapping_add(number)));
    let clients: Vec<_> = (0..u64::from(options.connections)).map(client).collect();
    for client in clients {
        client.await?;
    }
    let took = drive.pace.elapsed();
    progress.await?;
    let tally = std::mem::replace(&mut *drive.tally(), Tally::new(0)?);
    Ok(Ran { tally, took })
}

async fn client(drive: Arc<Drive>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    while let Some(due) = drive.pace.next().await {
        drive.book(due, &mut random).await;
    }
}

impl Drive {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books once; latency counts from `due`.
    async fn book(&self, due: Instant, random: &mut StdRng) {
        let event = random.random_range(0..self.urls.len());
        let seats = random.random_range(self.options.seats.least..=self.options.seats.most);
        let cancel = random.random_range(0..100) < self.options.cancel;
        let reply = Api::send(self.booking(event, seats)).await;
        let latency = due.elapsed();
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => {
                self.tally().broke(event, !error.is_connect());
                return sleep(BREATH).await;
            }
        };
        self.tally().took(latency);
        match reply.status {
            201 => self.booked(event, seats, cancel, &reply).await,
            409 => self.tally().refused += 1,
            status => self.tally().answered(event, status),
        }
    }

    fn booking(&self, event: usize, seats: u32) -> reqwest::RequestBuilder {
        let request = self.api.post_to(self.urls[event].clone());
        request
            .header(CONTENT_TYPE, JSON)
            .body(format!("{{\"seats\":{seats}}}"))
    }

    async fn booked(&self, event: usize, seats: u32, cancel: bool, reply: &Reply) {
        let Ok(booking) = reply.read::<BookingReply>("a booking") else {
            return self.tally().unreadable(event, reply.status);
        };
        let token = reply.token.as_deref().unwrap_or_default();
        let (fate, version) = match cancel {
            true => self.cancel(&booking, token).await,
            false => (Fate::Stands, version_in(token)),
        };
        let booking = Acknowledged {
            id: booking.id,
            seats,
            fate,
        };
        self.tally().booked(event, booking, version);
    }

    /// How it ended, and the inventory's version by then.
    async fn cancel(&self, booking: &BookingReply, token: &str) -> (Fate, u64) {
        let request = self.api.request(Method::DELETE, &format!("/bookings/{}", booking.id));
        let request = request
            .header(CONSISTENCY_TOKEN, token)
            .header("X-User-Id", &booking.user_id);
        let version = version_in(token);
        match Api::send(request).await {
            Ok(reply) if reply.status == 200 => (
                Fate::Cancelled,
                reply.token.as_deref().map_or(version, version_in).max(version),
            ),
            Ok(reply) => {
                self.tally().other(reply.status);
                (
                    if reply.status >= 500 {
                        Fate::Unsure
                    } else {
                        Fate::Stands
                    },
                    version,
                )
            }
            Err(_) => (Fate::Unsure, version),
        }
    }
}

/// Of `inventory/<id>@<version>`.
fn version_in(token: &str) -> u64 {
    token
        .rsplit('@')
        .next()
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}

async fn show_progress(drive: Arc<Drive>) {
    let bar = report::counting_bar(drive.options.seconds, "booking");
    let mut redraw = interval(REDRAW);
    let mut before = (0, Duration::ZERO);
    while drive.pace.elapsed().as_secs() < drive.options.seconds {
        redraw.tick().await;
        let now = (drive.tally().requests(), drive.pace.elapsed());
        let rate = (now.0 - before.0) as f64 / (now.1 - before.1).as_secs_f64().max(0.001);
        bar.set_position(now.1.as_secs());
        bar.set_message(format!("{} answers a second", HumanCount(rate as u64)));
        before = now;
    }
    bar.finish_and_clear();
}
