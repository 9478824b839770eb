//! Publishes an exported log to a broker, in the order in which it stands there.
//!
//! Nothing of it goes to a journal or to a view: whoever consumes from that broker recognises what it has.

use std::io::{self, BufRead};
use std::sync::Arc;

use contracts::Envelope;
use msgqueue::{BrokerError, EventEmitter};
use thiserror::Error;

use super::{Assembly, Incomplete, Lines, Taken};

/// Envelopes that are published together.
const BATCH: usize = 1_000;

/// What is in an exported log.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Importable {
    pub streams: u64,
    pub envelopes: u64,
    /// Envelopes that come again.
    pub repeats: u64,
}

#[derive(Debug, Error)]
pub enum ImportError {
    #[error("line {line}: {what}; nothing is published")]
    Refused { line: u64, what: String },
    #[error("the file is cut off: {0}; nothing is published")]
    CutOff(Incomplete),
    #[error("the broker fails, and has a part of the log by now; to import it again does no harm: {0}")]
    Broker(#[from] BrokerError),
    #[error("the file cannot be read: {0}")]
    File(#[from] io::Error),
}

/// Whether all of the file can be published: every stream from its first version on, hash for hash. Told is how many
/// bytes of the file were read.
///
/// # Errors
/// [`ImportError`] names the first line at fault.
pub fn check_import(reader: impl BufRead, seen: &(dyn Fn(u64) + Sync)) -> Result<Importable, ImportError> {
    let mut lines = Lines::new(reader);
    let mut assembly = Assembly::default();
    let mut found = Importable::default();
    while let Some((bytes, line)) = lines.next()? {
        let taken = line.and_then(|envelope| assembly.take(envelope).map_err(|fault| fault.to_string()));
        let number = lines.number();
        match taken.map_err(|what| ImportError::Refused { line: number, what })? {
            Taken::Repeat => found.repeats += 1,
            Taken::Next | Taken::Whole(..) => found.envelopes += 1,
        }
        seen(bytes);
    }
    if let Some(incomplete) = assembly.incomplete().pop() {
        return Err(ImportError::CutOff(incomplete));
    }
    found.streams = assembly.streams();
    Ok(found)
}

/// Publishes a file that was checked. When this returns the broker has confirmed all of it.
///
/// # Errors
/// [`ImportError`]. It may be done again.
pub async fn import(
    emitter: &dyn EventEmitter,
    reader: impl BufRead + Send,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<(), ImportError> {
    let mut lines = Lines::new(reader);
    let mut batch: Vec<Arc<Envelope>> = Vec::with_capacity(BATCH);
    while let Some((bytes, line)) = lines.next()? {
        let number = lines.number();
        let envelope = line.map_err(|what| ImportError::Refused { line: number, what })?;
        batch.push(Arc::new(envelope));
        if batch.len() == BATCH {
            emitter.emit(&batch).await?;
            batch.clear();
        }
        seen(bytes);
    }
    emitter.emit(&batch).await?;
    Ok(())
}
