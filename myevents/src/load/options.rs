//! What `myevents load` can be told.

use std::path::PathBuf;
use std::str::FromStr;

use clap::value_parser;

const EXAMPLES: &str = "\
Examples:
  myevents load                                  one new event, 64 connections, 10 seconds, as fast as it goes
  myevents load --capacity 1000 --seconds 5      sells an event out and goes on trying
  myevents load --events 100 --rate 2000         2,000 bookings a second over 100 events
  myevents load --event ID --cancel 10           an event that is there; one booking in ten is cancelled again
  myevents load --browse 80 --html load.html     four of five only look around; the report is a page with plots

With --rate, latency counts from when a request should have been sent: a platform that falls behind cannot hide it. Without
it, what a client would have asked while it waited is added (HdrHistogram's correction for coordinated omission).
Exit code 1 means that something was oversold or lost, or that it could not be checked.";

const MOST_SEATS: u32 = 1_000_000;

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Where the platform answers
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8181")]
    pub(crate) url: String,
    /// Book this event instead of a new one; nobody else may book it meanwhile
    #[arg(long, value_name = "ID", conflicts_with_all = ["events", "capacity"], value_parser = read_id)]
    pub(crate) event: Option<String>,
    /// Make so many events and spread the bookings over them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) events: u32,
    /// Seats of each event that is made
    #[arg(long, value_name = "SEATS", default_value_t = MOST_SEATS,
        value_parser = value_parser!(u32).range(1..=i64::from(MOST_SEATS)))]
    pub(crate) capacity: u32,
    /// Clients at the same time; with --rate, at most so many wait for answers
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) connections: u32,
    /// How long
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,
    /// Requests a second, whether or not the platform keeps up; without it each client comes again once answered
    #[arg(long, value_name = "REQUESTS", value_parser = value_parser!(u64).range(1..=1_000_000))]
    pub(crate) rate: Option<u64>,
    /// Seats of a booking, from..to
    #[arg(long, value_name = "FROM..TO", default_value = "1..4")]
    pub(crate) seats: Seats,
    /// Makes events and seats come in the same order again
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Cancel so many of a hundred bookings again
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = value_parser!(u32).range(0..=100))]
    pub(crate) cancel: u32,
    /// Let so many of a hundred requests only look: at the list, an event, what is left of it
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = value_parser!(u32).range(0..=100))]
    pub(crate) browse: u32,
    /// Write what was measured to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write it to this file as a page with plots
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Load a platform on another machine
    #[arg(long)]
    pub(crate) allow_remote: bool,
}

/// How many seats a booking has: from `least` to `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seats {
    pub(crate) least: u32,
    pub(crate) most: u32,
}

impl FromStr for Seats {
    type Err = String;

    /// `1..4` and `1..=4` both take in the 4; `3` is always 3.
    fn from_str(text: &str) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let most = most.strip_prefix('=').unwrap_or(most);
        let seats = least.parse().and_then(|least| {
            Ok(Self {
                least,
                most: most.parse()?,
            })
        });
        let in_bounds = |seats: &Self| 1 <= seats.least && seats.least <= seats.most && seats.most <= MOST_SEATS;
        seats
            .ok()
            .filter(in_bounds)
            .ok_or_else(|| format!("must be like 1..4, from 1 to {MOST_SEATS}"))
    }
}

/// Ids become part of a path.
fn read_id(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.is_empty() || !text.bytes().all(plain) {
        return Err("is not the id of an event".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_read_as_a_range() {
        let expected = Seats { least: 1, most: 4 };
        assert_eq!("1..4".parse(), Ok(expected));
        assert_eq!("1..=4".parse(), Ok(expected));
        assert_eq!("3".parse(), Ok(Seats { least: 3, most: 3 }));
        for text in ["", "0..4", "4..1", "1..", "a", "1..1000001"] {
            assert!(text.parse::<Seats>().is_err(), "{text}");
        }
    }
}
