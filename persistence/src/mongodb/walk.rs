//! The way through the whole journal, past what is damaged.

use contracts::StreamId;
use futures::TryStreamExt as _;
use mongodb::bson::{RawDocument, RawDocumentBuf, doc};
use mongodb::options::Hint;

use super::database::read;
use super::journal::{Commits, key, parts};
use crate::stored_commit::StoredCommit;
use crate::{Commit, CommitKey, StoreError, Walked};

/// Ids bound it by themselves and not by a filter, which would pass over those that are no text.
pub(super) async fn walk(
    commits: &Commits,
    after: Option<&CommitKey>,
    limit: usize,
) -> Result<Vec<Walked>, StoreError> {
    let after = after.map(|after| key(after.stream.as_str(), after.first_version));
    let mut find = commits
        .find(doc! {})
        .sort(doc! { "_id": 1 })
        .hint(Hint::Name("_id_".to_owned()));
    if let Some(after) = &after {
        find = find.min(doc! { "_id": after });
    }
    let batch = u32::try_from(limit.saturating_add(1)).unwrap_or(u32::MAX).min(1_000);
    read(async {
        let mut cursor = find.batch_size(batch).await?;
        let (mut page, mut with_key) = (Vec::new(), 0);
        while with_key < limit && page.len() < limit.saturating_mul(2) {
            let Some(commit) = cursor.try_next().await? else { break };
            // The lower end belongs to its range.
            if commit.get_str("_id").ok() == after.as_deref() && after.is_some() {
                continue;
            }
            let walked = walked(&commit);
            with_key += usize::from(walked.key.is_some());
            page.push(walked);
        }
        Ok(page)
    })
    .await
    .map(up_to_the_last_key)
}

/// What stands behind the last key comes with the next page, because the walk goes on behind a key.
fn up_to_the_last_key(mut page: Vec<Walked>) -> Vec<Walked> {
    if let Some(last) = page.iter().rposition(|walked| walked.key.is_some()) {
        page.truncate(last + 1);
    }
    page
}

fn walked(commit: &RawDocumentBuf) -> Walked {
    let Some(key) = key_of(commit) else {
        let id = commit.get("_id").ok().flatten();
        return Walked {
            key: None,
            commit: Err(format!("its key is {id:?}, which is none")),
        };
    };
    let commit = read_commit(&key, commit);
    Walked { key: Some(key), commit }
}

fn key_of(commit: &RawDocument) -> Option<CommitKey> {
    let (stream, first_version) = parts(commit.get_str("_id").ok()?)?;
    Some(CommitKey {
        stream: StreamId::parse(stream).ok()?,
        first_version,
    })
}

fn read_commit(key: &CommitKey, commit: &RawDocument) -> Result<Commit, String> {
    let text = |name| {
        commit
            .get_str(name)
            .map(str::to_owned)
            .map_err(|error| error.to_string())
    };
    let last = commit.get_i64("last").map_err(|error| error.to_string())?;
    let stored = StoredCommit {
        stream: key.stream.to_string(),
        first: key.first_version,
        last: last.cast_unsigned(),
        id: text("commit")?,
        hash: text("hash")?,
        body: text("body")?,
    };
    stored.proved(key)
}
