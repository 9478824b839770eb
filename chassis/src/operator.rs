//! What the operator's commands stand on: a service's stores and broker, opened beside the service or in its place.
//!
//! It must not know what any service is about: that is in the profile that each service hands out.

use std::fs::File;
use std::sync::Arc;

use contracts::StreamKind;
use msgqueue::Broker;
use persistence::{Collection, Stores};
use uuid::Uuid;

use crate::audit::Audit;
use crate::config::{Defaults, Settings};
use crate::service::{self, StartError};
use crate::shown_url::without_secrets;
use crate::views::{Generation, Generations, View};
use crate::{lost_journal, policies, relay, store_marks};

/// What commands have to know of a service.
#[derive(Clone, Copy)]
pub struct Profile {
    pub defaults: &'static Defaults,
    /// The kinds of streams that its journal holds.
    pub streams: &'static [StreamKind],
    pub views: fn() -> Vec<Arc<dyn View>>,
    /// Collections that no log brings back.
    pub kept: fn() -> Vec<Collection>,
    /// Its own rules about what its journal may hold.
    pub audit: fn() -> Box<dyn Audit>,
}

/// A service's stores and broker.
pub struct Workplace {
    pub settings: Settings,
    pub stores: Stores,
    pub broker: Broker,
}

/// A service's stores, with the service kept from running.
pub struct Takeover {
    pub stores: Stores,
    /// Tells its own marks from those of others.
    id: Uuid,
    _lock: File,
}

impl Workplace {
    /// Opens what is there. The service may be running, or not.
    ///
    /// # Errors
    /// [`StartError::NoStore`] and [`StartError::NoLog`] where nothing is there: opening it would make it, which would
    /// hide a wrong folder.
    pub async fn open(settings: Settings) -> Result<Self, StartError> {
        Self::open_where(settings, |_| true).await
    }

    /// Like [`Workplace::open`]. A store that has no views yet, as one that was only just restored, needs no log.
    pub async fn open_for_proof(settings: Settings) -> Result<Self, StartError> {
        Self::open_where(settings, |has_views| has_views).await
    }

    async fn open_where(settings: Settings, needs_log: fn(has_views: bool) -> bool) -> Result<Self, StartError> {
        if !persistence::is_there(&settings.store) {
            return Err(StartError::NoStore(without_secrets(&settings.store)));
        }
        let stores = persistence::open(&settings.store).await?;
        store_marks::claim(&stores, &settings).await?;
        let generations = Generations::open(Arc::clone(&stores.documents)).await?;
        let has_views = generations.find_live().await?.is_some();
        if needs_log(has_views) && !msgqueue::is_there(&settings.broker) {
            return Err(StartError::NoLog(without_secrets(&settings.broker)));
        }
        let broker = msgqueue::open(&settings.broker).await?;
        Ok(Self {
            settings,
            stores,
            broker,
        })
    }
}

impl Takeover {
    /// Opens the stores, or makes them. No process of the service may be running on its data folder.
    pub async fn open(settings: &Settings) -> Result<Self, StartError> {
        let lock = service::lock_data_dir(settings)?;
        let stores = persistence::open(&settings.store).await?;
        store_marks::claim(&stores, settings).await?;
        Ok(Self {
            stores,
            id: Uuid::now_v7(),
            _lock: lock,
        })
    }

    /// A process of the service on another data folder holds no lock of this one's, but one of those on the store
    /// relays. May take as long as a lease of one that died is left alone.
    ///
    /// # Errors
    /// [`StartError::AtWork`] where one shows that it is alive.
    pub async fn refuse_beside_others(&self, settings: &Settings) -> Result<(), StartError> {
        let mut lease = relay::lease(Arc::clone(&self.stores.lease));
        if !lease.acquire().await? {
            return Err(StartError::AtWork {
                store: without_secrets(&settings.store),
                service: settings.service,
            });
        }
        Ok(lease.release().await?)
    }

    /// # Errors
    /// [`StartError::Moved`] where the service has left the store behind. One that has only begun to move may begin again.
    pub async fn refuse_ended_move(&self, settings: &Settings) -> Result<(), StartError> {
        store_marks::refuse_ended_move(&self.stores, settings).await
    }

    /// # Errors
    /// [`StartError::Moved`] and [`StartError::Moving`]
    pub async fn refuse_moved(&self, settings: &Settings) -> Result<(), StartError> {
        store_marks::refuse_moved(&self.stores, settings).await
    }

    /// Keeps the service from starting on this store, and whoever runs there all the same from adding to it, because all
    /// of it is to be in another one, `to`.
    pub async fn begin_move(&self, to: &Settings) -> Result<(), StartError> {
        store_marks::begin_move(&self.stores, &without_secrets(&to.store), self.id).await?;
        Ok(self.stores.journal.seal().await?)
    }

    /// All of it is in `to`.
    ///
    /// # Errors
    /// [`StartError::OtherMove`] where this move counts no more.
    pub async fn end_move(&self, to: &Settings) -> Result<(), StartError> {
        match store_marks::end_move(&self.stores, &without_secrets(&to.store), self.id).await? {
            true => Ok(()),
            false => Err(StartError::OtherMove(without_secrets(&to.store))),
        }
    }

    /// Lets the service start on this store again.
    pub async fn undo_move(&self) -> Result<(), StartError> {
        self.stores.journal.unseal().await?;
        Ok(store_marks::forget_move(&self.stores).await?)
    }

    /// Opens another store for the same service, or makes it.
    pub async fn open_other(&self, settings: &Settings) -> Result<Stores, StartError> {
        let stores = persistence::open(&settings.store).await?;
        store_marks::claim(&stores, settings).await?;
        Ok(stores)
    }

    /// # Errors
    /// [`StartError::HalfRestored`], for those who need all that the service once wrote.
    pub async fn refuse_half_restored(&self, settings: &Settings) -> Result<(), StartError> {
        store_marks::refuse_half_restored(&self.stores, settings).await
    }

    /// Lets the service take in the whole log again, where there is one. A broker that outlived the store would else
    /// withhold what the lost store had taken in. Nothing is done where the journal is not empty.
    pub async fn begin_log_anew(&self, settings: &Settings) -> Result<(), StartError> {
        let is_empty = self.stores.journal.is_empty().await?;
        if !is_empty || !msgqueue::is_there(&settings.broker) {
            return Ok(());
        }
        let generations = Generations::open(Arc::clone(&self.stores.documents)).await?;
        let live = generations.find_live().await?.unwrap_or(Generation::FIRST);
        let listener = msgqueue::open(&settings.broker).await?.listener;
        let beginning = lost_journal::group(settings.service);
        for group in [
            live.group(settings.service),
            policies::group(settings.service),
            beginning,
        ] {
            listener.drop_group(&group).await?;
        }
        Ok(())
    }
}
