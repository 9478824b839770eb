//! Whether a build has all that the views have that it is to replace.
//!
//! A log may have lost its end, may be damaged, or may be the wrong one: then a build of it is worse than what is read.

use persistence::{DocumentStore, StoreError};
use serde_json::Value;

use super::generation::Generation;

/// Streams compared at a time.
const PAGE: usize = 500;

/// A stream of which the live views have taken in more than the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lack {
    pub(super) stream: String,
    pub(super) live: u64,
    pub(super) built: u64,
}

/// One page of a comparison.
pub(super) struct Lacking {
    pub(super) lacks: Vec<Lack>,
    /// The stream to go on behind; `None` at the end.
    pub(super) next: Option<String>,
}

/// Compares the streams behind `after`.
pub(super) async fn compare(
    documents: &dyn DocumentStore,
    (live, built): (&Generation, &Generation),
    after: Option<&str>,
) -> Result<Lacking, StoreError> {
    let page = documents.scan(&live.progress(), after, PAGE).await?;
    let due: Vec<(String, u64)> = page
        .into_iter()
        .map(|document| (document.id, version(&document.body)))
        .collect();
    Ok(Lacking {
        next: due.last().map(|(stream, _)| stream.clone()),
        lacks: behind(documents, built, due).await?,
    })
}

/// Those of the streams in which the build has not come to these versions.
pub(super) async fn behind(
    documents: &dyn DocumentStore,
    built: &Generation,
    due: Vec<(String, u64)>,
) -> Result<Vec<Lack>, StoreError> {
    let ids: Vec<&str> = due.iter().map(|(stream, _)| stream.as_str()).collect();
    let found = documents.get(&built.progress(), &ids).await?;
    let versions: Vec<u64> = found
        .iter()
        .map(|document| document.as_ref().map_or(0, |document| version(&document.body)))
        .collect();
    let lack = |((stream, live), built): ((String, u64), u64)| Lack { stream, live, built };
    let all = due.into_iter().zip(versions).map(lack);
    Ok(all.filter(|lack| lack.built < lack.live).collect())
}

fn version(body: &Value) -> u64 {
    body.get("version").and_then(Value::as_u64).unwrap_or(0)
}
