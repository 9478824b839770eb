//! What the platform takes when nobody uses it: memory, and time to start.

use std::time::{Duration, Instant};

use super::{Options, median};
use crate::Outcome;
use crate::report::{Row, Target, note};
use crate::subjects::{drained, events, platform, resident_megabytes};

pub(crate) const IDLE: &str = "idle";
pub(crate) const START: &str = "start";

const SETTLE: Duration = Duration::from_secs(5);

/// Both services in one process, after a moment.
pub(crate) async fn idle() -> Outcome<Row> {
    let platform = platform(None).await?;
    tokio::time::sleep(SETTLE).await;
    let megabytes = resident_megabytes(platform.pid())?;
    platform.stop().await;
    Ok(Row {
        name: "resident memory of both services idle, in MB".to_owned(),
        figures: "one process".to_owned(),
        value: megabytes,
        target: Target::AtMost(60.0),
    })
}

/// From the start of the process until it says that it is ready.
pub(crate) async fn start(options: &Options) -> Outcome<Row> {
    let folder = tempfile::tempdir()?;
    let first = platform(Some(folder.path())).await?;
    note(&format!("  making {} events", options.events));
    events(&first, options.events).await?;
    drained(&first).await?;
    first.stop().await;
    let mut times = Vec::new();
    for _ in 0..options.turns {
        let began = Instant::now();
        let again = platform(Some(folder.path())).await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        again.stop().await;
    }
    Ok(Row {
        name: "start to ready, in ms".to_owned(),
        figures: format!("{} events stored", options.events),
        value: median(times),
        target: Target::AtMost(300.0),
    })
}
