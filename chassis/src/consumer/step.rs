//! One batch, from deliveries to durable progress.

use std::collections::HashSet;
use std::sync::Arc;

use contracts::{Envelope, StreamId};
use msgqueue::{Delivery, Message};
use persistence::Write;
use tracing::{error, warn};

use super::foreign::ForeignMessage;
use super::parking::{Copy, Parked, Reason, reason_of};
use super::plan::{Incoming, Plan, Refused, Verdict};
use super::{Consumer, HandlerError, StepError};
use crate::faults;
use crate::recorded::Recorded;
use crate::spans::Spans;

/// How much is kept of a message that tells no stream.
const STRAY_BYTES: usize = 1_024;

/// A batch as it is sorted.
struct Sorted {
    plan: Plan,
    apply: Vec<Recorded>,
    park: Vec<Parked>,
    /// What is settled with this batch of what was parked, by ids.
    settled: Vec<String>,
}

impl Consumer {
    /// A batch of which something is refused is sorted once more, without that. Until then nothing of it is written.
    ///
    /// Returns spans that last until what it led to is stored.
    pub(crate) async fn step(&self, batch: &[Delivery], parked: &mut HashSet<StreamId>) -> Result<Spans, StepError> {
        let (concerning, foreign) = self.classified(batch);
        self.adopt_foreign(foreign).await?;
        let mut refused = Refused::default();
        loop {
            let outcome = self.try_step(&concerning, parked, &refused).await;
            if !noted(&outcome, &mut refused) {
                return outcome;
            }
        }
    }

    async fn try_step(
        &self,
        concerning: &[&Delivery],
        parked: &mut HashSet<StreamId>,
        refused: &Refused,
    ) -> Result<Spans, StepError> {
        let incoming: Vec<Incoming> = concerning.iter().map(|delivery| Incoming::read(delivery)).collect();
        let mut sorted = self.sorted(streams_of(&incoming), refused).await?;
        for (delivery, incoming) in concerning.iter().zip(incoming) {
            match incoming {
                Incoming::Envelope(envelope) => self.sort(&mut sorted, envelope, delivery),
                Incoming::Broken(error) => {
                    self.park(&mut sorted, delivery.message(), reason_of(&error), error.to_string())
                }
            }
        }
        parked.extend(parked_streams(&sorted.park));
        let moved_on = touched(&sorted, parked);
        let spans = self.settle(sorted).await?;
        for stream in moved_on {
            self.heal(&stream).await?;
        }
        Ok(spans)
    }

    /// What concerns the handler, and what other programs sent. Nobody knows whose a message is that tells neither its
    /// stream nor what it is: it may concern anybody.
    fn classified<'a>(&self, batch: &'a [Delivery]) -> (Vec<&'a Delivery>, Vec<ForeignMessage>) {
        let (mut concerning, mut foreign) = (Vec::new(), Vec::new());
        for delivery in batch {
            match delivery.stream() {
                Some(stream) if !self.handler.concerns(&stream) => {}
                Some(_) => concerning.push(delivery),
                None => match ForeignMessage::of(delivery.message()) {
                    Some(message) => foreign.push(message),
                    None => concerning.push(delivery),
                },
            }
        }
        (concerning, foreign)
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
            Verdict::Owed(detail) => self.park(sorted, delivery.message(), Reason::Owed, detail),
            Verdict::Unreadable(error) => self.park(sorted, delivery.message(), reason_of(&error), error.to_string()),
        }
    }

    fn park(&self, sorted: &mut Sorted, message: Message, reason: Reason, detail: String) {
        sorted.park.push(self.parked(message, reason, detail));
    }

    /// What cannot be applied whatever comes is kept only so that somebody can see what it is.
    pub(super) fn parked(&self, mut message: Message, reason: Reason, detail: String) -> Parked {
        if message.stream().is_err() {
            message.body.truncate(STRAY_BYTES);
        }
        Parked {
            group: self.group.clone(),
            stream: message.stream().map(|stream| stream.to_string()).unwrap_or_default(),
            version: message.version().unwrap_or(0),
            reason,
            detail,
            parked_at: self.clock.now(),
            message,
        }
    }

    pub(super) fn report(&self, parked: &Parked) {
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
        let first = self.parking.first(&self.group, stream).await?;
        if first.is_none_or(|first| first > sorted.plan.version(stream) + 1) {
            return Ok(());
        }
        let parked = self.parking.of(&self.group, stream).await?;
        for copies in parked.chunk_by(|one, other| one.parked.version == other.parked.version) {
            let (version, next) = (copies[0].parked.version, sorted.plan.version(stream) + 1);
            if version > next || version == next && !self.take_one_of(sorted, stream, copies) {
                return Ok(());
            }
            for copy in copies {
                settle_copy(sorted, stream, copy);
            }
        }
        Ok(())
    }

    /// Of several that claim to be the next version it is the one that follows. False where none of them can be taken.
    fn take_one_of(&self, sorted: &mut Sorted, stream: &StreamId, copies: &[Copy]) -> bool {
        let mut others = Vec::new();
        for parked in copies.iter().map(|copy| &copy.parked) {
            let Ok(envelope) = parked.message.to_envelope() else {
                continue;
            };
            if !sorted.plan.is_followed_by(&envelope) {
                others.push((parked, envelope));
            } else if self.take_parked(sorted, parked, envelope) {
                return true;
            }
        }
        for (parked, envelope) in others {
            // What this build cannot read keeps its reason.
            if Recorded::read(envelope).is_ok() {
                self.set_aside(sorted, stream, parked);
            }
        }
        false
    }

    fn set_aside(&self, sorted: &mut Sorted, stream: &StreamId, parked: &Parked) {
        if parked.reason == Reason::Impostor {
            return;
        }
        let detail = format!(
            "it does not follow version {} as it was applied",
            sorted.plan.version(stream)
        );
        self.park(sorted, parked.message.clone(), Reason::Impostor, detail);
    }

    /// False where the parked message still cannot be read, or is refused.
    fn take_parked(&self, sorted: &mut Sorted, parked: &Parked, envelope: Envelope) -> bool {
        match sorted.plan.sort(Arc::new(envelope)) {
            Verdict::Apply(recorded) => sorted.apply.push(*recorded),
            Verdict::Unreadable(_) => return false,
            Verdict::Refused(detail) => {
                if parked.reason != Reason::Refused {
                    self.park(sorted, parked.message.clone(), Reason::Refused, detail);
                }
                return false;
            }
            Verdict::Owed(detail) => self.park(sorted, parked.message.clone(), Reason::Owed, detail),
            Verdict::Pass | Verdict::Repeat | Verdict::Impostor | Verdict::Gap => {}
        }
        true
    }

    /// Carries out what a sorted batch leads to: documents first, progress behind them, parked entries last.
    async fn settle(&self, mut sorted: Sorted) -> Result<Spans, StepError> {
        let apply: Arc<[Recorded]> = std::mem::take(&mut sorted.apply).into();
        let mut spans = Spans::of_applying(&self.group, apply.iter().map(|recorded| &*recorded.envelope));
        let handled = self.handler.handle(&apply, &self.documents).await;
        let mut writes = handled.inspect_err(|error| spans.failed(error))?;
        faults::point("consumer.handled");
        for parked in &sorted.park {
            self.report(parked);
            writes.extend(self.parking.writes(parked).await?);
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
        Ok(spans)
    }

    fn removals(&self, sorted: &Sorted) -> Vec<Write> {
        let removal = |id: &String| self.parking.removal(id.clone());
        sorted.settled.iter().map(removal).collect()
    }
}

/// Forgets what was applied. What is owed of it is tried again, or stays.
fn settle_copy(sorted: &mut Sorted, stream: &StreamId, copy: &Copy) {
    let (parked, message) = (&copy.parked, &copy.parked.message);
    let is_owed = |parked: &Parked| parked.reason == Reason::Owed && parked.message == *message;
    if sorted.park.iter().any(is_owed) {
        return;
    }
    if parked.reason == Reason::Owed {
        if sorted.plan.is_refused(stream, parked.version) {
            return;
        }
        let Some(recorded) = message.to_envelope().ok().and_then(|it| Recorded::read(it).ok()) else {
            return;
        };
        sorted.apply.push(recorded);
    }
    sorted.settled.push(copy.id.clone());
}

/// Notes what was refused. False where it was not that, or nothing new.
fn noted<T>(outcome: &Result<T, StepError>, refused: &mut Refused) -> bool {
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

fn parked_streams(parked: &[Parked]) -> HashSet<StreamId> {
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
