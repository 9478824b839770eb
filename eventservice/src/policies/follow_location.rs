//! Coming events follow their location: what it changes (halls, address) changes them too.
//!
//! Which events are at a location is kept by this policy itself, not read from a view, because views may be behind: an
//! event noted here before its location's change is found when the change comes, and one noted after it looks at the
//! location itself. So none is missed in either order.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::Recorded;
use chassis::consumer::HandlerError;
use chassis::desk::{Desk, Request};
use chassis::faults;
use chassis::policies::{Policy, carried_out_but_for, not_carried_out};
use contracts::{DomainEvent, EventDetails, LocationDetails, StreamId, StreamKind};
use futures::{StreamExt, TryStreamExt, stream};
use persistence::{Collection, DocumentStore, Expect, Index, PutError, Query, StoreError, Write};
use serde_json::json;

use crate::domain::event::{Event, EventCommand, Place};
use crate::domain::location::Location;

const COLLECTION: &str = "events_at_locations";
const BY_LOCATION: &str = "by_location";
const INDEXES: &[Index] = &[Index {
    name: BY_LOCATION,
    fields: &["location_id"],
}];
const PAGE: usize = 200;
/// Events that follow at the same time: what they append is flushed together.
const AT_ONCE: usize = 64;

pub(crate) struct FollowLocation {
    events: Desk<Event>,
    locations: Desk<Location>,
    documents: Arc<dyn DocumentStore>,
}

impl FollowLocation {
    pub(crate) async fn open(
        events: Desk<Event>,
        locations: Desk<Location>,
        documents: Arc<dyn DocumentStore>,
    ) -> Result<Self, StoreError> {
        let declared = Collection {
            name: COLLECTION.to_owned(),
            indexes: INDEXES,
        };
        documents.declare(&declared).await?;
        Ok(Self {
            events,
            locations,
            documents,
        })
    }

    async fn look_at_location(&self, recorded: &Recorded, details: &EventDetails) -> Result<(), HandlerError> {
        let Ok(stream) = StreamId::new(StreamKind::Location, &details.location_id) else {
            return Ok(());
        };
        let (location, version) = match self.locations.read(&stream).await {
            Ok(read) => read,
            Err(error) => return not_carried_out(recorded, error),
        };
        match location.details {
            Some(location) if version > details.location_version.unwrap_or(0) => {
                let place = Place {
                    details: location,
                    version,
                };
                self.follow(recorded, &details.id, place).await
            }
            _ => Ok(()),
        }
    }

    /// An event that cannot follow keeps no other from it: neither those at the location now, nor what changes next.
    async fn location_changed(&self, recorded: &Recorded, details: &LocationDetails) -> Result<(), HandlerError> {
        let mut left = Vec::new();
        let mut query = Query::all(BY_LOCATION, PAGE);
        query.equals = vec![json!(details.id)];
        loop {
            let page = self.documents.find(COLLECTION, query.clone()).await?;
            let mut pending = Vec::with_capacity(page.documents.len());
            for event in &page.documents {
                pending.push(self.follow_to(recorded, &event.id, details));
            }
            let mut follows = stream::iter(pending).buffer_unordered(AT_ONCE);
            while let Some(refused) = follows.try_next().await? {
                left.extend(refused);
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        match left.first() {
            None => Ok(()),
            Some(first) if left.len() == 1 => Err(carried_out_but_for(recorded, first.clone())),
            Some(first) => {
                let detail = format!("{first}; and {} more do not", left.len() - 1);
                Err(carried_out_but_for(recorded, detail))
            }
        }
    }

    /// Why the event does not follow, if it cannot.
    async fn follow_to(
        &self,
        recorded: &Recorded,
        event_id: &str,
        details: &LocationDetails,
    ) -> Result<Option<String>, HandlerError> {
        let place = Place {
            details: details.clone(),
            version: recorded.envelope.version,
        };
        match self.follow(recorded, event_id, place).await {
            Err(HandlerError::Refused(refusals)) => Ok(refusals
                .first()
                .map(|refusal| format!("event {event_id} does not follow: {}", refusal.detail))),
            followed => followed.map(|()| None),
        }
    }

    async fn follow(&self, recorded: &Recorded, event_id: &str, place: Place) -> Result<(), HandlerError> {
        let Ok(stream) = StreamId::new(StreamKind::Event, event_id) else {
            return Ok(());
        };
        let request = Request::following(recorded, EventCommand::FollowLocation(place));
        match self.events.handle_in_background(&stream, request).await {
            Ok(_) => Ok(()),
            Err(error) => not_carried_out(recorded, error),
        }
    }
}

#[async_trait]
impl Policy for FollowLocation {
    fn kinds(&self) -> &'static [StreamKind] {
        &[StreamKind::Event, StreamKind::Location]
    }

    /// Notes where events are.
    async fn prepare(&self, batch: &[Recorded]) -> Result<(), HandlerError> {
        let notes: Vec<Write> = batch.iter().filter_map(note).collect();
        if notes.is_empty() {
            return Ok(());
        }
        self.documents.put(notes).await.map_err(|error| match error {
            PutError::Store(error) => HandlerError::Store(error),
            conflict @ PutError::Conflict { .. } => HandlerError::NotYet(conflict.to_string()),
        })?;
        faults::point("location.noted");
        Ok(())
    }

    async fn react(&self, recorded: &Recorded) -> Result<(), HandlerError> {
        match &recorded.event {
            DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => {
                self.look_at_location(recorded, details).await
            }
            // Events may have been there before it: programs that are not ours tell of both in any order.
            DomainEvent::LocationCreated(details) | DomainEvent::LocationChanged(details) => {
                self.location_changed(recorded, details).await
            }
            _ => Ok(()),
        }
    }
}

/// `None` where there is nothing that could follow.
fn note(recorded: &Recorded) -> Option<Write> {
    let (DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details)) = &recorded.event else {
        return None;
    };
    StreamId::new(StreamKind::Event, &details.id).ok()?;
    Some(Write {
        collection: COLLECTION.to_owned(),
        id: details.id.clone(),
        expect: Expect::Anything,
        body: Some(json!({ "location_id": details.location_id }).into()),
    })
}
