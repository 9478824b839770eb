//! The log against the journal that it came from: what a journal has published, it may not have lost.
//!
//! A file that is damaged at its end can look like one that ends earlier. The journal alone cannot tell.

use contracts::{StreamId, StreamKind};
use futures::{StreamExt, TryStreamExt, stream};
use persistence::{Document, Journal};

use super::{AuditError, Difference, Fault};
use crate::views::Side;

/// Streams read at a time, and looked up in the journal at the same time.
const PAGE: usize = 500;
const AT_ONCE: usize = 4;

/// Compares the last version of each stream of these kinds, as the replay knows it from the log.
pub(super) async fn audit_log(journal: &dyn Journal, replay: &Side, kinds: &[StreamKind]) -> Result<(), AuditError> {
    let collection = replay.generation.progress();
    let mut after: Option<String> = None;
    loop {
        let page = replay.documents.scan(&collection, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id.clone());
        let own = page.iter().filter_map(|record| position(record, kinds));
        let looks = own.map(|position| look_up(journal, position));
        stream::iter(looks).buffered(AT_ONCE).try_collect::<()>().await?;
    }
}

/// A version of a stream, and its envelope's id.
struct Position {
    stream: StreamId,
    version: u64,
    envelope_id: String,
}

/// `None` for a stream of another service.
fn position(record: &Document, kinds: &[StreamKind]) -> Option<Position> {
    let stream = StreamId::parse(&record.id).ok()?;
    kinds.iter().any(|kind| stream.is(*kind)).then_some(Position {
        version: record.body.get("version")?.as_u64()?,
        envelope_id: record.body.get("envelope_id")?.as_str()?.to_owned(),
        stream,
    })
}

async fn look_up(journal: &dyn Journal, position: Position) -> Result<(), AuditError> {
    let Position {
        stream,
        version,
        envelope_id,
    } = position;
    let commits = journal.read(&stream, version.saturating_sub(1), 1).await?;
    let envelopes = commits.iter().flat_map(|commit| &commit.envelopes);
    let found = envelopes.into_iter().find(|envelope| envelope.version == version);
    let rule = match found {
        None => "the log has this version, and the journal has not",
        Some(found) if found.id.to_string() != envelope_id => "the log has another envelope of this version",
        Some(_) => return Ok(()),
    };
    Err(Difference::InStream(Fault::new(&stream, version, rule)).into())
}
