//! Reading one's own write: a reply to a write carries `Consistency-Token: <stream>@<version>`; a request that presents
//! it waits, for a bounded time, until the views have got there.

use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use async_trait::async_trait;
use contracts::StreamId;
use persistence::StoreError;

use super::problem::Problem;
use crate::background::pressure;
use crate::consumer::Progress;
use crate::faults;
use crate::views::LiveProgress;

pub const HEADER: &str = "Consistency-Token";
pub(crate) const NAME: HeaderName = HeaderName::from_static("consistency-token");
/// How long a request waits for the views.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_POSITIONS: usize = 8;

/// What a request can wait for to get on.
#[async_trait]
pub trait Reaches: Sync {
    /// Waits until `version` of `stream` is reached. False if it is not by then.
    async fn reaches(&self, stream: &StreamId, version: u64, patience: Duration) -> Result<bool, StoreError>;
}

/// Positions in streams that a reader wants to see, separated by commas in text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Token {
    positions: Vec<(StreamId, u64)>,
}

impl Token {
    /// The token of a request; empty where there is none.
    ///
    /// # Errors
    /// 422 where the header cannot be read.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let Some(value) = request.headers().get(NAME) else {
            return Ok(Self::default());
        };
        let rule = "must be the Consistency-Token of an earlier reply";
        Self::parse(value.to_str().unwrap_or_default()).ok_or_else(|| Problem::invalid_field(HEADER, rule))
    }

    /// As if a reader had brought what one view has shown: the others are to have got there too.
    pub fn at(stream: StreamId, version: u64) -> Self {
        Self {
            positions: vec![(stream, version)],
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut positions = Vec::new();
        for position in text.split(',') {
            let (stream, version) = position.trim().rsplit_once('@')?;
            positions.push((StreamId::parse(stream).ok()?, version.parse().ok()?));
        }
        (positions.len() <= MAX_POSITIONS).then_some(Self { positions })
    }

    /// Only the positions in streams of some kinds.
    pub fn only(mut self, wanted: impl Fn(&StreamId) -> bool) -> Self {
        self.positions.retain(|(stream, _)| wanted(stream));
        self
    }

    /// Waits until `progress` has reached every position.
    ///
    /// # Errors
    /// 503 with Retry-After where it takes too long.
    pub async fn wait(&self, progress: &impl Reaches) -> Result<(), Problem> {
        if faults::unguarded("consistency_tokens") {
            return Ok(());
        }
        if self.positions.is_empty() {
            return Ok(());
        }
        let _looking = pressure().look();
        let deadline = Instant::now() + PATIENCE;
        for (stream, version) in &self.positions {
            let patience = deadline.saturating_duration_since(Instant::now());
            if !progress.reaches(stream, *version, patience).await? {
                return Err(Problem::unavailable(
                    "The views have not yet come to what was asked for.",
                ));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Reaches for Progress {
    async fn reaches(&self, stream: &StreamId, version: u64, patience: Duration) -> Result<bool, StoreError> {
        self.wait_for(stream, version, patience).await
    }
}

#[async_trait]
impl Reaches for LiveProgress {
    async fn reaches(&self, stream: &StreamId, version: u64, patience: Duration) -> Result<bool, StoreError> {
        self.wait_for(stream, version, patience).await
    }
}

/// The token's text for the positions that a write led to.
pub fn token(positions: &[(&StreamId, u64)]) -> String {
    let mut text = String::with_capacity(80 * positions.len());
    for (stream, version) in positions {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(stream.as_str());
        text.push('@');
        text.push_str(&version.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back() {
        let stream = StreamId::parse("event/1").unwrap();
        let other = StreamId::parse("location/2").unwrap();
        let text = token(&[(&stream, 3), (&other, 4)]);
        assert_eq!(text, "event/1@3,location/2@4");
        let positions = vec![(stream, 3), (other, 4)];
        assert_eq!(Token::parse(&text), Some(Token { positions }));
    }

    #[test]
    fn nonsense_is_no_token() {
        for text in ["", "event/1", "event/1@x", "1@1", "event/1@1,", &"event/1@1,".repeat(9)] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }
}
