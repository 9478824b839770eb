//! Bookings: how many a second are durable, and how soon they are seen.

use std::time::Duration;

use crate::brokers::Kind;
use bytes::Bytes;
use testkit::Platform;
use tokio::time::{Instant, sleep};

use super::{Options, median, ratios};
use crate::Outcome;
use crate::brokers::{self, Place};
use crate::client::{Load, Plan, closed_loop, visible_after};
use crate::report::{Row, Target, note};
use crate::subjects::{Bare, behind, drained, events, platform, platform_over};

pub(crate) const BURST: &str = "burst";
pub(crate) const SUSTAINED: &str = "sustained";
pub(crate) const VISIBLE: &str = "visible";
pub(crate) const VISIBLE_AMQP: &str = "visible-amqp";
pub(crate) const VISIBLE_KAFKA: &str = "visible-kafka";

const CONNECTIONS: usize = 64;
const MANY_EVENTS: usize = 1_000;
const SUSTAINED_FOR: Duration = Duration::from_secs(60);
const BARE_FOR: Duration = Duration::from_secs(4);
const VISIBLE_RATE: u64 = 1_000;

/// One hot event against the bare server, and many events against the one.
pub(crate) async fn burst(options: &Options) -> Outcome<Vec<Row>> {
    let length = Duration::from_secs(options.seconds);
    let (mut bares, mut hots, mut manys, mut drains) = (vec![], vec![], vec![], vec![]);
    for _ in 0..options.turns {
        let bare = bare(CONNECTIONS).await?;
        let (hot, drain) = of_platform(1, length).await?;
        let (many, _) = of_platform(MANY_EVENTS, length).await?;
        note(&format!(
            "  bare {bare:.0}/s, hot {:.0}/s, many {:.0}/s, drain {:.1} s",
            hot.a_second(),
            many.a_second(),
            drain.as_secs_f64()
        ));
        bares.push(bare);
        hots.push(hot.a_second());
        manys.push(many.a_second());
        drains.push(drain.as_secs_f64());
    }
    let hot_ratio = median(ratios(&hots, &bares));
    let many_ratio = median(ratios(&manys, &hots));
    let (bare, hot, many) = (median(bares), median(hots), median(manys));
    Ok(vec![
        Row {
            name: "bookings of one event, burst, to the bare server".to_owned(),
            figures: format!("{hot:.0}/s to {bare:.0}/s; drained {:.1} s later", median(drains)),
            value: hot_ratio,
            target: Target::AtLeast(0.5),
        },
        Row {
            name: "bookings of 1,000 events to those of one".to_owned(),
            figures: format!("{many:.0}/s to {hot:.0}/s"),
            value: many_ratio,
            target: Target::AtLeast(0.5),
        },
    ])
}

/// A minute at full speed, with a bounded backlog.
pub(crate) async fn sustained(options: &Options) -> Outcome<Row> {
    let (mut ratios, mut rates, mut lags) = (vec![], vec![], vec![]);
    for _ in 0..options.turns {
        let bare = bare(CONNECTIONS).await?;
        let platform = platform(None).await?;
        let event = events(&platform, 1).await?;
        let (load, lag) = tokio::join!(
            closed_loop(bookings(platform.url("booking API"), event, CONNECTIONS, SUSTAINED_FOR)),
            largest_backlog(&platform)
        );
        let load = accepted(load?)?;
        note(&format!(
            "  bare {bare:.0}/s, platform {:.0}/s, behind {lag:.0}",
            load.a_second()
        ));
        ratios.push(load.a_second() / bare);
        rates.push(load.a_second());
        lags.push(lag);
        platform.kill().await;
    }
    Ok(Row {
        name: "the same sustained for 60 s".to_owned(),
        figures: format!("{:.0}/s; at most {:.0} envelopes behind", median(rates), median(lags)),
        value: median(ratios),
        target: Target::AtLeast(0.25),
    })
}

/// From the answer to the view, at a moderate rate: on the embedded broker, or over one that is a server.
pub(crate) async fn visible(options: &Options, over: Option<Kind>) -> Outcome<Row> {
    let (mut middles, mut highs) = (vec![], vec![]);
    for _ in 0..options.turns {
        let (middle, high) = match over {
            None => visibility(options, platform(None).await?).await?,
            Some(kind) => visibility(options, platform_over(&Place::new(kind)?.url()).await?).await?,
        };
        note(&format!("  median {middle:.1} ms, 99th percentile {high:.1} ms"));
        middles.push(middle);
        highs.push(high);
    }
    let (broker, most) = over.map_or(("the embedded broker", 50.0), |kind| (brokers::name(kind), 100.0));
    Ok(Row {
        name: format!("answer to visible in the view over {broker} at 1,000 bookings/s, 99th percentile in ms"),
        figures: format!("median {:.1} ms", median(middles)),
        value: median(highs),
        target: Target::AtMost(most),
    })
}

/// The median and the 99th percentile, in milliseconds.
async fn visibility(options: &Options, platform: Platform) -> Outcome<(f64, f64)> {
    let event = events(&platform, 1).await?.remove(0);
    let length = Duration::from_secs(options.seconds);
    let seen = visible_after(platform.url("booking API"), &event, VISIBLE_RATE, length).await?;
    platform.stop().await;
    let milliseconds = |quantile| seen.value_at_quantile(quantile) as f64 / 1_000.0;
    Ok((milliseconds(0.5), milliseconds(0.99)))
}

/// Bookings a second of the bare server.
pub(super) async fn bare(connections: usize) -> Outcome<f64> {
    let bare = Bare::start("").await?;
    let load = closed_loop(bookings(&bare.address, vec!["1".to_owned()], connections, BARE_FOR)).await?;
    Ok(accepted(load)?.a_second())
}

/// Rate of a fresh platform, and how long its background work goes on afterwards.
async fn of_platform(count: usize, length: Duration) -> Outcome<(Load, Duration)> {
    let platform = platform(None).await?;
    let ids = events(&platform, count).await?;
    drained(&platform).await?;
    let load = closed_loop(bookings(platform.url("booking API"), ids, CONNECTIONS, length)).await?;
    let drain = drained(&platform).await?;
    platform.stop().await;
    Ok((accepted(load)?, drain))
}

pub(super) fn bookings(address: &str, events: Vec<String>, connections: usize, length: Duration) -> Plan {
    Plan {
        address: address.to_owned(),
        connections,
        length,
        paths: events.iter().map(|id| format!("/events/{id}/bookings")).collect(),
        body: Some(Bytes::from_static(br#"{"seats":1}"#)),
    }
}

pub(super) fn accepted(load: Load) -> Outcome<Load> {
    if load.others == 0 {
        return Ok(load);
    }
    let first = load.other.unwrap_or_default();
    Err(format!("{} bookings were refused, the first with {first}", load.others).into())
}

async fn largest_backlog(platform: &Platform) -> f64 {
    let until = Instant::now() + SUSTAINED_FOR;
    let mut largest: f64 = 0.0;
    while Instant::now() < until {
        largest = largest.max(behind(platform).await);
        sleep(Duration::from_secs(1)).await;
    }
    largest
}
