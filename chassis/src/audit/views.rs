//! Views against their replay: the whole log once more, through the same views, into a store of its own.
//!
//! The service may be at work meanwhile. Documents that have moved are looked at again when the replay has caught up, and
//! one that never stands still is met version by version.

use std::sync::Arc;
use std::time::Duration;

use contracts::StreamId;
use persistence::Stores;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::log::{Heads, audit_log};
use super::meeting::{LiveGroup, Meeting, Unsettled, different};
use super::replay::{Replay, ReplayError};
use super::scratch::Scratch;
use super::{AuditError, Difference, Fault, words};
use crate::causes;
use crate::clock::SystemClock;
use crate::consumer::Progress;
use crate::consumer::parking::{Parking, Reason};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::operator::{Profile, Workplace};
use crate::views::{Compared, Comparison, Digest, Feeding, Generation, Generations, Side, Views, collections, forms};
use crate::{lost_journal, store_marks};

/// How long a gap in the log may stay open.
const GAP: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);

/// What is told while it works.
#[derive(Debug)]
pub enum ViewsStep {
    /// So many messages are in the log.
    Begins(u64),
    Replayed(u64),
    Compares(String),
    Compared(u64),
}

/// What was found.
#[derive(Debug)]
pub struct ViewsReport {
    pub replayed: u64,
    pub views: Vec<ViewReport>,
    /// Streams of the journal that wait to be published.
    pub unpublished: u64,
    /// Messages of the log that only a newer build can read, and those behind them.
    pub newer: u64,
    /// Messages of the log that never were envelopes.
    pub foreign: u64,
    /// Messages of the log that the service's views have not taken in.
    pub behind: u64,
    /// Messages that wait because the service's views could not take them in.
    pub parked: usize,
}

#[derive(Debug)]
pub struct ViewReport {
    pub view: String,
    pub digest: Digest,
    pub unsettled: Unsettled,
}

type Told<'a> = &'a (dyn Fn(ViewsStep) + Sync);

/// Compares the live views with their replay, and the log with the journal, the heads of which are told by a walk before
/// this. `None` where there are no views yet.
///
/// # Errors
/// The first [`Difference`] in the order of streams, then of views and ids, or why they cannot be compared.
pub async fn audit_views(
    place: &Workplace,
    profile: &Profile,
    heads: &Heads,
    stop: &CancellationToken,
    told: Told<'_>,
) -> Result<Option<ViewsReport>, AuditError> {
    store_marks::refuse_half_restored(&place.stores, &place.settings).await?;
    let Some(live) = live(place, profile).await? else {
        return tokio::select! {
            outcome = refuse_lost(place, profile) => outcome.map(|()| None),
            () = stop.cancelled() => Err(AuditError::Interrupted),
        };
    };
    let scratch = Scratch::open(place)?;
    // One that was killed has left its own behind.
    place.broker.listener.drop_group(&scratch.group).await?;
    let outcome = tokio::select! {
        outcome = audit(place, profile, heads, live, &scratch, told) => outcome,
        () = stop.cancelled() => Err(AuditError::Interrupted),
    };
    let dropped = place.broker.listener.drop_group(&scratch.group).await;
    let removed = scratch.remove();
    let report = outcome?;
    dropped?;
    removed?;
    Ok(Some(report))
}

async fn audit(
    place: &Workplace,
    profile: &Profile,
    heads: &Heads,
    live: Side,
    scratch: &Scratch,
    told: Told<'_>,
) -> Result<ViewsReport, AuditError> {
    let stores = scratch.stores().await?;
    let views = (profile.views)();
    let mut meeting = meet(place, profile, live, scratch, &stores).await?;
    let replayed = meeting.replay.rest().await?;
    told(ViewsStep::Begins(replayed));
    replay_all(&mut meeting, told).await?;
    let unpublished = audit_log(&*place.stores.journal, heads, &mut meeting.replay, profile.streams).await?;
    let newer = not_taken_in(&meeting).await?;
    let mut reports = Vec::new();
    for view in collections(&views) {
        told(ViewsStep::Compares(view.clone()));
        reports.push(compare(&mut meeting, view, told).await?);
    }
    Ok(ViewsReport {
        replayed,
        views: reports,
        unpublished,
        newer,
        foreign: meeting.replay.chains.foreign,
        behind: meeting.live.lag().await?,
        parked: meeting.live.parking.waiting(&meeting.live.name).await?.count,
    })
}

/// Puts the live views and a replay that is at its beginning side by side.
async fn meet(
    place: &Workplace,
    profile: &Profile,
    live: Side,
    scratch: &Scratch,
    stores: &Stores,
) -> Result<Meeting, AuditError> {
    let generation = Generation::FIRST;
    let (handler, progress) = Views::prepare(&(profile.views)(), &generation, stores).await?;
    let feeding = feeding(place, stores).await?;
    let consumer = feeding.consumer(scratch.group.clone(), progress.clone(), Arc::new(handler));
    Ok(Meeting {
        live: LiveGroup {
            name: live.generation.group(place.settings.service),
            listener: Arc::clone(&place.broker.listener),
            parking: Parking::open(Arc::clone(&live.documents)).await?,
        },
        comparison: Comparison {
            before: live,
            after: Side {
                documents: Arc::clone(&stores.documents),
                search: Arc::clone(&stores.search),
                generation,
                progress,
            },
        },
        replay: Replay::open(consumer).await?,
        parking: feeding.parking,
        group: scratch.group.clone(),
        deadline: None,
    })
}

async fn feeding(place: &Workplace, stores: &Stores) -> Result<Feeding, AuditError> {
    Ok(Feeding {
        listener: Arc::clone(&place.broker.listener),
        documents: Arc::clone(&stores.documents),
        parking: Parking::open(Arc::clone(&stores.documents)).await?,
        clock: Arc::new(SystemClock),
        metrics: Metrics::new()?.consumer,
        health: Health::default().part("replay"),
    })
}

/// Without views there is no replay that would find what the log has and the journal has not.
async fn refuse_lost(place: &Workplace, profile: &Profile) -> Result<(), AuditError> {
    let (stores, settings) = (&place.stores, &place.settings);
    let listener = &*place.broker.listener;
    let has_log = msgqueue::is_there(&settings.broker);
    if !has_log || !lost_journal::is_lost(stores, listener, settings.service, profile.streams).await? {
        return Ok(());
    }
    let what = "it is empty, and the log has what the service once wrote".to_owned();
    Err(Difference::InJournal { what }.into())
}

async fn live(place: &Workplace, profile: &Profile) -> Result<Option<Side>, AuditError> {
    let documents = Arc::clone(&place.stores.documents);
    let generations = Generations::open(Arc::clone(&documents)).await?;
    let Some(generation) = generations.find_live().await? else {
        return Ok(None);
    };
    generations.check(&generation, &forms(&(profile.views)())).await?;
    Ok(Some(Side {
        progress: Progress::open(Arc::clone(&documents), generation.progress()).await?,
        search: Arc::clone(&place.stores.search),
        documents,
        generation,
    }))
}

/// A gap in the log may be filled in a moment, but not one that stays.
async fn replay_all(meeting: &mut Meeting, told: Told<'_>) -> Result<(), AuditError> {
    let replay = &mut meeting.replay;
    let outcome = replay.catch_up(&|taken| told(ViewsStep::Replayed(taken))).await;
    if matches!(outcome, Err(ReplayError::Silent(_))) {
        replay.chains.is_whole()?;
    }
    outcome?;
    let deadline = Instant::now() + GAP;
    while let Err(gap) = replay.chains.is_whole() {
        if Instant::now() >= deadline {
            return Err(gap.into());
        }
        sleep(LOOK).await;
        replay.catch_up(&|_| {}).await?;
    }
    Ok(())
}

/// How many messages the replay could not take in because a newer build wrote them.
async fn not_taken_in(meeting: &Meeting) -> Result<u64, AuditError> {
    let mut newer = 0;
    for parked in meeting.parking.list(Some(&meeting.group)).await? {
        match (parked.reason, StreamId::parse(&parked.stream)) {
            (Reason::Undecodable, Ok(stream)) => {
                let rule = format!("the log's copy cannot be taken in: {}", parked.detail);
                return Err(Difference::InStream(Fault::new(&stream, parked.version, rule)).into());
            }
            (Reason::Undecodable, Err(_)) => {}
            _ => newer += 1,
        }
    }
    Ok(newer)
}

/// Compares one view, as many documents at a time as can be noted.
async fn compare(meeting: &mut Meeting, view: String, told: Told<'_>) -> Result<ViewReport, AuditError> {
    let mut compared = walk(meeting, &view, None, told).await?;
    let digest = compared.before.clone();
    let mut unsettled = Unsettled::default();
    loop {
        let (more, last) = (compared.more_apart > 0, compared.apart.last().cloned());
        unsettled.add(meeting.settle(&view, compared.apart).await?);
        if !more {
            break;
        }
        compared = walk(meeting, &view, last.as_deref(), &|_| {}).await?;
    }
    unsettled.add(words::compare(meeting, &view).await?);
    Ok(ViewReport {
        view,
        digest,
        unsettled,
    })
}

async fn walk(meeting: &Meeting, view: &str, behind: Option<&str>, told: Told<'_>) -> Result<Compared, AuditError> {
    let seen = |documents| told(ViewsStep::Compared(documents));
    let compared = meeting.comparison.walk(view, behind, &seen).await;
    let mut compared = compared.map_err(|error| Difference::Unreadable {
        view: view.to_owned(),
        what: causes(&error),
    })?;
    match compared.first_different.take() {
        Some(id) => Err(different(view, &id)),
        None => Ok(compared),
    }
}
