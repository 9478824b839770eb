//! Writes documents in order: runs of one collection go to the server in one request, which stops at the first that fails.
//! New documents go in requests of their own where they come first: an insertion costs the server a fraction of an update
//! that inserts.
//!
//! An expectation that is not met has to be a failure, then. Among updates, a document that should be absent is looked for
//! by a revision that none has, so that one that is there stands in the way of its insertion. A revision is compared by an
//! expression that cannot be computed where it is another one.

use std::collections::HashMap;
use std::sync::Arc;

use mongodb::bson::{Array, Bson, Document, doc};

use super::body;
use super::catalogue::{Catalogue, Entry};
use super::failure::is_duplicate;
use crate::{Expect, PutError, StoreError, Write};

/// In one request.
const MAX_WRITES: usize = 1_000;
/// So many new documents are worth a request of their own.
const MANY_NEW: usize = 16;
/// Of JSON. The server takes 16 MB at once, and as BSON a list of numbers takes six times as much.
const MAX_BYTES: usize = 2 << 20;
/// ConversionFailure.
const STALE: i32 = 241;

/// Writes of one collection that go in one request, and the number of the first.
struct Run {
    first: usize,
    entry: Arc<Entry>,
    kind: Kind,
    statements: Vec<Document>,
    bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Insert,
    /// Takes new documents as well.
    Update,
    Delete,
    /// What it deletes has to be there. Alone, because only the number of all that were deleted is told.
    DeleteExpected,
}

pub(super) async fn put(catalogue: &Catalogue, writes: &[Write]) -> Result<(), PutError> {
    for run in runs(catalogue, writes).await? {
        if let Some(index) = carry_out(catalogue, run).await? {
            let Write { collection, id, .. } = &writes[index];
            return Err(PutError::Conflict {
                index,
                collection: collection.clone(),
                id: id.clone(),
            });
        }
    }
    Ok(())
}

/// All collections are looked up anew, before anything is written.
async fn runs(catalogue: &Catalogue, writes: &[Write]) -> Result<Vec<Run>, StoreError> {
    let mut entries: HashMap<&str, Arc<Entry>> = HashMap::new();
    let mut runs: Vec<Run> = Vec::new();
    for (index, write) in writes.iter().enumerate() {
        let name = write.collection.as_str();
        if !entries.contains_key(name) {
            entries.insert(name, catalogue.look(name).await?);
        }
        match runs.last_mut().filter(|run| run.takes(&entries[name], write)) {
            Some(run) => run.push(write)?,
            None => runs.push(Run::of(index, Arc::clone(&entries[name]), &writes[index..])?),
        }
    }
    Ok(runs)
}

impl Run {
    /// Begins with the first of these writes.
    fn of(index: usize, entry: Arc<Entry>, writes: &[Write]) -> Result<Self, StoreError> {
        let mut run = Self {
            first: index,
            entry,
            kind: Kind::beginning(writes),
            statements: Vec::new(),
            bytes: 0,
        };
        run.push(&writes[0])?;
        Ok(run)
    }

    fn takes(&self, entry: &Arc<Entry>, write: &Write) -> bool {
        let is_of_kind = match (self.kind, Kind::of(write)) {
            (Kind::DeleteExpected, _) => false,
            (Kind::Update, Kind::Insert) => true,
            (own, other) => own == other,
        };
        let has_room = self.statements.len() < MAX_WRITES && self.bytes + length(write) <= MAX_BYTES;
        is_of_kind && Arc::ptr_eq(&self.entry, entry) && has_room
    }

    fn push(&mut self, write: &Write) -> Result<(), StoreError> {
        self.statements.push(statement(write, self.kind)?);
        self.bytes += length(write);
        Ok(())
    }

    fn command(&mut self) -> Document {
        let documents = self.entry.documents();
        let statements = std::mem::take(&mut self.statements);
        let statements: Array = statements.into_iter().map(Bson::from).collect();
        match self.kind {
            Kind::Insert => doc! { "insert": documents, "documents": statements, "ordered": true },
            Kind::Update => doc! { "update": documents, "updates": statements, "ordered": true },
            Kind::Delete | Kind::DeleteExpected => doc! { "delete": documents, "deletes": statements, "ordered": true },
        }
    }
}

impl Kind {
    fn of(write: &Write) -> Self {
        match (&write.body, write.expect) {
            (Some(_), Expect::Absent) => Self::Insert,
            (Some(_), _) | (None, Expect::Absent) => Self::Update,
            (None, Expect::Anything) => Self::Delete,
            (None, Expect::Revision(_)) => Self::DeleteExpected,
        }
    }

    /// That of a run that begins with the first of these.
    fn beginning(writes: &[Write]) -> Self {
        match Self::of(&writes[0]) {
            Self::Insert if !begins_with_many_new(writes) => Self::Update,
            kind => kind,
        }
    }
}

/// Many, or all that there are of this collection.
fn begins_with_many_new(writes: &[Write]) -> bool {
    let same = writes
        .iter()
        .take_while(|write| write.collection == writes[0].collection);
    same.take(MANY_NEW).all(|write| Kind::of(write) == Kind::Insert)
}

fn length(write: &Write) -> usize {
    write.body.as_ref().map_or(0, |body| body.as_str().len())
}

/// As it goes into a run of this kind.
fn statement(write: &Write, kind: Kind) -> Result<Document, StoreError> {
    let id = write.id.as_str();
    let Some(new) = &write.body else {
        return Ok(match write.expect {
            Expect::Anything => doc! { "q": { "_id": id }, "limit": 1 },
            Expect::Absent => fails_if_there(id),
            Expect::Revision(revision) => doc! { "q": at_revision(id, revision), "limit": 1 },
        });
    };
    let fields = body::stored(new)?;
    Ok(match write.expect {
        Expect::Anything => upsert(doc! { "_id": id }, fields),
        Expect::Absent if kind == Kind::Insert => first_revision(id, fields),
        Expect::Absent => upsert(at_revision(id, 0), fields),
        Expect::Revision(revision) => replace_revision(id, revision, fields),
    })
}

fn first_revision(id: &str, fields: Document) -> Document {
    let mut document = at_revision(id, 1);
    document.extend(fields);
    document
}

fn at_revision(id: &str, revision: u64) -> Document {
    doc! { "_id": id, "revision": revision.cast_signed() }
}

fn upsert(which: Document, mut fields: Document) -> Document {
    let mut change = doc! { "$inc": { "revision": 1_i64 } };
    if !fields.contains_key("json") {
        change.insert("$unset", doc! { "json": "" });
    }
    change.insert("$set", std::mem::take(&mut fields));
    doc! { "q": which, "u": change, "upsert": true }
}

/// A revision starts over where a document was deleted: it may be that of a document which is not there.
fn replace_revision(id: &str, revision: u64, fields: Document) -> Document {
    let mut next = doc! { "_id": { "$literal": id }, "revision": revision.wrapping_add(1).cast_signed() };
    next.extend(
        fields
            .into_iter()
            .map(|(name, value)| (name, Bson::from(doc! { "$literal": value }))),
    );
    let is_it = doc! { "$eq": ["$revision", revision.cast_signed()] };
    let change = doc! { "$replaceWith": { "$cond": [is_it, next, fails()] } };
    doc! { "q": { "_id": id }, "u": [change], "upsert": true }
}

fn fails_if_there(id: &str) -> Document {
    doc! { "q": { "_id": id }, "u": [{ "$replaceWith": fails() }] }
}

/// No id is a number behind an `x`; and it is the document's own, so that nobody computes it before.
fn fails() -> Document {
    doc! { "$toInt": { "$concat": ["x", "$_id"] } }
}

/// The number of the write that is not as expected, if one is.
async fn carry_out(catalogue: &Catalogue, mut run: Run) -> Result<Option<usize>, StoreError> {
    let reply = catalogue.database().tell(run.command()).await?;
    let failed = reply
        .get_array("writeErrors")
        .ok()
        .and_then(|errors| errors.first()?.as_document());
    if let Some(failed) = failed {
        return conflict(&run, failed).map(Some);
    }
    let is_gone = run.kind == Kind::DeleteExpected && reply.get_i32("n").is_ok_and(|n| n == 0);
    Ok(is_gone.then_some(run.first))
}

fn conflict(run: &Run, failed: &Document) -> Result<usize, StoreError> {
    let index = failed
        .get_i32("index")
        .ok()
        .and_then(|index| usize::try_from(index).ok());
    match (failed.get_i32("code"), index) {
        (Ok(code), Some(index)) if code == STALE || is_duplicate(code) => Ok(run.first + index),
        _ => Err(StoreError::Unknown(failed.to_string().into())),
    }
}
