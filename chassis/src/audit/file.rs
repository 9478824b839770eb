//! An exported log, offline: all streams of it, as far as a file can tell.

use std::io::BufRead;

use contracts::{DecodeError, Envelope};

use super::journal::take_in;
use super::{Audit, AuditError, Difference, Fault};
use crate::causes;
use crate::recorded::Recorded;
use crate::transfer::{Assembly, Incomplete, Lines, Taken};

/// What was found in a file.
#[derive(Debug, Default)]
pub struct FileReport {
    pub streams: u64,
    pub commits: u64,
    pub envelopes: u64,
    /// Envelopes that came again.
    pub repeats: u64,
    /// Envelopes by names that this build does not know.
    pub unknown: u64,
    /// Streams whose last commit is not whole: the file was cut off.
    pub incomplete: Vec<Incomplete>,
}

/// Reads all of the file. Told is how many bytes were read.
///
/// # Errors
/// The first [`Difference`] in the order of lines, or why the file cannot be read.
pub fn audit_file(reader: impl BufRead, audit: &mut dyn Audit, seen: &dyn Fn(u64)) -> Result<FileReport, AuditError> {
    let mut lines = Lines::new(reader);
    let mut assembly = Assembly::default();
    let mut report = FileReport::default();
    while let Some((bytes, line)) = lines.next().map_err(AuditError::File)? {
        let in_line = |what| Difference::InLine {
            line: lines.number(),
            what,
        };
        let envelope = line.map_err(in_line)?;
        let next = envelope.clone();
        match assembly.take(envelope).map_err(|fault| in_line(fault.to_string()))? {
            Taken::Repeat => report.repeats += 1,
            taken => {
                report.envelopes += 1;
                report.commits += u64::from(matches!(taken, Taken::Whole(..)));
                report.unknown += judge(next, audit).map_err(|difference| in_line(difference.to_string()))?;
            }
        }
        seen(bytes);
    }
    report.streams = assembly.streams();
    report.incomplete = assembly.incomplete();
    Ok(report)
}

/// 1 where its name is unknown.
fn judge(envelope: Envelope, audit: &mut dyn Audit) -> Result<u64, Difference> {
    let (stream, version) = (envelope.stream.clone(), envelope.version);
    match Recorded::read(envelope) {
        Ok(recorded) => take_in(audit, &recorded).map(|()| 0),
        Err(DecodeError::UnknownName(_)) => Ok(1),
        Err(error) => Err(Fault::new(&stream, version, causes(&error)).into()),
    }
}
