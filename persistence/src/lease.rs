use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::StoreError;

/// Who holds a lease, and a counter that the holder raises to show that it is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    pub holder: String,
    pub counter: u64,
}

/// One small record per name, changed by compare-and-set. It knows no time: how long a counter may stand still is
/// decided by those who watch it, each on its own monotonic clock.
#[async_trait]
pub trait Lease: Send + Sync {
    async fn read(&self, name: &str) -> Result<Option<LeaseRecord>, StoreError>;

    /// Replaces `expected` (`None`: no record yet) by `next`. False where the record is another one by now. Of several
    /// racing calls with the same `expected` one succeeds.
    async fn replace(&self, name: &str, expected: Option<&LeaseRecord>, next: &LeaseRecord)
    -> Result<bool, StoreError>;
}
