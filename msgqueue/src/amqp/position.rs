//! How far a group's replay of the log is: in memory, and in the one message of a queue.

use std::collections::BTreeMap;

use lapin::Channel;
use lapin::options::{BasicGetOptions, BasicNackOptions};
use serde::{Deserialize, Serialize};

use super::errors::{bounded, unavailable};
use super::topology;
use super::wire::note_headers;
use crate::BrokerError;

/// Offsets of the log that are done: those below `next`, and those of `ahead`. Nothing from `end` on belongs to it. So
/// many of those that are not done are `notes`, and no messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) end: u64,
    pub(super) next: u64,
    /// Runs of offsets, the first of each with the one behind its last.
    ahead: BTreeMap<u64, u64>,
    notes: u64,
    /// Whether the group is past its marker.
    pub(super) is_past: bool,
}

impl Position {
    pub(super) fn beginning(end: u64, notes: u64) -> Self {
        Self {
            end,
            next: 0,
            ahead: BTreeMap::new(),
            notes,
            is_past: false,
        }
    }

    /// Whether all of it is done.
    pub(super) fn is_done(&self) -> bool {
        self.next >= self.end
    }

    /// How many messages are not done; not 0 as long as any is.
    pub(super) fn left(&self) -> u64 {
        if self.is_done() {
            return 0;
        }
        let ahead: u64 = self.ahead.iter().map(|(first, behind)| behind - first).sum();
        let left = self.end.saturating_sub(self.next + ahead);
        left.saturating_sub(self.notes).max(1)
    }

    pub(super) fn pass_note(&mut self, offset: u64) {
        if !self.has(offset) && offset < self.end {
            self.notes = self.notes.saturating_sub(1);
        }
        self.add(offset);
    }

    pub(super) fn has(&self, offset: u64) -> bool {
        let run = self.ahead.range(..=offset).next_back();
        offset < self.next || run.is_some_and(|(_, behind)| offset < *behind)
    }

    pub(super) fn add(&mut self, offset: u64) {
        if self.has(offset) {
            return;
        }
        let before = self
            .ahead
            .range(..offset)
            .next_back()
            .map(|(first, behind)| (*first, *behind));
        let first = before
            .filter(|(_, behind)| *behind == offset)
            .map_or(offset, |(first, _)| first);
        let behind = self.ahead.remove(&(offset + 1)).unwrap_or(offset + 1);
        self.ahead.insert(first, behind);
        if let Some(behind) = self.ahead.remove(&self.next) {
            self.next = behind;
        }
    }

    /// The one that was kept last.
    pub(super) async fn read(channel: &Channel, queue: &str) -> Result<Self, BrokerError> {
        let found = bounded(channel.basic_get(queue.into(), BasicGetOptions::default())).await?;
        // Another member may be looking at it.
        let found = found.ok_or_else(|| unavailable("a group's position is not there just now"))?;
        let options = BasicNackOptions {
            requeue: true,
            multiple: false,
        };
        bounded(channel.basic_nack(found.delivery.delivery_tag, options)).await?;
        serde_json::from_slice(&found.delivery.data)
            .map_err(|fault| BrokerError::Refused(format!("`{queue}` holds no position: {fault}")))
    }

    /// In place of the one before, which the queue's length of 1 drops. The channel confirms publishes.
    pub(super) async fn keep(&self, channel: &Channel, queue: &str) -> Result<(), BrokerError> {
        let text = serde_json::to_vec(self).map_err(|fault| BrokerError::Refused(fault.to_string()))?;
        topology::note(channel, queue, note_headers("position"), &text).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_closed_and_nothing_below_is_kept() {
        let mut position = Position::beginning(4, 0);
        for (offset, next, left) in [(1, 0, 3), (3, 0, 2), (0, 2, 1), (0, 2, 1), (2, 4, 0)] {
            assert!(!position.is_done());
            position.add(offset);
            assert_eq!((position.next, position.left()), (next, left), "after {offset}");
        }
        assert!(position.is_done() && position.ahead.is_empty());
        assert!(position.has(3) && !position.has(4));
    }

    #[test]
    fn runs_stay_few_however_long_a_gap_is_open() {
        let mut position = Position::beginning(1_000, 0);
        for offset in (1..1_000).rev().filter(|offset| offset % 500 != 0) {
            position.add(offset);
        }
        assert_eq!((position.next, position.ahead.len(), position.left()), (0, 2, 2));
        let text = serde_json::to_string(&position).unwrap();
        assert_eq!(serde_json::from_str::<Position>(&text).unwrap(), position);
        position.add(0);
        assert_eq!((position.next, position.left()), (500, 1));
        position.add(500);
        assert!(position.is_done() && position.ahead.is_empty());
    }

    #[test]
    fn notes_are_not_left_to_be_read() {
        let mut position = Position::beginning(5, 2);
        for (offset, is_note, left) in [
            (0, true, 3),
            (0, true, 3),
            (1, false, 2),
            (3, true, 2),
            (2, false, 1),
            (4, false, 0),
        ] {
            match is_note {
                true => position.pass_note(offset),
                false => position.add(offset),
            }
            assert_eq!(position.left(), left, "after {offset}");
        }
        assert!(position.is_done());
    }
}
