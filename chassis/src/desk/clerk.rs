//! The task behind one live aggregate: takes what is queued, commits it as one, answers.
//!
//! In a crowd it decides the next batch on top of the last one while that is appended. Nobody is answered before what
//! the answer stands on is durable.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use contracts::{DecodeError, StreamId};
use futures::future::join_all;
use persistence::{AppendError, Commit, InvalidCommit, Journal, StoreError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::aggregate::Aggregate;
use super::batch::{self, Draft, Verdict};
use super::gathering::Gathering;
use super::intake::{Intake, Received};
use super::live::{CatchUpError, Live};
use super::snapshot::keeper::Keeper;
use super::turns::{Turn, Turns};
use super::writer::Writer;
use super::{DeskError, Job, Outcome, Shared};
use crate::background::pressure;
use crate::clock::Clock;
use crate::faults;
use crate::recorded::Recorded;
use crate::spans::Spans;

/// How often a batch is decided again because another writer was first.
const CONFLICT_ATTEMPTS: u32 = 60;
/// How often an append with an unknown outcome is repeated with the same commit id.
const UNKNOWN_ATTEMPTS: u32 = 5;
/// Clients wait meanwhile.
const UNKNOWN_PATIENCE: Duration = Duration::from_secs(5);
const UNKNOWN_PAUSE: Duration = Duration::from_millis(50);
/// A store that takes longer to fail refuses everybody who has come: one batch after another would wait for it anew.
const PATIENCE_WITH_STORE: Duration = Duration::from_secs(1);
/// A clerk without work leaves after this long, or sooner while very many are live.
const IDLE: Duration = Duration::from_secs(60);
const MANY_CLERKS: usize = 1_000;
const IDLE_AMONG_MANY: Duration = Duration::from_secs(2);

pub(crate) struct Clerk<A: Aggregate> {
    shared: Arc<Shared<A>>,
    stream: StreamId,
    intake: Intake<A>,
    /// The stream as the journal is known to have it. `None` until it is read, and again whenever it may not be what the
    /// journal holds.
    live: Option<Live<A>>,
    keeper: Keeper<A>,
    turns: Turns,
}

/// Jobs that are to be answered together, and what they come to where that is decided.
struct Batch<A: Aggregate> {
    jobs: Vec<Job<A>>,
    draft: Option<Draft<A>>,
}

/// What a batch came to, and the next one if it was decided meanwhile.
struct Settled<A: Aggregate> {
    verdicts: Vec<Verdict<A::Rejection>>,
    /// What all new verdicts led to, in the same order.
    recorded: Vec<Recorded>,
    ahead: Option<Batch<A>>,
}

/// A request that was answered before, by what led to versions.
struct Repeat<A: Aggregate> {
    job: Job<A>,
    first: u64,
    last: u64,
}

/// Why a whole batch cannot be decided or committed.
#[derive(Clone)]
enum Fault {
    Busy,
    TooLarge,
    Unreadable(String),
    Store(Arc<StoreError>),
}

impl<A: Aggregate> Clerk<A> {
    pub(crate) fn new(
        shared: Arc<Shared<A>>,
        stream: StreamId,
        jobs: mpsc::Receiver<Job<A>>,
        gathering: Gathering,
    ) -> Self {
        let turns = Turns::of(shared.writer);
        let keeper = Keeper::new(shared.snapshots.clone(), Arc::clone(&shared.clock), stream.clone());
        Self {
            shared,
            stream,
            intake: Intake::new(jobs, gathering),
            live: None,
            keeper,
            turns,
        }
    }

    pub(crate) async fn run(mut self) {
        while self.has_work().await {
            let mut next = Some(Batch {
                jobs: self.next_jobs().await,
                draft: None,
            });
            while let Some(batch) = next {
                next = self.process(batch).await;
            }
        }
        let live = self.live.take();
        self.keeper.leave(live);
    }

    /// Everybody who has come, behind the others' turn or when the crowd has gathered.
    async fn next_jobs(&mut self) -> Vec<Job<A>> {
        match self.turns.take_others() {
            Some(turn) => self.give_way(turn).await,
            None => self.intake.gather().await,
        }
        let mut jobs = Vec::new();
        self.intake.take_all(&mut jobs);
        jobs
    }

    /// Waits until the others have committed, or their turn is over: to look costs less than to append in vain.
    async fn give_way(&mut self, mut turn: Turn) {
        while !turn.is_over() {
            if let Some(pause) = turn.pause() {
                sleep(pause).await;
            }
            let Some(writers) = self.catch_up().await else { return };
            turn.saw(&writers);
        }
        self.turns.end(turn);
    }

    /// Waits for work. False when this clerk has left the desk.
    async fn has_work(&mut self) -> bool {
        loop {
            let many = self.shared.live_clerks() > MANY_CLERKS;
            let patience = if many { IDLE_AMONG_MANY } else { IDLE };
            let received = tokio::select! {
                received = self.intake.receive(patience) => received,
                () = self.keeper.service_ends() => return false,
            };
            match received {
                Received::Work => return true,
                Received::Closed => return false,
                Received::Nothing if self.shared.retire(&self.stream, self.intake.queue()) => return false,
                Received::Nothing => {}
            }
        }
    }

    /// Answers every job of a batch. Returns the next one if it was decided meanwhile.
    async fn process(&mut self, batch: Batch<A>) -> Option<Batch<A>> {
        let (Batch { mut jobs, draft }, began) = (batch, Instant::now());
        match self.settle(&mut jobs, draft).await {
            Ok(settled) => {
                self.shared.metrics.batch(jobs.len());
                let decided = settled.ahead.as_ref().map_or(0, |ahead| ahead.jobs.len());
                self.intake.note(jobs.len() + decided);
                self.answer(jobs, settled.verdicts, settled.recorded);
                settled.ahead
            }
            Err(fault) => {
                self.intake.note(jobs.len());
                if fault.is_of_the_store() && began.elapsed() > PATIENCE_WITH_STORE {
                    self.intake.take_everybody(&mut jobs);
                }
                self.refuse(jobs, &fault);
                None
            }
        }
    }

    /// Decides a batch where it is not decided yet, and commits it, again and again while other writers are faster.
    async fn settle(&mut self, jobs: &mut Vec<Job<A>>, mut decided: Option<Draft<A>>) -> Result<Settled<A>, Fault> {
        for attempt in 0..CONFLICT_ATTEMPTS {
            if attempt > 0 {
                self.intake.take_all(jobs);
            }
            let draft = match decided.take() {
                Some(draft) => draft,
                None => self.draft(jobs).await?,
            };
            if draft.recorded.is_empty() {
                match self.refuses(draft).await? {
                    Some(settled) => return Ok(settled),
                    None => continue,
                }
            }
            pressure().pace().await;
            let started = Instant::now();
            let (is_appended, ahead) = self.commit(&draft).await?;
            if is_appended {
                self.turns.committed(started.elapsed());
                return Ok(self.keep(draft, ahead));
            }
            drop(draft);
            self.step_back(attempt).await;
        }
        Err(Fault::Busy)
    }

    async fn draft(&mut self, jobs: &[Job<A>]) -> Result<Draft<A>, Fault> {
        let journal = Arc::clone(&self.shared.journal);
        if self.live.is_none() {
            self.live = Some(self.keeper.load(&*journal).await?);
        }
        let live = self.live.get_or_insert_with(Live::new);
        Ok(decide(live, &self.stream, jobs, &*self.shared.clock))
    }

    /// A batch that leads to nothing, as long as no other replica has written since. An append would find that out by
    /// itself; a refusal has to look, or it would be told from what is long past.
    async fn refuses(&mut self, draft: Draft<A>) -> Result<Option<Settled<A>>, Fault> {
        let Draft { after, verdicts, .. } = draft;
        // Where there is another copy, catching up copies everything.
        drop(after);
        let journal = Arc::clone(&self.shared.journal);
        let live = self.live.get_or_insert_with(Live::new);
        let writers = live.catch_up(&*journal, &self.stream).await?;
        self.turns.met(&writers);
        Ok(writers.is_empty().then_some(Settled {
            verdicts,
            recorded: Vec::new(),
            ahead: None,
        }))
    }

    /// The stream stands as it was decided. Where the next batch is decided on that, its draft is the only copy left, or
    /// settling would copy everything.
    fn keep(&mut self, draft: Draft<A>, mut ahead: Option<Batch<A>>) -> Settled<A> {
        let Draft {
            mut after,
            verdicts,
            recorded,
            ..
        } = draft;
        self.live = None;
        if let Some(next) = ahead.as_mut().and_then(|ahead| ahead.draft.as_mut()) {
            self.keeper.offer(&after);
            drop(after);
            next.after.settle();
        } else {
            after.settle();
            self.keeper.offer(&after);
            self.live = Some(after);
        }
        Settled {
            verdicts,
            recorded,
            ahead,
        }
    }

    /// Appends a draft. False where another writer was first. Meanwhile the next batch is decided if there is a crowd.
    async fn commit(&mut self, draft: &Draft<A>) -> Result<(bool, Option<Batch<A>>), Fault> {
        faults::point("desk.decided");
        let shared = Arc::clone(&self.shared);
        let mut append = pin!(append(&shared, draft));
        let (appended, ahead) = tokio::select! {
            biased;
            appended = &mut append => (appended, None),
            () = self.intake.group_of_a_crowd(), if self.turns.are_all_own() => {
                let ahead = self.decide_ahead(draft);
                (append.await, ahead)
            }
        };
        match self.learn(appended, draft) {
            Ok(true) => Ok((true, ahead)),
            other => {
                self.turns.failed();
                // It was decided on what has not come about.
                ahead.into_iter().for_each(|ahead| self.intake.give_back(ahead.jobs));
                other.map(|is_appended| (is_appended, None))
            }
        }
    }

    /// The next batch on top of a draft that is being appended; none where it leads to nothing.
    fn decide_ahead(&mut self, draft: &Draft<A>) -> Option<Batch<A>> {
        let mut jobs = Vec::new();
        self.intake.take_all(&mut jobs);
        let next = decide(&draft.after, &self.stream, &jobs, &*self.shared.clock);
        if next.recorded.is_empty() {
            self.intake.give_back(jobs);
            return None;
        }
        Some(Batch {
            jobs,
            draft: Some(next),
        })
    }

    /// What the end of an append tells. False where another writer was first.
    fn learn(&mut self, appended: Result<(), AppendError>, draft: &Draft<A>) -> Result<bool, Fault> {
        match appended {
            Ok(()) => {
                faults::point("desk.appended");
                self.shared.metrics.committed(draft.recorded.len());
                pressure().committed(draft.recorded.len());
                self.shared.appended.notify_one();
                self.intake.bound(None);
                Ok(true)
            }
            Err(AppendError::Conflict { .. }) => Ok(false),
            Err(AppendError::Invalid(InvalidCommit::TooLarge(_))) => Err(Fault::TooLarge),
            Err(AppendError::Invalid(invalid)) => Err(Fault::Unreadable(invalid.to_string())),
            Err(AppendError::Store(error)) => {
                // Then what is in memory may be behind the journal; after any other error nothing was written.
                if matches!(error, StoreError::Unknown(_)) {
                    self.live = None;
                }
                Err(Fault::Store(Arc::new(error)))
            }
        }
    }

    /// Reads what the other writer wrote, after a moment that grows with the crowd and differs between replicas.
    async fn step_back(&mut self, attempt: u32) {
        self.shared.metrics.conflict();
        // Who was first lingers: the first try behind that needs no pause.
        if attempt > 0 {
            let longest = 1_u64 << attempt.min(5);
            sleep(Duration::from_millis(rand::random_range(0..=longest))).await;
        }
        if self.catch_up().await.is_none() {
            self.turns.met(&[Writer::UNKNOWN]);
        }
    }

    /// Reads what others have written, and returns who did; `None` where the stream has to be read anew.
    async fn catch_up(&mut self) -> Option<Vec<Writer>> {
        let journal = Arc::clone(&self.shared.journal);
        let live = self.live.as_mut()?;
        let Ok(writers) = live.catch_up(&*journal, &self.stream).await else {
            self.live = None;
            return None;
        };
        self.turns.met(&writers);
        Some(writers)
    }

    /// A commit that was too large is tried again, with half as many jobs at a time.
    fn refuse(&mut self, jobs: Vec<Job<A>>, fault: &Fault) {
        if matches!(fault, Fault::TooLarge) && jobs.len() > 1 {
            self.intake.bound(Some(jobs.len() / 2));
            return self.intake.give_back(jobs);
        }
        for job in jobs {
            // Whoever asked may have gone.
            let _ = job.reply.send(Err(fault.clone().into()));
        }
    }

    /// `recorded` is what all new verdicts led to, in the same order. Repeats have to be read first, and keep nobody else
    /// waiting.
    fn answer(&self, batch: Vec<Job<A>>, verdicts: Vec<Verdict<A::Rejection>>, recorded: Vec<Recorded>) {
        let mut recorded = recorded.into_iter();
        let mut repeats = Vec::new();
        for (job, verdict) in batch.into_iter().zip(verdicts) {
            let answer = match verdict {
                Verdict::New { events, version } => Ok(self.outcome(version, recorded.by_ref().take(events).collect())),
                Verdict::Refused(error) => Err(error),
                Verdict::Replay { first, last } => {
                    repeats.push(Repeat { job, first, last });
                    continue;
                }
            };
            // Whoever asked may have gone; what was committed stands all the same.
            let _ = job.reply.send(answer);
        }
        if !repeats.is_empty() {
            let journal = Arc::clone(&self.shared.journal);
            tokio::spawn(answer_repeats::<A>(journal, self.stream.clone(), repeats));
        }
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
}

impl Fault {
    fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Store(error) if error.may_pass())
    }
}

impl From<CatchUpError> for Fault {
    fn from(error: CatchUpError) -> Self {
        match error {
            CatchUpError::Store(error) => Self::Store(Arc::new(error)),
            CatchUpError::Unreadable { .. } | CatchUpError::Gap { .. } => Self::Unreadable(error.to_string()),
        }
    }
}

impl<R> From<Fault> for DeskError<R> {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Busy => Self::Busy,
            Fault::TooLarge => Self::TooLarge,
            Fault::Unreadable(detail) => Self::Unreadable(detail),
            Fault::Store(error) => Self::Store(error),
        }
    }
}

fn decide<A: Aggregate>(live: &Live<A>, stream: &StreamId, jobs: &[Job<A>], clock: &dyn Clock) -> Draft<A> {
    batch::decide(live, stream, jobs.iter().map(|job| &job.request), clock.now())
}

async fn append<A: Aggregate>(shared: &Shared<A>, draft: &Draft<A>) -> Result<(), AppendError> {
    let began = Instant::now();
    let mut spans = Spans::of_append(draft.recorded.iter().map(|recorded| &*recorded.envelope));
    let outcome = append_for_certain(shared, draft).await;
    outcome.as_ref().inspect_err(|error| spans.failed(error)).ok();
    shared.metrics.append_took(began.elapsed());
    outcome
}

/// An append whose outcome is unknown is repeated as it is: the journal knows its own commit again. That a repetition could
/// not be made tells nothing of the one before.
async fn append_for_certain<A: Aggregate>(shared: &Shared<A>, draft: &Draft<A>) -> Result<(), AppendError> {
    let envelopes = draft
        .recorded
        .iter()
        .map(|recorded| Arc::clone(&recorded.envelope))
        .collect();
    let commit = Commit {
        id: shared.writer.commit_id(),
        envelopes,
    };
    let (mut attempt, began) = (1, Instant::now());
    loop {
        let may_repeat = || attempt < UNKNOWN_ATTEMPTS && began.elapsed() < UNKNOWN_PATIENCE;
        match shared.journal.append(draft.previous, &commit).await {
            Err(AppendError::Store(StoreError::Unknown(_))) if may_repeat() => {
                sleep(UNKNOWN_PAUSE * attempt).await;
                attempt += 1;
            }
            Err(AppendError::Store(error)) if attempt > 1 => return Err(StoreError::Unknown(Box::new(error)).into()),
            outcome => return outcome,
        }
    }
}

async fn answer_repeats<A: Aggregate>(journal: Arc<dyn Journal>, stream: StreamId, repeats: Vec<Repeat<A>>) {
    let each = repeats.into_iter().map(async |repeat| {
        let answer = replay(&*journal, &stream, (repeat.first, repeat.last)).await;
        // Whoever asked may have gone.
        let _ = repeat.job.reply.send(answer);
    });
    join_all(each).await;
}

/// The reply to a repeated request is rebuilt from the events that the first one led to.
async fn replay<R>(
    journal: &dyn Journal,
    stream: &StreamId,
    (first, last): (u64, u64),
) -> Result<Outcome, DeskError<R>> {
    let commits = journal.read(stream, first - 1, 1).await;
    let commits = commits.map_err(|error| DeskError::Store(Arc::new(error)))?;
    let envelopes = commits.into_iter().flat_map(|commit| commit.envelopes);
    let of_request = envelopes.filter(|envelope| (first..=last).contains(&envelope.version));
    let recorded: Result<Vec<Recorded>, DecodeError> = of_request.map(Recorded::read).collect();
    Ok(Outcome {
        stream: stream.clone(),
        version: last,
        recorded: recorded.map_err(|error| DeskError::Unreadable(error.to_string()))?,
        replayed: true,
    })
}
