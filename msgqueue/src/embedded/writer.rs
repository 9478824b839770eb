//! The one thread of a process that writes: whatever waits is committed in one transaction, then all are answered.
//!
//! It also notices what other processes have written, because it is the one that knows what this process has.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use super::database::{broker_error, unavailable};
use super::group;
use super::records::{self, Record};
use crate::BrokerError;

/// How often other processes are looked for.
const POLL: Duration = Duration::from_millis(20);
/// How much may wait to be written, in KiB. Beyond that callers wait.
const ROOM: u32 = 32 << 10;

pub(super) enum Change {
    Append(Vec<Record>),
    /// Offsets in ascending order.
    Acknowledge {
        group: i64,
        offsets: Vec<i64>,
    },
    CreateGroup(String),
    DropGroup(String),
}

/// The thread ends when its last writer is dropped.
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    changes: watch::Receiver<()>,
}

struct Job {
    change: Change,
    done: oneshot::Sender<Result<(), BrokerError>>,
    _room: OwnedSemaphorePermit,
}

struct Thread {
    connection: Connection,
    jobs: mpsc::Receiver<Job>,
    changes: watch::Sender<()>,
    data_version: i64,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, BrokerError> {
        let (jobs, queue) = mpsc::channel();
        let (changed, changes) = watch::channel(());
        let thread = Thread {
            connection,
            jobs: queue,
            changes: changed,
            data_version: 0,
        };
        thread::Builder::new()
            .name("embedded-log".to_owned())
            .spawn(|| thread.run())
            .map_err(unavailable)?;
        Ok(Self {
            jobs,
            room: Arc::new(Semaphore::new(ROOM as usize)),
            changes,
        })
    }

    /// Returns once the change is committed: a change of the log or of the groups is on disk then, an
    /// acknowledgement survives the death of the process.
    pub(super) async fn submit(&self, change: Change) -> Result<(), BrokerError> {
        let room = Arc::clone(&self.room)
            .acquire_many_owned(change.room())
            .await
            .map_err(|_| BrokerError::Closed)?;
        let (done, outcome) = oneshot::channel();
        let job = Job {
            change,
            done,
            _room: room,
        };
        self.jobs.send(job).map_err(|_| BrokerError::Closed)?;
        outcome.await.map_err(|_| BrokerError::Closed)?
    }

    /// Changes whenever there may be something new to read.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.clone()
    }
}

impl Change {
    /// In KiB, from 1.
    fn room(&self) -> u32 {
        let bytes = match self {
            Self::Append(records) => records.iter().map(Record::bytes).sum(),
            Self::Acknowledge { offsets, .. } => size_of_val(offsets.as_slice()),
            Self::CreateGroup(_) | Self::DropGroup(_) => 0,
        };
        u32::try_from(bytes / 1024 + 1).unwrap_or(ROOM).min(ROOM)
    }

    /// A lost acknowledgement only means that a message comes again.
    fn may_be_lost_with_power(&self) -> bool {
        matches!(self, Self::Acknowledge { .. })
    }

    fn concerns_readers(&self) -> bool {
        matches!(self, Self::Append(_) | Self::DropGroup(_))
    }

    /// Returns false where the change names a group that was dropped.
    fn apply(&self, connection: &Connection) -> rusqlite::Result<bool> {
        match self {
            Self::Append(records) => records::append(connection, records)?,
            Self::Acknowledge { group, offsets } => return group::acknowledge(connection, *group, offsets),
            Self::CreateGroup(name) => group::create(connection, name)?,
            Self::DropGroup(name) => group::remove(connection, name)?,
        }
        Ok(true)
    }
}

impl Thread {
    fn run(mut self) {
        loop {
            match self.jobs.recv_timeout(POLL) {
                Ok(first) => self.write(first),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
            self.notice_other_processes();
        }
    }

    fn write(&mut self, first: Job) {
        let jobs: Vec<Job> = std::iter::once(first).chain(self.jobs.try_iter()).collect();
        let outcome = self.commit(&jobs);
        if jobs.iter().any(|job| job.change.concerns_readers()) {
            self.changes.send_replace(());
        }
        match outcome {
            Ok(applied) => answer(jobs, applied),
            Err(error) => refuse(jobs, &error),
        }
    }

    fn commit(&mut self, jobs: &[Job]) -> rusqlite::Result<Vec<bool>> {
        let lossy = jobs.iter().all(|job| job.change.may_be_lost_with_power());
        let synchronous = if lossy { "NORMAL" } else { "FULL" };
        self.connection.pragma_update(None, "synchronous", synchronous)?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let applied = jobs
            .iter()
            .map(|job| job.change.apply(&transaction))
            .collect::<rusqlite::Result<_>>()?;
        transaction.commit()?;
        Ok(applied)
    }

    /// `data_version` changes when any other connection has committed; this process only writes through this one.
    fn notice_other_processes(&mut self) {
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0));
        if let Ok(version) = version
            && version != self.data_version
        {
            self.data_version = version;
            self.changes.send_replace(());
        }
    }
}

fn answer(jobs: Vec<Job>, applied: Vec<bool>) {
    for (job, applied) in jobs.into_iter().zip(applied) {
        let outcome = if applied {
            Ok(())
        } else {
            Err(BrokerError::group_dropped())
        };
        // The caller may have gone.
        let _ = job.done.send(outcome);
    }
}

fn refuse(jobs: Vec<Job>, error: &rusqlite::Error) {
    for job in jobs {
        let _ = job.done.send(Err(broker_error(error)));
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use tokio::time::timeout;

    use super::super::database::Database;
    use super::*;
    use crate::Message;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn append(body: Vec<u8>) -> Change {
        let message = Message {
            key: "a".to_owned(),
            attributes: [("id".to_owned(), "1".to_owned())].into(),
            body,
        };
        let records = vec![message; 3].into_iter().map(Record::from_message);
        Change::Append(records.collect::<Result<_, _>>().unwrap())
    }

    #[tokio::test]
    async fn a_full_disk_fails_everyone_whole_and_is_survived() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path()).unwrap();
        let connection = database.connect().unwrap();
        connection.pragma_update(None, "max_page_count", 30).unwrap();
        let writer = Writer::start(connection).unwrap();
        let outcomes = join_all((0..9).map(|_| writer.submit(append(vec![0; 50_000])))).await;
        let unavailable = |outcome| matches!(outcome, Err(BrokerError::Unavailable(_)));
        assert!(outcomes.into_iter().all(unavailable));
        assert_eq!(records::last_offset(&database.connect().unwrap()).unwrap(), 0);
        writer.submit(append(vec![0; 10])).await.unwrap();
        assert_eq!(records::last_offset(&database.connect().unwrap()).unwrap(), 3);
    }

    #[tokio::test]
    async fn changes_of_any_size_find_room() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path()).unwrap();
        let writer = Writer::start(database.connect().unwrap()).unwrap();
        let submits = join_all((0..4).map(|_| writer.submit(append(vec![0; 12 << 20]))));
        let outcomes = timeout(PATIENCE, submits).await.expect("somebody waits for ever");
        outcomes.into_iter().for_each(Result::unwrap);
        assert_eq!(records::last_offset(&database.connect().unwrap()).unwrap(), 12);
    }

    #[tokio::test]
    async fn what_another_process_commits_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path()).unwrap();
        let writer = Writer::start(database.connect().unwrap()).unwrap();
        let mut changes = writer.changes();
        // The first look finds a version that differs from none.
        timeout(PATIENCE, changes.changed()).await.unwrap().unwrap();
        append(vec![]).apply(&database.connect().unwrap()).unwrap();
        let noticed = timeout(PATIENCE, changes.changed()).await;
        noticed.expect("nothing was noticed").unwrap();
    }
}
