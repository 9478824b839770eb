//! Which of the two services a command is about, and the broker that both share.

use chassis::config::{Flags, Settings, SettingsError};
use chassis::operator::Profile;
use chassis::without_secrets;
use clap::ValueEnum;
use thiserror::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServiceName {
    /// Events and locations
    Event,
    /// Inventories, bookings and users
    Booking,
}

impl ServiceName {
    pub(crate) fn profile(self) -> Profile {
        match self {
            Self::Event => eventservice::PROFILE,
            Self::Booking => bookingservice::PROFILE,
        }
    }

    pub(crate) fn settings(self, flags: &Flags) -> Result<Settings, SettingsError> {
        Settings::load(self.profile().defaults, flags)
    }
}

/// Why there are no stores to work on.
#[derive(Debug, Error)]
pub(crate) enum StoresError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("there is no store at {0}; --data-dir and --conf have to be those of the services")]
    Missing(String),
}

/// The settings of both services, or of the one that has its store here. Opening a store makes it where it is missing,
/// which would hide a wrong folder.
pub(crate) fn with_stores(flags: &Flags) -> Result<Vec<Settings>, StoresError> {
    let both = [
        ServiceName::Event.settings(flags)?,
        ServiceName::Booking.settings(flags)?,
    ];
    let (here, missing): (Vec<_>, Vec<_>) = both
        .into_iter()
        .partition(|settings| persistence::is_there(&settings.store));
    if here.is_empty() {
        let missing: Vec<String> = missing
            .into_iter()
            .map(|settings| without_secrets(&settings.store))
            .collect();
        return Err(StoresError::Missing(missing.join(" or ")));
    }
    Ok(here)
}

/// Why there is no one broker to work on.
#[derive(Debug, Error)]
pub(crate) enum BrokerSettingError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("the services have different brokers, {0} and {1}; set one with --conf")]
    Differ(String, String),
}

/// The URL of the broker that both services write to.
pub(crate) fn shared_broker(flags: &Flags) -> Result<String, BrokerSettingError> {
    let event = ServiceName::Event.settings(flags)?.broker;
    let booking = ServiceName::Booking.settings(flags)?.broker;
    if event == booking {
        return Ok(event);
    }
    let [event, booking] = [event, booking].map(|url| without_secrets(&url));
    Err(BrokerSettingError::Differ(event, booking))
}
