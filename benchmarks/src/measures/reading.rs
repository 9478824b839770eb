//! Reads: one event against the bare server, and a page of a long list against one of a short list.

use std::time::Duration;

use super::{Options, median};
use crate::Outcome;
use crate::client::{Connection, Plan, closed_loop};
use crate::report::{Row, Target, note};
use crate::subjects::{Bare, events, platform};

pub(crate) const ONE: &str = "one";
pub(crate) const LIST: &str = "list";

const CONNECTIONS: usize = 64;
const FOR: Duration = Duration::from_secs(4);
pub(super) const SHORT_LIST: usize = 1_000;
pub(super) const PAGE: &str = "/events?limit=50";

/// `GET /events/{id}` to the same bytes from memory.
pub(crate) async fn one(options: &Options) -> Outcome<Row> {
    let platform = platform(None).await?;
    let id = events(&platform, 1).await?.remove(0);
    let path = format!("/events/{id}");
    let answer = Connection::open(platform.url("event API"))
        .await?
        .get(&path, None)
        .await?;
    let bare = Bare::start(std::str::from_utf8(&answer.body)?).await?;
    let (mut ratios, mut ours, mut bares) = (vec![], vec![], vec![]);
    for _ in 0..options.turns {
        let least = rate(&bare.address, "/bytes").await?;
        let rate = rate(platform.url("event API"), &path).await?;
        note(&format!("  bare {least:.0}/s, platform {rate:.0}/s"));
        ratios.push(rate / least);
        ours.push(rate);
        bares.push(least);
    }
    platform.stop().await;
    Ok(Row {
        name: "GET /events/{id} to the bare server with the same bytes".to_owned(),
        figures: format!("{:.0}/s to {:.0}/s", median(ours), median(bares)),
        value: median(ratios),
        target: Target::AtLeast(0.5),
    })
}

/// `GET /events?limit=50` with many events to that with few, in time.
pub(crate) async fn list(options: &Options) -> Outcome<Row> {
    let (few, many) = (platform(None).await?, platform(None).await?);
    events(&few, SHORT_LIST).await?;
    note(&format!("  making {} events", options.events));
    events(&many, options.events).await?;
    let (mut ratios, mut shorts, mut longs) = (vec![], vec![], vec![]);
    for _ in 0..options.turns {
        let short = rate(few.url("event API"), PAGE).await?;
        let long = rate(many.url("event API"), PAGE).await?;
        note(&format!("  few {short:.0}/s, many {long:.0}/s"));
        ratios.push(short / long);
        shorts.push(short);
        longs.push(long);
    }
    few.stop().await;
    many.stop().await;
    Ok(Row {
        name: "time of GET /events?limit=50 in a long list to that in a list of 1,000".to_owned(),
        figures: format!("{:.0}/s to {:.0}/s", median(longs), median(shorts)),
        value: median(ratios),
        target: Target::AtMost(1.5),
    })
}

pub(super) async fn rate(address: &str, path: &str) -> Outcome<f64> {
    let plan = Plan {
        address: address.to_owned(),
        connections: CONNECTIONS,
        length: FOR,
        paths: vec![path.to_owned()],
        body: None,
    };
    let load = closed_loop(plan).await?;
    if load.others > 0 {
        return Err(format!("{} answers were not 200", load.others).into());
    }
    Ok(load.a_second())
}
