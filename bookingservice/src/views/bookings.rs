//! Bookings as they are read: by id, by event, by user.

use async_trait::async_trait;
use chassis::Recorded;
use chassis::views::{Key, UnitOfWork, View};
use contracts::DomainEvent;
use jiff::Timestamp;
use persistence::{Index, StoreError};
use serde::{Deserialize, Serialize};

pub(crate) const COLLECTION: &str = "bookings";
pub(crate) const BY_EVENT: &str = "by_event";
pub(crate) const BY_USER: &str = "by_user";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct BookingDocument {
    pub(crate) event_id: String,
    pub(crate) event_name: String,
    pub(crate) user_id: String,
    pub(crate) seats: u32,
    pub(crate) booked_at: Timestamp,
    /// For the indexes.
    booked_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cancelled_at: Option<Timestamp>,
    /// Version of the inventory that changed it last.
    pub(crate) version: u64,
}

pub(crate) struct BookingsView;

#[async_trait]
impl View for BookingsView {
    fn collections(&self) -> &'static [(&'static str, &'static [Index])] {
        &[(
            COLLECTION,
            &[
                Index {
                    name: BY_EVENT,
                    fields: &["event_id", "booked_ms"],
                },
                Index {
                    name: BY_USER,
                    fields: &["user_id", "booked_ms"],
                },
            ],
        )]
    }

    fn touches(&self, recorded: &Recorded, keys: &mut Vec<Key>) {
        match &recorded.event {
            DomainEvent::EventBooked(booked) => keys.push((COLLECTION, booked.booking_id.clone())),
            DomainEvent::BookingCancelled(cancelled) => keys.push((COLLECTION, cancelled.booking_id.clone())),
            _ => {}
        }
    }

    async fn apply(&self, recorded: &Recorded, unit: &mut UnitOfWork) -> Result<(), StoreError> {
        let envelope = &recorded.envelope;
        match &recorded.event {
            DomainEvent::EventBooked(booked) => {
                let document = BookingDocument {
                    event_id: booked.event_id.clone(),
                    event_name: booked.event_name.clone().unwrap_or_default(),
                    user_id: booked.user_id.clone(),
                    seats: booked.seats,
                    booked_at: envelope.time,
                    booked_ms: envelope.time.as_millisecond(),
                    cancelled_at: None,
                    version: envelope.version,
                };
                unit.update(COLLECTION, &booked.booking_id, recorded, |kept| *kept = document)
                    .await
            }
            DomainEvent::BookingCancelled(cancelled) => {
                let change = |kept: &mut BookingDocument| {
                    kept.cancelled_at = Some(envelope.time);
                    kept.version = envelope.version;
                };
                unit.update(COLLECTION, &cancelled.booking_id, recorded, change).await
            }
            _ => Ok(()),
        }
    }
}
