//! The log's envelopes as the chains that they are: whatever was changed, lost or swapped in the log shows here, however
//! right the journal is that they came from.
//!
//! It keeps a small note for each stream, and what came too early.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use contracts::{Envelope, Hash, StreamId, verify_chain};
use msgqueue::{Delivery, Message};

use super::{Difference, Fault};
use crate::causes;

/// Envelopes that may wait for one before them, and damaged ones that are noted.
const MOST_WAITING: usize = 10_000;

/// The last version of a stream and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) version: u64,
    pub(super) hash: Hash,
}

/// The last version of each stream.
pub(super) type HeadsByStream = HashMap<StreamId, Head>;

/// The chains of a log, as far as it was read.
#[derive(Default)]
pub(super) struct LogChains {
    pub(super) heads: HeadsByStream,
    /// What came before the version that it follows.
    early: BTreeMap<(StreamId, u64), Arc<Envelope>>,
    /// What cannot be read, and why; it may come again.
    damaged: BTreeMap<(StreamId, u64), String>,
    /// Messages that never were envelopes.
    pub(super) foreign: u64,
}

impl LogChains {
    pub(super) fn take_all(&mut self, batch: &[Delivery]) -> Result<(), Difference> {
        for delivery in batch {
            match delivery.envelope() {
                Ok(envelope) => self.take(envelope)?,
                Err(error) => self.note(&delivery.message(), causes(&error))?,
            }
        }
        Ok(())
    }

    pub(super) fn version(&self, stream: &StreamId) -> u64 {
        self.heads.get(stream).map_or(0, |head| head.version)
    }

    /// # Errors
    /// What is damaged and did not come again, or the first gap.
    pub(super) fn is_whole(&self) -> Result<(), Difference> {
        let lost = |(stream, version): &(StreamId, u64)| self.version(stream) < *version;
        if let Some((place, why)) = self.damaged.iter().find(|(place, _)| lost(place)) {
            return Err(Fault::new(&place.0, place.1, format!("the log's copy cannot be read: {why}")).into());
        }
        match self.early.keys().next() {
            Some((stream, version)) => {
                let rule = format!("it is missing from the log, which goes on with version {version}");
                Err(Fault::new(stream, self.version(stream) + 1, rule).into())
            }
            None => Ok(()),
        }
    }

    fn take(&mut self, envelope: Arc<Envelope>) -> Result<(), Difference> {
        let head = self.heads.get(&envelope.stream).copied();
        let version = head.map_or(0, |head| head.version);
        if envelope.version > version + 1 {
            return self.put_aside(envelope);
        }
        if envelope.version <= version {
            return is_repeat(&envelope, head);
        }
        self.follow(&envelope, head)?;
        let mut next = (envelope.stream.clone(), envelope.version + 1);
        while let Some(waited) = self.early.remove(&next) {
            let head = self.heads.get(&next.0).copied();
            self.follow(&waited, head)?;
            next.1 += 1;
        }
        Ok(())
    }

    fn follow(&mut self, envelope: &Envelope, head: Option<Head>) -> Result<(), Difference> {
        let previous = head.map_or((0, Hash::GENESIS), |head| (head.version, head.hash));
        let (version, hash) = verify_chain(previous, std::slice::from_ref(envelope)).map_err(|broken| {
            Fault::new(
                &broken.stream,
                broken.version,
                format!("the log's copy: {}", broken.fault),
            )
        })?;
        let next = Head { version, hash };
        match self.heads.get_mut(&envelope.stream) {
            Some(head) => *head = next,
            None => _ = self.heads.insert(envelope.stream.clone(), next),
        }
        Ok(())
    }

    fn put_aside(&mut self, envelope: Arc<Envelope>) -> Result<(), Difference> {
        if self.early.len() == MOST_WAITING {
            self.is_whole()?;
        }
        self.early.insert((envelope.stream.clone(), envelope.version), envelope);
        Ok(())
    }

    fn note(&mut self, message: &Message, why: String) -> Result<(), Difference> {
        if !message.is_meant_as_envelope() {
            self.foreign += 1;
            return Ok(());
        }
        let (Ok(stream), Ok(version)) = (message.stream(), message.version()) else {
            let what = format!("a message with key `{}` cannot be read: {why}", message.key);
            return Err(Difference::InLog { what });
        };
        self.damaged.insert((stream, version), why);
        if self.damaged.len() > MOST_WAITING {
            self.is_whole()?;
            self.damaged.clear();
        }
        Ok(())
    }
}

/// Of versions before the head nothing is kept to compare with.
fn is_repeat(envelope: &Envelope, head: Option<Head>) -> Result<(), Difference> {
    let other = head.is_some_and(|head| head.version == envelope.version && head.hash != envelope.hash);
    if other || !(envelope.commit.first..=envelope.commit.last).contains(&envelope.version) {
        let rule = "the log has another envelope of this version as well";
        return Err(Fault::new(&envelope.stream, envelope.version, rule).into());
    }
    Ok(())
}
