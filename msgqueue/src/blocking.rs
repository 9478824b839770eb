use tokio::task::spawn_blocking;

use crate::BrokerError;

/// Runs what blocks beside the runtime, which may have one thread only.
pub(crate) async fn blocking<T, W>(work: W) -> Result<T, BrokerError>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, BrokerError> + Send + 'static,
{
    spawn_blocking(work).await.map_err(|_| BrokerError::Closed)?
}
