use std::future::Future;
use std::time::{Duration, Instant};

/// Longer than any machine needs, so that a test that fails here is wrong and not slow.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(10);

/// Asks again and again until `probe` answers `Some`, and returns that. Panics with `what` if it takes too long.
pub async fn eventually<T, F>(what: &str, probe: impl Fn() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "did not happen in {PATIENCE:?}: {what}");
        tokio::time::sleep(LOOK).await;
    }
}
