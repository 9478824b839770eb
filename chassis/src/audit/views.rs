//! Views against their replay: the whole log once more, through the same views, into a store of its own.
//!
//! The service may be at work meanwhile. Documents that have moved are looked at again when the replay has caught up, and
//! one that never stands still is met version by version.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use persistence::Stores;
use tokio::time::{Instant, sleep};

use super::log::audit_log;
use super::{AuditError, Difference};
use crate::causes;
use crate::clock::SystemClock;
use crate::consumer::parking::Parking;
use crate::consumer::{Progress, StepError};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::operator::{Profile, Workplace};
use crate::views::{
    Compared, Comparison, Digest, Feeding, Generation, Generations, Judgement, Replay, Side, Views, collections, judge,
    versions,
};

/// How often a view is walked through where more documents have moved than can be noted.
const WALKS: usize = 3;
/// How often the documents that have moved are looked at together, before one by one.
const LOOKS: usize = 4;
/// How long documents that do not stand still are waited for, all together.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);
/// Where a document stands behind its replay for so long nobody feeds the views.
const SILENCE: Duration = Duration::from_secs(3);

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
    /// Messages of the log that the service's views have not taken in.
    pub behind: u64,
    /// Messages that neither the service's views nor the replay could take in.
    pub parked: usize,
}

#[derive(Debug)]
pub struct ViewReport {
    pub view: String,
    pub digest: Digest,
    /// Documents that have moved whenever they were looked at.
    pub unsettled: u64,
}

/// Compares the live views with their replay, and the log with the journal. `None` where there are no views yet.
///
/// # Errors
/// The first [`Difference`] in the order of streams, then of views and ids, or why they cannot be compared.
pub async fn audit_views(
    place: &Workplace,
    profile: &Profile,
    told: &(dyn Fn(ViewsStep) + Sync),
) -> Result<Option<ViewsReport>, AuditError> {
    let Some(live) = live(place).await? else {
        return Ok(None);
    };
    let scratch = Scratch::open(place)?;
    let group = format!("{}.verify", place.settings.service);
    // One that was killed has left its own behind.
    place.broker.listener.drop_group(&group).await?;
    let outcome = audit(place, profile, live, &scratch, &group, told).await;
    place.broker.listener.drop_group(&group).await?;
    scratch.remove()?;
    outcome.map(Some)
}

async fn audit(
    place: &Workplace,
    profile: &Profile,
    live: Side,
    scratch: &Scratch,
    group: &str,
    told: &(dyn Fn(ViewsStep) + Sync),
) -> Result<ViewsReport, AuditError> {
    let stores = scratch.stores().await?;
    let generation = Generation::numbered(1);
    let views = (profile.views)();
    let (handler, progress) = Views::prepare(&views, &generation, &stores).await?;
    let feeding = feeding(place, &stores).await?;
    let live_group = live.generation.group(place.settings.service);
    let comparison = Comparison {
        before: live,
        after: Side {
            documents: Arc::clone(&stores.documents),
            generation,
            progress: progress.clone(),
        },
    };
    let consumer = feeding.consumer(group.to_owned(), progress, Arc::new(handler));
    let mut work = Work {
        replay: Replay::open(consumer).await.map_err(fails)?,
        comparison,
        deadline: None,
        told,
    };
    let replayed = work.replay_all().await?;
    audit_log(&*place.stores.journal, &work.comparison.after, profile.streams).await?;
    let mut reports = Vec::new();
    for view in collections(&views) {
        (told)(ViewsStep::Compares(view.clone()));
        reports.push(work.view(view).await?);
    }
    Ok(ViewsReport {
        replayed,
        views: reports,
        behind: place.broker.listener.lag(&live_group).await?.unwrap_or(0),
        parked: feeding.parking.list(None).await?.len(),
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

async fn live(place: &Workplace) -> Result<Option<Side>, AuditError> {
    let documents = Arc::clone(&place.stores.documents);
    let generations = Generations::open(Arc::clone(&documents)).await?;
    let Some(generation) = generations.find_live().await? else {
        return Ok(None);
    };
    Ok(Some(Side {
        progress: Progress::open(Arc::clone(&documents), generation.progress()).await?,
        documents,
        generation,
    }))
}

struct Work<'a> {
    replay: Replay,
    comparison: Comparison,
    /// Until when documents that move are waited for; set by the first of them.
    deadline: Option<Instant>,
    told: &'a (dyn Fn(ViewsStep) + Sync),
}

impl Work<'_> {
    async fn replay_all(&mut self) -> Result<u64, AuditError> {
        let rest = self.replay.rest().await.map_err(fails)?;
        (self.told)(ViewsStep::Begins(rest));
        let told = self.told;
        self.replay
            .catch_up(&|taken| told(ViewsStep::Replayed(taken)))
            .await
            .map_err(fails)?;
        Ok(rest)
    }

    async fn view(&mut self, view: String) -> Result<ViewReport, AuditError> {
        let mut compared = self.walk(&view).await?;
        for _ in 1..WALKS {
            if compared.more_apart == 0 {
                break;
            }
            self.catch_up().await?;
            compared = self.walk(&view).await?;
        }
        let unsettled = self.settle(&view, compared.apart).await? + compared.more_apart;
        Ok(ViewReport {
            view,
            digest: compared.before,
            unsettled,
        })
    }

    async fn walk(&self, view: &str) -> Result<Compared, AuditError> {
        let seen = |documents| (self.told)(ViewsStep::Compared(documents));
        let compared = self.comparison.walk(view, &seen).await;
        let mut compared = compared.map_err(|error| Difference::Unreadable {
            view: view.to_owned(),
            what: causes(&error),
        })?;
        match compared.first_different.take() {
            Some(id) => Err(different(view, id)),
            None => Ok(compared),
        }
    }

    /// Returns how many of the documents never stood still.
    async fn settle(&mut self, view: &str, mut apart: Vec<String>) -> Result<u64, AuditError> {
        for _ in 0..LOOKS {
            if apart.is_empty() {
                return Ok(0);
            }
            self.catch_up().await?;
            apart = self.still_apart(view, apart).await?;
        }
        let mut unsettled = 0;
        for id in apart {
            if !self.meet(view, &id).await? {
                unsettled += 1;
            }
        }
        Ok(unsettled)
    }

    async fn catch_up(&mut self) -> Result<(), AuditError> {
        self.replay.catch_up(&|_| {}).await.map_err(fails)
    }

    async fn still_apart(&self, view: &str, ids: Vec<String>) -> Result<Vec<String>, AuditError> {
        let mut apart = Vec::new();
        for id in ids {
            match self.comparison.look(view, &id).await? {
                Judgement::Same => {}
                Judgement::Different => return Err(different(view, id)),
                Judgement::Apart => apart.push(id),
            }
        }
        Ok(apart)
    }

    /// Takes a document of the live views as it is now, and leads the replay to just there.
    async fn meet(&mut self, view: &str, id: &str) -> Result<bool, AuditError> {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
        let mut moved = Instant::now();
        let mut seen = None;
        while Instant::now() < deadline && moved.elapsed() < SILENCE {
            let live = self.comparison.before.get(view, id).await?;
            let at = versions(live.as_ref());
            if seen.replace(at.clone()) != Some(at.clone()) {
                moved = Instant::now();
            }
            let replayed = self.comparison.after.get(view, id).await?;
            if is_behind(&versions(replayed.as_ref()), &at) {
                self.lead_to(view, id, &at).await?;
            }
            let replayed = self.comparison.after.get(view, id).await?;
            match judge(live.as_ref(), replayed.as_ref()) {
                Judgement::Same => return Ok(true),
                Judgement::Different => return Err(different(view, id.to_owned())),
                Judgement::Apart => sleep(LOOK).await,
            }
        }
        if moved.elapsed() >= SILENCE {
            self.deadline = Some(Instant::now());
        }
        // What the replay cannot explain although it has everything is a difference after all.
        match self.comparison.look(view, id).await? {
            Judgement::Same => Ok(true),
            Judgement::Different => Err(different(view, id.to_owned())),
            Judgement::Apart => Ok(false),
        }
    }

    /// Replays message by message until the document has these versions, or the log has no more.
    async fn lead_to(&mut self, view: &str, id: &str, goal: &Versions) -> Result<(), AuditError> {
        while self.replay.rest().await.map_err(fails)? > 0 {
            let replayed = self.comparison.after.get(view, id).await?;
            if !is_behind(&versions(replayed.as_ref()), goal) {
                break;
            }
            self.replay.take(1).await.map_err(fails)?;
        }
        Ok(())
    }
}

type Versions = std::collections::BTreeMap<String, u64>;

/// Whether a document lacks some version of `goal`.
fn is_behind(own: &Versions, goal: &Versions) -> bool {
    goal.iter()
        .any(|(stream, version)| own.get(stream).copied().unwrap_or(0) < *version)
}

fn different(view: &str, id: String) -> AuditError {
    let what = "it is not what its replay gives";
    AuditError::Difference(Difference::InView {
        view: view.to_owned(),
        id,
        what,
    })
}

fn fails(error: StepError) -> AuditError {
    AuditError::Replay(error.into())
}

/// The folder for the replay. One verification of a service at a time works in it, and the next one empties it.
struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    fn open(place: &Workplace) -> Result<Self, AuditError> {
        let service = place.settings.service;
        let folder = place.settings.data_dir.join(format!("verify-{service}"));
        let path = folder.with_extension("lock");
        fs::create_dir_all(&place.settings.data_dir).map_err(|cause| unusable(&folder, cause))?;
        let lock = File::options().create(true).truncate(false).write(true).open(path);
        let lock = lock.map_err(|cause| unusable(&folder, cause))?;
        lock.try_lock().map_err(|_| AuditError::AtWork(service))?;
        let scratch = Self { folder, _lock: lock };
        scratch.remove()?;
        Ok(scratch)
    }

    async fn stores(&self) -> Result<Stores, AuditError> {
        let url = format!("sqlite:{}", self.folder.display());
        persistence::open(&url)
            .await
            .map_err(|cause| unusable(&self.folder, cause))
    }

    fn remove(&self) -> Result<(), AuditError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(&self.folder, error)),
            _ => Ok(()),
        }
    }
}

fn unusable(folder: &Path, cause: impl std::error::Error + Send + Sync + 'static) -> AuditError {
    AuditError::Folder {
        folder: folder.display().to_string(),
        cause: cause.into(),
    }
}
