//! What an operator waits for: views built anew, a journal proved, and the first booking of a long event after a start.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::brokers::Kind;
use bytes::Bytes;
use hyper::StatusCode;
use testkit::Histories;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::{Options, median, ratios};
use crate::Outcome;
use crate::brokers::Place;
use crate::client::Connection;
use crate::raw::kafka;
use crate::report::{Row, Target, note};
use crate::subjects::{BROKER, binary, drained, platform, resident_megabytes};

pub(crate) const REBUILD: &str = "rebuild";
pub(crate) const REBUILD_KAFKA: &str = "rebuild-kafka";
pub(crate) const VERIFY: &str = "verify";
pub(crate) const FIRST: &str = "first";

/// Events with their bookings that make the log of a rebuild and the journal of a verification.
const EVENTS: u64 = 1_000;
const BOOKINGS_BEHIND: u64 = 100_000;
const LOOK: Duration = Duration::from_millis(200);
const REBUILDING: [&str; 3] = ["rebuild", "booking", "--anew"];

/// How fast the booking service's views are built from a long log, and whether that takes more memory with its length.
pub(crate) async fn rebuild(options: &Options) -> Outcome<Vec<Row>> {
    let folder = history(options.envelopes, true).await?;
    let mut rebuilds = Rebuilds::default();
    for _ in 0..options.turns {
        rebuilds.add(command(folder.path(), &REBUILDING).await?)?;
    }
    Ok(rebuilds.rows("a rebuild", options.envelopes).into())
}

/// The same from a log in Kafka, beside a client that only reads it.
pub(crate) async fn rebuild_from_kafka(options: &Options) -> Outcome<Vec<Row>> {
    let (folder, place) = (tempfile::tempdir()?, Place::new(Kind::Kafka)?);
    note(&format!("  writing {} envelopes", options.envelopes));
    let histories = Histories::new(EVENTS, options.envelopes / EVENTS).published_to(&place.url());
    let written = usize::try_from(histories.write(folder.path()).await.envelopes)?;
    let (mut rebuilds, mut raws) = (Rebuilds::default(), vec![]);
    for _ in 0..options.turns {
        let raw = kafka::listen(&place.server, &place.name, written, kafka::at_nothing).await?;
        note(&format!("  rdkafka {raw:.0}/s"));
        raws.push(raw);
        rebuilds.add(command_over(&place.url(), folder.path(), &REBUILDING).await?)?;
    }
    let to_raw = Row {
        name: "the same to rdkafka, which only reads".to_owned(),
        value: median(ratios(&rebuilds.rates, &raws)),
        figures: format!("{:.0}/s to {:.0}/s", median(rebuilds.rates.clone()), median(raws)),
        target: Target::None,
    };
    let [rate, memory] = rebuilds.rows("a rebuild from Kafka", options.envelopes);
    Ok(vec![rate, to_raw, memory])
}

/// What several rebuilds of one log were worth.
#[derive(Default)]
struct Rebuilds {
    rates: Vec<f64>,
    growths: Vec<f64>,
    highest: Vec<f64>,
}

impl Rebuilds {
    fn add(&mut self, run: Run) -> Outcome<()> {
        let rate = rate(&run.output, "Read ")?;
        note(&format!("  {rate:.0}/s, {:.0} MB at most", run.highest()));
        self.rates.push(rate);
        self.growths.push(run.growth());
        self.highest.push(run.highest());
        Ok(())
    }

    fn rows(self, what: &str, envelopes: u64) -> [Row; 2] {
        let rate = Row {
            name: format!("envelopes a second of {what}"),
            figures: format!("{envelopes} envelopes"),
            value: median(self.rates),
            target: Target::AtLeast(30_000.0),
        };
        let memory = Row {
            name: format!("memory at the end of {what} to that after a third of it"),
            figures: format!("{:.0} MB at most", median(self.highest)),
            value: median(self.growths),
            target: Target::AtMost(1.25),
        };
        [rate, memory]
    }
}

/// How fast a journal is proved by itself; comparing views with their replay comes behind that, at a rebuild's speed.
pub(crate) async fn verify(options: &Options) -> Outcome<Row> {
    let folder = history(options.envelopes, false).await?;
    let mut rates = vec![];
    for _ in 0..options.turns {
        let run = command(folder.path(), &["verify", "booking"]).await?;
        let rate = rate(&run.output, "envelopes a second")?;
        note(&format!("  {rate:.0}/s, {:.0} MB at most", run.highest()));
        rates.push(rate);
    }
    Ok(Row {
        name: "envelopes of a journal proved a second by verify".to_owned(),
        figures: format!("{} envelopes", options.envelopes),
        value: median(rates),
        target: Target::AtLeast(100_000.0),
    })
}

/// The first booking after a start, of an event that has been booked very often.
pub(crate) async fn first_booking(options: &Options) -> Outcome<Row> {
    let folder = tempfile::tempdir()?;
    let written = Histories::new(1, BOOKINGS_BEHIND)
        .published()
        .write(folder.path())
        .await;
    let event = written.event_ids.first().ok_or("there is no event")?;
    let path = format!("/events/{event}/bookings");
    // The first start has the whole history to read, and keeps a snapshot when it ends.
    let first = platform(Some(folder.path())).await?;
    drained(&first).await?;
    book(&first, &path).await?;
    first.stop().await;
    let mut times = vec![];
    for _ in 0..options.turns {
        let again = platform(Some(folder.path())).await?;
        let took = book(&again, &path).await?;
        note(&format!("  {:.1} ms", took.as_secs_f64() * 1_000.0));
        times.push(took.as_secs_f64() * 1_000.0);
        again.stop().await;
    }
    Ok(Row {
        name: "first booking after a start, in ms".to_owned(),
        figures: format!("{BOOKINGS_BEHIND} bookings behind it"),
        value: median(times),
        target: Target::AtMost(50.0),
    })
}

async fn book(platform: &testkit::Platform, path: &str) -> Outcome<Duration> {
    let mut connection = Connection::open(platform.url("booking API")).await?;
    let began = Instant::now();
    let answer = connection.post(path, Bytes::from_static(br#"{"seats":1}"#)).await?;
    if answer.status != StatusCode::CREATED {
        return Err(format!("the booking was answered {}", answer.status).into());
    }
    Ok(began.elapsed())
}

/// A folder whose booking service has about so many envelopes.
async fn history(envelopes: u64, published: bool) -> Outcome<tempfile::TempDir> {
    note(&format!("  writing {envelopes} envelopes"));
    let folder = tempfile::tempdir()?;
    let histories = Histories::new(EVENTS, envelopes / EVENTS);
    let histories = if published { histories.published() } else { histories };
    histories.write(folder.path()).await;
    Ok(folder)
}

/// What a command printed, and its resident memory from time to time, in megabytes.
struct Run {
    output: String,
    memory: Vec<f64>,
}

impl Run {
    fn highest(&self) -> f64 {
        self.memory.iter().copied().fold(0.0, f64::max)
    }

    /// The highest of the last two thirds to the highest of the first one.
    fn growth(&self) -> f64 {
        let (first, rest) = self.memory.split_at(self.memory.len() / 3);
        let highest = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
        highest(rest) / highest(first).max(1.0)
    }
}

async fn command(folder: &Path, arguments: &[&str]) -> Outcome<Run> {
    run(Command::new(binary()?), folder, arguments).await
}

async fn command_over(broker: &str, folder: &Path, arguments: &[&str]) -> Outcome<Run> {
    let mut command = Command::new(binary()?);
    command.env(BROKER, broker);
    run(command, folder, arguments).await
}

async fn run(mut command: Command, folder: &Path, arguments: &[&str]) -> Outcome<Run> {
    let mut child = command
        .args(arguments)
        .arg("--data-dir")
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let mut printed = child.stdout.take().ok_or("the command has no output")?;
    let mut output = String::new();
    let (memory, read) = tokio::join!(watch(&mut child), printed.read_to_string(&mut output));
    read?;
    Ok(Run {
        output,
        memory: memory?,
    })
}

async fn watch(child: &mut Child) -> Outcome<Vec<f64>> {
    let pid = child.id().ok_or("the command ended at once")?;
    let mut memory = Vec::new();
    loop {
        tokio::select! {
            status = child.wait() => {
                let status = status?;
                return if status.success() { Ok(memory) } else { Err(format!("the command ended with {status}").into()) };
            }
            () = sleep(LOOK) => memory.extend(resident_megabytes(pid).ok()),
        }
    }
}

/// The rate in the line that has `mark` in it: the number before `a second`.
fn rate(output: &str, mark: &str) -> Outcome<f64> {
    let line = output.lines().find(|line| line.contains(mark));
    let before = line.and_then(|line| line.split(" a second").next());
    let number = before.and_then(|before| before.trim_end_matches(" envelopes").split_whitespace().last());
    let number = number.and_then(|number| number.replace(',', "").parse().ok());
    number.ok_or_else(|| format!("no rate behind `{mark}` in {output}").into())
}
