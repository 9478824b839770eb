//! Locations as they are read: by id, and all of them by name.

use async_trait::async_trait;
use chassis::Recorded;
use chassis::views::{UnitOfWork, View};
use contracts::{DomainEvent, LocationDetails};
use persistence::{Index, StoreError};
use serde::{Deserialize, Serialize};

pub(crate) const COLLECTION: &str = "locations";
pub(crate) const BY_NAME: &str = "by_name";

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct LocationDocument {
    /// In lower case; what the list is sorted by.
    pub(crate) name_key: String,
    pub(crate) version: u64,
    pub(crate) details: Option<LocationDetails>,
}

pub(crate) struct LocationsView;

#[async_trait]
impl View for LocationsView {
    fn collections(&self) -> &'static [(&'static str, &'static [Index])] {
        &[(
            COLLECTION,
            &[Index {
                name: BY_NAME,
                fields: &["name_key"],
            }],
        )]
    }

    async fn apply(&self, recorded: &Recorded, unit: &mut UnitOfWork) -> Result<(), StoreError> {
        let (DomainEvent::LocationCreated(details) | DomainEvent::LocationChanged(details)) = &recorded.event else {
            return Ok(());
        };
        let document = LocationDocument {
            name_key: details.name.to_lowercase(),
            version: recorded.envelope.version,
            details: Some(details.clone()),
        };
        unit.update(COLLECTION, &details.id, recorded, |kept| *kept = document)
            .await
    }
}
