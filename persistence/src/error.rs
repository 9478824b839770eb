use std::error::Error;

use thiserror::Error;

/// What can go wrong with any store, by what the caller can do about it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It cannot be reached, is locked or out of room just now. Nothing happened; try again later.
    #[error("the store is not available")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It is not known whether the write happened. Repeating the very same write is safe.
    #[error("the outcome of the write is not known")]
    Unknown(#[source] Box<dyn Error + Send + Sync>),
    /// What is stored cannot be read, or the request cannot be carried out by this store. Trying again will not help.
    #[error("the store is damaged or was asked for something it does not have: {0}")]
    Broken(String),
    /// The store does not let us in, or is not what it has to be. Trying again will not help.
    #[error("the store refuses: {0}")]
    Refused(String),
    /// A search was asked to go on at a cursor that another search gave.
    #[error("the cursor is not one of this search")]
    ForeignCursor,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether it may go well at another time.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unknown(_))
    }
}
