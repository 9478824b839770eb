//! The one thread that writes to a file.
//!
//! It takes all jobs that wait, carries them out in one transaction and answers them when that is durable. While the
//! disk works the next jobs gather, so the busier it is the more appends share one sync. Each job has a savepoint: one
//! that fails leaves no trace and does not disturb the others.

use std::thread;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use crate::StoreError;

/// Callers wait for room beyond this many.
const QUEUE: usize = 1024;
/// Bounds a transaction, and so how long the first of its jobs waits for the last.
const BATCH: usize = 256;

/// What power loss may do to a job that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Durability {
    /// Undo it. It never costs a sync.
    Relaxed,
    /// Nothing.
    Full,
}

pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
}

impl Writer {
    /// The thread ends when the `Writer` is dropped and the queue is done.
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || work_off(&connection, queue))
            .map_err(|e| StoreError::Unavailable(Box::new(e)))?;
        Ok(Self { jobs })
    }

    /// Carries out `work` within a transaction. What it wrote is undone when it fails. Once queued it is carried out
    /// even when the caller goes away.
    pub(super) async fn run<T, E, F>(&self, durability: Durability, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + From<rusqlite::Error> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task {
            durability,
            work: Some(work),
            outcome: None,
            reply,
        };
        self.jobs.send(Box::new(task)).await.map_err(|_| StoreError::Closed)?;
        match answer.await {
            Ok(outcome) => outcome,
            Err(gone) => Err(StoreError::Unknown(Box::new(gone)).into()),
        }
    }
}

trait Job: Send {
    fn durability(&self) -> Durability;
    /// One of several in a transaction: where it fails it leaves nothing behind.
    fn run(&mut self, connection: &Connection);
    /// False where it failed: then the transaction has to go.
    fn run_alone(&mut self, connection: &Connection) -> bool;
    /// Tells the caller, once it is known how the transaction ended.
    fn answer(self: Box<Self>, end: &Result<(), Failure>);
}

struct Task<F, T, E> {
    durability: Durability,
    work: Option<F>,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Task<F, T, E>
where
    T: Send,
    E: From<StoreError> + From<rusqlite::Error> + Send,
    F: FnOnce(&Connection) -> Result<T, E> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, connection: &Connection) {
        self.outcome = self.work.take().map(|work| in_savepoint(connection, work));
    }

    fn run_alone(&mut self, connection: &Connection) -> bool {
        self.outcome = self.work.take().map(|work| work(connection));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, end: &Result<(), Failure>) {
        let answer = match (end, self.outcome) {
            // Even a refusal is void: it may have been decided by what another job of the transaction wrote.
            (Err(failure), _) => Err(failure.to_error().into()),
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Closed.into()),
        };
        // A caller that went away does not want to know.
        let _ = self.reply.send(answer);
    }
}

fn work_off(connection: &Connection, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::new();
    let mut durability = None;
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        while !batch.is_empty() {
            let (done, end) = one_transaction(connection, &mut durability, &mut batch);
            for job in batch.drain(..done) {
                job.answer(&end);
            }
        }
    }
}

/// Returns how many jobs from the front were in it, at least one, and how it ended. `durability` is what the
/// connection is set to.
fn one_transaction(
    connection: &Connection,
    durability: &mut Option<Durability>,
    batch: &mut [Box<dyn Job>],
) -> (usize, Result<(), Failure>) {
    let wanted = batch.iter().map(|job| job.durability()).max();
    if let Err(e) = begin(connection, durability, wanted.unwrap_or(Durability::Full)) {
        return (batch.len(), Err(Failure::before_commit(e)));
    }
    if let [job] = batch {
        return (1, the_only_one(connection, &mut **job));
    }
    for (i, job) in batch.iter_mut().enumerate() {
        job.run(connection);
        // SQLite itself rolls everything back after some errors, a full disk for one.
        if connection.is_autocommit() {
            return (i + 1, Err(Failure::before_commit(rolled_back())));
        }
    }
    (batch.len(), commit(connection))
}

/// Without a savepoint, for which SQLite would copy every page that the job changes.
fn the_only_one(connection: &Connection, job: &mut dyn Job) -> Result<(), Failure> {
    let succeeded = job.run_alone(connection);
    if connection.is_autocommit() {
        return Err(Failure::before_commit(rolled_back()));
    }
    match succeeded {
        true => commit(connection),
        false => statement(connection, "ROLLBACK").map_err(Failure::before_commit),
    }
}

fn commit(connection: &Connection) -> Result<(), Failure> {
    let end = statement(connection, "COMMIT").map_err(Failure::at_commit);
    if !connection.is_autocommit() {
        // Should this fail, the next BEGIN fails and says so.
        let _ = statement(connection, "ROLLBACK");
    }
    end
}

fn begin(connection: &Connection, durability: &mut Option<Durability>, wanted: Durability) -> rusqlite::Result<()> {
    // SQLite compiles a pragma anew each time.
    if *durability != Some(wanted) {
        *durability = None;
        // In WAL mode NORMAL leaves the sync to whoever comes next: a FULL commit, or a checkpoint.
        statement(
            connection,
            match wanted {
                Durability::Full => "PRAGMA synchronous = FULL",
                Durability::Relaxed => "PRAGMA synchronous = NORMAL",
            },
        )?;
        *durability = Some(wanted);
    }
    statement(connection, "BEGIN IMMEDIATE")
}

fn rolled_back() -> rusqlite::Error {
    let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT_ROLLBACK);
    rusqlite::Error::SqliteFailure(error, None)
}

fn in_savepoint<T, E: From<rusqlite::Error>>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    statement(connection, "SAVEPOINT job")?;
    let outcome = work(connection);
    if connection.is_autocommit() {
        return outcome;
    }
    if outcome.is_err() {
        statement(connection, "ROLLBACK TO job")?;
    }
    statement(connection, "RELEASE job")?;
    outcome
}

fn statement(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn counting() -> Writer {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE numbers (number INTEGER UNIQUE)")
            .unwrap();
        Writer::start(connection).unwrap()
    }

    fn insert(connection: &Connection, number: i64) -> Result<(), StoreError> {
        connection.execute("INSERT INTO numbers VALUES (?1)", [number])?;
        Ok(())
    }

    async fn count(writer: &Writer) -> i64 {
        let work = |connection: &Connection| -> Result<i64, StoreError> {
            Ok(connection.query_row("SELECT count(*) FROM numbers", [], |row| row.get(0))?)
        };
        writer.run(Durability::Full, work).await.unwrap()
    }

    fn refused(connection: &Connection, number: i64) -> Result<(), StoreError> {
        insert(connection, number)?;
        Err(StoreError::Broken("refused".to_owned()))
    }

    #[tokio::test]
    async fn a_job_that_fails_leaves_no_trace_and_others_stay() {
        let writer = counting();
        let (first, second, third) = tokio::join!(
            writer.run(Durability::Full, |c| insert(c, 1)),
            writer.run(Durability::Full, |c| refused(c, 2)),
            writer.run(Durability::Relaxed, |c| insert(c, 3)),
        );
        assert!(first.is_ok() && third.is_ok());
        assert!(matches!(second, Err(StoreError::Broken(_))));
        assert_eq!(count(&writer).await, 2);
    }

    #[tokio::test]
    async fn a_job_that_fails_alone_leaves_no_trace_either() {
        let writer = counting();
        for number in 1..4 {
            let failed = writer.run(Durability::Full, move |c| refused(c, number)).await;
            assert!(matches!(failed, Err(StoreError::Broken(_))), "{failed:?}");
            writer.run(Durability::Full, move |c| insert(c, number)).await.unwrap();
        }
        let failed = writer.run(Durability::Full, roll_everything_back).await;
        assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
        assert_eq!(count(&writer).await, 3);
    }

    /// What SQLite does by itself when the disk is full.
    fn roll_everything_back(connection: &Connection) -> Result<(), StoreError> {
        connection.execute_batch("ROLLBACK")?;
        let full = ffi::Error::new(ffi::SQLITE_FULL);
        Err(rusqlite::Error::SqliteFailure(full, None).into())
    }

    #[tokio::test]
    async fn a_transaction_that_is_rolled_back_fails_all_before_and_none_behind() {
        let writer = counting();
        let (block, blocked) = std::sync::mpsc::channel::<()>();
        let gate = writer.run(Durability::Full, move |_| {
            let _ = blocked.recv();
            Ok::<(), StoreError>(())
        });
        let rest = async {
            tokio::join!(
                writer.run(Durability::Full, |c| insert(c, 1)),
                writer.run(Durability::Full, roll_everything_back),
                writer.run(Durability::Full, |c| insert(c, 2)),
                async { drop(block) },
            )
        };
        let (_, (before, failed, behind, ())) = tokio::join!(gate, rest);
        assert!(matches!(before, Err(StoreError::Unavailable(_))), "{before:?}");
        assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
        assert!(behind.is_ok(), "{behind:?}");
        assert_eq!(count(&writer).await, 1);
    }
}
