//! RabbitMQ passes the conformance suite, and what it says about everything else that can happen there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests fail and print like tests"
)]
#![cfg(feature = "amqp")]

use async_trait::async_trait;
use msgqueue::Broker;
use msgqueue::conformance::{self, Harness, Report};
use testkit::servers::{Kind, shared};
use uuid::Uuid;

/// An exchange of its own.
struct Place(String);

impl Place {
    async fn new() -> Self {
        Self(format!(
            "{}?exchange=test-{}",
            shared(Kind::RabbitMq).await,
            Uuid::now_v7()
        ))
    }
}

#[async_trait]
impl Harness for Place {
    async fn open(&self) -> Broker {
        msgqueue::open(&self.0).await.unwrap()
    }

    async fn reopen(&self) -> Broker {
        self.open().await
    }
}

/// Repeats are possible where a group reads the log while messages come.
fn passes(report: Report) {
    println!("{report}");
    assert_ne!(report.messages, 0, "no check is skipped");
}

#[tokio::test]
async fn every_field_survives() {
    passes(conformance::every_field_survives(&Place::new().await).await);
}

#[tokio::test]
async fn empty_batch_succeeds() {
    passes(conformance::empty_batch_succeeds(&Place::new().await).await);
}

#[tokio::test]
async fn many_groups_get_thousands_of_messages() {
    passes(conformance::many_groups_get_thousands_of_messages(&Place::new().await).await);
}

#[tokio::test]
async fn keys_keep_their_order() {
    passes(conformance::keys_keep_their_order(&Place::new().await).await);
}

#[tokio::test]
async fn several_handles_emit_at_once() {
    passes(conformance::several_handles_emit_at_once(&Place::new().await).await);
}

#[tokio::test]
async fn unacknowledged_is_delivered_again() {
    passes(conformance::unacknowledged_is_delivered_again(&Place::new().await).await);
}

#[tokio::test]
async fn acknowledged_is_never_delivered_again() {
    passes(conformance::acknowledged_is_never_delivered_again(&Place::new().await).await);
}

#[tokio::test]
async fn acknowledged_ahead_stays_acknowledged() {
    passes(conformance::acknowledged_ahead_stays_acknowledged(&Place::new().await).await);
}

#[tokio::test]
async fn unknown_tags_are_ignored() {
    passes(conformance::unknown_tags_are_ignored(&Place::new().await).await);
}

#[tokio::test]
async fn reopening_loses_nothing() {
    passes(conformance::reopening_loses_nothing(&Place::new().await).await);
}

#[tokio::test]
async fn closing_while_messages_flow_loses_nothing() {
    passes(conformance::closing_while_messages_flow_loses_nothing(&Place::new().await).await);
}

#[tokio::test]
async fn cancelled_next_batch_loses_and_repeats_nothing() {
    passes(conformance::cancelled_next_batch_loses_and_repeats_nothing(&Place::new().await).await);
}

#[tokio::test]
async fn aborted_emit_tears_nothing() {
    passes(conformance::aborted_emit_tears_nothing(&Place::new().await).await);
}

#[tokio::test]
async fn late_group_sees_all_of_history() {
    passes(conformance::late_group_sees_all_of_history(&Place::new().await).await);
}

#[tokio::test]
async fn each_group_gets_everything() {
    passes(conformance::each_group_gets_everything(&Place::new().await).await);
}

#[tokio::test]
async fn members_share_and_take_over() {
    passes(conformance::members_share_and_take_over(&Place::new().await).await);
}

#[tokio::test]
async fn dropped_group_ends_and_starts_over() {
    passes(conformance::dropped_group_ends_and_starts_over(&Place::new().await).await);
}

#[tokio::test]
async fn lag_counts_what_waits() {
    passes(conformance::lag_counts_what_waits(&Place::new().await).await);
}
