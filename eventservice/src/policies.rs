//! Coming events follow their location: what it changes (halls, address) changes them too.
//!
//! Which events are at a location is kept by this policy itself, not read from a view, because views may be behind: an
//! event noted here before its location's change is found when the change comes, and one noted after it looks at the
//! location itself. So none is missed in either order.

use std::sync::Arc;

use async_trait::async_trait;
use chassis::Recorded;
use chassis::consumer::HandlerError;
use chassis::desk::{Desk, DeskError, Request};
use chassis::policies::Policy;
use contracts::{Actor, DomainEvent, EventDetails, LocationDetails, StreamId, StreamKind};
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

    async fn note(&self, details: &EventDetails) -> Result<(), HandlerError> {
        let write = Write {
            collection: COLLECTION.to_owned(),
            id: details.id.clone(),
            expect: Expect::Anything,
            body: Some(json!({ "location_id": details.location_id })),
        };
        self.documents.put(vec![write]).await.map_err(|error| match error {
            PutError::Store(error) => HandlerError::Store(error),
            conflict @ PutError::Conflict { .. } => HandlerError::NotYet(conflict.to_string()),
        })
    }

    async fn look_at_location(&self, details: &EventDetails) -> Result<(), HandlerError> {
        let Ok(stream) = StreamId::new(StreamKind::Location, &details.location_id) else {
            return Ok(());
        };
        let (location, version) = self.locations.read(&stream).await.map_err(not_yet)?;
        match location.details {
            Some(location) if version > details.location_version.unwrap_or(0) => {
                let place = Place {
                    details: location,
                    version,
                };
                self.follow(&details.id, place).await
            }
            _ => Ok(()),
        }
    }

    async fn location_changed(&self, details: &LocationDetails, version: u64) -> Result<(), HandlerError> {
        let mut query = Query::all(BY_LOCATION, PAGE);
        query.equals = vec![json!(details.id)];
        loop {
            let page = self.documents.find(COLLECTION, query.clone()).await?;
            for event in &page.documents {
                let place = Place {
                    details: details.clone(),
                    version,
                };
                self.follow(&event.id, place).await?;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn follow(&self, event_id: &str, place: Place) -> Result<(), HandlerError> {
        let Ok(stream) = StreamId::new(StreamKind::Event, event_id) else {
            return Ok(());
        };
        let request = Request {
            command: EventCommand::FollowLocation(place),
            actor: Actor::system(),
            idempotency: None,
            if_version: None,
            trace: None,
        };
        match self.events.handle(&stream, request).await {
            // A rejection is final: the event does not follow.
            Ok(_) | Err(DeskError::Rejected(_)) => Ok(()),
            Err(error) => Err(not_yet(error)),
        }
    }
}

#[async_trait]
impl Policy for FollowLocation {
    async fn react(&self, recorded: &Recorded) -> Result<(), HandlerError> {
        match &recorded.event {
            DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => {
                self.note(details).await?;
                self.look_at_location(details).await
            }
            DomainEvent::LocationChanged(details) => self.location_changed(details, recorded.envelope.version).await,
            _ => Ok(()),
        }
    }
}

fn not_yet<R: std::fmt::Debug>(error: DeskError<R>) -> HandlerError {
    HandlerError::NotYet(error.to_string())
}
