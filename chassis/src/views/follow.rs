//! Feeds the generation that is read, and changes over when another one takes its place.
//!
//! Who builds a generation only moves the pointer, so a service finds out by looking. It lets its readers change over
//! first, then feeds the new generation, and stops feeding the old one last: no request meets a gap.

use std::sync::Arc;
use std::time::Duration;

use msgqueue::EventListener;
use persistence::{DocumentStore, StoreError, Stores};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Generation, Generations, LiveViews, View, Views};
use crate::clock::Clock;
use crate::consumer::parking::Parking;
use crate::consumer::{Consumer, Handler, Progress};
use crate::health::Part;
use crate::metrics::ConsumerMetrics;
use crate::watch::watched;

/// How often the pointer is looked at. Whoever moves it feeds the new generation for a while longer than this.
pub(crate) const LOOK: Duration = Duration::from_millis(250);

/// What a consumer needs beside its group and handler.
#[derive(Clone)]
pub(crate) struct Feeding {
    pub(crate) listener: Arc<dyn EventListener>,
    pub(crate) documents: Arc<dyn DocumentStore>,
    pub(crate) parking: Parking,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: ConsumerMetrics,
    pub(crate) health: Part,
}

/// The background work of a service that serves views.
pub(crate) struct Follower {
    pub(crate) service: &'static str,
    pub(crate) views: Vec<Arc<dyn View>>,
    pub(crate) stores: Stores,
    pub(crate) generations: Generations,
    pub(crate) live: LiveViews,
    pub(crate) feeding: Feeding,
}

/// The consumer that feeds one generation.
struct Fed {
    generation: Generation,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Feeding {
    pub(crate) fn consumer(&self, group: String, progress: Progress, handler: Arc<dyn Handler>) -> Consumer {
        Consumer {
            group,
            listener: Arc::clone(&self.listener),
            documents: Arc::clone(&self.documents),
            progress,
            parking: self.parking.clone(),
            handler,
            clock: Arc::clone(&self.clock),
            metrics: self.metrics.clone(),
            health: self.health.clone(),
        }
    }
}

impl Follower {
    /// Feeds `views`, which are the live ones, and all that take over from them, until `stop`.
    pub(crate) async fn run(self, views: Views, progress: Progress, stop: CancellationToken) {
        let mut fed = self.feed(views, progress, &stop);
        let mut fails = false;
        while !stop.is_cancelled() {
            tokio::select! {
                () = sleep(LOOK) => {}
                () = stop.cancelled() => break,
            }
            match self.successors_of(&fed).await {
                Ok(None) => fails = false,
                Ok(Some((views, progress))) => fed = self.change_over(fed, views, progress, &stop).await,
                Err(_) if fails => {}
                Err(error) => {
                    fails = true;
                    warn!(%error, "cannot look which views are live; it is tried again");
                }
            }
        }
        fed.end().await;
    }

    /// The views that have taken over.
    async fn successors_of(&self, fed: &Fed) -> Result<Option<(Views, Progress)>, StoreError> {
        let generation = self.generations.live().await?;
        if generation == fed.generation {
            return Ok(None);
        }
        Views::prepare(&self.views, &generation, &self.stores).await.map(Some)
    }

    async fn change_over(&self, before: Fed, views: Views, progress: Progress, stop: &CancellationToken) -> Fed {
        let (from, to) = (before.generation.number(), views.generation().number());
        info!(service = self.service, from, to, "other views are live");
        self.live.change_over(views.generation().clone(), progress.clone());
        let fed = self.feed(views, progress, stop);
        let group = before.generation.group(self.service);
        before.end().await;
        self.feeding.metrics.forget(&group);
        fed
    }

    fn feed(&self, views: Views, progress: Progress, stop: &CancellationToken) -> Fed {
        let stop = stop.child_token();
        let generation = views.generation().clone();
        let group = generation.group(self.service);
        let consumer = self.feeding.consumer(group, progress, Arc::new(views));
        Fed {
            generation,
            task: tokio::spawn(watched(self.feeding.health.clone(), consumer.run(stop.clone()))),
            stop,
        }
    }
}

impl Fed {
    async fn end(self) {
        self.stop.cancel();
        // A consumer that panicked has been reported; there is nothing left to wait for.
        let _ = self.task.await;
    }
}
