//! The picture that a stream of all events begins with: what is left of each that is still to come.
//!
//! To draw it goes through all inventories. So those who wait for one at the same time share it, and one is drawn at a
//! time.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use chassis::http::sse::message;
use chassis::views::Found;
use jiff::Timestamp;
use persistence::{BY_ID, Cursor, Query, StoreError};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Live;
use crate::http::replies::AvailabilityReply;
use crate::views::inventories::{self, InventoryDocument};

/// Events in a part.
const PART: usize = 200;

/// Pictures that are held at a time by readers who take them slowly.
const MOST_HELD: usize = 8;

/// The pictures of all events that are still held, and when each was begun, oldest first.
#[derive(Default)]
pub(super) struct Pictures(Mutex<Vec<(Instant, Weak<[Bytes]>)>>);

/// Messages that come one behind the other.
pub(super) type Parts = Arc<[Bytes]>;

/// Of all that are still to come, as they are now or were after `came`: who listens from then on misses nothing.
///
/// # Errors
/// [`StoreError::Unavailable`] where too many are held.
pub(super) async fn of_all(live: &Live, came: Instant) -> Result<Parts, StoreError> {
    let mut held = live.pictures.0.lock().await;
    held.retain(|(_, parts)| parts.strong_count() > 0);
    let newest = held.last().filter(|(begun, _)| *begun >= came);
    if let Some(parts) = newest.and_then(|(_, parts)| parts.upgrade()) {
        return Ok(parts);
    }
    if held.len() >= MOST_HELD {
        return Err(StoreError::Unavailable("too many slow readers".into()));
    }
    let begun = Instant::now();
    let parts: Parts = draw(live).await?.into();
    held.push((begun, Arc::downgrade(&parts)));
    Ok(parts)
}

/// Of these events, whatever has become of them.
pub(super) async fn of_these(live: &Live, ids: impl Iterator<Item = &str>) -> Result<Bytes, StoreError> {
    let ids: Vec<&str> = ids.collect();
    let found: Vec<(String, InventoryDocument)> = live.views.get_many(inventories::COLLECTION, &ids).await?;
    Ok(part(&found, live.clock.now(), true))
}

async fn draw(live: &Live) -> Result<Vec<Bytes>, StoreError> {
    let (mut parts, mut after): (_, Option<Cursor>) = (Vec::new(), None);
    loop {
        let query = Query {
            after,
            ..Query::all(BY_ID, PART)
        };
        let (mut found, next): Found<InventoryDocument> = live.views.find(inventories::COLLECTION, query).await?;
        let now = live.clock.now();
        found.retain(|(_, inventory)| inventory.is_ahead(now));
        if !found.is_empty() || next.is_none() {
            parts.push(part(&found, now, next.is_none()));
        }
        let Some(next) = next else { return Ok(parts) };
        after = Some(next);
    }
}

fn part(found: &[(String, InventoryDocument)], now: Timestamp, is_complete: bool) -> Bytes {
    let reply = |(_, inventory): &(String, InventoryDocument)| {
        let terms = inventory.terms.as_ref()?;
        Some(AvailabilityReply::of(inventory, terms, now))
    };
    let items: Vec<AvailabilityReply> = found.iter().filter_map(reply).collect();
    message("snapshot", None, &json!({ "items": items, "is_complete": is_complete }))
}
