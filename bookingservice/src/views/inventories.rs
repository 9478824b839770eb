//! What is left of each event.

use async_trait::async_trait;
use chassis::Recorded;
use chassis::views::{Key, UnitOfWork, View};
use contracts::{DomainEvent, InventoryTerms, StreamKind};
use jiff::Timestamp;
use persistence::{Index, StoreError};
use prometheus::IntCounter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) const COLLECTION: &str = "inventories";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct InventoryDocument {
    pub(crate) terms: Option<InventoryTerms>,
    pub(crate) sold: u32,
    pub(crate) closed: bool,
    /// Version of the inventory's stream.
    pub(crate) version: u64,
}

/// Whether an event is on sale, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SalesStatus {
    OnSale,
    SoldOut,
    NotStarted,
    Ended,
    Over,
    Cancelled,
}

pub(crate) struct InventoriesView {
    /// Seats that broke the law, where anybody counts: by bookings that went above the capacity then in force.
    pub(crate) oversold: Option<IntCounter>,
}

#[async_trait]
impl View for InventoriesView {
    fn collections(&self) -> &'static [(&'static str, &'static [Index])] {
        &[(COLLECTION, &[])]
    }

    fn touches(&self, recorded: &Recorded, keys: &mut Vec<Key>) {
        let stream = &recorded.envelope.stream;
        if stream.is(StreamKind::Inventory) {
            keys.push((COLLECTION, stream.entity_id().to_owned()));
        }
    }

    async fn apply(&self, recorded: &Recorded, unit: &mut UnitOfWork) -> Result<(), StoreError> {
        if !recorded.envelope.stream.is(StreamKind::Inventory) {
            return Ok(());
        }
        let id = recorded.envelope.stream.entity_id();
        let mut oversold = 0;
        unit.update(COLLECTION, id, recorded, |document: &mut InventoryDocument| {
            document.take_in(recorded);
            oversold = document.oversold_by(&recorded.event);
        })
        .await?;
        if let Some(counter) = &self.oversold {
            counter.inc_by(oversold.into());
        }
        Ok(())
    }
}

impl InventoryDocument {
    fn take_in(&mut self, recorded: &Recorded) {
        self.version = recorded.envelope.version;
        match &recorded.event {
            DomainEvent::InventoryOpened(terms) | DomainEvent::InventoryChanged(terms) => {
                self.terms = Some(terms.clone());
            }
            DomainEvent::InventoryClosed(_) => self.closed = true,
            DomainEvent::EventBooked(booked) => self.sold += booked.seats,
            DomainEvent::BookingCancelled(cancelled) => self.sold = self.sold.saturating_sub(cancelled.seats),
            _ => {}
        }
    }

    /// Seats of a booking that the law would have refused, after it was taken in.
    fn oversold_by(&self, event: &DomainEvent) -> u32 {
        let capacity = self.terms.as_ref().map_or(0, |terms| terms.capacity);
        match event {
            DomainEvent::EventBooked(booked) => self.sold.saturating_sub(capacity).min(booked.seats),
            _ => 0,
        }
    }

    /// Whether it still takes place.
    pub(crate) fn is_ahead(&self, now: Timestamp) -> bool {
        !self.closed && self.terms.as_ref().is_some_and(|terms| now < terms.end_time)
    }

    pub(crate) fn status(&self, terms: &InventoryTerms, now: Timestamp) -> SalesStatus {
        if self.closed {
            return SalesStatus::Cancelled;
        }
        if now >= terms.end_time {
            return SalesStatus::Over;
        }
        if now >= terms.sales_end {
            return SalesStatus::Ended;
        }
        if terms.sales_start.is_some_and(|start| now < start) {
            return SalesStatus::NotStarted;
        }
        if self.sold >= terms.capacity {
            SalesStatus::SoldOut
        } else {
            SalesStatus::OnSale
        }
    }
}
