//! Declaring, writing and getting documents.

use futures::future::join_all;
use serde_json::{Value, json};

use super::fixtures::{payload, removal, write};
use super::{Harness, Suite};
use crate::{BY_ID, Collection, Document, DocumentStore, Expect, Index, PutError, Query, StoreError, Write};

pub(super) async fn run(suite: &mut Suite, h: &dyn Harness) {
    suite
        .check("a write happens if the document is as expected", expectations(h))
        .await;
    suite
        .check("revisions count the writes, and start over", revisions(h))
        .await;
    suite.check("a body is read as it was written", kept_exactly(h)).await;
    suite.check("writes are carried out in order", in_order(h)).await;
    suite
        .check(
            "a conflict names its write and stops all behind it",
            stops_at_conflict(h),
        )
        .await;
    suite
        .check(
            "of many new ones one that is there stops all behind it",
            new_ones_stop_at_one_that_is_there(h),
        )
        .await;
    suite
        .check(
            "new ones can be changed in the same request",
            new_ones_are_changed_at_once(h),
        )
        .await;
    suite
        .check("of racing writers one wins each revision", racing_writers(h))
        .await;
    suite
        .check(
            "documents come in the order of their ids, missing ones too",
            order_of_ids(h),
        )
        .await;
    suite.check("ids are up to 300 bytes of any text", ids(h)).await;
    suite.check("what is no document is refused", malformed(h)).await;
    suite.check("declaring again changes nothing", declared_again(h)).await;
    suite
        .check("an index can be declared when there are documents", index_added(h))
        .await;
    suite
        .check("undeclared collections and indexes are refused by name", undeclared(h))
        .await;
    suite
        .check("names that could not be kept apart are refused or kept apart", names(h))
        .await;
    suite
        .check("a dropped collection is empty when declared again", dropped(h))
        .await;
    suite
        .check("documents are seen by other handles and after opening again", shared(h))
        .await;
    suite
        .check("whatever changes leads to another mark, in every handle", marked(h))
        .await;
}

const INDEXES: &[Index] = &[Index {
    name: "by_name",
    fields: &["name"],
}];

fn collection(name: &str) -> Collection {
    Collection {
        name: name.to_owned(),
        indexes: INDEXES,
    }
}

async fn declared(h: &dyn Harness) -> std::sync::Arc<dyn DocumentStore> {
    let documents = h.open().await.documents;
    documents.declare(&collection("events")).await.unwrap();
    documents
}

async fn get(documents: &dyn DocumentStore, id: &str) -> Option<Document> {
    documents.get("events", &[id]).await.unwrap().pop().unwrap()
}

async fn names_of(documents: &dyn DocumentStore) -> Vec<Value> {
    let page = documents.find("events", Query::all("by_name", 1000)).await.unwrap();
    page.documents
        .into_iter()
        .map(|document| document.body["name"].clone())
        .collect()
}

fn named(id: &str, name: &str) -> Write {
    write("events", id, json!({"name": name}))
}

#[track_caller]
fn assert_conflict(outcome: &Result<(), PutError>, at: usize, of: &str) {
    let is_it = |index: usize, collection: &str, id: &str| index == at && collection == "events" && id == of;
    let named = matches!(outcome, Err(PutError::Conflict { index, collection, id }) if is_it(*index, collection, id));
    assert!(named, "{outcome:?}");
}

/// Every expectation of a missing document and of one at revision 2, for a write and for a removal.
async fn expectations(h: &dyn Harness) {
    let documents = declared(h).await;
    let cases = [
        (Expect::Anything, true, true),
        (Expect::Absent, true, false),
        (Expect::Revision(0), false, false),
        (Expect::Revision(1), false, false),
        (Expect::Revision(2), false, true),
        (Expect::Revision(3), false, false),
        (Expect::Revision(u64::MAX), false, false),
    ];
    for (expect, on_missing, on_present) in cases {
        for body in [None, Some(json!({"name": "new"}))] {
            for present in [false, true] {
                documents.put(vec![removal("events", "d")]).await.unwrap();
                if present {
                    documents
                        .put(vec![named("d", "old"), named("d", "older")])
                        .await
                        .unwrap();
                }
                let before = get(&*documents, "d").await;
                let write = Write {
                    expect,
                    body: body.clone().map(Into::into),
                    ..named("d", "")
                };
                let outcome = documents.put(vec![write]).await;
                let after = get(&*documents, "d").await;
                if if present { on_present } else { on_missing } {
                    outcome.unwrap();
                    assert_eq!(after.map(|document| document.body), body, "{expect:?}");
                } else {
                    assert_conflict(&outcome, 0, "d");
                    assert_eq!(after, before, "{expect:?}");
                }
            }
        }
    }
}

async fn revisions(h: &dyn Harness) {
    let documents = declared(h).await;
    for revision in 1..=3 {
        documents.put(vec![named("d", "same")]).await.unwrap();
        assert_eq!(get(&*documents, "d").await.unwrap().revision, revision);
    }
    documents
        .put(vec![removal("events", "d"), named("d", "same")])
        .await
        .unwrap();
    assert_eq!(get(&*documents, "d").await.unwrap().revision, 1);
}

async fn kept_exactly(h: &dyn Harness) {
    let documents = declared(h).await;
    let bodies = [
        payload("one"),
        json!({}),
        json!({"name": null, "$a.b": [1.5, "ü", {"": []}], "_id": 7, "id": 8}),
    ];
    for body in bodies {
        documents.put(vec![write("events", "d", body.clone())]).await.unwrap();
        assert_eq!(get(&*documents, "d").await.unwrap().body, body);
    }
}

async fn in_order(h: &dyn Harness) {
    let documents = declared(h).await;
    let then = |revision, name: &str| Write {
        expect: Expect::Revision(revision),
        ..named("a", name)
    };
    let writes = vec![
        named("a", "1"),
        named("b", "1"),
        then(1, "2"),
        removal("events", "b"),
        then(2, "3"),
    ];
    documents.put(writes).await.unwrap();
    assert_eq!(get(&*documents, "a").await.unwrap().body, json!({"name": "3"}));
    assert_eq!(get(&*documents, "b").await, None);
    documents.put(Vec::new()).await.unwrap();
}

async fn stops_at_conflict(h: &dyn Harness) {
    let documents = declared(h).await;
    documents.put(vec![named("b", "there")]).await.unwrap();
    let absent = Write {
        expect: Expect::Absent,
        ..named("b", "new")
    };
    let outcome = documents
        .put(vec![named("a", "new"), absent, named("c", "new"), named("b", "new")])
        .await;
    assert_conflict(&outcome, 1, "b");
    assert_eq!(get(&*documents, "b").await.unwrap().body, json!({"name": "there"}));
    assert_eq!(get(&*documents, "c").await, None);
    let before = get(&*documents, "a").await;
    assert!(
        before.is_none_or(|a| a.revision == 1),
        "the writes before may have happened, once"
    );
}

/// Many that are new, with one among them that is there: as one request a store may do with them what it likes best.
async fn new_ones_stop_at_one_that_is_there(h: &dyn Harness) {
    let documents = declared(h).await;
    let ids: Vec<String> = (0..1_100).map(|n| format!("d{n:04}")).collect();
    let new = |id: &String| Write {
        expect: Expect::Absent,
        ..named(id, "new")
    };
    documents.put(vec![named("d1050", "there")]).await.unwrap();
    let outcome = documents.put(ids.iter().map(new).collect()).await;
    assert_conflict(&outcome, 1_050, "d1050");
    assert_eq!(get(&*documents, "d1050").await.unwrap().body, json!({"name": "there"}));
    assert_eq!(get(&*documents, "d1051").await, None);
    let before = get(&*documents, "d0000").await;
    assert!(before.is_none_or(|document| document.revision == 1));
}

async fn new_ones_are_changed_at_once(h: &dyn Harness) {
    let documents = declared(h).await;
    let bodies = [payload("one"), json!({}), json!({"$a.b": {"": []}, "_id": 7})];
    let new = (0..60).map(|n: usize| Write {
        expect: Expect::Absent,
        ..write("events", &n.to_string(), bodies[n % 3].clone())
    });
    let then = |revision, name: &str| Write {
        expect: Expect::Revision(revision),
        ..named("7", name)
    };
    let last = Write {
        expect: Expect::Absent,
        ..named("z", "last")
    };
    let writes = new.chain([then(1, "2"), last, then(2, "3")]).collect();
    documents.put(writes).await.unwrap();
    for n in [0, 1, 2, 59] {
        let document = get(&*documents, &n.to_string()).await.unwrap();
        assert_eq!((document.revision, &document.body), (1, &bodies[n % 3]));
    }
    assert_eq!(get(&*documents, "7").await.unwrap().revision, 3);
    assert_eq!(get(&*documents, "z").await.unwrap().revision, 1);
}

async fn racing_writers(h: &dyn Harness) {
    let documents = declared(h).await;
    let other = h.reopen().await.documents;
    for round in 0..30 {
        let expect = if round == 0 {
            Expect::Absent
        } else {
            Expect::Revision(round)
        };
        let tries = (0..6).map(|n| {
            let store = if n % 2 == 0 { &documents } else { &other };
            let write = Write {
                expect,
                ..named("d", &n.to_string())
            };
            store.put(vec![write])
        });
        let outcomes = join_all(tries).await;
        let winner = outcomes.iter().position(Result::is_ok).unwrap();
        for (n, outcome) in outcomes.iter().enumerate().filter(|(n, _)| *n != winner) {
            assert!(matches!(outcome, Err(PutError::Conflict { .. })), "{n}: {outcome:?}");
        }
        let document = get(&*documents, "d").await.unwrap();
        assert_eq!(
            (document.revision, &document.body["name"]),
            (round + 1, &json!(winner.to_string()))
        );
    }
}

async fn order_of_ids(h: &dyn Harness) {
    let documents = declared(h).await;
    documents
        .put(vec![named("a", "A"), named("b", "B"), named("c", "C")])
        .await
        .unwrap();
    let found = documents.get("events", &["c", "x", "a", "c", "A"]).await.unwrap();
    let ids: Vec<Option<&str>> = found
        .iter()
        .map(|document| document.as_ref().map(|d| d.id.as_str()))
        .collect();
    assert_eq!(ids, [Some("c"), None, Some("a"), Some("c"), None]);
    assert!(documents.get("events", &[]).await.unwrap().is_empty());
    // Before, between and behind those that there are.
    let mut asked = [
        "", "A", "a", "a", "a\u{0}", "aa", "ab", "b", "b ", "bb", "c", "d", "ü", "🎫",
    ];
    for _ in 0..asked.len() {
        asked.rotate_left(1);
        for turn in [1, 3] {
            let ids: Vec<&str> = (0..asked.len()).map(|i| asked[i * turn % asked.len()]).collect();
            let found = documents.get("events", &ids).await.unwrap();
            let found: Vec<Option<&str>> = found.iter().map(|d| d.as_ref().map(|d| d.id.as_str())).collect();
            let expected: Vec<_> = ids
                .iter()
                .map(|id| Some(*id).filter(|id| ["a", "b", "c"].contains(id)))
                .collect();
            assert_eq!(found, expected, "{ids:?}");
        }
    }
}

async fn ids(h: &dyn Harness) {
    let documents = declared(h).await;
    let longest = "ü".repeat(150);
    let ids = [
        "ü'\"%_*$.é",
        "e\u{301}",
        "é",
        " ",
        "a\u{0}b",
        "a\u{0}c",
        "🎫",
        "a/b",
        "A",
        "a",
        &longest,
    ];
    documents
        .put(ids.iter().map(|id| named(id, id)).collect())
        .await
        .unwrap();
    for id in ids {
        assert_eq!(get(&*documents, id).await.unwrap().body["name"], json!(id));
    }
}

async fn malformed(h: &dyn Harness) {
    let documents = declared(h).await;
    for body in [json!([]), json!("text"), json!(null), json!(1)] {
        let outcome = documents.put(vec![write("events", "d", body)]).await;
        assert!(
            matches!(outcome, Err(PutError::Store(StoreError::Broken(_)))),
            "{outcome:?}"
        );
    }
    let outcome = documents.put(vec![named(&"x".repeat(301), "too long")]).await;
    assert!(
        matches!(outcome, Err(PutError::Store(StoreError::Broken(_)))),
        "{outcome:?}"
    );
    assert!(names_of(&*documents).await.is_empty());
}

async fn declared_again(h: &dyn Harness) {
    let documents = declared(h).await;
    let other = h.reopen().await.documents;
    documents.put(vec![named("a", "A")]).await.unwrap();
    let (events, users) = (collection("events"), collection("users"));
    for store in [&documents, &other] {
        let again = (0..4).flat_map(|_| [store.declare(&events), store.declare(&users)]);
        for outcome in join_all(again).await {
            outcome.unwrap();
        }
    }
    let both = (0..6).map(|n| if n % 2 == 0 { &documents } else { &other });
    let fresh = collection("fresh");
    for outcome in join_all(both.map(|store| store.declare(&fresh))).await {
        outcome.unwrap();
    }
    assert_eq!(names_of(&*other).await, ["A"]);
}

async fn index_added(h: &dyn Harness) {
    let documents = h.open().await.documents;
    let plain = Collection {
        indexes: &[],
        ..collection("events")
    };
    documents.declare(&plain).await.unwrap();
    documents.put(vec![named("1", "b"), named("2", "a")]).await.unwrap();
    documents.declare(&collection("events")).await.unwrap();
    assert_eq!(names_of(&*documents).await, ["a", "b"]);
    documents.put(vec![named("3", "aa")]).await.unwrap();
    assert_eq!(names_of(&*documents).await, ["a", "aa", "b"]);
}

async fn undeclared(h: &dyn Harness) {
    let documents = declared(h).await;
    let get = documents.get("missing", &["a"]).await;
    assert!(
        matches!(&get, Err(StoreError::Broken(why)) if why.contains("missing")),
        "{get:?}"
    );
    let put = documents
        .put(vec![named("a", "A"), write("missing", "a", json!({}))])
        .await;
    assert!(
        matches!(&put, Err(PutError::Store(StoreError::Broken(why))) if why.contains("missing")),
        "{put:?}"
    );
    let find = documents.find("missing", Query::all("by_name", 1)).await;
    assert!(
        matches!(&find, Err(StoreError::Broken(why)) if why.contains("missing")),
        "{find:?}"
    );
    let find = documents.find("events", Query::all("by_size", 1)).await;
    assert!(
        matches!(&find, Err(StoreError::Broken(why)) if why.contains("by_size")),
        "{find:?}"
    );
}

async fn names(h: &dyn Harness) {
    let documents = declared(h).await;
    for name in ["", "a-b", "a b", "a;b", "a\"b", "ü", "a.b"] {
        let outcome = documents.declare(&collection(name)).await;
        assert!(matches!(outcome, Err(StoreError::Broken(_))), "{name}: {outcome:?}");
    }
    documents.put(vec![named("a", "A")]).await.unwrap();
    for name in [
        "Events",
        "EVENTS",
        "events_",
        "_events",
        "events_by_name",
        "2",
        "select",
        "sqlite_x",
    ] {
        documents.declare(&collection(name)).await.unwrap();
        assert_eq!(documents.get(name, &["a"]).await.unwrap(), [None], "{name}");
    }
    let taken = Collection {
        indexes: &[Index {
            name: BY_ID,
            fields: &["name"],
        }],
        ..collection("others")
    };
    let outcome = documents.declare(&taken).await;
    assert!(matches!(outcome, Err(StoreError::Broken(_))), "{outcome:?}");
}

async fn dropped(h: &dyn Harness) {
    let documents = declared(h).await;
    let other = h.reopen().await.documents;
    documents.put(vec![named("a", "A")]).await.unwrap();
    assert_eq!(names_of(&*other).await, ["A"]);
    documents.drop_collection("events").await.unwrap();
    for store in [&documents, &other] {
        let get = store.get("events", &["a"]).await;
        assert!(matches!(get, Err(StoreError::Broken(_))), "{get:?}");
        store.drop_collection("events").await.unwrap();
        store.drop_collection("never_declared").await.unwrap();
    }
    documents.declare(&collection("events")).await.unwrap();
    assert!(names_of(&*other).await.is_empty());
    other.put(vec![named("b", "B")]).await.unwrap();
    assert_eq!(names_of(&*documents).await, ["B"]);
}

async fn shared(h: &dyn Harness) {
    let documents = declared(h).await;
    let other = h.reopen().await.documents;
    for (n, (from, to)) in [(&documents, &other), (&other, &documents)].into_iter().enumerate() {
        from.put(vec![named("a", &n.to_string())]).await.unwrap();
        assert_eq!(names_of(&**to).await, [n.to_string()]);
    }
    drop((documents, other));
    assert_eq!(names_of(&*h.reopen().await.documents).await, ["1"]);
}

/// Where a store has no marks there is nothing to keep.
async fn marked(h: &dyn Harness) {
    let documents = declared(h).await;
    let other = h.reopen().await.documents;
    let marks = || [documents.change_mark(), other.change_mark()];
    let mut before = marks();
    for (n, writer) in [&documents, &other, &documents].into_iter().enumerate() {
        for write in [named("a", &n.to_string()), removal("events", "a")] {
            writer.put(vec![write]).await.unwrap();
            let after = marks();
            for (before, after) in before.into_iter().zip(after) {
                assert!(before.is_none() || before != after, "{before:?}");
            }
            before = after;
        }
    }
    get(&*documents, "a").await;
    assert_eq!(marks(), before, "reading changes nothing");
}
