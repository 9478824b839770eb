//! How the store is, by the pulse of the relay's lease: a small record that is read or written all the time anyway, in
//! the file or database that the journal is in. So health learns of a store that fails, and that it works again, without
//! any request.
//!
//! It must not know what the lease is for, nor decide anything.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use persistence::{Lease, LeaseRecord, StoreError};

use crate::causes;
use crate::health::Part;

/// The lease as it is, felt at every touch.
pub(crate) struct Pulse {
    lease: Arc<dyn Lease>,
    part: Part,
    /// The record that could not be replaced. A store that cannot be written may well be read: only another record shows
    /// that somebody could write since.
    stuck_at: Mutex<Option<Option<LeaseRecord>>>,
}

impl Pulse {
    pub(crate) fn of(lease: Arc<dyn Lease>, part: Part) -> Arc<dyn Lease> {
        Arc::new(Self {
            lease,
            part,
            stuck_at: Mutex::default(),
        })
    }

    fn read_well(&self, found: Option<&LeaseRecord>) {
        let mut stuck_at = self.stuck_at.lock().unwrap_or_else(PoisonError::into_inner);
        if stuck_at.as_ref().is_some_and(|record| record.as_ref() == found) {
            return;
        }
        *stuck_at = None;
        self.part.ok();
    }

    fn write_failed(&self, record: Option<&LeaseRecord>, error: &StoreError) {
        *self.stuck_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(record.cloned());
        self.part.degraded(causes(error));
    }

    fn wrote_well(&self) {
        *self.stuck_at.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.part.ok();
    }
}

#[async_trait]
impl Lease for Pulse {
    async fn read(&self, name: &str) -> Result<Option<LeaseRecord>, StoreError> {
        let outcome = self.lease.read(name).await;
        match &outcome {
            Ok(found) => self.read_well(found.as_ref()),
            Err(error) => self.part.degraded(causes(error)),
        }
        outcome
    }

    async fn replace(
        &self,
        name: &str,
        expected: Option<&LeaseRecord>,
        next: &LeaseRecord,
    ) -> Result<bool, StoreError> {
        let outcome = self.lease.replace(name, expected, next).await;
        match &outcome {
            Ok(_) => self.wrote_well(),
            Err(error) => self.write_failed(expected, error),
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::health::{Health, State};

    /// A lease that another replica holds, in a store that can be read.
    #[derive(Default)]
    struct ReadOnly {
        moved_on: AtomicBool,
    }

    #[async_trait]
    impl Lease for ReadOnly {
        async fn read(&self, _name: &str) -> Result<Option<LeaseRecord>, StoreError> {
            Ok(Some(record(u64::from(self.moved_on.load(Ordering::Relaxed)))))
        }

        async fn replace(
            &self,
            _name: &str,
            _expected: Option<&LeaseRecord>,
            _next: &LeaseRecord,
        ) -> Result<bool, StoreError> {
            Err(StoreError::Unavailable("database or disk is full".into()))
        }
    }

    fn record(counter: u64) -> LeaseRecord {
        LeaseRecord {
            holder: "other".to_owned(),
            counter,
        }
    }

    #[tokio::test]
    async fn a_store_that_is_read_only_is_not_well_until_somebody_has_written() {
        let (health, lease) = (Health::default(), Arc::new(ReadOnly::default()));
        let pulse = Pulse::of(Arc::clone(&lease) as Arc<dyn Lease>, health.part("store"));
        let part = || health.parts()["store"].clone();
        pulse.read("relay").await.unwrap();
        assert_eq!(part().state, State::Ok);
        let next = record(9);
        pulse.replace("relay", Some(&record(0)), &next).await.unwrap_err();
        pulse.read("relay").await.unwrap();
        assert_eq!(part().state, State::Degraded);
        assert!(part().detail.unwrap().contains("disk is full"));
        lease.moved_on.store(true, Ordering::Relaxed);
        pulse.read("relay").await.unwrap();
        assert_eq!(part().state, State::Ok);
    }
}
