//! The clients: each browses or books, notes the answer, and goes on when the pace allows it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::HumanCount;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use tokio::time::{Instant, interval, sleep};

use super::pace::Pace;
use super::tally::{Acknowledged, Answer, Fate, Operation, Tally};
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
    events: Vec<Event>,
    pace: Pace,
    tally: Mutex<Tally>,
}

struct Event {
    bookings: reqwest::Url,
    /// What people look at.
    pages: [String; 3],
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
        events: targets.iter().map(Event::of).collect(),
        pace: Pace::start_now(options.seconds, options.rate),
        tally: Mutex::new(Tally::new(targets.len(), options.seconds)?),
    });
    let progress = tokio::spawn(show_progress(Arc::clone(&drive)));
    let client = |number| tokio::spawn(client(Arc::clone(&drive), seed.wrapping_add(number)));
    let clients: Vec<_> = (0..u64::from(options.connections)).map(client).collect();
    for client in clients {
        client.await?;
    }
    let took = drive.pace.elapsed();
    progress.await?;
    let tally = std::mem::replace(&mut *drive.tally(), Tally::new(0, 0)?);
    Ok(Ran { tally, took })
}

async fn client(drive: Arc<Drive>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    while let Some(due) = drive.pace.next().await {
        drive.visit(due, &mut random).await;
    }
}

impl Event {
    fn of(target: &Target) -> Self {
        let event = format!("/events/{}", target.id);
        Self {
            bookings: target.bookings.clone(),
            pages: ["/events?limit=20".to_owned(), format!("{event}/availability"), event],
        }
    }
}

impl Drive {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Comes once, when it is due.
    async fn visit(&self, due: Instant, random: &mut StdRng) {
        self.tally().visits += 1;
        let event = random.random_range(0..self.events.len());
        let seats = random.random_range(self.options.seats.least..=self.options.seats.most);
        let cancel = random.random_range(0..100) < self.options.cancel;
        let browses = random.random_range(0..100) < self.options.browse;
        if browses {
            let pages = &self.events[event].pages;
            let request = self
                .api
                .request(Method::GET, &pages[random.random_range(0..pages.len())]);
            // Whoever only looks has nothing to lose.
            let _ = self.ask(Operation::Browse, due, request).await;
        } else {
            self.book(due, event, seats, cancel).await;
        }
    }

    /// Sends once, and notes the answer. `None` where none came; then it tells whether the request had been sent.
    async fn ask(&self, operation: Operation, due: Instant, request: RequestBuilder) -> Result<Reply, bool> {
        let sent = Instant::now();
        let reply = Api::send(request).await;
        let (response, service, at) = (due.elapsed(), sent.elapsed(), self.pace.elapsed());
        match reply {
            Ok(reply) => {
                let status = reply.status;
                self.tally().answered(Answer {
                    operation,
                    status,
                    response,
                    service,
                    at,
                });
                Ok(reply)
            }
            Err(error) => {
                self.tally().broke(at);
                sleep(BREATH).await;
                Err(!error.is_connect())
            }
        }
    }

    async fn book(&self, due: Instant, event: usize, seats: u32, cancel: bool) {
        let request = self.api.post_to(self.events[event].bookings.clone());
        let request = request
            .header(CONTENT_TYPE, JSON)
            .body(format!("{{\"seats\":{seats}}}"));
        match self.ask(Operation::Book, due, request).await {
            Ok(reply) if reply.status == 201 => self.booked(event, seats, cancel, &reply).await,
            // A server that fails may have committed first.
            Ok(reply) if reply.status >= 500 => self.tally().unsure(event),
            Err(true) => self.tally().unsure(event),
            Ok(_) | Err(false) => {}
        }
    }

    async fn booked(&self, event: usize, seats: u32, cancel: bool, reply: &Reply) {
        let Ok(booking) = reply.read::<BookingReply>("a booking") else {
            return self.tally().unsure(event);
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
        match self.ask(Operation::Cancel, Instant::now(), request).await {
            Ok(reply) if reply.status == 200 => {
                let after = reply.token.as_deref().map_or(version, version_in);
                (Fate::Cancelled, after.max(version))
            }
            Ok(reply) if reply.status < 500 => (Fate::Stands, version),
            Ok(_) | Err(_) => (Fate::Unsure, version),
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
    let bar = report::counting_bar(drive.options.seconds, "loading");
    let mut redraw = interval(REDRAW);
    let mut before = (0, Duration::ZERO);
    while drive.pace.elapsed().as_secs() < drive.options.seconds {
        redraw.tick().await;
        let now = (drive.tally().visits, drive.pace.elapsed());
        let rate = (now.0 - before.0) as f64 / (now.1 - before.1).as_secs_f64().max(0.001);
        bar.set_position(now.1.as_secs());
        bar.set_message(format!("{} requests a second", HumanCount(rate as u64)));
        before = now;
    }
    bar.finish_and_clear();
}
