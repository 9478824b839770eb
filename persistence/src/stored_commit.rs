//! A commit as stores keep it: its envelopes as one JSON text, and beside that what it is found by.

use std::sync::Arc;

use contracts::Envelope;
use uuid::Uuid;

use crate::{Commit, CommitKey, InvalidCommit};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredCommit {
    pub(crate) stream: String,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) id: String,
    /// Of its last envelope.
    pub(crate) hash: String,
    pub(crate) body: String,
}

impl StoredCommit {
    /// `body` is what [`Commit::check`] gave.
    pub(crate) fn of(commit: &Commit, body: String) -> Result<Self, InvalidCommit> {
        let (Some(first), Some(last)) = (commit.envelopes.first(), commit.envelopes.last()) else {
            return Err(InvalidCommit::Empty);
        };
        Ok(Self {
            stream: first.stream.to_string(),
            first: first.version,
            last: last.version,
            id: commit.id.to_string(),
            hash: last.hash.to_string(),
            body,
        })
    }

    /// The commit, if all that stands beside it is its own and its key is `key`.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn proved(self, key: &CommitKey) -> Result<Commit, String> {
        let commit = decode(&self.id, &self.body)?;
        let Some(first) = commit.envelopes.first() else {
            return Err("it is empty".to_owned());
        };
        let why = format!(
            "what is stored beside it is not of stream {}, version {}",
            first.stream, first.version
        );
        let is_at_key = (&first.stream, first.version) == (&key.stream, key.first_version);
        match Self::of(&commit, self.body.clone()) {
            Ok(held) if held == self && is_at_key => Ok(commit),
            _ => Err(why),
        }
    }
}

/// # Errors
/// Why it cannot be read.
pub(crate) fn decode(id: &str, body: &str) -> Result<Commit, String> {
    let id = Uuid::parse_str(id).map_err(|e| format!("commit id `{id}`: {e}"))?;
    let envelopes: Vec<Arc<Envelope>> = serde_json::from_str(body).map_err(|e| format!("commit {id}: {e}"))?;
    Ok(Commit { id, envelopes })
}
