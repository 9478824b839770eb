//! A reader of Server-Sent Events, as simple as they allow: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

/// How long a message that has to come may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An open stream.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    /// What came and is no whole message yet.
    rest: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub id: Option<u64>,
    pub name: String,
    pub data: Value,
}

impl EventStream {
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            rest: String::new(),
        }
    }

    /// The next message; `None` where the stream has ended.
    pub async fn next(&mut self) -> Option<Message> {
        let next = timeout(PATIENCE, self.read_message()).await;
        next.expect("a message comes in time")
    }

    /// The next message of a stream that goes on.
    pub async fn expect(&mut self, name: &str) -> Message {
        let next = self.next().await.expect("the stream goes on");
        assert_eq!(next.name, name, "{next:?}");
        next
    }

    async fn read_message(&mut self) -> Option<Message> {
        loop {
            while let Some((block, rest)) = self.rest.split_once("\n\n") {
                let message = read(block);
                self.rest = rest.to_owned();
                if message.is_some() {
                    return message;
                }
            }
            let chunk = self.response.chunk().await.ok()??;
            self.rest.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

/// `None` for comments and settings.
fn read(block: &str) -> Option<Message> {
    let field = |name: &str| {
        let line = block
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.strip_prefix(' ').unwrap_or(line))
    };
    Some(Message {
        id: field("id").map(|id| id.parse().unwrap()),
        name: field("event")?.to_owned(),
        data: serde_json::from_str(field("data")?).unwrap(),
    })
}
