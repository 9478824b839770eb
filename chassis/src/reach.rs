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

    /// Returns when it is to be tried again.
    ///
    /// # Errors
    /// What time does not mend.
    pub(crate) async fn after(&mut self, error: StartError) -> Result<(), StartError> {
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
    matches!(store, StoreError::Unavailable(_) | StoreError::Unknown(_))
}

/// The service's own store, whole.
pub(crate) async fn store(settings: &Settings, background: &Handle) -> Result<Stores, StartError> {
    let mut waiting = Waiting::for_store(&settings.store);
    loop {
        match open_store(settings, background).await {
            Ok(stores) => return Ok(stores),
            Err(error) => waiting.after(error).await?,
        }
    }
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
    let mut waiting = Waiting::for_broker(url);
    loop {
        match msgqueue::open(url).await {
            Ok(broker) => return Ok(broker),
            Err(error) => waiting.after(error.into()).await?,
        }
    }
}
