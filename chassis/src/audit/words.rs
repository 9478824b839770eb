//! The words by which documents are found, against those that the replay gives: a document whose words are missing or
//! wrong is there, and no search finds it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::AuditError;
use super::meeting::{Meeting, Unsettled, in_view};

/// How long words that differ may take to become the same.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

/// Words are written before the documents that they are of, and these before the acknowledgement. So where everything was
/// acknowledged before the words were read, and nothing has come since the replay was led to the end, they are the same.
///
/// # Errors
/// The difference, where nothing explains it.
pub(super) async fn compare(meeting: &mut Meeting, view: &str) -> Result<Unsettled, AuditError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        meeting.catch_up().await?;
        let behind = meeting.live.lag().await?;
        let apart = meeting.comparison.words_apart(view).await?;
        let Some(first) = apart.first else {
            return Ok(Unsettled::default());
        };
        let stands_still = behind == 0 && meeting.replay.rest().await? == 0;
        if stands_still && !meeting.live.has_parked_anything().await? {
            let what = "it is not found by the words that its replay gives".to_owned();
            return Err(in_view(view, &first, what));
        }
        if stands_still || Instant::now() >= deadline {
            return Ok(unsettled(apart.count, behind, stands_still));
        }
        sleep(LOOK).await;
    }
}

fn unsettled(count: u64, behind: u64, stands_still: bool) -> Unsettled {
    let number = |is_this: bool| if is_this { count } else { 0 };
    Unsettled {
        behind: number(behind > 0),
        parked: number(stands_still),
        moving: number(behind == 0 && !stands_still),
    }
}
