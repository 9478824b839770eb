//! Bookings where the store and the broker are servers: MongoDB, majority and journaled, and RabbitMQ, both on this machine.

use std::time::Duration;

use tokio::time::Instant;

use super::booking::{accepted, bare, bookings};
use super::reading::{PAGE, SHORT_LIST, rate};
use super::{Options, median, ratios};
use crate::Outcome;
use crate::client::closed_loop;
use crate::report::{Row, Target, note};
use crate::subjects::{Servers, drained, events};

pub(crate) const HOT: &str = "hot-mongodb";
pub(crate) const SUSTAINED: &str = "sustained-mongodb";
pub(crate) const TWO: &str = "two-mongodb";
pub(crate) const LIST: &str = "list-mongodb";

const FEW: usize = 64;
const MANY: usize = 256;
const MANY_EVENTS: usize = 1_000;
const SUSTAINED_FOR: Duration = Duration::from_secs(60);
const NAME: &str = "on MongoDB and RabbitMQ";

/// Bookings a second of a fresh platform.
async fn burst(events_count: usize, connections: usize, length: Duration) -> Outcome<f64> {
    let platform = Servers::place()?.platform().await?;
    let ids = events(&platform, events_count).await?;
    drained(&platform).await?;
    let load = closed_loop(bookings(platform.url("booking API"), ids, connections, length)).await?;
    platform.kill().await;
    Ok(accepted(load)?.a_second())
}

/// One hot event against the bare server with few and with many connections, and many events against the one.
pub(crate) async fn hot(options: &Options) -> Outcome<Vec<Row>> {
    let length = Duration::from_secs(options.seconds);
    let mut all: [Vec<f64>; 5] = Default::default();
    for _ in 0..options.turns {
        let turn = [
            bare(FEW).await?,
            bare(MANY).await?,
            burst(1, FEW, length).await?,
            burst(1, MANY, length).await?,
            burst(MANY_EVENTS, FEW, length).await?,
        ];
        note(&format!(
            "  bare, bare of {MANY}, hot, hot of {MANY}, many events: {turn:.0?}"
        ));
        all.iter_mut().zip(turn).for_each(|(rates, rate)| rates.push(rate));
    }
    let [bare_few, bare_many, hot_few, hot_many, many] = all;
    Ok(vec![
        row(
            format!("bookings of one event {NAME}, {MANY} connections, to the bare server"),
            &hot_many,
            bare_many,
            0.3,
        ),
        row(format!("the same, {FEW} connections"), &hot_few, bare_few, 0.13),
        row(
            format!("bookings of 1,000 events to those of one, {NAME}"),
            &many,
            hot_few,
            0.5,
        ),
    ])
}

fn row(name: String, ours: &[f64], theirs: Vec<f64>, least: f64) -> Row {
    Row {
        name,
        value: median(ratios(ours, &theirs)),
        figures: format!("{:.0}/s to {:.0}/s", median(ours.to_vec()), median(theirs)),
        target: Target::AtLeast(least),
    }
}

pub(crate) async fn sustained(options: &Options) -> Outcome<Row> {
    let (mut rates, mut bares) = (vec![], vec![]);
    for _ in 0..options.turns {
        bares.push(bare(FEW).await?);
        rates.push(burst(1, FEW, SUSTAINED_FOR).await?);
    }
    Ok(Row {
        name: format!("the same sustained for 60 s, {NAME}"),
        value: median(ratios(&rates, &bares)),
        figures: format!("{:.0}/s", median(rates)),
        target: Target::None,
    })
}

/// Two processes on one hot event, with half of the clients each, to one with all of them.
pub(crate) async fn two(options: &Options) -> Outcome<Row> {
    let length = Duration::from_secs(options.seconds);
    let (mut ones, mut twos) = (vec![], vec![]);
    for _ in 0..options.turns {
        ones.push(burst(1, FEW, length).await?);
        twos.push(of_two(length).await?);
    }
    Ok(row(
        format!("bookings of one event by two processes to those by one, {NAME}"),
        &twos,
        ones,
        0.6,
    ))
}

async fn of_two(length: Duration) -> Outcome<f64> {
    let place = Servers::place()?;
    let (one, other) = (place.platform().await?, place.platform().await?);
    let ids = events(&one, 1).await?;
    drained(&one).await?;
    let began = Instant::now();
    let load = |url: &str| closed_loop(bookings(url, ids.clone(), FEW / 2, length));
    let (first, second) = tokio::try_join!(load(one.url("booking API")), load(other.url("booking API")))?;
    let took = began.elapsed().as_secs_f64();
    one.kill().await;
    other.kill().await;
    Ok((accepted(first)?.answered + accepted(second)?.answered) as f64 / took)
}

/// `GET /events?limit=50` with many events to that with few, in time.
pub(crate) async fn list(options: &Options) -> Outcome<Row> {
    let (few, many) = (Servers::place()?.platform().await?, Servers::place()?.platform().await?);
    events(&few, SHORT_LIST).await?;
    note(&format!("  making {} events", options.events));
    events(&many, options.events).await?;
    drained(&many).await?;
    let (mut shorts, mut longs) = (vec![], vec![]);
    for _ in 0..options.turns {
        shorts.push(rate(few.url("event API"), PAGE).await?);
        longs.push(rate(many.url("event API"), PAGE).await?);
    }
    few.kill().await;
    many.kill().await;
    Ok(Row {
        name: format!("time of GET /events?limit=50 in a long list to that in a list of 1,000, {NAME}"),
        value: median(ratios(&shorts, &longs)),
        figures: format!("{:.0}/s to {:.0}/s", median(longs), median(shorts)),
        target: Target::AtMost(1.5),
    })
}
