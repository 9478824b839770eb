//! Where tests let the process die, which guards they can take away, and whom they keep waiting.
//!
//! A crash test needs the process to end between two exact steps, and a test that looks for lost or doubled work has to
//! be seen to find it. Both are compiled in by the feature `faults` alone, which only tests switch on: in every other
//! build these calls are empty, and the variables that rule them mean nothing.
//!
//! To add a point: a call of [`point`] between the two steps, and its name in `POINTS`. To add a guard: ask
//! [`unguarded`] where it stands guard, and its name in `GUARDS`.

#[cfg(feature = "faults")]
mod armed;
#[cfg(feature = "faults")]
mod heedless_journal;
#[cfg(feature = "faults")]
mod late_journal;
#[cfg(not(feature = "faults"))]
mod unarmed;

#[cfg(feature = "faults")]
pub use armed::{CLOCK_OFFSET, GUARDS, KILL, LATE, POINTS, UNGUARD};
#[cfg(feature = "faults")]
pub use armed::{clock_offset, loosened, monotonic, point, point_when, tarry, unguarded};
#[cfg(not(feature = "faults"))]
pub use unarmed::{clock_offset, loosened, monotonic, point, point_when, tarry, unguarded};
