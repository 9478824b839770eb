//! What a client of librdkafka says beside its answers: the cause of what then fails, and what its errors mean.

use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::lock;
use crate::BrokerError;

/// An older complaint is not why something fails now.
const RECENT: Duration = Duration::from_secs(60);
/// How long a coordinator may take to start.
const COORDINATOR: Duration = Duration::from_secs(5);
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// The last complaint of a client. Clones are one.
#[derive(Clone, Default)]
pub(super) struct Complaints(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    last: Option<Complaint>,
    /// Since when nobody is there to talk to.
    alone: Option<Instant>,
    /// How often anything was heard.
    times: u64,
}

struct Complaint {
    code: Option<RDKafkaErrorCode>,
    text: String,
    at: Instant,
}

impl Complaints {
    /// Grows with everything that the client says.
    pub(super) fn times(&self) -> u64 {
        lock(&self.0).times
    }

    pub(super) fn heard(&self) {
        lock(&self.0).times += 1;
    }

    pub(super) fn complain(&self, error: &KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, reason, "a client complains");
        let code = code(error);
        let mut heard = lock(&self.0);
        heard.times += 1;
        if code == Some(RDKafkaErrorCode::AllBrokersDown) {
            heard.alone.get_or_insert_with(Instant::now);
            // It says less than why.
            if heard.recent().is_some() {
                return;
            }
        }
        heard.last = Some(Complaint {
            code,
            text: reason.to_owned(),
            at: Instant::now(),
        });
    }

    pub(super) fn say(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.heard();
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "librdkafka", facility, "{text}");
            }
            _ => tracing::debug!(target: "librdkafka", facility, "{text}"),
        }
    }

    /// What the client complained of lately and cannot pass.
    pub(super) fn hopeless(&self, doing: &str) -> Option<BrokerError> {
        let heard = lock(&self.0);
        let complaint = heard.recent()?;
        is_refusal(complaint.code?).then(|| BrokerError::Refused(format!("{doing}: {}", complaint.text)))
    }

    /// A broker has answered what the client asked at `asked`.
    pub(super) fn answered(&self, asked: Instant) {
        lock(&self.0).alone.take_if(|since| *since < asked);
    }

    /// Whether the client has found no broker for so long that it may have forgotten whom to ask: librdkafka 2.12 forgets all
    /// brokers, for good, where one that is just coming back names none (its issue 5301).
    pub(super) fn is_lost(&self, patience: Duration) -> bool {
        lock(&self.0).alone.is_some_and(|since| since.elapsed() > patience)
    }

    /// Whether the client lately found nobody to talk to.
    pub(super) fn is_cut_off(&self) -> bool {
        lock(&self.0).recent().is_some()
    }

    /// What it means that `error` came of `doing`.
    pub(super) fn fault(&self, doing: &str, error: &KafkaError) -> BrokerError {
        match code(error) {
            Some(code) => self.fault_of(doing, code),
            None => BrokerError::Unavailable(format!("{doing}: {error}").into()),
        }
    }

    pub(super) fn fault_of(&self, doing: &str, code: RDKafkaErrorCode) -> BrokerError {
        if is_refusal(code) {
            return BrokerError::Refused(format!("{doing}: {code}"));
        }
        self.hopeless(doing)
            .unwrap_or_else(|| self.unavailable(doing, &code.to_string()))
    }

    pub(super) fn unavailable(&self, doing: &str, what: &str) -> BrokerError {
        let text = match lock(&self.0).recent() {
            Some(complaint) => format!("{doing}: {what}: {}", complaint.text),
            None => format!("{doing}: {what}"),
        };
        BrokerError::Unavailable(text.into())
    }
}

impl Heard {
    fn recent(&self) -> Option<&Complaint> {
        self.last.as_ref().filter(|complaint| complaint.at.elapsed() < RECENT)
    }
}

impl ClientContext for Complaints {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.say(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complain(&error, reason);
    }

    fn stats_raw(&self, _: &[u8]) {
        self.heard();
    }
}

impl ConsumerContext for Complaints {}

/// Asks again while the group's coordinator is starting or moving, which takes a moment.
pub(super) fn patiently<T>(ask: impl Fn() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    let start = Instant::now();
    loop {
        match ask() {
            Err(error) if start.elapsed() < COORDINATOR && code(&error).is_some_and(is_about_coordinator) => {
                sleep(TRY_AGAIN);
            }
            outcome => return outcome,
        }
    }
}

fn is_about_coordinator(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::NotCoordinator
            | Code::CoordinatorNotAvailable
            | Code::CoordinatorLoadInProgress
            | Code::WaitingForCoordinator
            | Code::UnstableOffsetCommit
    )
}

pub(super) fn code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// Whether time alone does not mend it.
pub(super) fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::InvalidTopic
            | Code::InvalidPartitions
            | Code::InvalidReplicationFactor
            | Code::InvalidConfig
            | Code::InvalidGroupId
            | Code::InvalidSessionTimeout
            | Code::InconsistentGroupProtocol
            | Code::InvalidRequiredAcks
            | Code::InvalidRecord
            | Code::MessageSizeTooLarge
            | Code::PolicyViolation
            | Code::UnsupportedVersion
            | Code::UnsupportedFeature
            | Code::UnsupportedCompressionType
    )
}
