//! A client that costs little itself: plain HTTP/1.1 over connections that are kept, one request at a time on each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{interval, sleep_until};

use crate::Outcome;

/// One kept connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

/// Longer than anybody waits for an answer here, in microseconds.
const LONGEST: u64 = 60_000_000;

/// What came of a run.
pub(crate) struct Load {
    pub(crate) answered: u64,
    /// Answers that were not as expected.
    pub(crate) others: u64,
    /// The first of them.
    pub(crate) other: Option<String>,
    pub(crate) took: Duration,
    /// Microseconds from request to the end of the answer.
    pub(crate) latencies: Histogram<u64>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) token: Option<String>,
    pub(crate) body: Bytes,
}

impl Answer {
    fn told(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

impl Load {
    pub(crate) fn a_second(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }
}

impl Connection {
    /// To `HOST:PORT`, with or without `http://` before it.
    pub(crate) async fn open(address: &str) -> Outcome<Self> {
        let address = address.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    pub(crate) async fn post(&mut self, path: &str, body: Bytes) -> Outcome<Answer> {
        let request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        self.send(request).await
    }

    pub(crate) async fn get(&mut self, path: &str, token: Option<&str>) -> Outcome<Answer> {
        let mut request = Request::get(path).header("host", "localhost");
        if let Some(token) = token {
            request = request.header("consistency-token", token);
        }
        self.send(request.body(Full::default())?).await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Outcome<Answer> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let token = response.headers().get("consistency-token");
        let token = token.and_then(|token| token.to_str().ok()).map(str::to_owned);
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer { status, token, body })
    }
}

/// What every client of a run does.
pub(crate) struct Plan {
    pub(crate) address: String,
    pub(crate) connections: usize,
    pub(crate) length: Duration,
    /// Requests go round these paths.
    pub(crate) paths: Vec<String>,
    /// Posted where there is one; otherwise the paths are got.
    pub(crate) body: Option<Bytes>,
}

/// Each connection asks as fast as it is answered.
pub(crate) async fn closed_loop(plan: Plan) -> Outcome<Load> {
    let plan = Arc::new(plan);
    let began = Instant::now();
    let until = began + plan.length;
    let clients = (0..plan.connections).map(|number| tokio::spawn(ask_until(Arc::clone(&plan), number, until)));
    let clients: Vec<_> = clients.collect();
    let mut load = Load {
        answered: 0,
        others: 0,
        other: None,
        took: Duration::ZERO,
        latencies: histogram()?,
    };
    for client in clients {
        let one = client.await??;
        load.answered += one.answered;
        load.others += one.others;
        load.other = load.other.or(one.other);
        load.latencies.add(one.latencies)?;
    }
    load.took = began.elapsed();
    Ok(load)
}

async fn ask_until(plan: Arc<Plan>, number: usize, until: Instant) -> Outcome<Load> {
    let mut connection = Connection::open(&plan.address).await?;
    let mut load = Load {
        answered: 0,
        others: 0,
        other: None,
        took: Duration::ZERO,
        latencies: histogram()?,
    };
    let expected = if plan.body.is_some() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let mut turn = number;
    while Instant::now() < until {
        // A step that is prime to most lengths, so that clients spread over the paths.
        turn = turn.wrapping_add(plan.connections * 7919 + 1);
        let path = &plan.paths[turn % plan.paths.len()];
        let asked = Instant::now();
        let answer = match &plan.body {
            Some(body) => connection.post(path, body.clone()).await?,
            None => connection.get(path, None).await?,
        };
        load.latencies.saturating_record(microseconds(asked.elapsed()));
        if answer.status == expected {
            load.answered += 1;
        } else {
            load.others += 1;
            load.other.get_or_insert_with(|| answer.told());
        }
    }
    Ok(load)
}

/// Books so many times a second, whatever the answers take, and measures how long after each answer the views show it.
///
/// Returns microseconds from the answer to a booking to the answer of a read that waited for it.
pub(crate) async fn visible_after(
    address: &str,
    event: &str,
    a_second: u64,
    length: Duration,
) -> Outcome<Histogram<u64>> {
    let due = Arc::new(AtomicU64::new(0));
    let total = a_second * length.as_secs();
    let began = tokio::time::Instant::now();
    let clients = (0..64).map(|_| {
        let (address, event, due) = (address.to_owned(), event.to_owned(), Arc::clone(&due));
        tokio::spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut seen = histogram()?;
            loop {
                let turn = due.fetch_add(1, Ordering::Relaxed);
                if turn >= total {
                    return Outcome::Ok(seen);
                }
                sleep_until(began + Duration::from_secs_f64(turn as f64 / a_second as f64)).await;
                seen.saturating_record(microseconds(book_and_look(&mut connection, &event).await?));
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut all = histogram()?;
    for client in clients {
        all.add(client.await??)?;
    }
    Ok(all)
}

async fn book_and_look(connection: &mut Connection, event: &str) -> Outcome<Duration> {
    let body = Bytes::from_static(br#"{"seats":1}"#);
    let booked = connection.post(&format!("/events/{event}/bookings"), body).await?;
    let answered = Instant::now();
    let path = format!("/events/{event}/availability");
    let seen = connection.get(&path, booked.token.as_deref()).await?;
    if booked.status != StatusCode::CREATED || seen.status != StatusCode::OK {
        return Err(format!("booking: {}, looking: {}", booked.status, seen.status).into());
    }
    Ok(answered.elapsed())
}

/// Calls `look` every so often until `done`.
pub(crate) async fn every<F>(pause: Duration, mut look: impl FnMut() -> F) -> Outcome<()>
where
    F: Future<Output = Outcome<bool>>,
{
    let mut ticks = interval(pause);
    loop {
        ticks.tick().await;
        if look().await? {
            return Ok(());
        }
    }
}

/// Of microseconds. One that grows by itself would not take in what saturates it.
fn histogram() -> Outcome<Histogram<u64>> {
    Ok(Histogram::new_with_max(LONGEST, 3)?)
}

fn microseconds(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}
