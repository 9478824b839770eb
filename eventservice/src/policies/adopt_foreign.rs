//! Events and locations of which programs on the same broker tell that are not ours, the original services above all,
//! become ours, under the ids that they have.
//!
//! An event may come before the location that it names. It is created all the same, without a capacity, and gets that
//! when it follows its location. Whatever is known already stays as it is, so a repeat changes nothing.

use std::fmt::Display;

use async_trait::async_trait;
use chassis::Recorded;
use chassis::consumer::{Adoption, ForeignMessage, HandlerError};
use chassis::desk::{Aggregate, Desk, DeskError, Request};
use chassis::http::form::Form;
use chassis::policies::{Policy, why_not};
use contracts::{EventDetails, InvalidStreamId, StreamId, StreamKind};
use serde_json::{Map, Value};

use crate::domain::event::{self, Event, EventCommand, EventRejection, Place};
use crate::domain::location::{Location, LocationCommand, LocationRejection};
use crate::input::{read_foreign_event, read_foreign_location};

/// As much as a request may have.
const MAX_BYTES: usize = 256 * 1024;

pub(crate) struct AdoptForeign {
    pub(crate) events: Desk<Event>,
    pub(crate) locations: Desk<Location>,
}

#[async_trait]
impl Policy for AdoptForeign {
    fn kinds(&self) -> &'static [StreamKind] {
        &[]
    }

    async fn react(&self, _: &Recorded) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn adopt(&self, foreign: &ForeignMessage) -> Result<Adoption, HandlerError> {
        match foreign.name.as_str() {
            "event.created" => self.adopt_event(foreign).await,
            "location.created" => self.adopt_location(foreign).await,
            _ => Ok(Adoption::Ignored),
        }
    }
}

impl AdoptForeign {
    async fn adopt_event(&self, foreign: &ForeignMessage) -> Result<Adoption, HandlerError> {
        let mut details = match read(foreign, read_foreign_event) {
            Ok(details) => details,
            Err(fault) => return Ok(Adoption::Refused(fault)),
        };
        match self.place(&details).await {
            Ok(Some(place)) => event::move_to(&mut details, &place),
            // A newer build's location is followed when this build is replaced.
            Ok(None) | Err(DeskError::Unreadable(_)) => details.capacity = event::capacity(&details),
            Err(error) => return not_adopted(error),
        }
        let stream = StreamId::new(StreamKind::Event, &details.id);
        let adopted = decide(&self.events, stream, EventCommand::Adopt(Box::new(details))).await;
        adopted.or_else(|error| match error {
            DeskError::Rejected(EventRejection::Invalid(violations)) => Ok(Adoption::Refused(listed(&violations))),
            error => not_adopted(error),
        })
    }

    /// The location that the event names, if it is known by now.
    async fn place(&self, details: &EventDetails) -> Result<Option<Place>, DeskError<LocationRejection>> {
        let Ok(stream) = StreamId::new(StreamKind::Location, &details.location_id) else {
            return Ok(None);
        };
        let (location, version) = self.locations.read(&stream).await?;
        Ok(location.details.map(|details| Place { details, version }))
    }

    async fn adopt_location(&self, foreign: &ForeignMessage) -> Result<Adoption, HandlerError> {
        let details = match read(foreign, read_foreign_location) {
            Ok(details) => details,
            Err(fault) => return Ok(Adoption::Refused(fault)),
        };
        let stream = StreamId::new(StreamKind::Location, &details.id);
        let adopted = decide(&self.locations, stream, LocationCommand::Ensure(details)).await;
        adopted.or_else(|error| match error {
            DeskError::Rejected(LocationRejection::Invalid(violations)) => Ok(Adoption::Refused(listed(&violations))),
            error => not_adopted(error),
        })
    }
}

/// What the message says, or all rules that it breaks in one line.
fn read<T>(foreign: &ForeignMessage, read: fn(&mut Form) -> Option<T>) -> Result<T, String> {
    if foreign.message.body.len() > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    let fields: Map<String, Value> =
        serde_json::from_slice(&foreign.message.body).map_err(|error| format!("it is no JSON object: {error}"))?;
    let mut form = Form::new(&fields);
    let value = read(&mut form);
    form.finish().map_err(|faults| listed(&faults))?;
    value.ok_or_else(|| "it cannot be read".to_owned())
}

async fn decide<A: Aggregate>(
    desk: &Desk<A>,
    stream: Result<StreamId, InvalidStreamId>,
    command: A::Command,
) -> Result<Adoption, DeskError<A::Rejection>> {
    let Ok(stream) = stream else {
        return Ok(Adoption::Refused("id cannot be one".to_owned()));
    };
    desk.handle_in_background(&stream, Request::of_system(command)).await?;
    Ok(Adoption::Adopted)
}

fn listed(faults: &[impl Display]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

/// Where the stream cannot be read there is one, so nothing is left to do.
fn not_adopted<R>(error: DeskError<R>) -> Result<Adoption, HandlerError> {
    if matches!(error, DeskError::Unreadable(_)) {
        return Ok(Adoption::Adopted);
    }
    let detail = why_not(error)?;
    Ok(detail.map_or(Adoption::Adopted, Adoption::Refused))
}
