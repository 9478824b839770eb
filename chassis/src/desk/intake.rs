//! What is queued for a clerk, and in which batches the clerk takes it.
//!
//! It must not know what becomes of a job.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Job;
use super::aggregate::Aggregate;
use super::gathering::{Crowd, Gathering};

/// Jobs decided together at most; keeps usual commits well under the journal's bound.
const BATCH_JOBS: usize = 256;

pub(crate) struct Intake<A: Aggregate> {
    jobs: mpsc::Receiver<Job<A>>,
    /// Taken from the queue, not yet in a batch.
    waiting: VecDeque<Job<A>>,
    /// The most in a batch; fewer than usual after a commit was too large.
    most: usize,
    crowd: Crowd,
    gathering: Gathering,
}

/// What came of waiting for work.
pub(crate) enum Received {
    Work,
    /// Nothing, for as long as there was patience.
    Nothing,
    /// There is nobody left who could queue something.
    Closed,
}

impl<A: Aggregate> Intake<A> {
    pub(crate) fn new(jobs: mpsc::Receiver<Job<A>>, gathering: Gathering) -> Self {
        Self {
            jobs,
            waiting: VecDeque::new(),
            most: BATCH_JOBS,
            crowd: Crowd::default(),
            gathering,
        }
    }

    pub(crate) async fn receive(&mut self, patience: Duration) -> Received {
        self.take_queued();
        if !self.waiting.is_empty() {
            return Received::Work;
        }
        match timeout(patience, self.jobs.recv()).await {
            Ok(Some(job)) => {
                self.waiting.push_back(job);
                Received::Work
            }
            Ok(None) => Received::Closed,
            Err(_) => Received::Nothing,
        }
    }

    /// Waits, not for long, until a group of the crowd has come, if there is one.
    pub(crate) async fn gather(&mut self) {
        if let Some(missing) = self.missing() {
            self.gathering.wait_for(missing, || self.jobs.len()).await;
        }
    }

    /// Returns when a group of the crowd has come; never where there is none.
    pub(crate) async fn group_of_a_crowd(&mut self) {
        match self.missing() {
            Some(missing) => self.gathering.wait_long_for(missing, || self.jobs.len()).await,
            None => std::future::pending().await,
        }
    }

    /// Everybody who has come, as far as there is room beside those who are in the batch already.
    pub(crate) fn take_all(&mut self, batch: &mut Vec<Job<A>>) {
        self.take_queued();
        let room = self.most.saturating_sub(batch.len());
        let size = self.waiting.len().min(room);
        batch.extend(self.waiting.drain(..size));
    }

    /// Everybody who has come, however many; not who comes meanwhile, which could go on for ever.
    pub(crate) fn take_everybody(&mut self, batch: &mut Vec<Job<A>>) {
        let queued = self.jobs.len();
        batch.extend(self.waiting.drain(..));
        batch.extend((0..queued).map_while(|_| self.jobs.try_recv().ok()));
    }

    /// So many were in batches at the same time, beside those that wait now.
    pub(crate) fn note(&mut self, in_batches: usize) {
        self.crowd.note(in_batches + self.waiting.len() + self.jobs.len());
    }

    /// What is in a batch is to be taken again, before all others.
    pub(crate) fn give_back(&mut self, batch: Vec<Job<A>>) {
        for job in batch.into_iter().rev() {
            self.waiting.push_front(job);
        }
    }

    /// From now on no more than so many in a batch; as many as usual where none are named.
    pub(crate) fn bound(&mut self, most: Option<usize>) {
        self.most = most.unwrap_or(BATCH_JOBS);
    }

    /// The queue itself, for those who have to know that it is empty.
    pub(crate) fn queue(&self) -> &mpsc::Receiver<Job<A>> {
        &self.jobs
    }

    /// How many of a group have not come; `None` where there is no crowd.
    fn missing(&self) -> Option<usize> {
        Some(self.crowd.group()?.saturating_sub(self.waiting.len()))
    }

    fn take_queued(&mut self) {
        while self.waiting.len() < BATCH_JOBS {
            match self.jobs.try_recv() {
                Ok(job) => self.waiting.push_back(job),
                Err(_) => return,
            }
        }
    }
}
