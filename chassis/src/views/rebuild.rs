//! Builds a new generation of views from the log while the live one serves, and lets it take over.
//!
//! It is built through the one path there is, by a consumer of its own group, so it emits nothing and runs no policy. It
//! can be killed at any moment: the next rebuild goes on where it was. A lease tells others that one is at work; that
//! only one takes over is decided by the pointer's revision.

use std::sync::Arc;
use std::time::Duration;

use msgqueue::BrokerError;
use persistence::{PutError, StoreError};
use thiserror::Error;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::follow::LOOK;
use super::generation::{Build, Noted};
use super::takeover::{self, Lack};
use super::{
    Comparison, Digest, Feeding, Generation, Generations, Judgement, Side, View, Views, collections, forms, program,
};
use crate::clock::SystemClock;
use crate::consumer::parking::Parking;
use crate::consumer::{Consumer, Progress};
use crate::health::{Health, State};
use crate::lease::LeaseKeeper;
use crate::metrics::Metrics;
use crate::operator::Workplace;

/// How often it is looked how far the build is.
const PACE: Duration = Duration::from_millis(100);
/// Behind by no more than this, it takes over: that much is taken in within a moment.
const NEAR: u64 = 512;
/// How long a build that takes over is fed from here, so that services have changed over before they have to.
const HANDOVER: Duration = LOOK.saturating_mul(4);
/// How long a replaced generation stays for requests that are under way.
const GRACE: Duration = Duration::from_secs(6);
/// After so long without progress it is said that there is none.
const SILENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Do not go on with a build that was begun before.
    pub anew: bool,
    /// Drop the replaced generation at once, not with the next rebuild.
    pub drop_old: bool,
    /// How long nothing may be taken in before the rebuild gives up.
    pub patience: Duration,
    /// How long replaced views stay for requests that are under way.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            anew: false,
            drop_old: false,
            patience: Duration::from_secs(30),
            grace: GRACE,
        }
    }
}

/// What is told while it works.
#[derive(Debug)]
pub enum Step {
    Begins {
        live: u64,
        building: u64,
        resumed: bool,
        /// A build that another version of the program began, and that is not gone on with.
        left: Option<u64>,
    },
    /// Messages of the log taken in so far, of how many there are by now.
    Reads {
        done: u64,
        of: u64,
    },
    /// Something fails; it is tried again.
    Waits(String),
    TakesOver,
    /// One more document of both generations is compared.
    Compares,
    Drops(u64),
}

/// What was done.
#[derive(Debug)]
pub struct Rebuilt {
    /// Messages of the log that were taken in.
    pub read: u64,
    pub took: Duration,
    /// Messages that the new views could not take in.
    pub parked: usize,
    pub views: Vec<Change>,
}

/// A view before and after.
#[derive(Debug)]
pub struct Change {
    pub view: String,
    /// Absent where there was no such view, or it cannot be read any more.
    pub before: Option<Digest>,
    pub after: Digest,
    /// Documents that differ without having moved.
    pub changed: u64,
    /// Documents that one of the two had moved on when they were compared.
    pub moved: u64,
}

#[derive(Debug, Error)]
pub enum RebuildError {
    #[error("another rebuild of the {0} service's views is at work")]
    AtWork(&'static str),
    #[error("other views of the {0} service took over while these were built; they are not changed")]
    Overtaken(&'static str),
    #[error("nothing is taken in any more: {0}; what is built is kept, and the next rebuild goes on")]
    Stuck(String),
    #[error(
        "the log leads to version {built} of stream {stream}, the live views have version {live}; they are left alone: \
         see `myevents verify` and `myevents parked list`"
    )]
    Worse { stream: String, live: u64, built: u64 },
    #[error("what builds the views broke off: {0}; the next rebuild goes on")]
    BrokeOff(String),
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error("the store fails: {0}")]
    Store(#[from] StoreError),
    #[error("the store fails: {0}")]
    Put(#[from] PutError),
    #[error("the broker fails: {0}")]
    Broker(#[from] BrokerError),
}

/// Builds `views` anew and lets them take over.
///
/// # Errors
/// [`RebuildError`]. Whatever it says, the live views are as they were, unless [`Step::TakesOver`] was told.
pub async fn rebuild(
    place: &Workplace,
    views: Vec<Arc<dyn View>>,
    options: Options,
    told: &(dyn Fn(Step) + Sync),
) -> Result<Rebuilt, RebuildError> {
    let service = place.settings.service;
    let mut lease = LeaseKeeper::new(Arc::clone(&place.stores.lease), "rebuild");
    if !lease.acquire().await? {
        return Err(RebuildError::AtWork(service));
    }
    let work = Work {
        generations: Generations::open(Arc::clone(&place.stores.documents)).await?,
        parking: Parking::open(Arc::clone(&place.stores.documents)).await?,
        place,
        views,
        options,
        told,
    };
    let outcome = tokio::select! {
        outcome = work.run() => outcome,
        () = lease.lost() => Err(RebuildError::AtWork(service)),
    };
    // It runs out by itself, and what was done stands.
    if let Err(error) = lease.release().await {
        warn!(%error, "the rebuild's lease could not be given back");
    }
    outcome
}

fn broke_off(ended: Result<(), JoinError>) -> RebuildError {
    RebuildError::BrokeOff(match ended {
        Ok(()) => "it ended by itself".to_owned(),
        Err(died) => died.to_string(),
    })
}

impl From<Lack> for RebuildError {
    fn from(lack: Lack) -> Self {
        let Lack { stream, live, built } = lack;
        Self::Worse { stream, live, built }
    }
}

struct Work<'a> {
    place: &'a Workplace,
    generations: Generations,
    parking: Parking,
    views: Vec<Arc<dyn View>>,
    options: Options,
    told: &'a (dyn Fn(Step) + Sync),
}

impl Work<'_> {
    async fn run(&self) -> Result<Rebuilt, RebuildError> {
        let started = Instant::now();
        let build = self.begin().await?;
        if !build.resumed {
            // A broker that outlived an earlier store may know a group of this name.
            let group = self.group(&build.generation);
            self.place.broker.listener.drop_group(&group).await?;
        }
        let (views, progress) = Views::prepare(&self.views, &build.generation, &self.place.stores).await?;
        let (rebuilt, ()) = tokio::try_join!(
            self.feed(&build, views, &progress),
            self.drop_replaced(&build.replaces, started)
        )?;
        let taken_over = Instant::now();
        let views = self.compare(&build, progress).await?;
        if self.options.drop_old {
            (self.told)(Step::Drops(build.replaces.number()));
            self.drop_replaced(&build.generation, taken_over).await?;
        }
        Ok(Rebuilt { views, ..rebuilt })
    }

    async fn begin(&self) -> Result<Build, RebuildError> {
        let (forms, program) = (forms(&self.views), program(&self.views));
        let begun = self.generations.begin(&forms, &program, self.options.anew).await?;
        let build = begun.ok_or(RebuildError::AtWork(self.place.settings.service))?;
        (self.told)(Step::Begins {
            live: build.replaces.number(),
            building: build.generation.number(),
            resumed: build.resumed,
            left: build.left.as_ref().map(Generation::number),
        });
        // Builds that were left: nobody has ever read them.
        let is_left = |of: &Generation| of.number() > build.replaces.number() && *of != build.generation;
        self.drop_generations(is_left).await?;
        Ok(build)
    }

    /// Drops what `replaced_by` and those before it have replaced, once no request can be reading it any more. When the
    /// last of them was replaced is not known, but not after `since`.
    async fn drop_replaced(&self, replaced_by: &Generation, since: Instant) -> Result<(), RebuildError> {
        let is_replaced = |of: &Generation| of.number() < replaced_by.number();
        if !self
            .generations
            .noted()
            .await?
            .iter()
            .any(|noted| is_replaced(&noted.generation))
        {
            return Ok(());
        }
        sleep(self.options.grace.saturating_sub(since.elapsed())).await;
        self.drop_generations(is_replaced).await
    }

    /// Feeds the build until it has taken over.
    async fn feed(&self, build: &Build, views: Views, progress: &Progress) -> Result<Rebuilt, RebuildError> {
        let health = Health::default();
        let consumer = self.consumer(build, views, progress, &health).await?;
        let stop = CancellationToken::new();
        let ends = stop.clone().drop_guard();
        let mut consuming = tokio::spawn(consumer.run(stop));
        let started = Instant::now();
        let read = tokio::select! {
            read = self.build(build, &health) => read?,
            ended = &mut consuming => return Err(broke_off(ended)),
        };
        let took = started.elapsed();
        if !self.generations.take_over(build).await? {
            return Err(RebuildError::Overtaken(self.place.settings.service));
        }
        (self.told)(Step::TakesOver);
        sleep(HANDOVER).await;
        drop(ends);
        // Should it have panicked, the services go on where it was.
        let _ = consuming.await;
        let group = self.group(&build.generation);
        Ok(Rebuilt {
            read,
            took,
            parked: self.parking.waiting(&group).await?.count,
            views: Vec::new(),
        })
    }

    /// Waits until the build may take over. Returns how many messages it took in.
    async fn build(&self, build: &Build, health: &Health) -> Result<u64, RebuildError> {
        let read = self.catch_up(&build.generation, health).await?;
        self.is_as_good(build, health).await?;
        Ok(read)
    }

    async fn consumer(
        &self,
        build: &Build,
        views: Views,
        progress: &Progress,
        health: &Health,
    ) -> Result<Consumer, RebuildError> {
        let feeding = Feeding {
            listener: Arc::clone(&self.place.broker.listener),
            documents: Arc::clone(&self.place.stores.documents),
            parking: self.parking.clone(),
            clock: Arc::new(SystemClock),
            metrics: Metrics::new()?.consumer,
            health: health.part("views"),
        };
        Ok(feeding.consumer(self.group(&build.generation), progress.clone(), Arc::new(views)))
    }

    /// Waits until the build has all that was in the log when it began, and next to all that has come since. Returns how
    /// many messages it took in.
    async fn catch_up(&self, generation: &Generation, health: &Health) -> Result<u64, RebuildError> {
        let (before, goal) = self.position(generation).await?;
        let mut seen = (before, Instant::now());
        loop {
            let (done, length) = self.position(generation).await?;
            (self.told)(Step::Reads {
                done: done.saturating_sub(before),
                of: length.saturating_sub(before),
            });
            if done >= goal && length.saturating_sub(done) <= NEAR {
                return Ok(done.saturating_sub(before));
            }
            if done > seen.0 {
                seen = (done, Instant::now());
            }
            self.look_at(health, seen.1)?;
            sleep(PACE).await;
        }
    }

    /// Holds the build against the live views, stream by stream. What the build lacks was in the log when it was missed,
    /// or never.
    async fn is_as_good(&self, build: &Build, health: &Health) -> Result<(), RebuildError> {
        let documents = &*self.place.stores.documents;
        // Views that no service has fed yet have none.
        Progress::open(Arc::clone(&self.place.stores.documents), build.replaces.progress()).await?;
        let pair = (&build.replaces, &build.generation);
        let mut after = None;
        loop {
            let page = takeover::compare(documents, pair, after.as_deref()).await?;
            if !page.lacks.is_empty() {
                self.catch_up(&build.generation, health).await?;
                let due = page.lacks.into_iter().map(|lack| (lack.stream, lack.live)).collect();
                let lacks = takeover::behind(documents, &build.generation, due).await?;
                if let Some(lack) = lacks.into_iter().next() {
                    return Err(lack.into());
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    fn look_at(&self, health: &Health, last_moved: Instant) -> Result<(), RebuildError> {
        let ails = health.parts().into_values().find(|part| part.state == State::Degraded);
        let silent = last_moved.elapsed();
        let why = match ails.and_then(|part| part.detail) {
            Some(detail) => detail,
            None if silent < SILENCE => return Ok(()),
            None => format!(
                "nothing fails, and nothing comes for {} s, as if another process held the build's group",
                silent.as_secs()
            ),
        };
        if silent > self.options.patience {
            return Err(RebuildError::Stuck(why));
        }
        (self.told)(Step::Waits(why));
        Ok(())
    }

    /// How many messages a generation has taken in, and how many there are. The length is read first: what comes in
    /// between counts as not taken in.
    async fn position(&self, generation: &Generation) -> Result<(u64, u64), RebuildError> {
        let listener = &self.place.broker.listener;
        let group = self.group(generation);
        // All of the log waits for a group that nobody has made.
        let length = listener.known_lag(&format!("{group}.nobody")).await?;
        let lag = listener.known_lag(&group).await?;
        Ok((length.saturating_sub(lag), length))
    }

    async fn compare(&self, build: &Build, progress: Progress) -> Result<Vec<Change>, RebuildError> {
        let (documents, search) = (&self.place.stores.documents, &self.place.stores.search);
        let comparison = Comparison {
            before: Side {
                documents: Arc::clone(documents),
                search: Arc::clone(search),
                generation: build.replaces.clone(),
                progress: Progress::open(Arc::clone(documents), build.replaces.progress()).await?,
            },
            after: Side {
                documents: Arc::clone(documents),
                search: Arc::clone(search),
                generation: build.generation.clone(),
                progress,
            },
        };
        let mut changes = Vec::new();
        for view in collections(&self.views) {
            changes.push(self.change(&comparison, view).await?);
        }
        Ok(changes)
    }

    async fn change(&self, comparison: &Comparison, view: String) -> Result<Change, RebuildError> {
        let seen = |_| (self.told)(Step::Compares);
        let compared = match comparison.walk(&view, None, &seen).await {
            Ok(compared) => compared,
            // The old generation may lack the view, or be damaged: then this was to mend it.
            Err(StoreError::Broken(_)) => return self.new_view(comparison, view).await,
            Err(error) => return Err(error.into()),
        };
        let mut changed = compared.different;
        let mut moved = compared.more_apart;
        for id in &compared.apart {
            match comparison.look(&view, id).await? {
                Judgement::Same | Judgement::Apart => moved += 1,
                Judgement::Different => changed += 1,
            }
        }
        Ok(Change {
            view,
            before: Some(compared.before),
            after: compared.after,
            changed,
            moved,
        })
    }

    async fn new_view(&self, comparison: &Comparison, view: String) -> Result<Change, RebuildError> {
        let with_itself = Comparison {
            before: comparison.after.clone(),
            after: comparison.after.clone(),
        };
        let compared = with_itself.walk(&view, None, &|_| (self.told)(Step::Compares)).await?;
        Ok(Change {
            view,
            before: None,
            changed: compared.after.documents,
            after: compared.after,
            moved: 0,
        })
    }

    async fn drop_generations(&self, which: impl Fn(&Generation) -> bool) -> Result<(), RebuildError> {
        for noted in self.generations.noted().await? {
            if which(&noted.generation) {
                self.drop_generation(&noted).await?;
            }
        }
        Ok(())
    }

    /// The note goes last: whatever a crash leaves is dropped by the next rebuild.
    async fn drop_generation(&self, noted: &Noted) -> Result<(), RebuildError> {
        let group = self.group(&noted.generation);
        self.place.broker.listener.drop_group(&group).await?;
        self.parking.forget(&group).await?;
        let documents = &self.place.stores.documents;
        for name in noted.forms.keys() {
            documents.drop_collection(&noted.generation.collection(name)).await?;
        }
        documents.drop_collection(&noted.generation.progress()).await?;
        Ok(self.generations.forget(&noted.generation).await?)
    }

    fn group(&self, generation: &Generation) -> String {
        generation.group(self.place.settings.service)
    }
}
