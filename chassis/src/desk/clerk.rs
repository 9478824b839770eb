//! The task behind one live aggregate: takes what is queued, commits it as one, answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use contracts::{DecodeError, Envelope, Hash, StreamId};
use futures::future::join_all;
use persistence::{AppendError, Commit, InvalidCommit, StoreError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::aggregate::Aggregate;
use super::batch::{self, Draft, Verdict};
use super::gathering::{Crowd, Gathering};
use super::live::{CatchUpError, Live};
use super::snapshot::keeper::Keeper;
use super::{DeskError, Job, Outcome, Shared};
use crate::background::pressure;
use crate::faults;
use crate::recorded::Recorded;

/// Jobs decided together at most; keeps usual commits well under the journal's bound.
const BATCH_JOBS: usize = 256;
/// How often a batch is decided again because another writer was first.
const CONFLICT_ATTEMPTS: u32 = 60;
/// How often an append with an unknown outcome is repeated with the same commit id.
const UNKNOWN_ATTEMPTS: u32 = 5;
const UNKNOWN_PAUSE: Duration = Duration::from_millis(50);
/// A clerk without work leaves after this long, or sooner while very many are live.
const IDLE: Duration = Duration::from_secs(60);
const MANY_CLERKS: usize = 1_000;
const IDLE_AMONG_MANY: Duration = Duration::from_secs(2);

pub(crate) struct Clerk<A: Aggregate> {
    shared: Arc<Shared<A>>,
    stream: StreamId,
    jobs: mpsc::Receiver<Job<A>>,
    /// Taken from the queue, not yet decided.
    waiting: VecDeque<Job<A>>,
    /// `None` until it is read, and again whenever it may not be what the journal holds.
    live: Option<Live<A>>,
    keeper: Keeper<A>,
    crowd: Crowd,
    gathering: Gathering,
    /// Jobs to decide together next; less than usual after a commit was too large.
    batch_jobs: usize,
    /// How long to linger before the next append, so that another replica gets its turn.
    linger: Option<Duration>,
}

/// Why a whole batch cannot be decided or committed.
#[derive(Clone)]
enum Fault {
    Busy,
    Unreadable(String),
    Store(Arc<StoreError>),
}

/// What became of one try to commit a draft.
enum Appended {
    Done,
    /// Another writer was first.
    Beaten,
    TooLarge,
    Failed(Fault),
}

impl<A: Aggregate> Clerk<A> {
    pub(crate) fn new(
        shared: Arc<Shared<A>>,
        stream: StreamId,
        jobs: mpsc::Receiver<Job<A>>,
        gathering: Gathering,
    ) -> Self {
        let keeper = Keeper::new(shared.snapshots.clone(), Arc::clone(&shared.clock), stream.clone());
        Self {
            shared,
            stream,
            keeper,
            jobs,
            waiting: VecDeque::new(),
            live: None,
            crowd: Crowd::default(),
            gathering,
            batch_jobs: BATCH_JOBS,
            linger: None,
        }
    }

    pub(crate) async fn run(mut self) {
        while self.fill().await {
            if let Some(round_trip) = self.linger.take() {
                sleep(round_trip).await;
                self.take_queued();
            }
            let most = self.crowd.half().unwrap_or(BATCH_JOBS).min(self.batch_jobs);
            let size = self.waiting.len().min(most);
            let batch = self.waiting.drain(..size).collect();
            self.process(batch).await;
            self.crowd.note(size + self.waiting.len() + self.jobs.len());
        }
        let live = self.live.take();
        self.keeper.leave(live);
    }

    /// Waits for work. False when this clerk has left the desk.
    async fn fill(&mut self) -> bool {
        self.take_queued();
        while self.waiting.is_empty() {
            let many = self.shared.live_clerks() > MANY_CLERKS;
            let patience = if many { IDLE_AMONG_MANY } else { IDLE };
            let job = tokio::select! {
                job = timeout(patience, self.jobs.recv()) => job,
                () = self.keeper.service_ends() => return false,
            };
            match job {
                Ok(Some(job)) => self.waiting.push_back(job),
                Ok(None) => return false,
                Err(_) if self.shared.retire(&self.stream, &self.jobs) => return false,
                Err(_) => {}
            }
        }
        self.gather().await;
        true
    }

    async fn gather(&mut self) {
        self.take_queued();
        let Some(wanted) = self.crowd.half() else { return };
        let missing = wanted.saturating_sub(self.waiting.len());
        if missing > 0 {
            self.gathering.wait_for(missing, || self.jobs.len()).await;
            self.take_queued();
        }
    }

    fn take_queued(&mut self) {
        while self.waiting.len() < BATCH_JOBS {
            match self.jobs.try_recv() {
                Ok(job) => self.waiting.push_back(job),
                Err(_) => return,
            }
        }
    }

    /// Decides and commits a batch, again and again while other writers are faster, and answers every job.
    async fn process(&mut self, batch: Vec<Job<A>>) {
        for attempt in 0..CONFLICT_ATTEMPTS {
            let draft = match self.draft(&batch).await {
                Ok(draft) => draft,
                Err(fault) => return refuse_all(batch, &fault),
            };
            let Draft {
                after,
                verdicts,
                recorded,
            } = draft;
            if recorded.is_empty() {
                // Where there is another copy, catching up copies everything.
                drop(after);
                match self.was_behind().await {
                    Ok(true) => continue,
                    Ok(false) => return self.answer(batch, verdicts, recorded).await,
                    Err(fault) => return refuse_all(batch, &fault),
                }
            }
            pressure().pace().await;
            let started = Instant::now();
            match self.append(&recorded).await {
                Appended::Done => {
                    self.linger = (attempt > 0).then(|| started.elapsed());
                    self.keep(after);
                    return self.answer(batch, verdicts, recorded).await;
                }
                Appended::Beaten => {
                    drop(after);
                    self.step_back(attempt).await;
                }
                Appended::TooLarge => return self.split(batch),
                Appended::Failed(fault) => return refuse_all(batch, &fault),
            }
        }
        refuse_all(batch, &Fault::Busy);
    }

    async fn draft(&mut self, batch: &[Job<A>]) -> Result<Draft<A>, Fault> {
        let journal = Arc::clone(&self.shared.journal);
        if self.live.is_none() {
            self.live = Some(self.keeper.load(&*journal).await?);
        }
        let live = self.live.get_or_insert_with(Live::new);
        let requests = batch.iter().map(|job| &job.request);
        Ok(batch::decide(live, &self.stream, requests, self.shared.clock.now()))
    }

    /// Whether another replica has written since. An append would find that out by itself; a refusal has to look, or it
    /// would be told from what is long past.
    async fn was_behind(&mut self) -> Result<bool, Fault> {
        let journal = Arc::clone(&self.shared.journal);
        let live = self.live.get_or_insert_with(Live::new);
        let before = live.version;
        live.catch_up(&*journal, &self.stream).await?;
        Ok(live.version != before)
    }

    /// The stream stands as it was decided. There must be no other copy, or settling would copy everything.
    fn keep(&mut self, mut after: Live<A>) {
        self.live = None;
        after.settle();
        self.keeper.offer(&after);
        self.live = Some(after);
    }

    async fn append(&mut self, recorded: &[Recorded]) -> Appended {
        let previous = self.live.as_ref().map_or(Hash::GENESIS, |live| live.hash);
        let envelopes = recorded.iter().map(|recorded| Arc::clone(&recorded.envelope)).collect();
        let commit = Commit {
            id: Uuid::now_v7(),
            envelopes,
        };
        faults::point("desk.decided");
        match self.append_surely(previous, &commit).await {
            Ok(()) => {
                faults::point("desk.appended");
                self.shared.metrics.committed(recorded.len());
                pressure().committed(recorded.len());
                self.shared.appended.notify_one();
                self.batch_jobs = BATCH_JOBS;
                Appended::Done
            }
            Err(AppendError::Conflict { .. }) => Appended::Beaten,
            Err(AppendError::Invalid(InvalidCommit::TooLarge(_))) => Appended::TooLarge,
            Err(AppendError::Invalid(invalid)) => Appended::Failed(Fault::Unreadable(invalid.to_string())),
            Err(AppendError::Store(error)) => {
                // Then what is in memory may be behind the journal; after any other error nothing was written.
                if matches!(error, StoreError::Unknown(_)) {
                    self.live = None;
                }
                Appended::Failed(Fault::Store(Arc::new(error)))
            }
        }
    }

    /// An append whose outcome is unknown is repeated as it is: the journal knows its own commit again.
    async fn append_surely(&self, previous: Hash, commit: &Commit) -> Result<(), AppendError> {
        let mut attempt = 1;
        loop {
            match self.shared.journal.append(previous, commit).await {
                Err(AppendError::Store(StoreError::Unknown(_))) if attempt < UNKNOWN_ATTEMPTS => {
                    sleep(UNKNOWN_PAUSE * attempt).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Reads what the other writer wrote, after a moment that grows with the crowd and differs between replicas.
    async fn step_back(&mut self, attempt: u32) {
        self.shared.metrics.conflict();
        let longest = 1_u64 << attempt.min(5);
        sleep(Duration::from_millis(rand::random_range(0..=longest))).await;
        let journal = Arc::clone(&self.shared.journal);
        if let Some(live) = &mut self.live
            && live.catch_up(&*journal, &self.stream).await.is_err()
        {
            self.live = None;
        }
    }

    /// A commit was too large: the same jobs again, half as many at a time.
    fn split(&mut self, batch: Vec<Job<A>>) {
        if batch.len() == 1 {
            return answer_each(batch, || DeskError::TooLarge);
        }
        self.batch_jobs = batch.len() / 2;
        for job in batch.into_iter().rev() {
            self.waiting.push_front(job);
        }
    }

    /// `recorded` is what all new verdicts led to, in the same order. Repeats have to be read first, and keep nobody else
    /// waiting.
    async fn answer(&self, batch: Vec<Job<A>>, verdicts: Vec<Verdict<A::Rejection>>, recorded: Vec<Recorded>) {
        let mut recorded = recorded.into_iter();
        let mut repeats = Vec::new();
        for (job, verdict) in batch.into_iter().zip(verdicts) {
            let answer = match verdict {
                Verdict::New { events, version } => Ok(self.outcome(version, recorded.by_ref().take(events).collect())),
                Verdict::Refused(error) => Err(error),
                Verdict::Replay { first, last } => {
                    repeats.push((job, first, last));
                    continue;
                }
            };
            // Whoever asked may have gone; what was committed stands all the same.
            let _ = job.reply.send(answer);
        }
        join_all(repeats.into_iter().map(|(job, first, last)| async move {
            let _ = job.reply.send(self.replay(first, last).await);
        }))
        .await;
        faults::point("desk.answered");
    }

    fn outcome(&self, version: u64, recorded: Vec<Recorded>) -> Outcome {
        Outcome {
            stream: self.stream.clone(),
            version,
            recorded,
            replayed: false,
        }
    }

    /// The reply to a repeated request is rebuilt from the events that the first one led to.
    async fn replay(&self, first: u64, last: u64) -> Result<Outcome, DeskError<A::Rejection>> {
        let commits = self
            .shared
            .journal
            .read(&self.stream, first - 1, 1)
            .await
            .map_err(|error| DeskError::Store(Arc::new(error)))?;
        let of_request = |envelope: &Envelope| (first..=last).contains(&envelope.version);
        let envelopes = commits
            .into_iter()
            .flat_map(|commit| commit.envelopes)
            .filter(|e| of_request(e));
        let recorded: Result<Vec<Recorded>, DecodeError> = envelopes.map(Recorded::read).collect();
        Ok(Outcome {
            stream: self.stream.clone(),
            version: last,
            recorded: recorded.map_err(|error| DeskError::Unreadable(error.to_string()))?,
            replayed: true,
        })
    }
}

impl From<CatchUpError> for Fault {
    fn from(error: CatchUpError) -> Self {
        match error {
            CatchUpError::Store(error) => Self::Store(Arc::new(error)),
            CatchUpError::Unreadable { .. } => Self::Unreadable(error.to_string()),
        }
    }
}

fn refuse_all<A: Aggregate>(batch: Vec<Job<A>>, fault: &Fault) {
    answer_each(batch, || match fault.clone() {
        Fault::Busy => DeskError::Busy,
        Fault::Unreadable(detail) => DeskError::Unreadable(detail),
        Fault::Store(error) => DeskError::Store(error),
    });
}

fn answer_each<A: Aggregate>(batch: Vec<Job<A>>, error: impl Fn() -> DeskError<A::Rejection>) {
    for job in batch {
        // Whoever asked may have gone.
        let _ = job.reply.send(Err(error()));
    }
}
