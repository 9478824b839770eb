//! Notices that the service has moved away from the store that this process is on: the process was paused, or cut off, when
//! all others had ended.
//!
//! Its store takes no commits any more. What it went on consuming would be missing where the service is now, because its
//! groups are called the same there.

use std::time::Duration;

use persistence::Stores;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::config::Settings;
use crate::health::Health;
use crate::service::StartError;
use crate::store_marks;

const LOOK: Duration = Duration::from_secs(1);

/// Looks until `stop`, which it orders itself where the service has moved.
pub(crate) async fn notice(stores: Stores, settings: Settings, health: Health, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = sleep(LOOK) => {}
            () = stop.cancelled() => return,
        }
        // That the store fails is told elsewhere.
        let Err(moved @ (StartError::Moved { .. } | StartError::Moving { .. })) =
            store_marks::refuse_moved(&stores, &settings).await
        else {
            continue;
        };
        error!(error = %moved, "this process takes nothing more from the log");
        health
            .part(format!("{}.moved", settings.service))
            .down(moved.to_string());
        return stop.cancel();
    }
}
