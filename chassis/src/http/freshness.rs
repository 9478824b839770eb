//! Things that were created a moment ago may not be in the views yet. Their ids tell: UUIDv7 carries its time, and
//! UUIDv8 is derived from an idempotency key. For those a look-up waits a little before it says "not found".

use std::future::Future;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

const RECENT: SignedDuration = SignedDuration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);

/// Looks `id` up, again and again for a bounded time if it may be on its way.
pub async fn look_up<T, E, F>(id: &str, now: Timestamp, find: impl Fn() -> F) -> Result<Option<T>, E>
where
    F: Future<Output = Result<Option<T>, E>>,
{
    let found = find().await?;
    if found.is_some() || !may_be_on_its_way(id, now) {
        return Ok(found);
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        sleep(LOOK).await;
        let found = find().await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn may_be_on_its_way(id: &str, now: Timestamp) -> bool {
    let Ok(id) = Uuid::parse_str(id) else { return false };
    match id.get_version_num() {
        7 => created_at(id).is_some_and(|created| now.duration_since(created).abs() < RECENT),
        8 => true,
        _ => false,
    }
}

fn created_at(id: Uuid) -> Option<Timestamp> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanoseconds).ok()?).ok()
}
