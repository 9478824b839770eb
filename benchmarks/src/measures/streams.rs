//! Very many open streams: what they take, and how soon all of them hear.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{Options, median};
use crate::Outcome;
use crate::client::Connection;
use crate::report::{Row, Target, note};
use crate::subjects::{events, platform, resident_megabytes};

pub(crate) const OPEN: &str = "streams";

const STREAMS: usize = 10_000;
/// Each process may have so many files open; what is opened at the same time waits for the same accept queue.
const AT_ONCE: usize = 200;
const BOOKINGS: usize = 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// The version that each stream has heard of.
type Heard = Arc<Vec<AtomicU64>>;

/// Everybody follows the same event, message by message.
pub(crate) async fn open(options: &Options) -> Outcome<Vec<Row>> {
    let platform = platform(None).await?;
    let ids = events(&platform, 1).await?;
    let event = ids.first().ok_or("there is no event")?;
    let address = platform.url("booking API").trim_start_matches("http://").to_owned();
    let before = resident_megabytes(platform.pid())?;
    let heard: Heard = Arc::new((0..STREAMS).map(|_| AtomicU64::new(0)).collect());
    let readers = listen(&address, event, &heard).await?;
    let mut times = Vec::new();
    for _ in 0..options.turns {
        times.push(slowest(&address, event, &heard).await?);
    }
    let megabytes = resident_megabytes(platform.pid())?;
    readers.iter().for_each(JoinHandle::abort);
    platform.stop().await;
    Ok(vec![
        Row {
            name: format!("resident memory with {STREAMS} open streams, in MB"),
            figures: format!("{before:.0} MB without them"),
            value: megabytes,
            target: Target::AtMost(1_000.0),
        },
        Row {
            name: "from the answer to a booking until the last of them has heard, in ms".to_owned(),
            figures: format!("slowest of {BOOKINGS} bookings"),
            value: median(times),
            target: Target::AtMost(1_000.0),
        },
    ])
}

async fn listen(address: &str, event: &str, heard: &Heard) -> Outcome<Vec<JoinHandle<()>>> {
    note(&format!("  opening {STREAMS} streams"));
    let mut readers = Vec::with_capacity(STREAMS);
    for first in (0..STREAMS).step_by(AT_ONCE) {
        let opening = (first..first + AT_ONCE).map(|number| open_one(address, event, heard, number));
        for opened in join_all(opening).await {
            readers.push(opened?);
        }
    }
    all_have(heard, 1).await?;
    Ok(readers)
}

async fn open_one(address: &str, event: &str, heard: &Heard, number: usize) -> Outcome<JoinHandle<()>> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /events/{event}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let heard = Arc::clone(heard);
    Ok(tokio::spawn(async move {
        let mut buffer = vec![0; 4_096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            if let Some(version) = last_id(&buffer[..count])
                && let Some(own) = heard.get(number)
            {
                own.store(version, Ordering::Relaxed);
            }
        }
    }))
}

/// A message comes in one piece nearly always; one that does not is found by the next.
fn last_id(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (_, behind) = text.rsplit_once("id: ")?;
    behind.lines().next()?.parse().ok()
}

/// Milliseconds until the last one has heard of a booking, of several the longest.
async fn slowest(address: &str, event: &str, heard: &Heard) -> Outcome<f64> {
    let mut connection = Connection::open(address).await?;
    let mut longest = Duration::ZERO;
    for _ in 0..BOOKINGS {
        let known = heard.iter().map(|own| own.load(Ordering::Relaxed)).max().unwrap_or(0);
        let path = format!("/events/{event}/bookings");
        connection.post(&path, Bytes::from_static(br#"{"seats":1}"#)).await?;
        let answered = Instant::now();
        all_have(heard, known + 1).await?;
        longest = longest.max(answered.elapsed());
    }
    Ok(longest.as_secs_f64() * 1_000.0)
}

async fn all_have(heard: &Heard, version: u64) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    while heard.iter().any(|own| own.load(Ordering::Relaxed) < version) {
        if Instant::now() > deadline {
            let late = heard.iter().filter(|own| own.load(Ordering::Relaxed) < version).count();
            return Err(format!("{late} streams have not heard of version {version}").into());
        }
        sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
