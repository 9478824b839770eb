//! Servers that a start needs and that do not answer yet: it waits for them, and says so once for each cause.
//!
//! What is embedded is there, or never will be; and what time does not mend ends the start.

use msgqueue::{Broker, BrokerError};
use persistence::{PutError, StoreError, Stores};
use tokio::runtime::Handle;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::causes;
use crate::config::Settings;
use crate::faults;
use crate::relay::backoff;
use crate::service::StartError;
use crate::shown_url::without_secrets;
use crate::store_marks;

/// Takes a step of a start again and again until the server that it needs is there.
///
/// # Errors
/// What time does not mend.
pub(crate) async fn until_done<T, F>(settings: &Settings, step: impl Fn() -> F) -> Result<T, StartError>
where
    F: Future<Output = Result<T, StartError>>,
{
    let (mut failures, mut said) = (0, String::new());
    loop {
        let error = match step().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let Some((part, url)) = missing_server(settings, &error) else {
            return Err(error);
        };
        let (place, cause) = (without_secrets(url), causes(&error));
        if cause != said {
            warn!(place, cause, "the {part} cannot be reached; the service waits for it");
            said = cause;
        }
        failures += 1;
        sleep(backoff(failures)).await;
    }
}

/// What is not there just now, and its URL.
fn missing_server<'a>(settings: &'a Settings, error: &StartError) -> Option<(&'static str, &'a str)> {
    let (broker, store) = (&*settings.broker, &*settings.store);
    match error {
        StartError::Broker(msgqueue::OpenError::Broker(error)) | StartError::Groups(error) => {
            let may_pass = matches!(error, BrokerError::Unavailable(_)) && !msgqueue::is_embedded(broker);
            may_pass.then_some(("broker", broker))
        }
        StartError::Store(persistence::OpenError::Store(error))
        | StartError::Views(error)
        | StartError::Mark(PutError::Store(error)) => {
            let may_pass = error.may_pass() && !persistence::is_embedded(store);
            may_pass.then_some(("store", store))
        }
        _ => None,
    }
}

/// What the start needs of the store, which may go away again after it was reached.
pub(crate) async fn from_store<T>(
    settings: &Settings,
    step: impl AsyncFn() -> Result<T, StoreError>,
) -> Result<T, StartError> {
    until_done(settings, async || Ok(step().await?)).await
}

/// The service's own store, whole.
pub(crate) async fn store(settings: &Settings, background: &Handle) -> Result<Stores, StartError> {
    until_done(settings, async || open_store(settings, background).await).await
}

async fn open_store(settings: &Settings, background: &Handle) -> Result<Stores, StartError> {
    let stores = persistence::open_beside(&settings.store, background).await?;
    store_marks::claim(&stores, settings).await?;
    faults::point("service.claimed");
    store_marks::refuse_half_restored(&stores, settings).await?;
    store_marks::refuse_moved(&stores, settings).await?;
    Ok(stores)
}

/// The broker's own threads take over the priority of the thread that starts them.
pub(crate) async fn broker(settings: &Settings, background: &Handle) -> Result<Broker, StartError> {
    let settings = settings.clone();
    let opening = AbortOnDropHandle::new(background.spawn(async move { open_broker(&settings).await }));
    opening.await.map_err(|failed| StartError::Background(failed.into()))?
}

async fn open_broker(settings: &Settings) -> Result<Broker, StartError> {
    until_done(settings, async || Ok(msgqueue::open(&settings.broker).await?)).await
}
