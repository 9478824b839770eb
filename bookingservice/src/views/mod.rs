//! The booking service's read models.

pub(crate) mod bookings;
pub(crate) mod feed;
pub(crate) mod inventories;
pub(crate) mod sales;
