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

#[cfg(test)]
mod tests {
    use contracts::{Actor, CommitBounds, Envelope, EventName, Hash, Unsealed};
    use jiff::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    /// A payload that can be read as that of any of these names.
    fn recorded(stream: &str, name: &str) -> Recorded {
        let sealed = Unsealed {
            id: Uuid::now_v7(),
            name: EventName::parse(name),
            stream: StreamId::parse(stream).unwrap(),
            version: 1,
            commit: CommitBounds { first: 1, last: 1 },
            schema_version: 1,
            time: Timestamp::UNIX_EPOCH,
            actor: Actor::system(),
            idempotency: None,
            payload: json!({"id": "1", "name": "Aida", "start": 0, "end": 1, "location_id": "2", "halls": []}).into(),
        };
        let envelope: Envelope = sealed.seal(&Hash::GENESIS, None);
        Recorded::read(envelope).unwrap()
    }

    /// What is wrong with a history, and with which of its envelopes, from 1.
    fn verdict(history: &[(&str, &str)]) -> Result<(), (usize, HistoryFault)> {
        let mut audit = HistoryAudit::default();
        for (number, (stream, name)) in history.iter().enumerate() {
            let taken = audit.take(&recorded(stream, name));
            taken.map_err(|fault| (number + 1, fault))?;
        }
        Ok(())
    }

    const EVENT: &str = "event/1";
    const LOCATION: &str = "location/2";

    #[test]
    fn what_is_created_changes_until_it_is_cancelled() {
        let history = [
            (LOCATION, "location.created"),
            (EVENT, "event.created"),
            (EVENT, "event.changed"),
            (LOCATION, "location.changed"),
            (EVENT, "event.cancelled"),
            ("event/3", "event.created"),
            (LOCATION, "location.changed"),
        ];
        assert_eq!(verdict(&history), Ok(()));
    }

    #[test]
    fn each_is_created_once() {
        let twice = Err((2, HistoryFault::CreatedTwice));
        assert_eq!(verdict(&[(EVENT, "event.created"), (EVENT, "event.created")]), twice);
        assert_eq!(
            verdict(&[(LOCATION, "location.created"), (LOCATION, "location.created")]),
            twice
        );
    }

    #[test]
    fn nothing_changes_before_it_is_created() {
        for (stream, name) in [
            (EVENT, "event.changed"),
            (EVENT, "event.cancelled"),
            (LOCATION, "location.changed"),
        ] {
            let history = [("event/3", "event.created"), (stream, name)];
            assert_eq!(verdict(&history), Err((2, HistoryFault::NotCreated)), "{name}");
        }
    }

    #[test]
    fn what_is_cancelled_changes_no_more() {
        for name in ["event.changed", "event.cancelled"] {
            let history = [(EVENT, "event.created"), (EVENT, "event.cancelled"), (EVENT, name)];
            assert_eq!(verdict(&history), Err((3, HistoryFault::Cancelled)), "{name}");
        }
    }
}
