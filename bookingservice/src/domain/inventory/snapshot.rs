//! An inventory as bytes: what is said of it all, then its bookings, then the seats of users where these are counted.
//!
//! The terms are kept as the payload of a domain event with its schema version, so that a newer build reads them through
//! the same upcasters as the journal. For any other change raise [`FORMAT`].

use bytes::Bytes;
use chassis::desk::SnapshotCodec;
use chassis::packed::{TooLarge, put_section, take_section};
use contracts::{DomainEvent, EventName, InventoryTerms, Payload};
use serde::{Deserialize, Serialize};

use super::Inventory;
use super::bookings::Bookings;

const FORMAT: u32 = 1;

pub(super) const CODEC: SnapshotCodec<Inventory> = SnapshotCodec {
    format: FORMAT,
    encode,
    decode,
};

/// All but the bookings.
#[derive(Serialize, Deserialize)]
struct Summary {
    terms: Option<Terms>,
    closed: bool,
    source_version: u64,
    sold: u32,
    users_counted: bool,
}

#[derive(Serialize, Deserialize)]
struct Terms {
    name: EventName,
    schema_version: u32,
    payload: Payload,
}

fn encode(inventory: &Inventory, out: &mut Vec<u8>) -> Result<(), TooLarge> {
    let mut users = Vec::new();
    let counted = inventory.bookings.pack_users(&mut users).transpose()?;
    let summary = Summary {
        terms: inventory.terms.as_ref().map(Terms::of),
        closed: inventory.closed,
        source_version: inventory.source_version,
        sold: inventory.sold,
        users_counted: counted.is_some(),
    };
    let summary = serde_json::to_vec(&summary).map_err(|_| TooLarge)?;
    put_section(out, |out| put(out, &summary))?;
    put_section(out, |out| inventory.bookings.pack(out))?;
    put_section(out, |out| put(out, &users))
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), TooLarge> {
    out.extend_from_slice(bytes);
    Ok(())
}

fn decode(mut bytes: Bytes) -> Option<Inventory> {
    let summary: Summary = serde_json::from_slice(&take_section(&mut bytes)?).ok()?;
    let bookings = take_section(&mut bytes)?;
    let users = take_section(&mut bytes)?;
    let terms = match summary.terms {
        Some(terms) => Some(terms.read()?),
        None => None,
    };
    Some(Inventory {
        terms,
        closed: summary.closed,
        source_version: summary.source_version,
        sold: summary.sold,
        bookings: Bookings::unpack(bookings, summary.users_counted.then_some(users))?,
    })
}

impl Terms {
    fn of(terms: &InventoryTerms) -> Self {
        let event = DomainEvent::InventoryChanged(terms.clone());
        Self {
            name: event.name(),
            schema_version: event.schema_version(),
            payload: event.payload(),
        }
    }

    fn read(self) -> Option<InventoryTerms> {
        match DomainEvent::decode(&self.name, self.schema_version, &self.payload).ok()? {
            DomainEvent::InventoryChanged(terms) => Some(terms),
            _ => None,
        }
    }
}
