//! The one thread that writes a file: everything queued goes into one transaction, which is flushed once.

use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use super::connection::broken_or_unavailable;
use crate::StoreError;

/// Jobs that may wait; callers beyond that wait for room.
const QUEUE: usize = 4_096;
/// Jobs carried out in one transaction at most.
const BATCH: usize = 1_024;

/// Carries out jobs on a file's one writing connection. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

/// Whether a job has to be on disk before it is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Flushed to disk.
    Flushed,
    /// Visible to everybody at once, but a power failure may take it back.
    Eventual,
}

struct Job {
    durability: Durability,
    work: Box<dyn FnOnce(Result<&Connection, StoreError>) -> Done + Send>,
}

/// A job carried out but not yet committed.
struct Done {
    /// False where the job failed and what it wrote is to be undone.
    keep: bool,
    answer: Box<dyn FnOnce(Option<StoreError>) + Send>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write_all(&connection, queue))
            .map_err(|cause| StoreError::Unavailable(Box::new(cause)))?;
        Ok(Self { jobs })
    }

    /// Runs `work` in the next transaction and returns when that is committed. If `work` fails, nothing it did stays.
    pub(super) async fn submit<T, E>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, outcome) = oneshot::channel();
        let work = move |connection: Result<&Connection, StoreError>| {
            let result = connection.map_err(E::from).and_then(work);
            Done {
                keep: result.is_ok(),
                answer: Box::new(move |failure| {
                    let answer = match failure {
                        Some(failure) if result.is_ok() => Err(E::from(failure)),
                        _ => result,
                    };
                    // The caller may have given up; what was committed stands all the same.
                    let _ = reply.send(answer);
                }),
            }
        };
        let job = Job {
            durability,
            work: Box::new(work),
        };
        self.jobs.send(job).await.map_err(|_| StoreError::Closed)?;
        outcome.await.unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }
}

fn write_all(connection: &Connection, mut queue: mpsc::Receiver<Job>) {
    let mut flushing = true;
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(job) = queue.try_recv()
        {
            batch.push(job);
        }
        let flush = batch.iter().any(|job| job.durability == Durability::Flushed);
        if flush != flushing && set_flushing(connection, flush) {
            flushing = flush;
        }
        write_batch(connection, batch);
    }
}

/// In WAL mode a commit is flushed under `FULL` and not under `NORMAL`. False where it could not be set.
fn set_flushing(connection: &Connection, flush: bool) -> bool {
    let mode = if flush { "FULL" } else { "NORMAL" };
    let set = connection.pragma_update(None, "synchronous", mode);
    if let Err(cause) = &set {
        error!(%cause, mode, "the store's durability could not be set");
    }
    set.is_ok()
}

fn write_batch(connection: &Connection, batch: Vec<Job>) {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        return refuse(batch, error);
    }
    let mut done: Vec<Done> = batch.into_iter().map(|job| run(connection, job)).collect();
    let failure = commit(connection).err();
    for done in done.drain(..) {
        (done.answer)(failure.as_ref().map(CommitFailure::to_store_error));
    }
}

fn run(connection: &Connection, job: Job) -> Done {
    let savepoint = connection.execute_batch("SAVEPOINT job");
    let done = (job.work)(Ok(connection));
    let end = match (&savepoint, done.keep) {
        (Err(_), _) => return done,
        (Ok(()), true) => "RELEASE job",
        (Ok(()), false) => "ROLLBACK TO job; RELEASE job",
    };
    if let Err(cause) = connection.execute_batch(end) {
        // The transaction is gone then, and its commit fails for everybody in it.
        error!(%cause, "a write could not be ended");
    }
    done
}

struct CommitFailure {
    text: String,
    /// A failed flush leaves open what is on disk.
    may_have_happened: bool,
}

fn commit(connection: &Connection) -> Result<(), CommitFailure> {
    let Err(cause) = connection.execute_batch("COMMIT") else {
        return Ok(());
    };
    let may_have_happened = cause.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure);
    if !connection.is_autocommit()
        && let Err(cause) = connection.execute_batch("ROLLBACK")
    {
        error!(%cause, "a failed transaction could not be rolled back");
    }
    Err(CommitFailure {
        text: cause.to_string(),
        may_have_happened,
    })
}

impl CommitFailure {
    fn to_store_error(&self) -> StoreError {
        let cause = self.text.clone().into();
        if self.may_have_happened { StoreError::Unknown(cause) } else { StoreError::Unavailable(cause) }
    }
}

/// The transaction could not begin: nothing of the batch happened.
fn refuse(batch: Vec<Job>, error: rusqlite::Error) {
    let text = error.to_string();
    let mut cause = Some(broken_or_unavailable(error));
    for job in batch {
        let cause = cause.take().unwrap_or_else(|| StoreError::Unavailable(text.clone().into()));
        ((job.work)(Err(cause)).answer)(None);
    }
}
