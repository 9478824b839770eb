//! Policies: consumers that react by a command. They form one group of their own, never part of a rebuild.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use contracts::{StreamId, StreamKind};
use futures::StreamExt;
use persistence::{DocumentStore, Write};

use crate::consumer::{Adoption, ForeignMessage, Handler, HandlerError, Refusal};
use crate::desk::DeskError;
use crate::faults;
use crate::recorded::Recorded;

/// Streams whose envelopes are reacted to at the same time.
const CONCURRENT_STREAMS: usize = 64;

/// A reaction to domain events. Must be idempotent: a no-op where it has reacted before.
#[async_trait]
pub trait Policy: Send + Sync {
    /// The kinds of streams that it reacts to.
    fn kinds(&self) -> &'static [StreamKind];

    /// What has to be durable before it reacts to any of these; much faster together than one by one. It comes again
    /// with all or some of them after an error or a crash. An error keeps the whole batch waiting: nothing can be refused
    /// here.
    async fn prepare(&self, _batch: &[Recorded]) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn react(&self, recorded: &Recorded) -> Result<(), HandlerError>;

    /// Makes something of a message of another program. See [`Handler::adopt`].
    async fn adopt(&self, _foreign: &ForeignMessage) -> Result<Adoption, HandlerError> {
        Ok(Adoption::Ignored)
    }
}

/// Why a command that `recorded` led to was not carried out. A rejection is final, and no fault of the policy's.
///
/// # Errors
/// [`HandlerError::Refused`] where trying again cannot help, else [`HandlerError::NotYet`].
pub fn not_carried_out<R>(recorded: &Recorded, error: DeskError<R>) -> Result<(), HandlerError> {
    let Some(detail) = why_not(error)? else { return Ok(()) };
    Err(HandlerError::Refused(vec![Refusal {
        stream: recorded.envelope.stream.clone(),
        version: recorded.envelope.version,
        detail,
        holds_up: true,
    }]))
}

/// Why a command can never be carried out; `None` where it is rejected.
///
/// # Errors
/// [`HandlerError::NotYet`] where trying again may help.
pub fn why_not<R>(error: DeskError<R>) -> Result<Option<String>, HandlerError> {
    match error {
        DeskError::Rejected(_) => Ok(None),
        DeskError::TooLarge => Ok(Some("what it leads to is too large for one commit".to_owned())),
        DeskError::Unreadable(detail) => Ok(Some(format!(
            "what it leads to is of a stream that cannot be read: {detail}"
        ))),
        DeskError::VersionMismatch { .. } | DeskError::KeyReused | DeskError::Busy => {
            Err(HandlerError::NotYet("the desk is busy".to_owned()))
        }
        DeskError::Store(error) => Err(HandlerError::NotYet(error.to_string())),
    }
}

/// A reaction to `recorded` that was carried out but for some of it, and that keeps nothing behind it waiting.
pub fn carried_out_but_for(recorded: &Recorded, detail: String) -> HandlerError {
    HandlerError::Refused(vec![Refusal {
        stream: recorded.envelope.stream.clone(),
        version: recorded.envelope.version,
        detail,
        holds_up: false,
    }])
}

/// The consumer group of a service's policies.
pub(crate) fn group(service: &str) -> String {
    format!("{service}.policies")
}

/// All policies of a service, as the handler of one consumer.
pub struct Policies {
    pub policies: Vec<Arc<dyn Policy>>,
}

#[async_trait]
impl Handler for Policies {
    fn concerns(&self, stream: &StreamId) -> bool {
        self.policies.iter().any(|policy| stream.is_one_of(policy.kinds()))
    }

    /// Envelopes of one stream are handled in order, those of different streams at the same time.
    async fn handle(&self, batch: &Arc<[Recorded]>, _: &Arc<dyn DocumentStore>) -> Result<Vec<Write>, HandlerError> {
        for policy in &self.policies {
            policy.prepare(batch).await?;
        }
        let mut streams: BTreeMap<&str, Vec<&Recorded>> = BTreeMap::new();
        for recorded in batch.iter() {
            streams
                .entry(recorded.envelope.stream.as_str())
                .or_default()
                .push(recorded);
        }
        let mut pending = Vec::with_capacity(streams.len());
        for envelopes in streams.into_values() {
            pending.push(self.react_in_order(envelopes));
        }
        let mut reactions = futures::stream::iter(pending).buffer_unordered(CONCURRENT_STREAMS);
        let mut refused = Vec::new();
        while let Some(reaction) = reactions.next().await {
            match reaction {
                Err(HandlerError::Refused(refusals)) => refused.extend(refusals),
                reaction => reaction?,
            }
        }
        if refused.is_empty() {
            Ok(Vec::new())
        } else {
            Err(HandlerError::Refused(refused))
        }
    }

    /// By the first policy that makes something of it.
    async fn adopt(&self, foreign: &ForeignMessage) -> Result<Adoption, HandlerError> {
        for policy in &self.policies {
            let adoption = policy.adopt(foreign).await?;
            if adoption != Adoption::Ignored {
                return Ok(adoption);
            }
        }
        Ok(Adoption::Ignored)
    }
}

impl Policies {
    async fn react_in_order(&self, envelopes: Vec<&Recorded>) -> Result<(), HandlerError> {
        for recorded in envelopes {
            for policy in &self.policies {
                policy.react(recorded).await?;
                faults::point("policy.reacted");
            }
        }
        Ok(())
    }
}
