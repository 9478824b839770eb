//! What a journal of events and locations has to keep, told a second time: without the aggregates that decide, so that a
//! fault of either is seen by the other.
//!
//! Each is created first and once, and an event that is cancelled changes no more.

use std::collections::HashMap;

use chassis::Recorded;
use chassis::audit::{Audit, Violation};
use contracts::{DomainEvent, StreamId};
use thiserror::Error;

/// How the history of an event or a location breaks the rules.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HistoryFault {
    #[error("it is created a second time")]
    CreatedTwice,
    #[error("it changes before it is created")]
    NotCreated,
    #[error("it is cancelled already")]
    Cancelled,
}

/// Holds events and locations to the rules, envelope by envelope.
#[derive(Default)]
pub struct HistoryAudit {
    states: HashMap<StreamId, State>,
    events: u64,
    cancelled: u64,
    locations: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Created,
    Cancelled,
}

impl HistoryAudit {
    /// Takes in the next envelope of its stream.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn take(&mut self, recorded: &Recorded) -> Result<(), HistoryFault> {
        let stream = &recorded.envelope.stream;
        match &recorded.event {
            DomainEvent::EventCreated(_) => {
                self.events += 1;
                self.create(stream)
            }
            DomainEvent::LocationCreated(_) => {
                self.locations += 1;
                self.create(stream)
            }
            DomainEvent::EventChanged(_) | DomainEvent::LocationChanged(_) => self.open(stream).map(drop),
            DomainEvent::EventCancelled(_) => {
                self.cancelled += 1;
                *self.open(stream)? = State::Cancelled;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn create(&mut self, stream: &StreamId) -> Result<(), HistoryFault> {
        match self.states.insert(stream.clone(), State::Created) {
            None => Ok(()),
            Some(_) => Err(HistoryFault::CreatedTwice),
        }
    }

    /// The state of one that may change.
    fn open(&mut self, stream: &StreamId) -> Result<&mut State, HistoryFault> {
        match self.states.get_mut(stream) {
            None => Err(HistoryFault::NotCreated),
            Some(State::Cancelled) => Err(HistoryFault::Cancelled),
            Some(state) => Ok(state),
        }
    }
}

impl Audit for HistoryAudit {
    fn take_in(&mut self, recorded: &Recorded) -> Result<(), Violation> {
        Ok(self.take(recorded)?)
    }

    fn leave(&mut self, stream: &StreamId) {
        self.states.remove(stream);
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("events", self.events),
            ("cancelled", self.cancelled),
            ("locations", self.locations),
        ]
    }
}
