use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use contracts::{Envelope, StreamId};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::{BrokerError, Message, MessageError};

/// How long a group may leave open how far it is, for those who have to know.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(100);

/// Consumes the log in named groups. Each group gets everything, from the beginning of the log.
#[async_trait]
pub trait EventListener: Send + Sync {
    fn guarantees(&self) -> Guarantees;

    /// Joins a group: a new one starts at the beginning of the log, an old one behind what it acknowledged.
    ///
    /// Several subscriptions of one group share its messages, in one process or in many; how is the adapter's
    /// business. A subscription that stands by while another one is served waits in `next_batch`.
    async fn subscribe(&self, group: &str) -> Result<Box<dyn Subscription>, BrokerError>;

    /// Forgets a group and what it acknowledged. Fine where there is none. Its subscriptions end with an error.
    async fn drop_group(&self, group: &str) -> Result<(), BrokerError>;

    /// How many messages of the log, as far as this listener reads it, `group` has not acknowledged; all of them where there is no such group. `None`
    /// where nobody can tell just now, as while members come and go or one of them is paused. Where the adapter does not
    /// acknowledge singly, what is behind a gap counts as well.
    async fn lag(&self, group: &str) -> Result<Option<u64>, BrokerError>;

    /// The same for those who cannot go on without: asks again until somebody can tell.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`] where nobody can for too long.
    async fn known_lag(&self, group: &str) -> Result<u64, BrokerError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(lag) = self.lag(group).await? {
                return Ok(lag);
            }
            if Instant::now() >= deadline {
                let why = format!("nobody can tell how far group `{group}` is: a member of it may be paused");
                return Err(BrokerError::Unavailable(why.into()));
            }
            sleep(LOOK).await;
        }
    }
}

/// What an adapter promises beyond "at least once"; the conformance suite holds it to this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarantees {
    /// Messages with the same key arrive in the order in which they were emitted, repeats aside.
    pub ordered_per_key: bool,
    /// What was confirmed survives a restart of the broker.
    pub durable: bool,
    /// A new group sees all of history.
    pub replayable: bool,
    /// What was acknowledged never comes again, even where something before it was not. Where this is false, that
    /// holds only for what was acknowledged together with everything that the subscription had got before it.
    pub acknowledges_singly: bool,
}

/// One member of a group. Dropping it loses nothing: what it did not acknowledge is delivered again, to another member
/// or to the next subscription.
#[async_trait]
pub trait Subscription: Send {
    /// Waits for messages and returns from 1 to `max` of them, in the order of the log.
    ///
    /// Safe to cancel: a message that was taken from the broker by a cancelled call comes with the next one.
    /// Messages that were returned and not yet acknowledged are not returned again by this subscription.
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Delivery>, BrokerError>;

    /// Acknowledges any subset of what was delivered to this subscription, in any order. Once this has returned, an
    /// acknowledged message is never delivered to this group again, as far as [`Guarantees::acknowledges_singly`]
    /// goes; where the broker or the connection to it breaks down, what was acknowledged just before may come once more. Unknown tags are ignored, and
    /// so are those of messages that another member has been given since.
    async fn ack(&mut self, tags: &[DeliveryTag]) -> Result<(), BrokerError>;
}

/// One message as it came, and what can be made of it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub tag: DeliveryTag,
    content: Content,
}

/// What a broker keeps; one that keeps whole envelopes need not take messages apart.
#[derive(Debug, Clone)]
enum Content {
    Message(Arc<Message>),
    Envelope(Arc<Envelope>),
    /// Of which no more has been read than whose it is: many consumers want no more.
    Json(StreamId, Arc<str>),
    Raw(Arc<dyn Raw>),
}

/// A message as its broker has it, copied and not taken apart. What nobody asks for is never read, and whoever asks does
/// so on a thread of its own.
pub trait Raw: fmt::Debug + Send + Sync {
    /// The stream that it is of, where that can be read.
    fn stream(&self) -> Option<StreamId>;

    /// Whatever it is, it becomes a message.
    fn message(&self) -> Message;

    /// The same as the message's, without making one.
    ///
    /// # Errors
    /// [`MessageError`] tells why it is none.
    fn envelope(&self) -> Result<Envelope, MessageError>;
}

/// What tells whose an envelope is.
#[derive(Deserialize)]
struct Head {
    stream: StreamId,
}

/// Names a delivery within its subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryTag(pub u64);

impl Delivery {
    pub fn of_message(tag: DeliveryTag, message: Message) -> Self {
        Self {
            tag,
            content: Content::Message(Arc::new(message)),
        }
    }

    pub fn of_envelope(tag: DeliveryTag, envelope: Envelope) -> Self {
        Self {
            tag,
            content: Content::Envelope(Arc::new(envelope)),
        }
    }

    pub fn of_raw(tag: DeliveryTag, raw: Arc<dyn Raw>) -> Self {
        Self {
            tag,
            content: Content::Raw(raw),
        }
    }

    /// Of an envelope's own JSON.
    ///
    /// # Errors
    /// Where it does not even tell the stream, or is no JSON.
    pub fn of_json(tag: DeliveryTag, json: &str) -> serde_json::Result<Self> {
        let head: Head = serde_json::from_str(json)?;
        Ok(Self {
            tag,
            content: Content::Json(head.stream, json.into()),
        })
    }

    /// The stream that it is of, where that can be read.
    pub fn stream(&self) -> Option<StreamId> {
        match &self.content {
            Content::Message(message) => message.stream().ok(),
            Content::Envelope(envelope) => Some(envelope.stream.clone()),
            Content::Json(stream, _) => Some(stream.clone()),
            Content::Raw(raw) => raw.stream(),
        }
    }

    /// The message that came.
    pub fn message(&self) -> Message {
        match &self.content {
            Content::Message(message) => Message::clone(message),
            Content::Envelope(envelope) => Message::from_envelope(envelope),
            Content::Raw(raw) => raw.message(),
            Content::Json(stream, json) => match serde_json::from_str(json) {
                Ok(envelope) => Message::from_envelope(&envelope),
                Err(error) => {
                    let key = stream.entity_id().to_owned();
                    Message::of_damaged(key, json.as_bytes(), &error.to_string())
                }
            },
        }
    }

    /// The envelope that the message carries.
    pub fn envelope(&self) -> Result<Arc<Envelope>, MessageError> {
        match &self.content {
            Content::Message(message) => message.to_envelope().map(Arc::new),
            Content::Envelope(envelope) => Ok(Arc::clone(envelope)),
            Content::Raw(raw) => raw.envelope().map(Arc::new),
            Content::Json(_, json) => {
                serde_json::from_str(json).map_err(|error| MessageError::Damaged(error.to_string()))
            }
        }
    }
}
