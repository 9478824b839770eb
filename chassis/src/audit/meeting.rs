//! A live document that is not what the replay has: what explains it, or that nothing does.
//!
//! What is read in which order decides what it proves. All that the replay shows was in the log before the live group's
//! lag is read; all that a live document shows is in the log once it was read.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::StreamId;
use msgqueue::EventListener;
use persistence::Document;
use tokio::time::{Instant, sleep};

use super::replay::Replay;
use super::{AuditError, Difference};
use crate::consumer::parking::Parking;
use crate::views::{Comparison, Judgement, judge, versions};

/// How often the documents that have moved are looked at together, before one by one.
const LOOKS: usize = 4;
/// How long documents that do not stand still are waited for, all together.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(5);
/// Where a group's lag is the same at so many looks in a row nobody feeds the views. Counted and not timed, because a
/// broker may take seconds to tell a lag.
const SILENT_LOOKS: u32 = 500;

/// Documents that are not the same yet, and may be all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsettled {
    /// Those that lack what their group has not taken in yet.
    pub behind: u64,
    /// Those that lack what is parked for their group.
    pub parked: u64,
    /// Those that have moved whenever they were looked at.
    pub moving: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Same,
    /// By so many messages.
    Behind(u64),
    Parked,
    Moving,
}

/// The group that feeds the live views.
pub(super) struct LiveGroup {
    pub(super) name: String,
    pub(super) listener: Arc<dyn EventListener>,
    pub(super) parking: Parking,
}

/// The live views and their replay.
pub(super) struct Meeting {
    pub(super) comparison: Comparison,
    pub(super) live: LiveGroup,
    pub(super) replay: Replay,
    /// What the replay has parked.
    pub(super) parking: Parking,
    pub(super) group: String,
    /// Until when documents that move are waited for; set by the first of them.
    pub(super) deadline: Option<Instant>,
}

impl Unsettled {
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    fn count(&mut self, standing: Standing) {
        match standing {
            Standing::Same => {}
            Standing::Behind(_) => self.behind += 1,
            Standing::Parked => self.parked += 1,
            Standing::Moving => self.moving += 1,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.behind += other.behind;
        self.parked += other.parked;
        self.moving += other.moving;
    }
}

impl LiveGroup {
    pub(super) async fn lag(&self) -> Result<u64, AuditError> {
        Ok(self.listener.known_lag(&self.name).await?)
    }

    pub(super) async fn has_parked_anything(&self) -> Result<bool, AuditError> {
        Ok(self.parking.waiting(&self.name).await?.count > 0)
    }

    async fn has_parked(&self, streams: impl Iterator<Item = &String>) -> Result<bool, AuditError> {
        for stream in streams.filter_map(|stream| StreamId::parse(stream).ok()) {
            if self.parking.first(&self.name, &stream).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Meeting {
    pub(super) async fn catch_up(&mut self) -> Result<(), AuditError> {
        Ok(self.replay.catch_up(&|_| {}).await?)
    }

    /// Looks at documents until each is the same, or what keeps it apart is known.
    ///
    /// # Errors
    /// The [`Difference`], where nothing explains it.
    pub(super) async fn settle(&mut self, view: &str, mut apart: Vec<String>) -> Result<Unsettled, AuditError> {
        for _ in 0..LOOKS {
            if apart.is_empty() {
                break;
            }
            self.catch_up().await?;
            apart = self.still_apart(view, apart).await?;
        }
        let mut unsettled = Unsettled::default();
        for id in apart {
            unsettled.count(self.meet(view, &id).await?);
        }
        Ok(unsettled)
    }

    async fn still_apart(&self, view: &str, ids: Vec<String>) -> Result<Vec<String>, AuditError> {
        let mut apart = Vec::new();
        for id in ids {
            match self.comparison.look(view, &id).await? {
                Judgement::Same => {}
                Judgement::Different => return Err(different(view, &id)),
                Judgement::Apart => apart.push(id),
            }
        }
        Ok(apart)
    }

    /// Looks at a document until it is the same, or stays as it is.
    async fn meet(&mut self, view: &str, id: &str) -> Result<Standing, AuditError> {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
        let mut seen = (Standing::Moving, 0);
        loop {
            let standing = self.standing(view, id).await?;
            if matches!(standing, Standing::Same | Standing::Parked) || Instant::now() >= deadline {
                return Ok(standing);
            }
            let is_silent = standing == seen.0 && standing != Standing::Moving;
            seen = (standing, if is_silent { seen.1 + 1 } else { 0 });
            if seen.1 >= SILENT_LOOKS {
                self.deadline = Some(Instant::now());
                return Ok(standing);
            }
            sleep(LOOK).await;
        }
    }

    /// Takes a document of the live views as it is now, and leads the replay to just there.
    async fn standing(&mut self, view: &str, id: &str) -> Result<Standing, AuditError> {
        let due = self.comparison.after.get(view, id).await?;
        let lag = self.live.lag().await?;
        let live = self.comparison.before.get(view, id).await?;
        let replayed = self.lead_to(view, id, live.as_ref()).await?;
        match judge(live.as_ref(), replayed.as_ref()) {
            Judgement::Same => return Ok(Standing::Same),
            Judgement::Different => return Err(different(view, id)),
            Judgement::Apart => {}
        }
        if lacks(replayed.as_ref(), live.as_ref()) {
            return Err(self.unexplained(view, id, live.as_ref(), replayed.as_ref()).await?);
        }
        match lag {
            _ if !lacks(live.as_ref(), due.as_ref()) => Ok(Standing::Moving),
            0 => self.left_out(view, id, due.as_ref()).await,
            lag => Ok(Standing::Behind(lag)),
        }
    }

    /// Replays message by message until the document shows what `goal` shows, or the log has no more.
    async fn lead_to(&mut self, view: &str, id: &str, goal: Option<&Document>) -> Result<Option<Document>, AuditError> {
        loop {
            let replayed = self.comparison.after.get(view, id).await?;
            if !lacks(replayed.as_ref(), goal) || self.replay.rest().await? == 0 {
                return Ok(replayed);
            }
            self.replay.take(1).await?;
        }
    }

    /// The live document shows what the whole log does not lead to.
    async fn unexplained(
        &self,
        view: &str,
        id: &str,
        live: Option<&Document>,
        replayed: Option<&Document>,
    ) -> Result<AuditError, AuditError> {
        let own = versions(replayed);
        let Some((stream, version)) = first_lack(&own, &versions(live)) else {
            return Ok(in_view(view, id, "nothing in the log leads to it".to_owned()));
        };
        let parked = match StreamId::parse(&stream) {
            Ok(stream) => self.parking.of(&self.group, &stream).await?,
            Err(_) => Vec::new(),
        };
        Ok(in_view(
            view,
            id,
            match parked.first().map(|copy| &copy.parked) {
                None => format!("it shows stream {stream}, version {version}, which the log does not have"),
                Some(parked) => format!(
                    "it shows stream {stream}, version {version}; its replay stops before version {}, which the log has so that \
                 it cannot be taken in: {}",
                    parked.version, parked.detail
                ),
            },
        ))
    }

    /// The live document does not show what its group has acknowledged.
    async fn left_out(&self, view: &str, id: &str, due: Option<&Document>) -> Result<Standing, AuditError> {
        let due_versions = versions(due);
        if self.live.has_parked(due_versions.keys()).await? {
            return Ok(Standing::Parked);
        }
        let live = self.comparison.before.get(view, id).await?;
        if !lacks(live.as_ref(), due) {
            return Ok(Standing::Moving);
        }
        Err(in_view(
            view,
            id,
            match first_lack(&versions(live.as_ref()), &due_versions) {
                Some((stream, version)) => {
                    format!("it lacks stream {stream}, version {version}, which was acknowledged and never taken in")
                }
                None => "it is missing".to_owned(),
            },
        ))
    }
}

type Versions = BTreeMap<String, u64>;

/// Whether a document lacks some version that the other one shows.
fn lacks(own: Option<&Document>, other: Option<&Document>) -> bool {
    let missing = own.is_none() && other.is_some();
    missing || first_lack(&versions(own), &versions(other)).is_some()
}

fn first_lack(own: &Versions, other: &Versions) -> Option<(String, u64)> {
    let lacks = |(stream, version): &(&String, &u64)| own.get(*stream).copied().unwrap_or(0) < **version;
    let (stream, version) = other.iter().find(lacks)?;
    Some((stream.clone(), *version))
}

pub(super) fn different(view: &str, id: &str) -> AuditError {
    in_view(view, id, "it is not what its replay gives".to_owned())
}

pub(super) fn in_view(view: &str, id: &str, what: String) -> AuditError {
    AuditError::Difference(Difference::InView {
        view: view.to_owned(),
        id: id.to_owned(),
        what,
    })
}
