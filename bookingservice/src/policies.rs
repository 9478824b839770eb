//! What the event service decides about an event becomes the terms on which its seats are sold.

use async_trait::async_trait;
use chassis::Recorded;
use chassis::consumer::HandlerError;
use chassis::desk::{Desk, Request};
use chassis::faults;
use chassis::policies::{Policy, not_carried_out};
use contracts::{DomainEvent, EventDetails, InventoryTerms, StreamId, StreamKind};

use crate::domain::inventory::{Inventory, InventoryCommand};
use crate::sales_metrics::SalesMetrics;

pub(crate) struct FollowEvents {
    pub(crate) inventories: Desk<Inventory>,
    pub(crate) sales: SalesMetrics,
}

#[async_trait]
impl Policy for FollowEvents {
    fn kinds(&self) -> &'static [StreamKind] {
        &[StreamKind::Event]
    }

    async fn react(&self, recorded: &Recorded) -> Result<(), HandlerError> {
        let version = recorded.envelope.version;
        match &recorded.event {
            DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => {
                match terms_of(details, version) {
                    Some(terms) => {
                        self.command(recorded, &details.id, InventoryCommand::SetTerms(terms))
                            .await
                    }
                    // Nothing can be sold before somebody says how much.
                    None => Ok(()),
                }
            }
            DomainEvent::EventCancelled(cancelled) => {
                self.sales.forget(&cancelled.id);
                let close = InventoryCommand::Close {
                    event_id: cancelled.id.clone(),
                    source_version: version,
                };
                self.command(recorded, &cancelled.id, close).await
            }
            _ => Ok(()),
        }
    }
}

impl FollowEvents {
    async fn command(
        &self,
        recorded: &Recorded,
        event_id: &str,
        command: InventoryCommand,
    ) -> Result<(), HandlerError> {
        let Ok(stream) = StreamId::new(StreamKind::Inventory, event_id) else {
            return Ok(());
        };
        let request = Request::following(recorded, command);
        match self.inventories.handle_in_background(&stream, request).await {
            Ok(_) => Ok(()),
            Err(error) => not_carried_out(recorded, error),
        }
    }
}

fn terms_of(details: &EventDetails, source_version: u64) -> Option<InventoryTerms> {
    Some(InventoryTerms {
        event_id: details.id.clone(),
        event_name: details.name.clone(),
        start_time: details.start_time,
        end_time: details.end_time,
        capacity: details.capacity.map(in_force)?,
        max_seats_per_booking: details.max_seats_per_booking,
        max_seats_per_user: details.max_seats_per_user,
        sales_start: details.sales_start,
        sales_end: details.sales_end.unwrap_or(details.start_time),
        source_version,
    })
}

/// What the inventory sells up to.
fn in_force(capacity: u32) -> u32 {
    if faults::unguarded("capacity") {
        u32::MAX
    } else {
        capacity
    }
}
