//! Server-Sent Events, <https://html.spec.whatwg.org/multipage/server-sent-events.html>: messages, where a reader goes on,
//! and the reply that never ends by itself.
//!
//! It must not know what messages are about.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::conditional::json;
use super::problem::Problem;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// What is between them and us takes a connection that is silent for longer than a minute for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After so many milliseconds a reader whose connection has ended comes back; up to as many again, so that not all come
/// at once.
const RETRY_MS: u64 = 1_000;
/// Bytes.
const SLICE: usize = 16 * 1024;

/// HEAD was asked for, and is answered as GET.
pub(crate) struct OnlyHead;

/// A message; `data` as one line of JSON.
pub fn message(name: &str, id: Option<u64>, data: &impl Serialize) -> Bytes {
    let mut text = Vec::with_capacity(512);
    if let Some(id) = id {
        text.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    text.extend_from_slice(format!("event: {name}\ndata: ").as_bytes());
    text.extend_from_slice(&json(data));
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// The id of the last message that a reader has seen; `None` where it begins. Browsers send it again by themselves.
///
/// # Errors
/// 422 where it is none of ours.
pub fn last_id(http: &HttpRequest) -> Result<Option<u64>, Problem> {
    let Some(value) = http.headers().get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let id = value.to_str().ok().map(str::trim).filter(|id| !id.starts_with('+'));
    match id {
        Some("") => Ok(None),
        id => {
            let version = id.and_then(|id| id.parse().ok());
            let rule = "must be the id of a message of this stream: a version";
            version
                .map(Some)
                .ok_or_else(|| Problem::invalid_field("Last-Event-ID", rule))
        }
    }
}

/// The server copies a slice into the connection's buffer, whole; so a reader who takes nothing holds little.
fn in_slices(mut messages: Bytes) -> impl Stream<Item = Bytes> {
    stream::iter(std::iter::from_fn(move || {
        let size = messages.len().min(SLICE);
        (size > 0).then(|| messages.split_to(size))
    }))
}

/// 200 with messages as they come, heartbeats between them, until they end or the server does.
pub fn respond<S>(http: &HttpRequest, messages: S, closing: CancellationToken) -> HttpResponse
where
    S: Stream<Item = Bytes> + 'static,
{
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Tells nginx to hold nothing back.
        .insert_header(("X-Accel-Buffering", "no"));
    if http.extensions().contains::<OnlyHead>() {
        return response.finish();
    }
    let retry = RETRY_MS + rand::random_range(0..RETRY_MS);
    let first = Bytes::from(format!("retry: {retry}\n\n"));
    let messages = stream::once(async { first }).chain(messages.flat_map(in_slices));
    let beating = stream::unfold((Box::pin(messages), closing), |(mut messages, closing)| async move {
        let next = tokio::select! {
            biased;
            () = closing.cancelled() => None,
            next = messages.next() => next,
            () = sleep(HEARTBEAT) => Some(Bytes::from_static(b": heartbeat\n\n")),
        };
        Some((Ok::<_, Infallible>(next?), (messages, closing)))
    });
    response.streaming(beating)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use actix_web::body::MessageBody;
    use actix_web::test::TestRequest;
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn a_message_is_one_block_of_lines() {
        let text = message("event.booked", Some(7), &json!({"name": "a\nb"}));
        assert_eq!(text, "id: 7\nevent: event.booked\ndata: {\"name\":\"a\\nb\"}\n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_shows_that_it_is_alive_and_ends_with_the_server() {
        let http = TestRequest::default().to_http_request();
        let closing = CancellationToken::new();
        let mut body = pin!(respond(&http, stream::pending(), closing.clone()).into_body());
        let mut texts = Vec::new();
        let began = Instant::now();
        for _ in 0..3 {
            let next = poll_fn(|context| body.as_mut().poll_next(context)).await;
            texts.push(String::from_utf8(next.unwrap().unwrap().to_vec()).unwrap());
        }
        assert!(texts[0].starts_with("retry: "), "{texts:?}");
        assert_eq!(texts[1..], [": heartbeat\n\n", ": heartbeat\n\n"]);
        assert_eq!(began.elapsed(), 2 * HEARTBEAT);
        closing.cancel();
        assert!(poll_fn(|context| body.as_mut().poll_next(context)).await.is_none());
    }
}
