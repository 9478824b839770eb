//! One client: asks, notes what it is told, and goes on when the platform goes away.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep, timeout};

use super::load::Shared;
use super::record::{Outcome, Record, Request};
use crate::Client;

/// Events that are made at most; more would leave each too little to do.
const MOST_EVENTS: usize = 24;
/// Answered requests that a client may ask once more.
const MOST_ANSWERED: usize = 64;
/// How likely it is that a client asks for the second time what was answered: it came back, or something repeats it.
const AGAIN: f64 = 0.08;
/// How likely it is that a request is sent twice at once, as by a button that is pressed twice.
const TWICE: f64 = 0.04;

pub(super) struct Actor {
    number: usize,
    shared: Arc<Shared>,
    random: StdRng,
    records: Vec<Record>,
    /// Asked, may be repeated, and its outcome is not known.
    unsettled: VecDeque<Request>,
    /// Answered with success, and may be asked again: the answer is to be the same.
    answered: VecDeque<Request>,
    /// Bookings that stand, each with its event and token.
    bookings: Vec<(String, String, String)>,
    /// The latest version of each stream that this client has written or read.
    seen: BTreeMap<String, u64>,
    /// The stream that it has written last.
    latest: Option<String>,
    made: usize,
}

impl Actor {
    pub(super) fn new(number: usize, shared: Arc<Shared>) -> Self {
        let seed = shared.options.seed.wrapping_mul(1_000_003).wrapping_add(number as u64);
        Self {
            number,
            shared,
            random: StdRng::seed_from_u64(seed),
            records: Vec::new(),
            unsettled: VecDeque::new(),
            answered: VecDeque::new(),
            bookings: Vec::new(),
            seen: BTreeMap::new(),
            latest: None,
            made: 0,
        }
    }

    pub(super) async fn run(mut self) -> Vec<Record> {
        while !self.shared.has_ended() {
            let known = self.take_unsettled().or_else(|| self.take_answered());
            let request = known.unwrap_or_else(|| self.choose());
            self.ask(request).await;
            self.think().await;
        }
        let deadline = Instant::now() + self.shared.options.patience;
        while Instant::now() < deadline
            && let Some(request) = self.unsettled.pop_front()
        {
            self.ask(request).await;
            self.think().await;
        }
        self.records
    }

    /// Not always: what cannot be settled now must not keep this client from everything else.
    fn take_unsettled(&mut self) -> Option<Request> {
        if self.random.random_bool(0.5) {
            return None;
        }
        self.unsettled.pop_front()
    }

    fn take_answered(&mut self) -> Option<Request> {
        if self.answered.is_empty() || !self.random.random_bool(AGAIN) {
            return None;
        }
        let index = self.random.random_range(0..self.answered.len());
        self.answered.get(index).cloned()
    }

    async fn think(&mut self) {
        // Now and then at once, as a program would.
        if self.random.random_bool(0.3) {
            return;
        }
        let pause = self.random.random_range(0..=self.shared.options.think);
        sleep(Duration::from_millis(pause)).await;
    }

    async fn ask(&mut self, request: Request) {
        let client = tokio::select! {
            client = self.shared.address.wait() => client,
            // At the end the platform is there, or the test has failed.
            () = self.shared.ended() => self.shared.address.wait().await,
        };
        let started = self.shared.began.elapsed();
        let times = self.times(&request);
        let patience = self.shared.options.patience;
        let sending = (0..times).map(|_| send(&client, &request, patience));
        // What never left this client is no request.
        let outcomes: Vec<Outcome> = join_all(sending).await.into_iter().flatten().collect();
        for outcome in &outcomes {
            self.note(started, &request, outcome.clone());
        }
        match outcomes.iter().find(|outcome| !outcome.is_unknown()) {
            Some(outcome) => self.learn(request, outcome),
            None => self.keep(request),
        }
    }

    fn times(&mut self, request: &Request) -> usize {
        let twice = request.key().is_some() && self.random.random_bool(TWICE);
        1 + usize::from(twice)
    }

    fn note(&mut self, started: Duration, request: &Request, outcome: Outcome) {
        self.records.push(Record {
            client: self.number,
            sequence: self.records.len(),
            started,
            ended: self.shared.began.elapsed(),
            request: request.clone(),
            outcome,
        });
    }

    fn keep(&mut self, request: Request) {
        if request.may_be_repeated() {
            self.unsettled.push_back(request);
        }
    }

    fn learn(&mut self, request: Request, outcome: &Outcome) {
        let Some((body, token)) = outcome.done() else { return };
        self.shared.note_success();
        if self.answered.contains(&request) {
            return;
        }
        if let Some((stream, version)) = token.and_then(position) {
            let seen = self.seen.entry(stream.clone()).or_default();
            *seen = version.max(*seen);
            self.latest = Some(stream);
        }
        let id = body["id"].as_str().unwrap_or_default().to_owned();
        match &request {
            Request::CreateEvent { .. } => self.shared.known.lock().unwrap().events.push(id),
            Request::CreateLocation { .. } => self.shared.known.lock().unwrap().locations.push(id),
            Request::Book { event, .. } => {
                let token = token.unwrap_or_default().to_owned();
                self.bookings.push((id, event.clone(), token));
            }
            Request::Read { stream, .. } => self.learn_version(stream, body["version"].as_u64()),
            _ => {}
        }
        self.remember(request);
    }

    fn remember(&mut self, request: Request) {
        if request.key().is_none() {
            return;
        }
        self.answered.push_back(request);
        if self.answered.len() > MOST_ANSWERED {
            self.answered.pop_front();
        }
    }

    fn learn_version(&mut self, stream: &str, version: Option<u64>) {
        if let Some(version) = version {
            self.seen.insert(stream.to_owned(), version);
        }
    }

    fn choose(&mut self) -> Request {
        let (event, location) = self.something_known();
        let Some(location) = location else {
            return self.create_location();
        };
        let Some(event) = event else {
            return self.create_event(Some(location));
        };
        match self.random.random_range(0..100) {
            0..4 => self.register(),
            4..6 => self.create_event(Some(location)),
            6..8 => self.create_event(None),
            8..10 => self.change_location(location),
            10..15 => self.change_event(event),
            15..27 => self.cancel().unwrap_or_else(|| self.book(event)),
            27..45 => self.read().unwrap_or_else(|| self.book(event)),
            _ => self.book(event),
        }
    }

    fn something_known(&mut self) -> (Option<String>, Option<String>) {
        let known = self.shared.known.lock().unwrap();
        let random = &mut self.random;
        let mut one_of = |ids: &[String]| ids.get(random.random_range(0..ids.len().max(1))).cloned();
        (one_of(&known.events), one_of(&known.locations))
    }

    /// A name that nothing else has.
    fn unique(&mut self) -> String {
        self.made += 1;
        let random: u32 = self.random.random();
        format!("n{}x{}x{random:08x}", self.number, self.made)
    }

    /// About half of all requests can be repeated.
    fn key(&mut self) -> Option<String> {
        let key = self.unique();
        self.random.random_bool(0.5).then_some(key)
    }

    fn create_event(&mut self, location: Option<String>) -> Request {
        if self.shared.known.lock().unwrap().events.len() >= MOST_EVENTS {
            return self.register();
        }
        Request::CreateEvent {
            name: self.unique(),
            capacity: self.capacity(),
            location,
            key: self.key(),
        }
    }

    /// Some are sold out soon, some never, and some have what their hall has.
    fn capacity(&mut self) -> Option<u32> {
        match self.random.random_range(0..4) {
            0 => Some(self.random.random_range(5..200)),
            1 => Some(100_000),
            _ => None,
        }
    }

    fn create_location(&mut self) -> Request {
        Request::CreateLocation {
            name: self.unique(),
            capacity: self.random.random_range(10..100),
            key: self.key(),
        }
    }

    fn change_event(&mut self, event: String) -> Request {
        Request::ChangeEvent {
            event,
            capacity: self.random.random_range(5..600),
            key: self.key(),
        }
    }

    fn change_location(&mut self, location: String) -> Request {
        Request::ChangeLocation {
            location,
            capacity: self.random.random_range(10..100),
        }
    }

    fn register(&mut self) -> Request {
        Request::Register {
            last: self.unique(),
            key: self.key(),
        }
    }

    fn book(&mut self, event: String) -> Request {
        Request::Book {
            event,
            seats: self.random.random_range(1..=4),
            guest: format!("guest-{:032x}", self.random.random::<u128>()),
            key: self.key(),
        }
    }

    fn cancel(&mut self) -> Option<Request> {
        if self.bookings.is_empty() {
            return None;
        }
        let index = self.random.random_range(0..self.bookings.len());
        let (booking, event, token) = self.bookings.swap_remove(index);
        Some(Request::Cancel { booking, event, token })
    }

    /// What this client has written or read before, and must not see older.
    fn read(&mut self) -> Option<Request> {
        let index = self.random.random_range(0..self.seen.len().max(1));
        let any = self.seen.keys().nth(index);
        let stream = if self.random.random_bool(0.5) {
            any
        } else {
            self.latest.as_ref()
        }?;
        let version = self.seen.get(stream)?;
        let (kind, id) = stream.split_once('/')?;
        let path = match kind {
            "event" => format!("/events/{id}"),
            "inventory" => format!("/events/{id}/availability"),
            "location" => format!("/locations/{id}"),
            _ => return None,
        };
        Some(Request::Read {
            path,
            stream: stream.clone(),
            version: *version,
        })
    }
}

/// `None` where there was no connection to ask by.
async fn send(client: &Client, request: &Request, patience: Duration) -> Option<Outcome> {
    let http = request.http();
    let headers: Vec<(&str, &str)> = http
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let sending = client.try_send(http.method, &http.path, &headers, http.body);
    match timeout(patience, sending).await {
        Ok(Ok(reply)) => Some(Outcome::of(&reply)),
        Ok(Err(error)) if error.is_connect() => None,
        Ok(Err(error)) => Some(Outcome::Unknown(error.to_string())),
        Err(_) => Some(Outcome::Unknown("no reply in time".to_owned())),
    }
}

/// Stream and version of a token with one position.
pub(super) fn position(token: &str) -> Option<(String, u64)> {
    let (stream, version) = token.rsplit_once('@')?;
    Some((stream.to_owned(), version.parse().ok()?))
}
