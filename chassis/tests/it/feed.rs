//! The feed tells an entity's public facts in order, from any version on, and what stood after each.

use std::sync::Arc;

use chassis::Recorded;
use chassis::consumer::{Handler, HandlerError};
use chassis::feed::{Facts, Feed, FeedView, Moment, Standing, Walk, told};
use chassis::views::{Generation, Generations, LiveViews, Views};
use contracts::{Envelope, StreamId};
use jiff::{SignedDuration, Timestamp};
use persistence::{Cursor, StoreError, Stores};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{Parts, bookings};

fn facts(recorded: &Recorded) -> Option<Facts> {
    let even = recorded.envelope.version.is_multiple_of(2);
    told(&recorded.envelope.payload).filter(|_| even)
}

/// Counts the entries.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Counted {
    count: u64,
}

impl Standing for Counted {}

fn count(before: Option<&Counted>, _: &Recorded) -> Option<Counted> {
    let count = before.map_or(0, |before| before.count) + 1;
    Some(Counted { count })
}

fn read_all(envelopes: Vec<Envelope>) -> Vec<Recorded> {
    envelopes
        .into_iter()
        .map(|envelope| Recorded::read(envelope).unwrap())
        .collect()
}

fn stream(name: &str) -> StreamId {
    StreamId::parse(name).unwrap()
}

async fn feed_of(parts: &Parts, generation: Generation) -> Feed {
    Feed::new(LiveViews::new(
        generation,
        parts.progress().await,
        Arc::clone(&parts.stores.documents),
    ))
}

async fn feed_view(stores: &Stores) -> (Views, Generation) {
    let generation = Generations::open(Arc::clone(&stores.documents))
        .await
        .unwrap()
        .live()
        .await
        .unwrap();
    let view = FeedView {
        public_facts: facts,
        fold: count,
        public_actor: |_| "someone",
    };
    let (documents, search) = (Arc::clone(&stores.documents), Arc::clone(&stores.search));
    (
        Views::open(vec![Arc::new(view)], generation.clone(), documents, search)
            .await
            .unwrap(),
        generation,
    )
}

async fn apply(views: &Views, stores: &Stores, recorded: &[Recorded]) -> Result<(), HandlerError> {
    let writes = views.handle(&recorded.into(), &stores.documents).await?;
    stores.documents.put(writes).await.unwrap();
    Ok(())
}

#[tokio::test]
async fn public_facts_are_read_in_order_from_any_version_on() {
    let parts = Parts::open().await;
    let (views, generation) = feed_view(&parts.stores).await;
    let recorded = read_all(bookings("inventory/a", 20));
    apply(&views, &parts.stores, &recorded[..12]).await.unwrap();
    // Some come again, as after a crash.
    apply(&views, &parts.stores, &recorded[8..]).await.unwrap();

    let feed = feed_of(&parts, generation).await;
    let stream = stream("inventory/a");
    let (entries, next) = feed.read(&stream, 5, 100).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.version).collect::<Vec<_>>(),
        [6, 8, 10, 12, 14, 16, 18, 20]
    );
    assert!(next.is_none());
    assert_eq!(
        (entries[0].actor.as_str(), entries[0].facts["booking_id"].as_str()),
        ("someone", Some("b6"))
    );
    let (page, next) = feed.read(&stream, 0, 3).await.unwrap();
    assert_eq!(page.last().unwrap().version, 6);
    assert!(next.is_some());
}

#[tokio::test]
async fn what_stands_after_an_entry_is_counted_once_however_often_it_comes() {
    let parts = Parts::open().await;
    let (views, generation) = feed_view(&parts.stores).await;
    let recorded = read_all(bookings("inventory/a", 20));
    // A crash leaves a part of a batch's writes.
    let writes = views
        .handle(&recorded[..12].into(), &parts.stores.documents)
        .await
        .unwrap();
    let put = parts.stores.documents.put(writes[..3].to_vec()).await;
    put.unwrap();
    apply(&views, &parts.stores, &recorded[..12]).await.unwrap();
    apply(&views, &parts.stores, &recorded[6..]).await.unwrap();
    let feed = feed_of(&parts, generation).await;
    let (entries, _) = feed.read(&stream("inventory/a"), 0, 100).await.unwrap();
    let counts: Vec<(u64, u64)> = entries
        .iter()
        .map(|entry| (entry.version, entry.standing["count"].as_u64().unwrap()))
        .collect();
    let expected: Vec<(u64, u64)> = (1..=10).map(|count| (2 * count, count)).collect();
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn a_long_silence_in_a_stream_does_not_interrupt_the_count() {
    let parts = Parts::open().await;
    let (views, generation) = feed_view(&parts.stores).await;
    let mut recorded = read_all(bookings("inventory/a", 2));
    apply(&views, &parts.stores, &recorded).await.unwrap();
    Arc::make_mut(&mut recorded[1].envelope).version = 5_000;
    apply(&views, &parts.stores, &recorded[1..]).await.unwrap();
    let feed = feed_of(&parts, generation).await;
    let last = feed.entry(&stream("inventory/a"), 5_000).await.unwrap().unwrap();
    assert_eq!(last.standing["count"], 2);
}

/// Entries of the versions 2, 4, 6, … at these seconds.
async fn entries_at(views: &Views, stores: &Stores, stream: &str, seconds: &[i64]) {
    let mut recorded = read_all(bookings(stream, 2 * seconds.len() as u64));
    for (i, entry) in recorded.iter_mut().enumerate() {
        Arc::make_mut(&mut entry.envelope).time = second(seconds[i / 2]);
    }
    apply(views, stores, &recorded).await.unwrap();
}

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn the_state_at_a_moment_is_that_of_the_newest_entry_up_to_it_even_where_the_clock_was_set_back() {
    let parts = Parts::open().await;
    let (views, generation) = feed_view(&parts.stores).await;
    // At 70 the clock was set back to 20.
    entries_at(&views, &parts.stores, "inventory/a", &[10, 50, 50, 70, 20, 60, 80]).await;
    entries_at(&views, &parts.stores, "inventory/b", &[1, 2, 3]).await;
    let feed = feed_of(&parts, generation).await;
    let a = stream("inventory/a");
    let mut found = Vec::new();
    for time in [9, 10, 49, 50, 69, 70, 79, 80, 1_000] {
        let entry = feed.at(&a, Moment::Time(second(time))).await.unwrap();
        found.push((time, entry.map_or(0, |entry| entry.version)));
    }
    // What was decided by the clock that was set back counts from 70 on.
    assert_eq!(
        found,
        [
            (9, 0),
            (10, 2),
            (49, 2),
            (50, 6),
            (69, 6),
            (70, 12),
            (79, 12),
            (80, 14),
            (1_000, 14)
        ]
    );
    let almost = second(50).checked_sub(SignedDuration::from_millis(1)).unwrap();
    assert_eq!(feed.at(&a, Moment::Time(almost)).await.unwrap().unwrap().version, 2);
    for (version, expected) in [(1, 0), (2, 2), (3, 2), (14, 14), (99, 14)] {
        let entry = feed.at(&a, Moment::Version(version)).await.unwrap();
        assert_eq!(entry.map_or(0, |entry| entry.version), expected, "{version}");
    }
}

/// All pages of so many entries, in one list.
async fn walk(feed: &Feed, streams: &[StreamId], descending: bool, limit: usize) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut walk = Walk {
        after: None,
        descending,
        limit,
    };
    loop {
        let page = feed.merged(streams, &walk).await.unwrap();
        assert!(page.entries.len() == limit || page.next.is_none());
        found.extend(page.entries.into_iter().map(|entry| (entry.stream, entry.version)));
        match page.next {
            Some(next) => walk.after = Some(next),
            None => return found,
        }
    }
}

#[tokio::test]
async fn several_streams_are_told_in_one_order_on_pages_of_any_length() {
    let parts = Parts::open().await;
    let (views, generation) = feed_view(&parts.stores).await;
    entries_at(&views, &parts.stores, "event/a", &[10, 30, 30, 90]).await;
    entries_at(&views, &parts.stores, "inventory/a", &[10, 30, 30, 40, 20, 90, 90]).await;
    let feed = feed_of(&parts, generation).await;
    let streams = [stream("event/a"), stream("inventory/a")];
    let (e, i) = ("event/a", "inventory/a");
    let order = [
        (e, 2),
        (i, 2),
        (e, 4),
        (e, 6),
        (i, 4),
        (i, 6),
        (i, 8),
        (i, 10),
        (e, 8),
        (i, 12),
        (i, 14),
    ];
    let mut expected: Vec<(String, u64)> = order.map(|(stream, version)| (stream.to_owned(), version)).into();
    for descending in [false, true] {
        for limit in 1..=expected.len() + 1 {
            assert_eq!(walk(&feed, &streams, descending, limit).await, expected, "by {limit}");
        }
        expected.reverse();
    }
}

#[tokio::test]
async fn a_cursor_of_other_streams_is_refused() {
    let parts = Parts::open().await;
    let (views, generation) = feed_view(&parts.stores).await;
    entries_at(&views, &parts.stores, "event/a", &[10, 30]).await;
    let feed = feed_of(&parts, generation).await;
    for (values, id) in [
        (vec![json!(10), json!(2)], "event/b"),
        (vec![json!(10)], "event/a"),
        (vec![json!("10"), json!(2)], "event/a"),
        (vec![json!(10), json!(2)], "a"),
    ] {
        let walk = Walk {
            after: Some(Cursor {
                values,
                id: id.to_owned(),
            }),
            descending: false,
            limit: 1,
        };
        let refused = feed.merged(&[stream("event/a")], &walk).await;
        assert!(matches!(refused, Err(StoreError::ForeignCursor)), "{walk:?}");
    }
}
