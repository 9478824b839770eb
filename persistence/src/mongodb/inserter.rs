//! Inserts commits: what waits goes to the server in one request, which is as soon durable as one commit would be.

use std::sync::Arc;
use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::Document;
use mongodb::error::{ErrorKind, InsertManyError};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::database::PATIENCE;
use super::failure::{is_duplicate, is_invalid, of_write, too_slow};
use crate::StoreError;

/// Callers wait for room beyond this many.
const QUEUE: usize = 1024;
/// Bounds a request: 256 commits of 256 KiB would be more than the server takes at once.
const BATCH: usize = 128;
/// Whoever has waited longer for a request of his own has waited long enough.
const LONGEST_QUEUED: Duration = PATIENCE.checked_div(2).unwrap();
/// While these many requests are under way the next one gathers.
const UNDER_WAY: usize = 2;

pub(super) struct Inserter {
    queue: mpsc::Sender<Order>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inserted {
    Now,
    /// A document of this id is there. It may be this one, from a try that was thought to have failed.
    ThereAlready,
}

struct Order {
    commit: Document,
    queued: Instant,
    answer: oneshot::Sender<Result<Inserted, StoreError>>,
}

impl Inserter {
    /// Its tasks end when it is dropped and the queue is done.
    pub(super) fn start(commits: &Collection<Document>) -> Self {
        let (queue, orders) = mpsc::channel(QUEUE);
        let orders = Arc::new(Mutex::new(orders));
        for _ in 0..UNDER_WAY {
            tokio::spawn(work_off(commits.clone(), Arc::clone(&orders)));
        }
        Self { queue }
    }

    /// Returns when it is durable. Once queued it is inserted even when the caller goes away.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where it had to wait too long for its turn. [`StoreError::Unknown`] where it may have been inserted all the same.
    pub(super) async fn insert(&self, commit: Document) -> Result<Inserted, StoreError> {
        let (answer, inserted) = oneshot::channel();
        let queued = Instant::now();
        let order = Order { commit, queued, answer };
        let queueing = timeout(LONGEST_QUEUED, self.queue.send(order)).await;
        queueing.map_err(|_| too_slow())?.map_err(|_| StoreError::Closed)?;
        match inserted.await {
            Ok(outcome) => outcome,
            Err(gone) => Err(StoreError::Unknown(Box::new(gone))),
        }
    }
}

async fn work_off(commits: Collection<Document>, orders: Arc<Mutex<mpsc::Receiver<Order>>>) {
    loop {
        let mut batch = Vec::new();
        if orders.lock().await.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        let (late, batch): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_late);
        for order in late {
            // Whoever went away does not want to know.
            let _ = order.answer.send(Err(too_slow()));
        }
        if !batch.is_empty() {
            insert(&commits, batch).await;
        }
    }
}

fn is_late(order: &Order) -> bool {
    order.queued.elapsed() > LONGEST_QUEUED
}

async fn insert(commits: &Collection<Document>, batch: Vec<Order>) {
    let (documents, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|order| (order.commit, order.answer)).unzip();
    let insert = commits.insert_many(documents).ordered(false);
    let outcome = timeout(PATIENCE, insert.into_future()).await;
    for (index, answer) in answers.into_iter().enumerate() {
        let inserted = match &outcome {
            Ok(Ok(_)) => Ok(Inserted::Now),
            Ok(Err(error)) => of_one(index, error),
            Err(_) => Err(StoreError::Unknown(Box::new(too_slow()))),
        };
        // Whoever went away does not want to know.
        let _ = answer.send(inserted);
    }
}

/// How it went for one of several, each of which stands for itself.
fn of_one(index: usize, error: &mongodb::error::Error) -> Result<Inserted, StoreError> {
    let ErrorKind::InsertMany(failed) = &*error.kind else {
        return Err(of_write(error.clone()));
    };
    let own = failed.write_errors.iter().flatten().find(|own| own.index == index);
    match own {
        // What is there is as durable as this would be only if the confirmation went well.
        _ if is_unconfirmed(failed) => Err(StoreError::Unknown(Box::new(error.clone()))),
        None => Ok(Inserted::Now),
        Some(own) if is_duplicate(own.code) => Ok(Inserted::ThereAlready),
        Some(own) if is_invalid(own.code) => Err(StoreError::Unavailable("the journal is sealed".into())),
        Some(own) => Err(StoreError::Unavailable(own.message.clone().into())),
    }
}

fn is_unconfirmed(failed: &InsertManyError) -> bool {
    failed.write_concern_error.is_some()
}
