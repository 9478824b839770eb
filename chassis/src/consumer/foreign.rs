//! Messages of programs that are not ours: a name and a payload, of no stream and without a version. There is no order in
//! them and no progress to keep; whoever makes something of one has to recognise it when it comes again.

use contracts::EventName;
use futures::{StreamExt, TryStreamExt, stream};
use msgqueue::Message;

use super::parking::{Parked, Reason};
use super::{Consumer, StepError};

/// Messages that are looked at at the same time.
const CONCURRENT: usize = 64;

/// What another program sent.
#[derive(Debug)]
pub struct ForeignMessage {
    pub name: EventName,
    pub message: Message,
}

/// What became of a message of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adoption {
    /// Nobody here knows its name.
    Ignored,
    Adopted,
    /// It is known by its name, and breaks this rule. It is parked.
    Refused(String),
}

impl Consumer {
    pub(super) async fn adopt_foreign(&self, foreign: Vec<ForeignMessage>) -> Result<(), StepError> {
        let adopted = stream::iter(foreign.into_iter().map(|foreign| self.adopt(foreign))).buffer_unordered(CONCURRENT);
        let refused: Vec<Option<Parked>> = adopted.try_collect().await?;
        let mut writes = Vec::new();
        for parked in refused.into_iter().flatten() {
            let own = self.parking.writes(&parked).await?;
            if !own.is_empty() {
                self.report(&parked);
            }
            writes.extend(own);
        }
        if !writes.is_empty() {
            self.documents.put(writes).await?;
        }
        Ok(())
    }

    /// Returns what is to be parked.
    async fn adopt(&self, foreign: ForeignMessage) -> Result<Option<Parked>, StepError> {
        let outcome = match self.handler.adopt(&foreign).await? {
            Adoption::Ignored => "foreign",
            Adoption::Adopted => "adopted",
            Adoption::Refused(rule) => {
                let detail = format!("{} of another program: {rule}", foreign.name);
                return Ok(Some(self.parked(foreign.message, Reason::Refused, detail)));
            }
        };
        self.metrics.consumed(&self.group, outcome, 1);
        Ok(None)
    }
}

impl ForeignMessage {
    pub(super) fn of(message: Message) -> Option<Self> {
        let name = message.foreign_name()?;
        Some(Self { name, message })
    }
}
