//! One batch, from deliveries to durable progress.

use std::collections::HashSet;
use std::sync::Arc;

use contracts::{Envelope, StreamId};
use msgqueue::{Delivery, Message};
use persistence::Write;
use tracing::{error, warn};

use super::parking::{Parked, Reason, reason_of};
use super::plan::{Incoming, Plan, Refused, Verdict};
use super::{Consumer, HandlerError, StepError};
use crate::faults;
use crate::recorded::Recorded;

/// A batch as it is sorted.
struct Sorted {
    plan: Plan,
    apply: Vec<Recorded>,
    park: Vec<Parked>,
    /// Parked versions that are settled with this batch.
    settled: Vec<(StreamId, u64)>,
}

impl Consumer {
    /// A batch of which something is refused is sorted once more, without that. Until then nothing of it is written.
    pub(crate) async fn step(&self, batch: &[Delivery], parked: &mut HashSet<StreamId>) -> Result<(), StepError> {
        let mut refused = Refused::default();
        loop {
            let outcome = self.try_step(batch, parked, &refused).await;
            if !noted(&outcome, &mut refused) {
                return outcome;
            }
        }
    }

    async fn try_step(
        &self,
        batch: &[Delivery],
        parked: &mut HashSet<StreamId>,
        refused: &Refused,
    ) -> Result<(), StepError> {
        let concerning: Vec<&Delivery> = batch.iter().filter(|delivery| self.is_concerned(delivery)).collect();
        let incoming: Vec<Incoming> = concerning.iter().map(|delivery| Incoming::read(delivery)).collect();
        let mut sorted = self.sorted(streams_of(&incoming), refused).await?;
        for (delivery, incoming) in concerning.into_iter().zip(incoming) {
            match incoming {
                Incoming::Envelope(envelope) => self.sort(&mut sorted, envelope, delivery),
                Incoming::Broken(error) => {
                    self.park(&mut sorted, delivery.message(), reason_of(&error), error.to_string())
                }
            }
        }
        parked.extend(parked_streams(&sorted.park));
        let moved_on = touched(&sorted, parked);
        self.settle(sorted).await?;
        for stream in moved_on {
            self.heal(&stream).await?;
        }
        Ok(())
    }

    /// Nobody knows whose a message is that does not tell its stream.
    fn is_concerned(&self, delivery: &Delivery) -> bool {
        delivery.stream().is_none_or(|stream| self.handler.concerns(&stream))
    }

    /// Applies what is parked of a stream, as far as it now follows.
    pub(crate) async fn heal(&self, stream: &StreamId) -> Result<(), StepError> {
        let mut refused = Refused::default();
        loop {
            let mut sorted = self.sorted(vec![stream.clone()], &refused).await?;
            self.unpark(&mut sorted, stream).await?;
            if sorted.settled.is_empty() && sorted.park.is_empty() {
                return Ok(());
            }
            let outcome = self.settle(sorted).await;
            if !noted(&outcome, &mut refused) {
                outcome?;
            }
        }
    }

    async fn sorted(&self, streams: Vec<StreamId>, refused: &Refused) -> Result<Sorted, StepError> {
        Ok(Sorted {
            plan: Plan::new(self.progress.load(&streams).await?, refused.clone()),
            apply: Vec::new(),
            park: Vec::new(),
            settled: Vec::new(),
        })
    }

    fn sort(&self, sorted: &mut Sorted, envelope: Arc<Envelope>, delivery: &Delivery) {
        let (stream, version) = (envelope.stream.clone(), envelope.version);
        match sorted.plan.sort(envelope) {
            Verdict::Apply(recorded) => sorted.apply.push(*recorded),
            Verdict::Pass => self.metrics.consumed(&self.group, "unknown_name", 1),
            Verdict::Repeat => self.metrics.consumed(&self.group, "repeat", 1),
            Verdict::Impostor => {
                error!(group = self.group, %stream, version, "another envelope of this version was applied before");
                self.metrics.consumed(&self.group, "impostor", 1);
            }
            Verdict::Gap => {
                let detail = format!("version {} has not come yet", sorted.plan.version(&stream) + 1);
                self.park(sorted, delivery.message(), Reason::Gap, detail);
            }
            Verdict::Refused(detail) => self.park(sorted, delivery.message(), Reason::Refused, detail),
            Verdict::Unreadable(error) => self.park(sorted, delivery.message(), reason_of(&error), error.to_string()),
        }
    }

    fn park(&self, sorted: &mut Sorted, message: Message, reason: Reason, detail: String) {
        let stream = message.stream().map(|stream| stream.to_string()).unwrap_or_default();
        let version = message.version().unwrap_or(0);
        sorted.park.push(Parked {
            group: self.group.clone(),
            stream,
            version,
            reason,
            detail,
            parked_at: self.clock.now(),
            message,
        });
    }

    fn report(&self, parked: &Parked) {
        warn!(
            group = self.group,
            stream = parked.stream,
            version = parked.version,
            reason = parked.reason.as_str(),
            detail = parked.detail,
            "an envelope is parked"
        );
        self.metrics.parked(&self.group, parked.reason.as_str());
    }

    /// Takes parked versions of a stream that follow what is applied, and forgets those that were applied meanwhile.
    async fn unpark(&self, sorted: &mut Sorted, stream: &StreamId) -> Result<(), StepError> {
        for parked in self.parking.behind(&self.group, stream, 0).await? {
            let next = sorted.plan.version(stream) + 1;
            if parked.version > next {
                return Ok(());
            }
            if parked.version == next && !self.take_parked(sorted, &parked) {
                return Ok(());
            }
            sorted.settled.push((stream.clone(), parked.version));
        }
        Ok(())
    }

    /// False where the parked message still cannot be read, or is refused.
    fn take_parked(&self, sorted: &mut Sorted, parked: &Parked) -> bool {
        let Ok(envelope) = parked.message.to_envelope() else {
            return false;
        };
        match sorted.plan.sort(Arc::new(envelope)) {
            Verdict::Apply(recorded) => sorted.apply.push(*recorded),
            Verdict::Unreadable(_) => return false,
            Verdict::Refused(detail) => {
                if parked.reason != Reason::Refused {
                    self.park(sorted, parked.message.clone(), Reason::Refused, detail);
                }
                return false;
            }
            Verdict::Pass | Verdict::Repeat | Verdict::Impostor | Verdict::Gap => {}
        }
        true
    }

    /// Carries out what a sorted batch leads to: documents first, progress behind them, parked entries last.
    async fn settle(&self, mut sorted: Sorted) -> Result<(), StepError> {
        let apply = std::mem::take(&mut sorted.apply).into();
        let mut writes = self.handler.handle(&apply, &self.documents).await?;
        faults::point("consumer.handled");
        for parked in &sorted.park {
            self.report(parked);
            writes.extend(self.parking.write(parked).await?);
        }
        for (stream, revision, position) in sorted.plan.advances() {
            writes.push(self.progress.write(stream, revision, position));
        }
        writes.extend(self.removals(&sorted));
        faults::point_when(!sorted.park.is_empty(), "consumer.parking");
        faults::point_when(!sorted.settled.is_empty(), "consumer.unparking");
        if !writes.is_empty() {
            self.documents.put(writes).await?;
        }
        faults::point_when(!sorted.park.is_empty(), "consumer.parked");
        faults::point_when(!sorted.settled.is_empty(), "consumer.unparked");
        self.metrics.consumed(&self.group, "applied", apply.len());
        self.progress.announce();
        Ok(())
    }

    fn removals(&self, sorted: &Sorted) -> Vec<Write> {
        let removal = |(stream, version): &(StreamId, u64)| self.parking.removal(&self.group, stream, *version);
        sorted.settled.iter().map(removal).collect()
    }
}

/// Notes what was refused. False where it was not that, or nothing new.
fn noted(outcome: &Result<(), StepError>, refused: &mut Refused) -> bool {
    match outcome {
        Err(StepError::Handler(HandlerError::Refused(refusals))) => refused.note(refusals.clone()),
        _ => false,
    }
}

fn streams_of(incoming: &[Incoming]) -> Vec<StreamId> {
    let streams: HashSet<&StreamId> = incoming
        .iter()
        .filter_map(|incoming| match incoming {
            Incoming::Envelope(envelope) => Some(&envelope.stream),
            Incoming::Broken(_) => None,
        })
        .collect();
    streams.into_iter().cloned().collect()
}

pub(crate) fn parked_streams(parked: &[Parked]) -> HashSet<StreamId> {
    parked
        .iter()
        .filter_map(|entry| StreamId::parse(&entry.stream).ok())
        .collect()
}

/// Those of the streams that this batch moves on.
fn touched(sorted: &Sorted, streams: &HashSet<StreamId>) -> Vec<StreamId> {
    sorted
        .plan
        .advances()
        .map(|(stream, ..)| stream.clone())
        .filter(|stream| streams.contains(stream))
        .collect()
}
