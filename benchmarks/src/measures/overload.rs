//! Twice as much is asked as the platform can take: what becomes of those it answers, of the others, and of it afterwards.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use testkit::Platform;
use tokio::process::Command;

use super::{Options, median};
use crate::Outcome;
use crate::report::{Row, Target, note};
use crate::subjects::{binary, drained, platform, resident_megabytes};

pub(crate) const TWICE: &str = "overload";

/// At capacity.
const CLIENTS: &str = "64";
/// So many wait at the same time in the end; several times as many as may wait for one event.
const CROWD: &str = "8192";

/// What `myevents load` told of a run.
struct Run {
    /// Bookings, and how many of them a second.
    booked: f64,
    a_second: f64,
    /// The 99th percentile of the time from sending to the answer, in milliseconds.
    p99: f64,
    answers: f64,
    /// Those of 503.
    refused: f64,
    /// The platform's memory by then.
    megabytes: f64,
}

struct Turn {
    before: f64,
    at_capacity: Run,
    overloaded: Run,
    afterwards: Run,
}

pub(crate) async fn twice(options: &Options) -> Outcome<Vec<Row>> {
    let mut turns = Vec::new();
    for _ in 0..options.turns {
        turns.push(turn(options.seconds).await?);
    }
    let each = |figure: fn(&Turn) -> f64| median(turns.iter().map(figure).collect());
    Ok(vec![
        Row {
            name: "bookings a second under twice the load, to those at capacity".to_owned(),
            figures: format!(
                "{:.0}/s to {:.0}/s; {:.0} of {:.0} answers were 503",
                each(|turn| turn.overloaded.a_second),
                each(|turn| turn.at_capacity.a_second),
                each(|turn| turn.overloaded.refused),
                each(|turn| turn.overloaded.answers),
            ),
            value: each(|turn| turn.overloaded.a_second / turn.at_capacity.a_second),
            target: Target::AtLeast(0.5),
        },
        Row {
            name: "time to an answer meanwhile, 99th percentile in ms".to_owned(),
            figures: format!(
                "{:.0} ms at capacity; {CROWD} connections",
                each(|turn| turn.at_capacity.p99)
            ),
            value: each(|turn| turn.overloaded.p99),
            target: Target::AtMost(2_000.0),
        },
        Row {
            name: "memory that a booking took meanwhile, to that at capacity".to_owned(),
            figures: format!("{:.0} MB afterwards", each(|turn| turn.overloaded.megabytes)),
            value: each(Turn::memory),
            target: Target::AtMost(2.0),
        },
        Row {
            name: "bookings a second afterwards, to those before".to_owned(),
            figures: format!("{:.0}/s", each(|turn| turn.afterwards.a_second)),
            value: each(|turn| turn.afterwards.a_second / turn.at_capacity.a_second),
            target: Target::AtLeast(0.7),
        },
    ])
}

impl Turn {
    fn memory(&self) -> f64 {
        let at_capacity = (self.at_capacity.megabytes - self.before) / self.at_capacity.booked;
        let overloaded = (self.overloaded.megabytes - self.at_capacity.megabytes) / self.overloaded.booked;
        overloaded / at_capacity
    }
}

async fn turn(seconds: u64) -> Outcome<Turn> {
    let platform = platform(None).await?;
    let folder = platform.folder().to_owned();
    let before = resident_megabytes(platform.pid())?;
    let at_capacity = run(&platform, &folder, seconds, &["--connections", CLIENTS]).await?;
    let rate = format!("{:.0}", at_capacity.a_second * 2.0);
    let twice = ["--connections", CROWD, "--rate", &rate];
    let overloaded = run(&platform, &folder, seconds, &twice).await?;
    let afterwards = run(&platform, &folder, seconds, &["--connections", CLIENTS]).await?;
    platform.stop().await;
    note(&format!(
        "  {:.0}/s at capacity, {:.0}/s of {rate} asked for, {:.0}/s afterwards",
        at_capacity.a_second, overloaded.a_second, afterwards.a_second
    ));
    Ok(Turn {
        before,
        at_capacity,
        overloaded,
        afterwards,
    })
}

async fn run(platform: &Platform, folder: &Path, seconds: u64, more: &[&str]) -> Outcome<Run> {
    let file = folder.join("load.json");
    let mut command = Command::new(binary()?);
    command.args([
        "load",
        "--url",
        platform.url("event API"),
        "--seconds",
        &seconds.to_string(),
        "--json",
    ]);
    let loading = command
        .arg(&file)
        .args(more)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .status();
    if !loading.await?.success() {
        return Err("the load does not hold what it should: run `myevents load` by itself to see why".into());
    }
    drained(platform).await?;
    let told: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    let operations = told["operations"].as_array().ok_or("no operations are told")?;
    let booking = operations
        .iter()
        .find(|told| told["operation"] == "book")
        .ok_or("nothing was booked")?;
    let booked = number(&told["booked"]);
    Ok(Run {
        booked,
        a_second: booked / number(&told["took_seconds"]),
        p99: number(&booking["service"]["p99"]),
        answers: number(&booking["answers"]),
        refused: number(&told["other_answers"]["503"]),
        megabytes: resident_megabytes(platform.pid())?,
    })
}
