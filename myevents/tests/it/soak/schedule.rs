//! Which faults come in which round: decided by the seed alone, never by how the platform does.

use std::fmt;
use std::time::Duration;

use chassis::faults::POINTS;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// Faults in one round.
const A_ROUND: usize = 2;
const SERVICES: [&str; 2] = ["event", "booking"];

/// What is done to the platform under load.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    /// SIGKILL.
    Kill,
    /// It dies at a point that it reaches for the so-manieth time. Where it does not come by, it is killed.
    KillAt(&'static str, u32),
    /// SIGSTOP, and SIGCONT after a while.
    Pause(Duration),
    /// SIGTERM, and another start.
    Restart,
    /// A second process of everything takes over while the first one is paused, and is killed when that is back.
    Rival(Duration),
    /// There is no room left for a while.
    FullDisk(Duration),
    /// The wall clock is set so many hours ahead of the machine's.
    Clock(i64),
    /// A service's views are built anew; it is killed after a while, or not.
    Rebuild(&'static str, Option<Duration>),
}

/// The faults of a round. Disks are full only where they are small.
pub(super) fn round(seed: u64, number: u64, small_disk: bool) -> Vec<Fault> {
    let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(number));
    (0..A_ROUND).map(|_| fault(&mut random, small_disk)).collect()
}

fn fault(random: &mut StdRng, small_disk: bool) -> Fault {
    match random.random_range(0..if small_disk { 13 } else { 10 }) {
        0 | 1 => Fault::Kill,
        2..5 => kill_at(random),
        5 => Fault::Pause(milliseconds(random, 100..5_000)),
        6 => Fault::Restart,
        7 => Fault::Rival(milliseconds(random, 500..6_000)),
        // Two days apart a key may be used for something else.
        8 => Fault::Clock(if random.random() { 24 } else { 0 }),
        9 => rebuild(random),
        _ => Fault::FullDisk(milliseconds(random, 500..3_000)),
    }
}

/// Messages are parked only where a broker turns them round, which the embedded one does not.
fn kill_at(random: &mut StdRng) -> Fault {
    let points: Vec<_> = POINTS.iter().filter(|point| !point.contains("park")).collect();
    let point = points.choose(random).map_or(POINTS[0], |point| **point);
    let most = if point.starts_with("service.") { 2 } else { 20 };
    Fault::KillAt(point, random.random_range(1..=most))
}

fn rebuild(random: &mut StdRng) -> Fault {
    let service = SERVICES[random.random_range(0..SERVICES.len())];
    let is_killed: bool = random.random();
    Fault::Rebuild(service, is_killed.then(|| milliseconds(random, 50..1_500)))
}

fn milliseconds(random: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.random_range(range))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => write!(f, "kill"),
            Self::KillAt(point, nth) => write!(f, "kill at {point}@{nth}"),
            Self::Pause(span) => write!(f, "pause {span:.1?}"),
            Self::Restart => write!(f, "restart"),
            Self::Rival(span) => write!(f, "rival {span:.1?}"),
            Self::FullDisk(span) => write!(f, "full disk {span:.1?}"),
            Self::Clock(hours) => write!(f, "clock +{hours} h"),
            Self::Rebuild(service, None) => write!(f, "rebuild {service}"),
            Self::Rebuild(service, Some(span)) => write!(f, "rebuild {service} killed after {span:.1?}"),
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_faults() {
    let schedule = |seed| (0..50).map(|number| round(seed, number, true)).collect::<Vec<_>>();
    assert_eq!(schedule(1), schedule(1));
    assert_ne!(schedule(1), schedule(2));
}
