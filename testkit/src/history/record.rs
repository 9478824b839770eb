use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Reply;

/// What a client asks. What identifies it in the journal (a name, a guest's id) is chosen by the client and used for one
/// thing only, so that everything in the journal can be traced back.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// At a known location, or at a new one; with seats of its own, or those of the location's hall.
    CreateEvent {
        name: String,
        location: Option<String>,
        capacity: Option<u32>,
        key: Option<String>,
    },
    ChangeEvent {
        event: String,
        capacity: u32,
        key: Option<String>,
    },
    CreateLocation {
        name: String,
        capacity: u32,
        key: Option<String>,
    },
    ChangeLocation {
        location: String,
        capacity: u32,
    },
    Register {
        last: String,
        key: Option<String>,
    },
    Book {
        event: String,
        seats: u32,
        guest: String,
        key: Option<String>,
    },
    Cancel {
        booking: String,
        event: String,
        /// Of the reply that acknowledged the booking.
        token: String,
    },
    /// Reads what must not be older than this version of the stream.
    Read {
        path: String,
        stream: String,
        version: u64,
    },
}

/// What the client was told.
#[derive(Debug, Clone)]
pub enum Outcome {
    Done {
        status: u16,
        body: Value,
        token: Option<String>,
    },
    /// 4xx: it was not carried out.
    Refused { status: u16, body: Value },
    /// No reply, or 5xx: perhaps it was carried out.
    Unknown(String),
}

/// One request of one client.
#[derive(Debug, Clone)]
pub struct Record {
    pub client: usize,
    pub sequence: usize,
    /// Since the history began.
    pub started: Duration,
    pub ended: Duration,
    pub request: Request,
    pub outcome: Outcome,
}

/// Everything that was asked, by client and in the order in which each asked.
#[derive(Debug, Default)]
pub struct History {
    pub records: Vec<Record>,
}

impl History {
    /// What came before, and what came after.
    pub fn followed_by(mut self, later: Self) -> Self {
        self.records.extend(later.records);
        self
    }

    /// The ids of events that were created, each once.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.created(|request| matches!(request, Request::CreateEvent { .. }))
    }

    /// The ids of locations that were created by themselves, each once.
    pub fn locations(&self) -> impl Iterator<Item = &str> {
        self.created(|request| matches!(request, Request::CreateLocation { .. }))
    }

    fn created(&self, by: impl Fn(&Request) -> bool) -> impl Iterator<Item = &str> {
        let created = self.records.iter().filter(|record| by(&record.request));
        let ids: BTreeSet<&str> = created
            .filter_map(|record| record.outcome.done()?.0["id"].as_str())
            .collect();
        ids.into_iter()
    }

    /// Requests that were answered with success, that were refused, and whose outcome is not known.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |of: fn(&Outcome) -> bool| self.records.iter().filter(|record| of(&record.outcome)).count();
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { .. });
        (count(Outcome::is_done), count(refused), count(Outcome::is_unknown))
    }
}

impl Record {
    /// A request that a test made itself.
    pub fn of(request: Request, reply: &Reply) -> Self {
        Self {
            client: usize::MAX,
            sequence: 0,
            started: Duration::ZERO,
            ended: Duration::ZERO,
            request,
            outcome: Outcome::of(reply),
        }
    }
}

impl Outcome {
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. })
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// The body and the token of a success.
    pub fn done(&self) -> Option<(&Value, Option<&str>)> {
        match self {
            Self::Done { body, token, .. } => Some((body, token.as_deref())),
            _ => None,
        }
    }

    pub(super) fn of(reply: &Reply) -> Self {
        let status = reply.status;
        match status {
            200..=299 => Self::Done {
                status,
                body: reply.json(),
                token: reply.header("consistency-token").map(str::to_owned),
            },
            400..=499 => Self::Refused {
                status,
                body: reply.json(),
            },
            _ => Self::Unknown(format!("{status}: {}", reply.text)),
        }
    }
}

/// A request as HTTP has it.
pub(super) struct Http {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

impl Request {
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::CreateEvent { key, .. }
            | Self::ChangeEvent { key, .. }
            | Self::CreateLocation { key, .. }
            | Self::Register { key, .. }
            | Self::Book { key, .. } => key.as_deref(),
            Self::ChangeLocation { .. } | Self::Cancel { .. } | Self::Read { .. } => None,
        }
    }

    /// Whether asking again is the same as asking once.
    pub(super) fn may_be_repeated(&self) -> bool {
        self.key().is_some() || matches!(self, Self::Cancel { .. })
    }

    pub(super) fn http(&self) -> Http {
        let (method, path) = self.line();
        let mut headers: Vec<_> = self
            .key()
            .map(|key| ("Idempotency-Key", key.to_owned()))
            .into_iter()
            .collect();
        headers.extend(self.header());
        let body = self.body();
        Http {
            method,
            path,
            headers,
            body,
        }
    }

    fn line(&self) -> (Method, String) {
        match self {
            Self::CreateEvent { .. } => (Method::POST, "/events".to_owned()),
            Self::ChangeEvent { event, .. } => (Method::PATCH, format!("/events/{event}")),
            Self::CreateLocation { .. } => (Method::POST, "/locations".to_owned()),
            Self::ChangeLocation { location, .. } => (Method::PATCH, format!("/locations/{location}")),
            Self::Register { .. } => (Method::POST, "/users".to_owned()),
            Self::Book { event, .. } => (Method::POST, format!("/events/{event}/bookings")),
            Self::Cancel { booking, .. } => (Method::DELETE, format!("/bookings/{booking}")),
            Self::Read { path, .. } => (Method::GET, path.clone()),
        }
    }

    fn header(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Book { guest, .. } => Some(("X-User-Id", guest.clone())),
            Self::Cancel { token, .. } => Some(("Consistency-Token", token.clone())),
            Self::Read { stream, version, .. } => Some(("Consistency-Token", format!("{stream}@{version}"))),
            _ => None,
        }
    }

    fn body(&self) -> Option<Value> {
        match self {
            Self::CreateEvent { .. } => Some(self.new_event()),
            Self::ChangeEvent { capacity, .. } => Some(json!({ "capacity": capacity })),
            Self::CreateLocation { name, capacity, .. } => {
                Some(json!({ "name": name, "country": "U.S.A.", "halls": halls(*capacity) }))
            }
            Self::ChangeLocation { capacity, .. } => Some(json!({ "halls": halls(*capacity) })),
            Self::Register { last, .. } => Some(json!({ "first": "Ada", "last": last })),
            Self::Book { seats, .. } => Some(json!({ "seats": seats })),
            Self::Cancel { .. } | Self::Read { .. } => None,
        }
    }

    fn new_event(&self) -> Value {
        let Self::CreateEvent {
            name,
            location,
            capacity,
            ..
        } = self
        else {
            return Value::Null;
        };
        let mut body = json!({ "name": name, "start_time": far_away(), "duration": 120 });
        match location {
            Some(id) => body["location_id"] = json!(id),
            None => body["location"] = json!({ "name": format!("Hall of {name}"), "halls": halls(NEW_HALL) }),
        }
        if let Some(capacity) = capacity {
            body["capacity"] = json!(capacity);
        }
        body
    }
}

/// Seats of the hall that comes with an event.
const NEW_HALL: u32 = 25;

fn halls(capacity: u32) -> Value {
    json!([{ "name": "Cesar hall", "capacity": capacity }])
}

/// The same for as long as the test lasts, so that a repeated request has the same body; and too far away for a clock
/// that is set ahead by days.
fn far_away() -> String {
    static FAR_AWAY: LazyLock<Timestamp> = LazyLock::new(|| Timestamp::now() + SignedDuration::from_hours(400 * 24));
    FAR_AWAY.to_string()
}
