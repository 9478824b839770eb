//! Which of the two services a command is about.

use chassis::config::Flags;
use chassis::config::{Settings, SettingsError};
use chassis::operator::Profile;
use clap::ValueEnum;

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
