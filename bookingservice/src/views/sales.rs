//! Seats booked and cancelled in each hour.
//!
//! There is a document for each event in each hour in which something happened to its seats: what counts into one comes
//! from one stream, so those who apply different streams never meet. Ids sort as hours do, so that a run of hours is a run
//! of ids. It must not know whose hours are asked for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use chassis::Recorded;
use chassis::views::{Key, LiveViews, UnitOfWork, View};
use contracts::DomainEvent;
use jiff::Timestamp;
use persistence::{BY_ID, Bound, Cursor, Index, Query, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

const COLLECTION: &str = "sales";
const SECONDS_OF_HOUR: i64 = 3_600;
/// Documents that are read together, and at most for one answer.
const TOGETHER: usize = 1_000;
const MOST: usize = 50_000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sales {
    pub(crate) booked: u64,
    pub(crate) cancelled: u64,
}

/// An hour of the clock in UTC, counted from 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hour(i64);

/// Some hours, without a gap.
#[derive(Debug, Clone)]
pub(crate) struct Hours {
    first: Hour,
    sales: VecDeque<Sales>,
}

pub(crate) struct SalesView;

#[async_trait]
impl View for SalesView {
    fn collections(&self) -> &'static [(&'static str, &'static [Index])] {
        &[(COLLECTION, &[])]
    }

    fn touches(&self, recorded: &Recorded, keys: &mut Vec<Key>) {
        if let Some((event_id, _)) = counted(recorded) {
            keys.push((COLLECTION, id_of(recorded, event_id)));
        }
    }

    async fn apply(&self, recorded: &Recorded, unit: &mut UnitOfWork) -> Result<(), StoreError> {
        let Some((event_id, sales)) = counted(recorded) else {
            return Ok(());
        };
        let id = id_of(recorded, event_id);
        unit.update(COLLECTION, &id, recorded, |kept: &mut Sales| kept.add(sales))
            .await
    }
}

/// Answers who asks for the latest hours: one answer is reckoned at a time, and serves all who came before it was begun.
#[derive(Clone, Default)]
pub(crate) struct LatestSales(Arc<Mutex<Option<Answer>>>);

struct Answer {
    begun: Instant,
    /// Hours that were asked for.
    count: u32,
    hours: Hours,
}

impl LatestSales {
    /// The latest `count` hours up to that of `now`: fewer, where more was sold in them than is read for one answer.
    pub(crate) async fn hours(&self, views: &LiveViews, now: Timestamp, count: u32) -> Result<Hours, StoreError> {
        let came = Instant::now();
        let mut last = self.0.lock().await;
        if let Some(answer) = last.as_ref()
            && answer.begun >= came
            && answer.count >= count
        {
            return Ok(answer.hours.latest(count));
        }
        let begun = Instant::now();
        let hours = read(views, Hour::of(now), count).await?;
        *last = Some(Answer {
            begun,
            count,
            hours: hours.clone(),
        });
        Ok(hours)
    }
}

/// So many hours up to the last one.
async fn read(views: &LiveViews, last: Hour, count: u32) -> Result<Hours, StoreError> {
    let mut hours = Hours::of(Hour(last.0 - i64::from(count) + 1), count);
    let (mut after, mut left) = (None, MOST);
    while left > 0 {
        let query = newest_first(hours.first, last, after, left.min(TOGETHER));
        let (found, next): (Vec<(String, Sales)>, _) = views.find(COLLECTION, query).await?;
        left -= found.len();
        for (id, sales) in found {
            hours.add(Hour::read(&id), sales);
        }
        if next.is_none() {
            return Ok(hours);
        }
        after = next;
    }
    Ok(hours.behind(after.and_then(|place| Hour::read(&place.id))))
}

fn newest_first(first: Hour, last: Hour, after: Option<Cursor>, limit: usize) -> Query {
    let bound = |hour: Hour, inclusive| Bound {
        value: hour.prefix().into(),
        inclusive,
    };
    Query {
        index: BY_ID,
        equals: Vec::new(),
        lower: Some(bound(first, true)),
        upper: Some(bound(Hour(last.0 + 1), false)),
        after,
        descending: true,
        limit,
    }
}

/// The event, and what happened to its seats.
fn counted(recorded: &Recorded) -> Option<(&str, Sales)> {
    let (event_id, booked, cancelled) = match &recorded.event {
        DomainEvent::EventBooked(booked) => (&booked.event_id, booked.seats, 0),
        DomainEvent::BookingCancelled(cancelled) => (&cancelled.event_id, 0, cancelled.seats),
        _ => return None,
    };
    let sales = Sales {
        booked: booked.into(),
        cancelled: cancelled.into(),
    };
    Some((event_id, sales))
}

fn id_of(recorded: &Recorded, event_id: &str) -> String {
    Hour::of(recorded.envelope.time).prefix() + event_id
}

impl Sales {
    fn add(&mut self, more: Self) {
        self.booked += more.booked;
        self.cancelled += more.cancelled;
    }
}

impl Hour {
    fn of(time: Timestamp) -> Self {
        Self(time.as_second().div_euclid(SECONDS_OF_HOUR))
    }

    /// `None` beyond the times that there are.
    pub(crate) fn start(self) -> Option<Timestamp> {
        Timestamp::from_second(self.0 * SECONDS_OF_HOUR).ok()
    }

    /// Sorts as hours do; before 1970 nothing was sold.
    fn prefix(self) -> String {
        format!("{:08}/", self.0.max(0))
    }

    fn read(id: &str) -> Option<Self> {
        let (hour, _) = id.split_once('/')?;
        hour.parse().ok().map(Self)
    }
}

impl Hours {
    fn of(first: Hour, count: u32) -> Self {
        Self {
            first,
            sales: std::iter::repeat_n(Sales::default(), count as usize).collect(),
        }
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Hour, Sales)> {
        (self.first.0..).map(Hour).zip(self.sales.iter().copied())
    }

    fn add(&mut self, hour: Option<Hour>, sales: Sales) {
        let index = hour.and_then(|hour| usize::try_from(hour.0 - self.first.0).ok());
        if let Some(kept) = index.and_then(|index| self.sales.get_mut(index)) {
            kept.add(sales);
        }
    }

    fn latest(&self, count: u32) -> Self {
        let mut latest = self.clone();
        while latest.sales.len() > count as usize && latest.sales.pop_front().is_some() {
            latest.first.0 += 1;
        }
        latest
    }

    /// Without those up to one that was not read to its end.
    fn behind(mut self, hour: Option<Hour>) -> Self {
        while hour.is_some_and(|hour| self.first <= hour) && self.sales.pop_front().is_some() {
            self.first.0 += 1;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sold(booked: u64) -> Sales {
        Sales { booked, cancelled: 0 }
    }

    #[test]
    fn ids_sort_as_hours_do() {
        let hour = Hour::of("2030-06-01T18:59:59.9Z".parse().unwrap());
        assert_eq!(hour.start(), "2030-06-01T18:00:00Z".parse().ok());
        assert_eq!(Hour::read(&(hour.prefix() + "a/b")), Some(hour));
        assert!(hour.prefix() < Hour(hour.0 + 1).prefix());
        assert!(Hour(9_999).prefix() < Hour(10_000).prefix());
        assert_eq!(Hour::read("else"), None);
    }

    #[test]
    fn hours_that_were_not_read_to_their_end_are_left_out() {
        let mut hours = Hours::of(Hour(10), 4);
        hours.add(Some(Hour(11)), sold(5));
        hours.add(Some(Hour(13)), sold(7));
        hours.add(Some(Hour(9)), sold(1));
        hours.add(Some(Hour(14)), sold(1));
        let all: Vec<_> = hours.iter().collect();
        assert_eq!(all[1], (Hour(11), sold(5)));
        assert_eq!(all.len(), 4);
        let rest: Vec<_> = hours.behind(Some(Hour(11))).iter().collect();
        assert_eq!(rest, [(Hour(12), sold(0)), (Hour(13), sold(7))]);
    }

    #[test]
    fn of_more_hours_the_latest_are_taken() {
        let mut hours = Hours::of(Hour(10), 4);
        hours.add(Some(Hour(13)), sold(7));
        let latest: Vec<_> = hours.latest(2).iter().collect();
        assert_eq!(latest, [(Hour(12), sold(0)), (Hour(13), sold(7))]);
        assert_eq!(hours.latest(9).iter().count(), 4);
    }
}
