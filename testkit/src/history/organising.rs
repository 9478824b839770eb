//! Events, locations and users that clients made or changed, against the journals.

use contracts::{DomainEvent, StreamKind};

use super::actor::position;
use super::bookings::Wish;
use super::facts::{Fact, Journals};
use super::record::{History, Request};
use super::{Findings, Kind};

pub(super) fn check(history: &History, journals: &Journals, findings: &mut Findings) {
    check_created_events(history, journals, findings);
    check_created_locations(history, journals, findings);
    check_users(history, journals, findings);
    check_changes(history, journals, findings);
}

fn check_created_events(history: &History, journals: &Journals, findings: &mut Findings) {
    let wishes = Wish::all(history, |request| match request {
        Request::CreateEvent { name, .. } => Some(name),
        _ => None,
    });
    for (name, wish) in wishes {
        let named = |facts: &[Fact]| matches!(facts.first().map(|fact| &fact.event), Some(DomainEvent::EventCreated(details)) if details.name == name);
        let ids: Vec<&str> = with_first(journals, StreamKind::Event, named);
        wish.count("an event", ids.len(), findings);
        check_ids(&wish, &ids, findings);
    }
}

fn check_created_locations(history: &History, journals: &Journals, findings: &mut Findings) {
    let wishes = Wish::all(history, |request| match request {
        Request::CreateLocation { name, .. } => Some(name),
        _ => None,
    });
    for (name, wish) in wishes {
        let named = |facts: &[Fact]| matches!(facts.first().map(|fact| &fact.event), Some(DomainEvent::LocationCreated(details)) if details.name == name);
        let ids = with_first(journals, StreamKind::Location, named);
        wish.count("a location", ids.len(), findings);
        check_ids(&wish, &ids, findings);
    }
}

/// Names of users are in no journal: those that nobody got an id of are counted.
fn check_users(history: &History, journals: &Journals, findings: &mut Findings) {
    let wishes = Wish::all(history, |request| match request {
        Request::Register { last, .. } => Some(last),
        _ => None,
    });
    let mut open = 0;
    let mut acknowledged = 0;
    for wish in wishes.values() {
        let (least, most) = wish.bounds();
        open += most - least;
        acknowledged += least;
        let ids: Vec<&str> = wish.replies().filter_map(|reply| reply["id"].as_str()).collect();
        let known = ids.iter().filter(|id| journals.stream(StreamKind::User, id).len() == 1);
        if known.count() != ids.len() {
            findings.add(Kind::Lost, format!("a user was acknowledged: {:?}", wish.request));
        }
    }
    let registered = journals
        .of_kind(StreamKind::User)
        .filter(|(_, facts)| !facts.is_empty())
        .count();
    if registered > acknowledged + open {
        let what = format!("{registered} users are registered, {acknowledged} acknowledged and {open} open");
        findings.add(Kind::Unasked, what);
    }
}

fn with_first(journals: &Journals, kind: StreamKind, is_it: impl Fn(&[Fact]) -> bool) -> Vec<&str> {
    let streams = journals.of_kind(kind).filter(|(_, facts)| is_it(facts));
    streams.map(|(id, _)| id).collect()
}

fn check_ids(wish: &Wish<'_>, ids: &[&str], findings: &mut Findings) {
    for reply in wish.replies() {
        if !ids.iter().any(|id| reply["id"] == **id) {
            findings.add(
                Kind::Altered,
                format!("{:?} was answered with another id: {reply}", wish.request),
            );
        }
    }
}

/// What an acknowledged change names by its token is what was asked for; and nobody else changed anything.
fn check_changes(history: &History, journals: &Journals, findings: &mut Findings) {
    for record in &history.records {
        let Some(asked) = asked_capacity(&record.request) else {
            continue;
        };
        let Some((stream, version)) = record.outcome.done().and_then(|(_, token)| position(token?)) else {
            continue;
        };
        let facts = contracts::StreamId::parse(&stream)
            .ok()
            .and_then(|stream| journals.streams.get(&stream));
        let fact = facts.and_then(|facts| facts.iter().find(|fact| fact.version == version));
        match fact.map(stated_capacity) {
            None => findings.add(
                Kind::Lost,
                format!("{stream}@{version} was acknowledged: {:?}", record.request),
            ),
            Some(stated) if stated == Some(asked) => {}
            Some(stated) => findings.add(Kind::Altered, format!("{:?} became {stated:?}", record.request)),
        }
    }
    for (id, facts) in journals
        .of_kind(StreamKind::Event)
        .chain(journals.of_kind(StreamKind::Location))
    {
        for fact in facts.iter().skip(1).filter(|fact| fact.actor == "system") {
            check_asked(id, fact, history, findings);
        }
    }
}

/// A policy changes an event when its location changes; what clients change is what some client asked for.
fn check_asked(id: &str, fact: &Fact, history: &History, findings: &mut Findings) {
    let asked = history.records.iter().any(|record| match &record.request {
        Request::ChangeEvent { event, capacity, .. } => event == id && Some(*capacity) == stated_capacity(fact),
        Request::ChangeLocation { capacity, .. } => Some(*capacity) == hall_capacity(fact),
        _ => false,
    });
    if !asked {
        findings.add(
            Kind::Unasked,
            format!("nobody asked for version {} of {id}", fact.version),
        );
    }
}

fn asked_capacity(request: &Request) -> Option<u32> {
    match request {
        Request::ChangeEvent { capacity, .. } | Request::ChangeLocation { capacity, .. } => Some(*capacity),
        _ => None,
    }
}

fn stated_capacity(fact: &Fact) -> Option<u32> {
    match &fact.event {
        DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => details.own_capacity,
        _ => hall_capacity(fact),
    }
}

fn hall_capacity(fact: &Fact) -> Option<u32> {
    let location = match &fact.event {
        DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => details.location.as_ref(),
        DomainEvent::LocationCreated(details) | DomainEvent::LocationChanged(details) => Some(details),
        _ => None,
    };
    location?.total_capacity()
}
