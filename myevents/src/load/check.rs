//! Holds what the platform says afterwards against what it acknowledged: the proof of a run.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::tally::{EventTally, Fate};
use super::targets::Target;
use super::{LoadError, report};
use crate::api::{Api, CONSISTENCY_TOKEN};

/// How long views may take to catch up.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// Where the platform contradicts itself or what it acknowledged.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum Difference {
    #[error("event {event} is oversold: {sold} seats of {capacity}")]
    Oversold { event: String, sold: u64, capacity: u64 },
    #[error("event {event} has {sold} seats sold, but its bookings that stand have {booked}")]
    Sums { event: String, sold: u64, booked: u64 },
    #[error("booking {0} is listed twice")]
    ListedTwice(String),
    #[error("booking {0} was acknowledged twice")]
    AcknowledgedTwice(String),
    #[error("booking {0} was acknowledged and is lost")]
    Lost(String),
    #[error("booking {id} was acknowledged with {acknowledged} seats and is listed with {listed}")]
    Seats { id: String, acknowledged: u32, listed: u32 },
    #[error("booking {id} is listed as {listed}, which is not how it was acknowledged")]
    Status { id: String, listed: &'static str },
    #[error("event {event} lists {listed} bookings that were not acknowledged, where there can be {least} to {most}")]
    Unaccounted {
        event: String,
        listed: usize,
        least: usize,
        most: usize,
    },
}

/// What the platform says of an event.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) capacity: u64,
    pub(crate) sold: u64,
    pub(crate) bookings: Vec<Listed>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    id: String,
    seats: u32,
    status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Booked,
    Cancelled,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Listed>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Availability {
    capacity: u64,
    seats_sold: u64,
    version: u64,
}

/// Waits until the views show the run, and checks every event.
pub(crate) async fn check(api: &Api, targets: &[Target], events: &[EventTally]) -> Result<(), LoadError> {
    let bar = report::counting_bar(targets.len() as u64, "checking events");
    for (target, ours) in targets.iter().zip(events) {
        let token = (ours.version > 0).then(|| format!("inventory/{}@{}", target.id, ours.version));
        let facts = stable_facts(api, &target.id, token.as_deref(), Instant::now() + PATIENCE).await?;
        compare(target, ours, &facts)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// The event as it is behind `token`, read while nothing moved.
pub(crate) async fn stable_facts(
    api: &Api,
    event: &str,
    token: Option<&str>,
    deadline: Instant,
) -> Result<Facts, LoadError> {
    let path = format!("/events/{event}/availability");
    wait_for(api, event, &path, token, deadline).await?;
    while Instant::now() < deadline {
        let before: Availability = api.get(&path, &[]).await?;
        let bookings = bookings_of(api, event).await?;
        let after: Availability = api.get(&path, &[]).await?;
        if before.version == after.version {
            return Ok(Facts {
                capacity: after.capacity,
                sold: after.seats_sold,
                bookings,
            });
        }
        sleep(LOOK).await;
    }
    Err(LoadError::Behind(event.to_owned()))
}

/// The platform answers 503 until it can show what the token names.
async fn wait_for(api: &Api, event: &str, path: &str, token: Option<&str>, deadline: Instant) -> Result<(), LoadError> {
    let Some(token) = token else { return Ok(()) };
    while Instant::now() < deadline {
        let request = || api.request(Method::GET, path).header(CONSISTENCY_TOKEN, token);
        if Api::send(request()).await.is_ok_and(|reply| reply.status == 200) {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    Err(LoadError::Behind(event.to_owned()))
}

async fn bookings_of(api: &Api, event: &str) -> Result<Vec<Listed>, LoadError> {
    let first = format!("/events/{event}/bookings?limit=200");
    let mut page: Page = api.get(&first, &[]).await?;
    let mut all = page.items;
    while let Some(cursor) = page.next_cursor {
        page = api.get(&format!("{first}&cursor={cursor}"), &[]).await?;
        all.append(&mut page.items);
    }
    Ok(all)
}

fn compare(target: &Target, ours: &EventTally, facts: &Facts) -> Result<(), Difference> {
    check_sums(target, facts)?;
    let listed = by_id(facts)?;
    check_acknowledged(ours, &listed)?;
    let others = listed.len() - ours.acknowledged.len();
    let (least, most) = (target.bookings_before, target.bookings_before + ours.unsure);
    if (least..=most).contains(&others) {
        return Ok(());
    }
    let event = target.id.clone();
    Err(Difference::Unaccounted {
        event,
        listed: others,
        least,
        most,
    })
}

fn check_sums(target: &Target, facts: &Facts) -> Result<(), Difference> {
    let event = || target.id.clone();
    let (sold, capacity) = (facts.sold, facts.capacity);
    // An event whose capacity was lowered below what was sold may stay so, but not sell more.
    if sold > capacity.max(target.sold_before) {
        return Err(Difference::Oversold {
            event: event(),
            sold,
            capacity,
        });
    }
    let standing = facts.bookings.iter().filter(|booking| booking.status == Status::Booked);
    let booked = standing.map(|booking| u64::from(booking.seats)).sum();
    if booked != sold {
        return Err(Difference::Sums {
            event: event(),
            sold,
            booked,
        });
    }
    Ok(())
}

fn by_id(facts: &Facts) -> Result<HashMap<&str, &Listed>, Difference> {
    let mut listed = HashMap::with_capacity(facts.bookings.len());
    for booking in &facts.bookings {
        if listed.insert(booking.id.as_str(), booking).is_some() {
            return Err(Difference::ListedTwice(booking.id.clone()));
        }
    }
    Ok(listed)
}

/// Every acknowledged booking is listed as it was acknowledged. Afterwards there are no more of them than are listed.
fn check_acknowledged(ours: &EventTally, listed: &HashMap<&str, &Listed>) -> Result<(), Difference> {
    let mut seen = HashSet::with_capacity(ours.acknowledged.len());
    for booking in &ours.acknowledged {
        let id = || booking.id.clone();
        if !seen.insert(booking.id.as_str()) {
            return Err(Difference::AcknowledgedTwice(id()));
        }
        let found = listed.get(booking.id.as_str()).ok_or_else(|| Difference::Lost(id()))?;
        if found.seats != booking.seats {
            let (acknowledged, listed) = (booking.seats, found.seats);
            return Err(Difference::Seats {
                id: id(),
                acknowledged,
                listed,
            });
        }
        match (booking.fate, found.status) {
            (Fate::Stands, Status::Cancelled) => {
                return Err(Difference::Status {
                    id: id(),
                    listed: "cancelled",
                });
            }
            (Fate::Cancelled, Status::Booked) => {
                return Err(Difference::Status {
                    id: id(),
                    listed: "booked",
                });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tally::Acknowledged;
    use super::*;

    fn target() -> Target {
        Target {
            id: "aida".to_owned(),
            bookings: "http://127.0.0.1/".parse().unwrap(),
            bookings_before: 0,
            sold_before: 0,
        }
    }

    fn ours(bookings: &[(&str, u32, Fate)]) -> EventTally {
        let acknowledged = bookings.iter().map(|(id, seats, fate)| Acknowledged {
            id: (*id).to_owned(),
            seats: *seats,
            fate: *fate,
        });
        EventTally {
            acknowledged: acknowledged.collect(),
            ..EventTally::default()
        }
    }

    fn facts(sold: u64, bookings: &[(&str, u32, Status)]) -> Facts {
        let bookings = bookings.iter().map(|(id, seats, status)| Listed {
            id: (*id).to_owned(),
            seats: *seats,
            status: *status,
        });
        Facts {
            capacity: 5,
            sold,
            bookings: bookings.collect(),
        }
    }

    #[test]
    fn what_agrees_passes() {
        let ours = ours(&[
            ("1", 2, Fate::Stands),
            ("2", 3, Fate::Cancelled),
            ("3", 1, Fate::Unsure),
        ]);
        let listed = [
            ("1", 2, Status::Booked),
            ("2", 3, Status::Cancelled),
            ("3", 1, Status::Booked),
        ];
        assert_eq!(compare(&target(), &ours, &facts(3, &listed)), Ok(()));
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        let one = || ours(&[("1", 2, Fate::Stands)]);
        let booked = ("1", 2, Status::Booked);
        let id = || "1".to_owned();
        for (ours, facts, expected) in [
            (
                one(),
                facts(2, &[]),
                Difference::Sums {
                    event: "aida".to_owned(),
                    sold: 2,
                    booked: 0,
                },
            ),
            (
                one(),
                facts(6, &[]),
                Difference::Oversold {
                    event: "aida".to_owned(),
                    sold: 6,
                    capacity: 5,
                },
            ),
            (one(), facts(0, &[]), Difference::Lost(id())),
            (one(), facts(4, &[booked, booked]), Difference::ListedTwice(id())),
            (
                one(),
                facts(3, &[("1", 3, Status::Booked)]),
                Difference::Seats {
                    id: id(),
                    acknowledged: 2,
                    listed: 3,
                },
            ),
            (
                one(),
                facts(0, &[("1", 2, Status::Cancelled)]),
                Difference::Status {
                    id: id(),
                    listed: "cancelled",
                },
            ),
            (
                ours(&[("1", 2, Fate::Stands), ("1", 2, Fate::Stands)]),
                facts(2, &[booked]),
                Difference::AcknowledgedTwice(id()),
            ),
            (
                one(),
                facts(3, &[booked, ("2", 1, Status::Booked)]),
                Difference::Unaccounted {
                    event: "aida".to_owned(),
                    listed: 1,
                    least: 0,
                    most: 0,
                },
            ),
        ] {
            assert_eq!(compare(&target(), &ours, &facts), Err(expected));
        }
    }

    #[test]
    fn an_answer_that_never_came_may_have_been_a_booking() {
        let mut ours = ours(&[("1", 2, Fate::Stands)]);
        ours.unsure = 1;
        let listed = [("1", 2, Status::Booked), ("2", 1, Status::Booked)];
        assert_eq!(compare(&target(), &ours, &facts(3, &listed)), Ok(()));
    }
}
