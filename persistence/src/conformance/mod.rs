//! What every adapter has to keep: one suite per contract, made of checks that are each named by their rule.
//!
//! An adapter implements [`Harness`] in its tests and runs the five suites. The suites know the contracts only:
//! a rule that no doc comment of a trait states has no check here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "checks are for tests, and a check fails by panicking"
)]

mod blobs;
mod documents;
mod fixtures;
mod journal;
mod lease;
mod outbox;
mod paging;
mod search;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;

use crate::Stores;

/// How a suite gets at an adapter.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Stores on a place that nobody has used.
    async fn open(&self) -> Stores;

    /// Further handles on the place that `open` made last, which share nothing with the others but the place: what
    /// a second process has, and what comes after a restart.
    async fn reopen(&self) -> Stores;
}

/// Every rule of [`crate::Journal`].
pub async fn journal_suite(harness: &dyn Harness) {
    let mut suite = Suite::default();
    journal::run(&mut suite, harness).await;
    outbox::run(&mut suite, harness).await;
    suite.end();
}

/// Every rule of [`crate::DocumentStore`].
pub async fn documents_suite(harness: &dyn Harness) {
    let mut suite = Suite::default();
    documents::run(&mut suite, harness).await;
    paging::run(&mut suite, harness).await;
    suite.end();
}

/// Every rule of [`crate::Blobs`].
pub async fn blobs_suite(harness: &dyn Harness) {
    let mut suite = Suite::default();
    blobs::run(&mut suite, harness).await;
    suite.end();
}

/// Every rule of [`crate::Search`].
pub async fn search_suite(harness: &dyn Harness) {
    let mut suite = Suite::default();
    search::run(&mut suite, harness).await;
    suite.end();
}

/// Every rule of [`crate::Lease`].
pub async fn lease_suite(harness: &dyn Harness) {
    let mut suite = Suite::default();
    lease::run(&mut suite, harness).await;
    suite.end();
}

/// A check that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs checks one after another, and fails at the end with the rules that were broken.
#[derive(Default)]
struct Suite {
    broken: Vec<&'static str>,
}

impl Suite {
    async fn check(&mut self, rule: &'static str, check: impl Future<Output = ()>) {
        let check = tokio::time::timeout(PATIENCE, check);
        let outcome = AssertUnwindSafe(check).catch_unwind().await;
        if !matches!(outcome, Ok(Ok(()))) {
            self.broken.push(rule);
        }
    }

    fn end(self) {
        assert!(self.broken.is_empty(), "broken rules: {:#?}", self.broken);
    }
}
