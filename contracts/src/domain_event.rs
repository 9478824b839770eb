use serde::Deserialize;
use thiserror::Error;

use crate::payloads::booking::{BookingCancelled, EventBooked};
use crate::payloads::event::{EventCancelled, EventDetails};
use crate::payloads::inventory::{InventoryClosed, InventoryTerms};
use crate::payloads::location::LocationDetails;
use crate::payloads::user::UserRegistered;
use crate::{EventName, Payload, upcast};

/// Something that happened. The journal stores it, the broker carries it, views are built from it.
#[derive(Debug, Clone, PartialEq)]
pub enum DomainEvent {
    EventCreated(EventDetails),
    EventChanged(EventDetails),
    EventCancelled(EventCancelled),
    LocationCreated(LocationDetails),
    LocationChanged(LocationDetails),
    InventoryOpened(InventoryTerms),
    InventoryChanged(InventoryTerms),
    InventoryClosed(InventoryClosed),
    EventBooked(EventBooked),
    BookingCancelled(BookingCancelled),
    UserRegistered(UserRegistered),
}

#[derive(Debug, Error)]
pub enum DecodeError {
    #[error("no domain event is called `{0}` here")]
    UnknownName(EventName),
    #[error("`{name}` has schema version {found}, this build reads up to {supported}")]
    NewerSchema {
        name: EventName,
        found: u32,
        supported: u32,
    },
    #[error("the payload of `{name}` breaks its format")]
    Malformed {
        name: EventName,
        #[source]
        source: serde_json::Error,
    },
}

impl DomainEvent {
    pub fn name(&self) -> EventName {
        EventName::parse(match self {
            Self::EventCreated(_) => "event.created",
            Self::EventChanged(_) => "event.changed",
            Self::EventCancelled(_) => "event.cancelled",
            Self::LocationCreated(_) => "location.created",
            Self::LocationChanged(_) => "location.changed",
            Self::InventoryOpened(_) => "inventory.opened",
            Self::InventoryChanged(_) => "inventory.changed",
            Self::InventoryClosed(_) => "inventory.closed",
            Self::EventBooked(_) => "event.booked",
            Self::BookingCancelled(_) => "booking.cancelled",
            Self::UserRegistered(_) => "user.registered",
        })
    }

    /// The version of the payload's format that [`DomainEvent::payload`] writes.
    pub fn schema_version(&self) -> u32 {
        upcast::current_schema_version(&self.name()).unwrap_or(1)
    }

    pub fn payload(&self) -> Payload {
        match self {
            Self::EventCreated(details) | Self::EventChanged(details) => Payload::of(details),
            Self::EventCancelled(cancelled) => Payload::of(cancelled),
            Self::LocationCreated(details) | Self::LocationChanged(details) => Payload::of(details),
            Self::InventoryOpened(terms) | Self::InventoryChanged(terms) => Payload::of(terms),
            Self::InventoryClosed(closed) => Payload::of(closed),
            Self::EventBooked(booked) => Payload::of(booked),
            Self::BookingCancelled(cancelled) => Payload::of(cancelled),
            Self::UserRegistered(registered) => Payload::of(registered),
        }
    }

    /// Reads a payload of any version up to the current one, in any spelling of its fields that is known.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(name: &EventName, schema_version: u32, payload: &Payload) -> Result<Self, DecodeError> {
        let Some(supported) = upcast::current_schema_version(name) else {
            return Err(DecodeError::UnknownName(name.clone()));
        };
        if schema_version > supported {
            return Err(DecodeError::NewerSchema {
                name: name.clone(),
                found: schema_version,
                supported,
            });
        }
        if schema_version == supported {
            return Self::from_current(name, payload);
        }
        let old = payload.to_value().map_err(|source| malformed(name, source))?;
        Self::from_current(name, &upcast::to_current(name, schema_version, old).into())
    }

    fn from_current(name: &EventName, payload: &Payload) -> Result<Self, DecodeError> {
        Ok(match name.as_str() {
            "event.created" => Self::EventCreated(from_json(name, payload)?),
            "event.changed" => Self::EventChanged(from_json(name, payload)?),
            "event.cancelled" => Self::EventCancelled(from_json(name, payload)?),
            "location.created" => Self::LocationCreated(from_json(name, payload)?),
            "location.changed" => Self::LocationChanged(from_json(name, payload)?),
            "inventory.opened" => Self::InventoryOpened(from_json(name, payload)?),
            "inventory.changed" => Self::InventoryChanged(from_json(name, payload)?),
            "inventory.closed" => Self::InventoryClosed(from_json(name, payload)?),
            "event.booked" => Self::EventBooked(from_json(name, payload)?),
            "booking.cancelled" => Self::BookingCancelled(from_json(name, payload)?),
            "user.registered" => Self::UserRegistered(from_json(name, payload)?),
            _ => return Err(DecodeError::UnknownName(name.clone())),
        })
    }
}

fn from_json<'a, T: Deserialize<'a>>(name: &EventName, payload: &'a Payload) -> Result<T, DecodeError> {
    serde_json::from_str(payload.as_str()).map_err(|source| malformed(name, source))
}

fn malformed(name: &EventName, source: serde_json::Error) -> DecodeError {
    let name = name.clone();
    DecodeError::Malformed { name, source }
}
