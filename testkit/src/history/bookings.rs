//! Every booking, cancellation and read that a client asked for, against the inventories.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::facts::{Booked, Inventory};
use super::record::{History, Outcome, Record, Request};
use super::{Findings, Kind};

/// One thing that a client wanted: all requests that were the same, in order.
pub(super) struct Wish<'a> {
    pub(super) request: &'a Request,
    records: Vec<&'a Record>,
}

impl<'a> Wish<'a> {
    /// All wishes of a kind, by what identifies them.
    pub(super) fn all(history: &'a History, id: impl Fn(&'a Request) -> Option<&'a str>) -> BTreeMap<&'a str, Self> {
        let mut wishes: BTreeMap<&str, Self> = BTreeMap::new();
        for record in &history.records {
            let Some(id) = id(&record.request) else { continue };
            let wish = wishes.entry(id).or_insert(Self {
                request: &record.request,
                records: Vec::new(),
            });
            wish.records.push(record);
        }
        wishes
    }

    /// How often it may be in the journal: at least, and at most.
    pub(super) fn bounds(&self) -> (usize, usize) {
        let done = self.outcomes().any(Outcome::is_done);
        let open = self.outcomes().any(Outcome::is_unknown);
        (usize::from(done), usize::from(done || open))
    }

    pub(super) fn replies(&self) -> impl Iterator<Item = &'a Value> {
        self.outcomes()
            .filter_map(|outcome| outcome.done())
            .map(|(body, _)| body)
    }

    fn outcomes(&self) -> impl Iterator<Item = &'a Outcome> {
        self.records.iter().map(|record| &record.outcome)
    }

    /// What was answered with success has the same answer ever after, if it had a key.
    fn check_replies(&self, findings: &mut Findings) {
        let Some(first) = self.records.iter().find(|record| record.outcome.is_done()) else {
            return;
        };
        if self.request.key().is_none() {
            return;
        }
        let later = |record: &&&Record| record.started >= first.ended && !record.outcome.is_unknown();
        let answer = first.outcome.done();
        if let Some(other) = self
            .records
            .iter()
            .filter(later)
            .find(|record| record.outcome.done() != answer)
        {
            let what = format!(
                "{:?} was answered by {answer:?}, later by {:?}",
                self.request, other.outcome
            );
            findings.add(Kind::Altered, what);
        }
    }

    /// Compares how often something is there with how often it may be.
    pub(super) fn count(&self, what: &str, found: usize, findings: &mut Findings) {
        self.check_replies(findings);
        let (least, most) = self.bounds();
        if found < least {
            findings.add(Kind::Lost, format!("{what} was acknowledged: {:?}", self.request));
        }
        if found > most.max(1) {
            findings.add(
                Kind::Doubled,
                format!("{what} is there {found} times: {:?}", self.request),
            );
        } else if found > most {
            findings.add(
                Kind::Unasked,
                format!("{what} was refused and is there: {:?}", self.request),
            );
        }
        let mut replies = self.replies();
        let first = replies.next();
        if replies.any(|reply| Some(reply) != first) {
            findings.add(
                Kind::Altered,
                format!("{what} was answered in two ways: {:?}", self.request),
            );
        }
    }
}

pub(super) fn check(history: &History, inventories: &BTreeMap<String, Inventory>, findings: &mut Findings) {
    let mut by_guest: BTreeMap<&str, Vec<&Booked>> = BTreeMap::new();
    for booked in inventories.values().flat_map(|inventory| &inventory.bookings) {
        by_guest.entry(booked.guest.as_str()).or_default().push(booked);
    }
    let wishes = Wish::all(history, |request| match request {
        Request::Book { guest, .. } => Some(guest),
        _ => None,
    });
    for (guest, wish) in &wishes {
        let found = by_guest.get(guest).map_or(&[][..], Vec::as_slice);
        wish.count("a booking", found.len(), findings);
        for booked in found {
            check_booking(wish, booked, findings);
        }
    }
    for guest in by_guest.keys().filter(|guest| !wishes.contains_key(*guest)) {
        findings.add(Kind::Unasked, format!("nobody asked for the booking of {guest}"));
    }
    check_cancellations(history, inventories, findings);
}

fn check_booking(wish: &Wish<'_>, booked: &Booked, findings: &mut Findings) {
    let Request::Book { event, seats, .. } = wish.request else {
        return;
    };
    if (&booked.event, booked.seats) != (event, *seats) {
        findings.add(Kind::Altered, format!("{:?} became {booked:?}", wish.request));
    }
    let as_stored = json!({
        "id": booked.id, "event_id": booked.event, "user_id": booked.guest, "seats": booked.seats,
        "date": booked.at.to_string(),
    });
    for reply in wish.replies() {
        let fields = as_stored.as_object().unwrap();
        if fields.iter().any(|(name, value)| reply[name] != *value) {
            findings.add(Kind::Altered, format!("{booked:?} was answered as {reply}"));
        }
    }
}

fn check_cancellations(history: &History, inventories: &BTreeMap<String, Inventory>, findings: &mut Findings) {
    let wishes = Wish::all(history, |request| match request {
        Request::Cancel { booking, .. } => Some(booking),
        _ => None,
    });
    let bookings = inventories.values().flat_map(|inventory| &inventory.bookings);
    let cancelled = bookings.filter(|booked| booked.cancelled_at.is_some());
    let cancelled: BTreeSet<&str> = cancelled.map(|booked| booked.id.as_str()).collect();
    for (booking, wish) in &wishes {
        let (least, most) = wish.bounds();
        let found = usize::from(cancelled.contains(booking));
        if found < least {
            findings.add(Kind::Lost, format!("the cancellation of {booking} was acknowledged"));
        }
        if found > most {
            findings.add(
                Kind::Unasked,
                format!("the cancellation of {booking} was refused and happened"),
            );
        }
    }
    for booking in cancelled.iter().filter(|booking| !wishes.contains_key(*booking)) {
        findings.add(Kind::Unasked, format!("nobody cancelled {booking}"));
    }
}

/// A read that presents a token never shows less than it names.
pub(super) fn check_reads(history: &History, findings: &mut Findings) {
    for record in &history.records {
        let Request::Read { stream, version, .. } = &record.request else {
            continue;
        };
        let shown = match &record.outcome {
            Outcome::Done { body, .. } => body["version"].as_u64().unwrap_or(0),
            Outcome::Refused { .. } => 0,
            Outcome::Unknown(_) => continue,
        };
        if shown < *version {
            findings.add(
                Kind::Stale,
                format!(
                    "client {} was shown {stream}@{shown} instead of {version}",
                    record.client
                ),
            );
        }
    }
}
