//! The bookings of one event, of which there may be very many.
//!
//! How many seats a user holds is counted only while a limit asks for it, because that takes a second entry for each
//! booking.

use bytes::Bytes;
use chassis::packed::{PackedMap, Reader, TooLarge, Value, put_number};

use super::compact_id::CompactId;

#[derive(Debug, Clone, Default)]
pub(super) struct Bookings {
    by_id: PackedMap<CompactId, Booking>,
    /// `None` while nobody asks; then it follows from the bookings.
    seats_of_users: Option<PackedMap<CompactId, Seats>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Booking {
    pub(super) user: CompactId,
    pub(super) seats: u32,
    pub(super) cancelled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seats(u32);

impl Bookings {
    pub(super) fn get(&self, id: &str) -> Option<Booking> {
        self.by_id.get(&CompactId::of(id))
    }

    /// Seats that the user holds, while users are counted.
    pub(super) fn seats_of(&self, user_id: &str) -> u32 {
        let counted = self.seats_of_users.as_ref();
        counted.map_or(0, |seats| seats_of(seats, &CompactId::of(user_id)))
    }

    pub(super) fn add(&mut self, id: &str, user_id: &str, seats: u32) {
        let user = CompactId::of(user_id);
        if let Some(counted) = &mut self.seats_of_users {
            give(counted, &user, seats);
        }
        let booking = Booking {
            user,
            seats,
            cancelled: false,
        };
        self.by_id.insert(CompactId::of(id), booking);
    }

    pub(super) fn cancel(&mut self, id: &str, user_id: &str, seats: u32) {
        let user = CompactId::of(user_id);
        if let Some(counted) = &mut self.seats_of_users {
            take(counted, &user, seats);
        }
        let booking = Booking {
            user,
            seats,
            cancelled: true,
        };
        self.by_id.insert(CompactId::of(id), booking);
    }

    /// Counts users from now on, or stops to. To begin takes a walk through all bookings.
    pub(super) fn count_users(&mut self, wanted: bool) {
        if wanted == self.seats_of_users.is_some() {
            return;
        }
        self.seats_of_users = wanted.then(|| {
            let mut counted = PackedMap::default();
            self.by_id.visit(|_, booking| {
                if !booking.cancelled {
                    give(&mut counted, &booking.user, booking.seats);
                }
            });
            counted
        });
    }

    /// No other copy is kept.
    pub(super) fn settle(&mut self) {
        self.by_id.settle();
        if let Some(counted) = &mut self.seats_of_users {
            counted.settle();
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let mut count = 0;
        self.by_id.visit(|_, _| count += 1);
        count
    }

    pub(super) fn pack(&self, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        self.by_id.pack(out, |_| true)
    }

    /// `None` where nobody is counted.
    pub(super) fn pack_users(&self, out: &mut Vec<u8>) -> Option<Result<(), TooLarge>> {
        let counted = self.seats_of_users.as_ref()?;
        Some(counted.pack(out, |_| true))
    }

    pub(super) fn unpack(bookings: Bytes, users: Option<Bytes>) -> Option<Self> {
        let seats_of_users = match users {
            Some(users) => Some(PackedMap::unpack(users)?),
            None => None,
        };
        Some(Self {
            by_id: PackedMap::unpack(bookings)?,
            seats_of_users,
        })
    }
}

fn seats_of(counted: &PackedMap<CompactId, Seats>, user: &CompactId) -> u32 {
    counted.get(user).map_or(0, |seats| seats.0)
}

fn give(counted: &mut PackedMap<CompactId, Seats>, user: &CompactId, seats: u32) {
    let held = seats_of(counted, user).saturating_add(seats);
    counted.insert(user.clone(), Seats(held));
}

fn take(counted: &mut PackedMap<CompactId, Seats>, user: &CompactId, seats: u32) {
    match seats_of(counted, user).saturating_sub(seats) {
        0 => counted.remove(user),
        rest => counted.insert(user.clone(), Seats(rest)),
    }
}

impl Value for Booking {
    fn write(&self, out: &mut Vec<u8>) {
        put_number(out, u64::from(self.seats) << 1 | u64::from(self.cancelled));
        self.user.write(out);
    }

    fn read(mut bytes: Reader<'_>) -> Option<Self> {
        let number = bytes.number()?;
        Some(Self {
            user: CompactId::read(&mut bytes)?,
            seats: u32::try_from(number >> 1).ok()?,
            cancelled: number & 1 == 1,
        })
    }
}

impl Value for Seats {
    fn write(&self, out: &mut Vec<u8>) {
        put_number(out, u64::from(self.0));
    }

    fn read(mut bytes: Reader<'_>) -> Option<Self> {
        Some(Self(u32::try_from(bytes.number()?).ok()?))
    }
}
