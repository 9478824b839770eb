//! The desk: keeps live aggregates in memory, decides, and commits in groups.
//!
//! Each aggregate has one clerk, a task that takes everything queued, decides it in turn, appends all of it as one
//! commit and then answers. While an append is under way the queue fills, so the busier a stream, the larger its
//! commits; in a crowd the next one is decided meanwhile. The journal has the last word: where another replica wrote
//! first, the clerk reads what it missed and decides again.
//!
//! The desk must not know what is decided, nor who asks: no domain, no HTTP.

mod aggregate;
mod batch;
mod clerk;
mod gathering;
mod intake;
mod layered;
mod ledger;
mod live;
mod snapshot;
mod turns;
mod writer;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contracts::{Actor, IdempotencyDigests, StreamId, TraceContext};
use persistence::{Journal, StoreError};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};

pub use aggregate::{Aggregate, SnapshotCodec};
pub use layered::LayeredMap;
pub use ledger::KEY_LIFETIME;
pub use snapshot::Snapshots;

use crate::background::pressure;
use crate::clock::Clock;
use crate::metrics::DeskMetrics;
use crate::recorded::Recorded;
use crate::spans::Span;
use clerk::Clerk;
use gathering::Gathering;
use live::CatchUpError;
use snapshot::Loaded;
use writer::Writer;

/// Jobs that may wait for one aggregate; more are refused as [`DeskError::Busy`].
const QUEUE_LENGTH: usize = 2_048;

/// A command with what belongs to its envelope.
#[derive(Debug, Clone)]
pub struct Request<C> {
    pub command: C,
    pub actor: Actor,
    pub idempotency: Option<IdempotencyDigests>,
    /// Decide only if the stream is at this version.
    pub if_version: Option<u64>,
    pub trace: Option<TraceContext>,
}

impl<C> Request<C> {
    /// What the platform commands of itself, for nobody in particular.
    pub fn of_system(command: C) -> Self {
        Self {
            command,
            actor: Actor::system(),
            idempotency: None,
            if_version: None,
            trace: None,
        }
    }

    /// The same, as a reaction to what happened.
    pub fn following(cause: &Recorded, command: C) -> Self {
        Self {
            trace: cause.envelope.trace.clone(),
            ..Self::of_system(command)
        }
    }

    /// The same request with another command.
    pub fn with<D>(self, command: D) -> Request<D> {
        Request {
            command,
            actor: self.actor,
            idempotency: self.idempotency,
            if_version: self.if_version,
            trace: self.trace,
        }
    }
}

/// What came of a request.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub stream: StreamId,
    /// The stream's version behind the request's own events.
    pub version: u64,
    /// What the request led to, in order; empty where there was nothing to do.
    pub recorded: Vec<Recorded>,
    /// True where the events are those of an earlier request with the same idempotency key.
    pub replayed: bool,
}

#[derive(Debug, Error)]
pub enum DeskError<R> {
    #[error("the command is rejected")]
    Rejected(R),
    #[error("the stream is at version {current}")]
    VersionMismatch { current: u64 },
    #[error("the idempotency key came with another request before")]
    KeyReused,
    /// Too many requests wait, or other writers won too often. Try again.
    #[error("the desk is busy")]
    Busy,
    #[error("what the request leads to is too large for one commit")]
    TooLarge,
    /// The stream holds events that this build cannot read.
    #[error("the stream cannot be read: {0}")]
    Unreadable(String),
    #[error(transparent)]
    Store(Arc<StoreError>),
}

pub(crate) struct Job<A: Aggregate> {
    pub(crate) request: Request<A::Command>,
    pub(crate) reply: oneshot::Sender<Result<Outcome, DeskError<A::Rejection>>>,
}

/// All live aggregates of one kind. Cheap to clone.
pub struct Desk<A: Aggregate> {
    shared: Arc<Shared<A>>,
}

pub(crate) struct Shared<A: Aggregate> {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Rung after every append; the relay listens.
    pub(crate) appended: Arc<Notify>,
    pub(crate) metrics: DeskMetrics,
    /// As whom this desk commits.
    pub(crate) writer: Writer,
    pub(crate) snapshots: Option<Snapshots>,
    /// Where clerks run: they must outlive the HTTP worker that first needed them.
    runtime: Handle,
    clerks: Mutex<HashMap<StreamId, Queue<A>>>,
}

/// Where a clerk is told of its work.
struct Queue<A: Aggregate> {
    jobs: mpsc::Sender<Job<A>>,
    gathering: Gathering,
}

impl<A: Aggregate> Clone for Desk<A> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<A: Aggregate> Desk<A> {
    /// Clerks run on the runtime of the caller, which has to be a multi-threaded one.
    pub fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>, appended: Arc<Notify>, metrics: DeskMetrics) -> Self {
        Self {
            shared: Arc::new(Shared {
                journal,
                clock,
                appended,
                metrics,
                writer: Writer::new(),
                snapshots: None,
                runtime: Handle::current(),
                clerks: Mutex::default(),
            }),
        }
    }

    /// Keeps snapshots of long streams from now on, where the aggregate says how.
    ///
    /// For a desk at which nobody works yet.
    #[must_use]
    pub fn with_snapshots(mut self, snapshots: Snapshots) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.snapshots = Some(snapshots);
        }
        self
    }

    /// Decides the request and returns when what it led to is durable.
    ///
    /// # Errors
    /// See [`DeskError`]. After [`DeskError::Store`] with an unknown outcome the same request may be sent again if it
    /// has an idempotency key.
    pub async fn handle(
        &self,
        stream: &StreamId,
        request: Request<A::Command>,
    ) -> Result<Outcome, DeskError<A::Rejection>> {
        let _waiting = pressure().wait();
        self.handle_in_background(stream, request).await
    }

    /// The same for commands that no request waits for, as policies have them: however many there are, they do not make
    /// background work give way.
    ///
    /// # Errors
    /// See [`Desk::handle`].
    pub async fn handle_in_background(
        &self,
        stream: &StreamId,
        mut request: Request<A::Command>,
    ) -> Result<Outcome, DeskError<A::Rejection>> {
        let (reply, answer) = oneshot::channel();
        let _waiting = self.shared.metrics.wait();
        let span = Span::of_decision(stream.as_str(), request.trace.as_ref());
        request.trace = span.trace().or(request.trace);
        self.shared.enqueue(stream, Job { request, reply })?;
        // A clerk that went away without an answer did so because the process shuts down.
        answer.await.unwrap_or(Err(DeskError::Busy))
    }
}

impl<A: Aggregate> Desk<A> {
    /// The stream's state and version as the journal has them now; version 0 where there is no such stream.
    ///
    /// For commands that need to know something of another aggregate. Reads the stream, from its snapshot on.
    pub async fn read(&self, stream: &StreamId) -> Result<(A, u64), DeskError<A::Rejection>> {
        match snapshot::load(self.shared.snapshots.as_ref(), &*self.shared.journal, stream).await {
            Ok(Loaded { live, .. }) => Ok((live.state, live.version)),
            Err(CatchUpError::Store(error)) => Err(DeskError::Store(Arc::new(error))),
            Err(error) => Err(DeskError::Unreadable(error.to_string())),
        }
    }
}

impl<A: Aggregate> Shared<A> {
    fn enqueue(self: &Arc<Self>, stream: &StreamId, job: Job<A>) -> Result<(), DeskError<A::Rejection>> {
        let mut clerks = self.clerks();
        let queue = clerks.entry(stream.clone()).or_insert_with(|| self.hire(stream));
        match queue.jobs.try_send(job) {
            Ok(()) => {
                queue.gathering.queued(QUEUE_LENGTH - queue.jobs.capacity());
                Ok(())
            }
            Err(mpsc::error::TrySendError::Full(_)) => Err(DeskError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => {
                clerks.remove(stream);
                Err(DeskError::Busy)
            }
        }
    }

    fn hire(self: &Arc<Self>, stream: &StreamId) -> Queue<A> {
        let (queue, jobs) = mpsc::channel(QUEUE_LENGTH);
        let gathering = Gathering::new();
        let clerk = Clerk::new(Arc::clone(self), stream.clone(), jobs, gathering.clone());
        self.runtime.spawn(clerk.run());
        Queue { jobs: queue, gathering }
    }

    /// Lets a clerk go that has nothing to do. Jobs are only queued under the same lock, so none is lost.
    pub(crate) fn retire(&self, stream: &StreamId, jobs: &mpsc::Receiver<Job<A>>) -> bool {
        let mut clerks = self.clerks();
        let idle = jobs.is_empty();
        if idle {
            clerks.remove(stream);
        }
        idle
    }

    pub(crate) fn live_clerks(&self) -> usize {
        self.clerks().len()
    }

    fn clerks(&self) -> MutexGuard<'_, HashMap<StreamId, Queue<A>>> {
        self.clerks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
