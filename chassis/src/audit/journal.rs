//! A walk through a journal. Pages are read, checked and handed to the service's rules at the same time, each step in the
//! order of the walk, so that the first difference is always the same one.

use std::sync::Arc;

use contracts::{DecodeError, Hash, StreamId, verify_chain};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use persistence::{Commit, CommitKey, Journal, Walked};
use tokio::task::spawn_blocking;

use super::chain::Head;
use super::log::Heads;
use super::{Audit, AuditError, Difference, Fault};
use crate::causes;
use crate::recorded::Recorded;

/// Envelopes to aim at in a page, and commits at most.
const PAGE_ENVELOPES: usize = 2_000;
const PAGE_COMMITS: usize = 500;
/// Pages that are checked at the same time.
const PAGES: usize = 3;

/// What a walk met.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct JournalReport {
    pub streams: u64,
    pub commits: u64,
    pub envelopes: u64,
    /// Envelopes by names that this build does not know.
    pub unknown: u64,
    pub heads: Heads,
}

/// Walks through all of `journal`, which may be appended to meanwhile: each stream is proved up to some version.
///
/// # Errors
/// The first [`Difference`] in the order of streams and versions, or why the journal cannot be read at all.
pub async fn audit_journal(
    journal: &Arc<dyn Journal>,
    audit: &mut dyn Audit,
    seen: &(dyn Fn(u64) + Sync),
) -> Result<JournalReport, AuditError> {
    // A page that cannot be read waits its turn: what is found in those before it comes first.
    let checks = pages(Arc::clone(journal)).map(|page| async {
        let page = page?;
        let checked = spawn_blocking(move || check(page)).await;
        checked.map_err(|died| AuditError::Replay(died.into()))
    });
    let mut checks = std::pin::pin!(checks.buffered(PAGES));
    let mut report = JournalReport::default();
    let mut last: Option<StreamId> = None;
    while let Some(checked) = checks.try_next().await? {
        for recorded in &checked.recorded {
            enter(&mut last, &recorded.envelope.stream, audit, &mut report);
            take_in(audit, recorded)?;
        }
        if let Some(difference) = checked.fault {
            return Err(difference.into());
        }
        report.commits += checked.commits;
        report.envelopes += checked.envelopes;
        report.unknown += checked.unknown;
        report.heads.0.extend(checked.heads);
        seen(checked.envelopes);
    }
    Ok(report)
}

/// Hands an envelope to the service's rules.
pub(super) fn take_in(audit: &mut dyn Audit, recorded: &Recorded) -> Result<(), Difference> {
    let envelope = &recorded.envelope;
    let broken = |violation: super::Violation| Fault::new(&envelope.stream, envelope.version, violation.to_string());
    Ok(audit.take_in(recorded).map_err(broken)?)
}

fn enter(last: &mut Option<StreamId>, stream: &StreamId, audit: &mut dyn Audit, report: &mut JournalReport) {
    if last.as_ref() == Some(stream) {
        return;
    }
    if let Some(left) = last.replace(stream.clone()) {
        audit.leave(&left);
    }
    report.streams += 1;
}

struct Page {
    /// What stands before it.
    before: Option<Place>,
    walked: Vec<Walked>,
}

/// Where a stream stands.
#[derive(Debug, Clone)]
struct Place {
    stream: StreamId,
    first_version: u64,
    version: u64,
    hash: Hash,
}

impl Place {
    fn into_head(self) -> (StreamId, Head) {
        let Self { version, hash, .. } = self;
        (self.stream, Head { version, hash })
    }
}

struct Checked {
    /// Everything before the fault, if there is one.
    recorded: Vec<Recorded>,
    fault: Option<Difference>,
    /// The last that was met of each stream.
    heads: Vec<(StreamId, Head)>,
    commits: u64,
    envelopes: u64,
    unknown: u64,
}

struct Walk {
    journal: Arc<dyn Journal>,
    after: Option<CommitKey>,
    before: Option<Place>,
    limit: usize,
}

fn pages(journal: Arc<dyn Journal>) -> impl Stream<Item = Result<Page, AuditError>> {
    let start = Walk {
        journal,
        after: None,
        before: None,
        limit: PAGE_COMMITS / 10,
    };
    stream::try_unfold(start, Walk::next)
}

impl Walk {
    async fn next(mut self) -> Result<Option<(Page, Self)>, AuditError> {
        let walked = self.journal.walk(self.after.as_ref(), self.limit).await;
        let walked = walked.map_err(|cause| AuditError::Journal {
            after: self.before.as_ref().map(|place| (place.stream.clone(), place.version)),
            cause,
        })?;
        let Some(last) = walked.last() else { return Ok(None) };
        // What has no key is a fault, at which the walk ends anyway.
        self.after = last.key.clone().or(self.after);
        let before = std::mem::replace(&mut self.before, place_of(last));
        self.limit = next_limit(&walked);
        Ok(Some((Page { before, walked }, self)))
    }
}

/// Commits are of very different sizes, but those beside each other are mostly alike.
fn next_limit(walked: &[Walked]) -> usize {
    let envelopes: usize = walked
        .iter()
        .flat_map(|walked| &walked.commit)
        .map(|commit| commit.envelopes.len())
        .sum();
    (PAGE_ENVELOPES * walked.len() / envelopes.max(1)).clamp(1, PAGE_COMMITS)
}

/// `None` where it cannot be read: then the walk is at its end.
fn place_of(walked: &Walked) -> Option<Place> {
    let last = walked.commit.as_ref().ok()?.envelopes.last()?;
    let key = walked.key.as_ref()?;
    Some(Place {
        stream: key.stream.clone(),
        first_version: key.first_version,
        version: last.version,
        hash: last.hash,
    })
}

fn check(page: Page) -> Checked {
    let mut checked = Checked {
        recorded: Vec::new(),
        fault: None,
        heads: Vec::new(),
        commits: 0,
        envelopes: 0,
        unknown: 0,
    };
    let mut at = page.before;
    for walked in page.walked {
        let next = place_of(&walked);
        if let Err(fault) = check_commit(at.as_ref(), walked, &mut checked) {
            checked.fault = Some(fault);
            break;
        }
        if at.as_ref().map(|at| &at.stream) != next.as_ref().map(|next| &next.stream) {
            checked.heads.extend(at.map(Place::into_head));
        }
        at = next;
    }
    checked.heads.extend(at.map(Place::into_head));
    checked
}

fn check_commit(at: Option<&Place>, walked: Walked, checked: &mut Checked) -> Result<(), Difference> {
    let Walked { key, commit } = walked;
    let Some(key) = key else {
        return Err(without_key(at, commit.err().unwrap_or_default()));
    };
    Ok(check_at(at, &key, commit, checked)?)
}

fn check_at(
    at: Option<&Place>,
    key: &CommitKey,
    commit: Result<Commit, String>,
    checked: &mut Checked,
) -> Result<(), Fault> {
    let in_order = |at: &Place| (at.stream.as_str(), at.first_version) < (key.stream.as_str(), key.first_version);
    if !at.is_none_or(in_order) {
        return Err(fault(key, key.first_version, "the journal's order is broken here"));
    }
    let unreadable = |why| fault(key, key.first_version, format!("the commit cannot be read: {why}"));
    let commit = commit.map_err(unreadable)?;
    check_bounds(key, &commit)?;
    let at = at.filter(|at| at.stream == key.stream);
    let previous = at.map_or((0, Hash::GENESIS), |at| (at.version, at.hash));
    verify_chain(previous, &commit.envelopes).map_err(|broken| fault(key, broken.version, broken.fault))?;
    checked.commits += 1;
    checked.read(key, commit)
}

fn without_key(at: Option<&Place>, why: String) -> Difference {
    let behind = match at {
        Some(at) => format!("the commit behind stream {}, version {}", at.stream, at.version),
        None => "its first commit".to_owned(),
    };
    let what = format!("{behind}: {why}");
    Difference::InJournal { what }
}

fn check_bounds(key: &CommitKey, commit: &Commit) -> Result<(), Fault> {
    let Some(last) = commit.envelopes.last() else {
        return Err(fault(key, key.first_version, "the commit is empty"));
    };
    let bounds = (key.first_version, last.version);
    let strange = commit
        .envelopes
        .iter()
        .find(|envelope| envelope.stream != key.stream || (envelope.commit.first, envelope.commit.last) != bounds);
    match strange {
        Some(strange) => Err(fault(key, strange.version, "it is not of the commit that it stands in")),
        None => Ok(()),
    }
}

fn fault(key: &CommitKey, version: u64, rule: impl Into<String>) -> Fault {
    Fault::new(&key.stream, version, rule)
}

impl Checked {
    fn read(&mut self, key: &CommitKey, commit: Commit) -> Result<(), Fault> {
        for envelope in commit.envelopes {
            let version = envelope.version;
            self.envelopes += 1;
            match Recorded::read(envelope) {
                Ok(recorded) => self.recorded.push(recorded),
                Err(DecodeError::UnknownName(_)) => self.unknown += 1,
                Err(error) => return Err(fault(key, version, causes(&error))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use contracts::{Actor, CommitBounds, Envelope, EventName, Unsealed};
    use persistence::{AppendError, StoreError};
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn unsealed(stream: &StreamId, version: u64, commit: CommitBounds, payload: Value) -> Unsealed {
        Unsealed {
            id: Uuid::now_v7(),
            name: EventName::parse("event.booked"),
            stream: stream.clone(),
            version,
            commit,
            schema_version: 1,
            time: jiff::Timestamp::UNIX_EPOCH,
            actor: Actor::system(),
            idempotency: None,
            payload: payload.into(),
        }
    }

    fn booked() -> Value {
        json!({"booking_id": "b", "event_id": "e", "user_id": "u", "seats": 1})
    }

    /// Commits of these sizes, as a walk meets them.
    fn stream(name: &str, sizes: &[u64], payload: &Value) -> Vec<Walked> {
        let stream = StreamId::parse(name).unwrap();
        let (mut hash, mut version, mut all) = (Hash::GENESIS, 0, Vec::new());
        for size in sizes {
            let bounds = CommitBounds {
                first: version + 1,
                last: version + size,
            };
            let mut envelopes: Vec<Arc<Envelope>> = Vec::new();
            for _ in 0..*size {
                version += 1;
                let envelope = unsealed(&stream, version, bounds, payload.clone()).seal(&hash, None);
                hash = envelope.hash;
                envelopes.push(Arc::new(envelope));
            }
            let id = Uuid::now_v7();
            all.push(Walked {
                key: Some(CommitKey {
                    stream: stream.clone(),
                    first_version: bounds.first,
                }),
                commit: Ok(Commit { id, envelopes }),
            });
        }
        all
    }

    /// Stream, version and rule of the fault in a page, and how many envelopes stand before it.
    fn fault_in(before: Option<Place>, walked: Vec<Walked>) -> Option<(String, u64, String)> {
        match check(Page { before, walked }).fault? {
            Difference::InStream(fault) => Some((fault.stream.to_string(), fault.version, fault.rule)),
            other => panic!("{other}"),
        }
    }

    #[track_caller]
    fn assert_named(fault: Option<(String, u64, String)>, stream: &str, version: u64, rule: &str) {
        let (of, at, found) = fault.expect("nothing is found");
        assert!(
            of == stream && at == version && found.contains(rule),
            "{of} {at}: {found}"
        );
    }

    #[test]
    fn whole_streams_pass_and_are_counted() {
        let all = [
            stream("event/a", &[1, 3, 2], &booked()),
            stream("event/b", &[2], &booked()),
        ]
        .concat();
        let checked = check(Page {
            before: None,
            walked: all.clone(),
        });
        assert!(checked.fault.is_none());
        assert_eq!((checked.commits, checked.envelopes, checked.recorded.len()), (4, 8, 8));
        assert_eq!(fault_in(place_of(&all[1]), all[2..].to_vec()), None);
    }

    #[test]
    fn a_gap_is_named_within_a_page_and_between_two() {
        let all = stream("event/a", &[1, 3, 2], &booked());
        let rule = "does not follow";
        assert_named(fault_in(None, all[1..].to_vec()), "event/a", 2, rule);
        assert_named(fault_in(None, vec![all[0].clone(), all[2].clone()]), "event/a", 5, rule);
        assert_named(fault_in(place_of(&all[0]), all[2..].to_vec()), "event/a", 5, rule);
    }

    #[test]
    fn a_changed_envelope_and_all_that_lies_behind_another_are_named() {
        let mut all = stream("event/a", &[1, 3], &booked());
        Arc::make_mut(&mut all[1].commit.as_mut().unwrap().envelopes[1]).actor = Actor::new("another");
        assert_named(fault_in(None, all.clone()), "event/a", 3, "hash");
        let other = stream("event/a", &[1, 3], &booked());
        assert_named(
            fault_in(None, vec![other[0].clone(), all[1].clone()]),
            "event/a",
            2,
            "hash",
        );
    }

    #[test]
    fn bounds_that_are_not_the_commits_are_named() {
        let whole = stream("event/a", &[3], &booked()).remove(0);
        let mut short = whole.clone();
        short.commit.as_mut().unwrap().envelopes.pop();
        assert_named(fault_in(None, vec![short]), "event/a", 1, "commit");
        let mut empty = whole.clone();
        empty.commit.as_mut().unwrap().envelopes.clear();
        assert_named(fault_in(None, vec![empty]), "event/a", 1, "empty");
        let mut moved = whole;
        moved.key.as_mut().unwrap().stream = StreamId::parse("event/b").unwrap();
        assert_named(fault_in(None, vec![moved]), "event/b", 1, "commit");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let mut all = stream("event/a", &[1, 1], &booked());
        all[1].commit = Err("torn".to_owned());
        assert_named(fault_in(None, all), "event/a", 2, "torn");
        let strange = stream("event/a", &[2], &json!({"seats": "many"}));
        assert_named(fault_in(None, strange), "event/a", 1, "breaks its format");
    }

    /// Walks through one page, and then fails.
    struct Torn(Vec<Walked>);

    #[async_trait::async_trait]
    impl Journal for Torn {
        async fn walk(&self, after: Option<&CommitKey>, _limit: usize) -> Result<Vec<Walked>, StoreError> {
            match after {
                None => Ok(self.0.clone()),
                Some(_) => Err(StoreError::Broken("torn".to_owned())),
            }
        }

        async fn append(&self, _previous: Hash, _commit: &Commit) -> Result<(), AppendError> {
            Err(StoreError::Closed.into())
        }

        async fn read(&self, _stream: &StreamId, _after: u64, _limit: usize) -> Result<Vec<Commit>, StoreError> {
            Err(StoreError::Closed)
        }

        async fn unpublished(&self, _limit: usize) -> Result<Vec<Commit>, StoreError> {
            Err(StoreError::Closed)
        }

        async fn mark_published(&self, _commits: &[CommitKey]) -> Result<(), StoreError> {
            Err(StoreError::Closed)
        }

        async fn unpublished_count(&self) -> Result<u64, StoreError> {
            Err(StoreError::Closed)
        }

        async fn seal(&self) -> Result<(), StoreError> {
            Err(StoreError::Closed)
        }

        async fn unseal(&self) -> Result<(), StoreError> {
            Err(StoreError::Closed)
        }
    }

    struct NoRules;

    impl Audit for NoRules {
        fn take_in(&mut self, _recorded: &Recorded) -> Result<(), super::super::Violation> {
            Ok(())
        }

        fn leave(&mut self, _stream: &StreamId) {}

        fn counts(&self) -> Vec<(&'static str, u64)> {
            Vec::new()
        }
    }

    #[tokio::test]
    async fn a_fault_goes_before_a_page_behind_it_that_cannot_be_read() {
        let gap = stream("event/a", &[1, 1, 1], &booked());
        let journal: Arc<dyn Journal> = Arc::new(Torn(vec![gap[0].clone(), gap[2].clone()]));
        let outcome = audit_journal(&journal, &mut NoRules, &|_| {}).await;
        let Err(AuditError::Difference(Difference::InStream(fault))) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(fault.version, 3);
    }

    #[test]
    fn what_has_no_key_is_named_by_what_stands_before_it() {
        let mut all = stream("event/a", &[2, 1], &booked());
        (all[1].key, all[1].commit) = (None, Err("its key is nothing".to_owned()));
        let checked = check(Page {
            before: None,
            walked: all,
        });
        let named = checked.fault.unwrap().to_string();
        assert_eq!(
            named,
            "the journal: the commit behind stream event/a, version 2: its key is nothing"
        );
        assert_eq!((checked.envelopes, checked.heads.len()), (2, 1));
    }

    #[test]
    fn keys_that_come_again_are_named() {
        let all = stream("event/a", &[1, 1], &booked());
        assert_named(fault_in(place_of(&all[1]), all.clone()), "event/a", 1, "order");
        let back = [stream("event/b", &[1], &booked()), all].concat();
        assert_named(fault_in(None, back), "event/a", 1, "order");
    }
}
