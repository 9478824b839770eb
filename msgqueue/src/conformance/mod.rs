//! What every adapter has to prove: one small check per rule of the traits, so that a failure names the rule.
//!
//! An adapter's test gives a [`Harness`] for a fresh place to each check and prints the [`Report`]. Checks hold an
//! adapter to the [`Guarantees`] that it states and skip what it does not promise. Repeats are allowed by "at least
//! once", so they are counted in the report; an adapter that promises none asserts that the count is 0.
//!
//! To add a rule: one function in the file of its subject, and one test in each adapter's list.
//!
//! The suite must not know how any adapter works: it sees only the traits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a check is a test: it fails by panicking"
)]

mod acknowledging;
mod closing;
mod delivering;
mod groups;
mod reader;
mod samples;

use std::fmt;

use async_trait::async_trait;

pub use acknowledging::{
    acknowledged_ahead_stays_acknowledged, acknowledged_is_never_delivered_again, unacknowledged_is_delivered_again,
    unknown_tags_are_ignored,
};
pub use closing::{
    aborted_emit_tears_nothing, cancelled_next_batch_loses_and_repeats_nothing,
    closing_while_messages_flow_loses_nothing, reopening_loses_nothing,
};
pub use delivering::{
    empty_batch_succeeds, every_field_survives, keys_keep_their_order, many_groups_get_thousands_of_messages,
    several_handles_emit_at_once,
};
pub use groups::{
    dropped_group_ends_and_starts_over, each_group_gets_everything, lag_counts_what_waits,
    late_group_sees_all_of_history, members_share_and_take_over,
};
pub use samples::{envelope, envelopes};

#[cfg(doc)]
use crate::Guarantees;
use crate::{Broker, Delivery};

/// One empty place at a broker, as an adapter's test prepares it.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Connects for the first time.
    async fn open(&self) -> Broker;

    /// Connects to the same place again, as another process would. What `open` gave may still be in use.
    async fn reopen(&self) -> Broker;
}

/// What a check has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub check: &'static str,
    /// Different messages, counted once for each subscription that got them.
    pub messages: usize,
    /// Deliveries of a message to a subscription that had it already.
    pub repeats: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            check,
            messages,
            repeats,
        } = self;
        write!(f, "{check}: {messages} messages, {repeats} repeats")
    }
}

impl Report {
    /// `subscriptions` holds what came to each.
    fn new<'a>(check: &'static str, subscriptions: impl IntoIterator<Item = &'a Vec<Delivery>>) -> Self {
        let (mut messages, mut repeats) = (0, 0);
        for came in subscriptions {
            let different = reader::ids(came).len();
            messages += different;
            repeats += came.len() - different;
        }
        Self {
            check,
            messages,
            repeats,
        }
    }

    /// The check does not apply to what the adapter promises.
    fn skipped(check: &'static str) -> Self {
        Self {
            check,
            messages: 0,
            repeats: 0,
        }
    }
}
