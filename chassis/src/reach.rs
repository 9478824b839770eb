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

/// A start that tries again until a server is there.
pub(crate) struct Waiting {
    part: &'static str,
    /// As it may be shown.
    place: String,
    may_pass: bool,
    failures: u32,
    said: String,
}

impl Waiting {
    pub(crate) fn for_broker(url: &str) -> Self {
        Self::of("broker", without_secrets(url), !msgqueue::is_embedded(url))
    }

    fn for_store(url: &str) -> Self {
        Self::of("store", without_secrets(url), !persistence::is_embedded(url))
    }

    fn of(part: &'static str, place: String, may_pass: bool) -> Self {
        Self {
            part,
            place,
            may_pass,
            failures: 0,
            said: String::new(),
        }
    }

    /// Takes a step of the start again and again until its server is there.
    ///
    /// # Errors
    /// What time does not mend.
    pub(crate) async fn until_done<T, F>(mut self, step: impl Fn() -> F) -> Result<T, StartError>
    where
        F: Future<Output = Result<T, StartError>>,
    {
        loop {
            match step().await {
                Ok(done) => return Ok(done),
                Err(error) => self.after(error).await?,
            }
        }
    }

    /// Returns when it is to be tried again.
    async fn after(&mut self, error: StartError) -> Result<(), StartError> {
        if !self.may_pass || !may_pass(&error) {
            return Err(error);
        }
        self.failures += 1;
        let cause = causes(&error);
        if cause != self.said {
            let (part, place) = (self.part, &self.place);
            warn!(place, cause, "the {part} cannot be reached; the service waits for it");
            self.said = cause;
        }
        sleep(backoff(self.failures)).await;
        Ok(())
    }
}

fn may_pass(error: &StartError) -> bool {
    let store = match error {
        StartError::Broker(msgqueue::OpenError::Broker(error)) | StartError::Groups(error) => {
            return matches!(error, BrokerError::Unavailable(_));
        }
        StartError::Store(persistence::OpenError::Store(error))
        | StartError::Views(error)
        | StartError::Mark(PutError::Store(error)) => error,
        _ => return false,
    };
    store.may_pass()
}

/// What the start needs of the store, which may go away again after it was reached.
pub(crate) async fn from_store<T>(
    settings: &Settings,
    step: impl AsyncFn() -> Result<T, StoreError>,
) -> Result<T, StartError> {
    let waiting = Waiting::for_store(&settings.store);
    waiting.until_done(async || Ok(step().await?)).await
}

/// The service's own store, whole.
pub(crate) async fn store(settings: &Settings, background: &Handle) -> Result<Stores, StartError> {
    let waiting = Waiting::for_store(&settings.store);
    waiting
        .until_done(async || open_store(settings, background).await)
        .await
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
pub(crate) async fn broker(background: &Handle, url: &str) -> Result<Broker, StartError> {
    let url = url.to_owned();
    let opening = AbortOnDropHandle::new(background.spawn(async move { open_broker(&url).await }));
    opening.await.map_err(|failed| StartError::Background(failed.into()))?
}

async fn open_broker(url: &str) -> Result<Broker, StartError> {
    let waiting = Waiting::for_broker(url);
    waiting.until_done(async || Ok(msgqueue::open(url).await?)).await
}
