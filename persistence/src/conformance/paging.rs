//! Finding documents by index, page by page.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::fixtures::{Dice, removal, write};
use super::{Harness, Suite};
use crate::{BY_ID, Bound, Collection, Cursor, Document, DocumentStore, Index, Query, StoreError};

pub(super) async fn run(suite: &mut Suite, h: &dyn Harness) {
    suite.check("documents come in the index's order", ordered(h)).await;
    suite.check("documents with equal fields come by id", ties(h)).await;
    suite.check("absent and null sort first, alike", nulls(h)).await;
    suite.check("descending is ascending backwards", descending(h)).await;
    suite.check("equals picks documents with these values", equals(h)).await;
    suite.check("bounds include or exclude their value", bounds(h)).await;
    suite
        .check("documents come by id alone, within bounds and in pages", by_id(h))
        .await;
    suite
        .check("there is a next page as long as there are documents", next_page(h))
        .await;
    suite
        .check(
            "every search, in pages of any size, is what sorting by hand gives",
            like_sorting(h),
        )
        .await;
    suite
        .check("pages lose and repeat nothing while others write", stable_pages(h))
        .await;
    suite.check("a cursor outlives its document", orphaned_cursor(h)).await;
    suite.check("a cursor can be stored as JSON", stored_cursor(h)).await;
    suite.check("any text can be a value", odd_texts(h)).await;
    suite.check("a limit may be huge", huge_limit(h)).await;
    suite.check("a scan meets every document once, by id", scanned(h)).await;
    suite
        .check("a scan loses nothing while others write", stable_scan(h))
        .await;
    suite
        .check("a search that does not fit its index is refused", unfit(h))
        .await;
}

const FIELDS: &[&str] = &["user", "open", "seats"];
const INDEXES: &[Index] = &[
    Index {
        name: "by_user",
        fields: &["user"],
    },
    Index {
        name: "by_all",
        fields: FIELDS,
    },
];

async fn declared(h: &dyn Harness) -> Arc<dyn DocumentStore> {
    let documents = h.open().await.documents;
    let collection = Collection {
        name: "bookings".to_owned(),
        indexes: INDEXES,
    };
    documents.declare(&collection).await.unwrap();
    documents
}

async fn with(h: &dyn Harness, bodies: &[(&str, Value)]) -> Arc<dyn DocumentStore> {
    let documents = declared(h).await;
    let writes = bodies.iter().map(|(id, body)| write("bookings", id, body.clone()));
    documents.put(writes.collect()).await.unwrap();
    documents
}

async fn find(documents: &dyn DocumentStore, query: Query) -> Vec<String> {
    let page = documents.find("bookings", query).await.unwrap();
    page.documents.into_iter().map(|document| document.id).collect()
}

/// All pages of a search.
async fn find_all(documents: &dyn DocumentStore, mut query: Query) -> Vec<Document> {
    let mut found = Vec::new();
    loop {
        let page = documents.find("bookings", query.clone()).await.unwrap();
        assert!(page.documents.len() <= query.limit);
        let keys = documents.keys("bookings", query.clone()).await.unwrap();
        let ids = |documents: &[Document]| documents.iter().map(|document| document.id.clone()).collect::<Vec<_>>();
        assert_eq!(
            keys.iter().map(|key| key.id.clone()).collect::<Vec<_>>(),
            ids(&page.documents)
        );
        if let Some(last) = keys.last().filter(|_| page.next.is_some()) {
            let behind = |cursor: &Cursor| Query {
                after: Some(cursor.clone()),
                ..query.clone()
            };
            let next = |cursor| documents.find("bookings", behind(cursor));
            assert_eq!(
                next(last).await.unwrap(),
                next(page.next.as_ref().unwrap()).await.unwrap()
            );
        }
        assert!(
            page.next.is_none() || page.documents.len() == query.limit,
            "a page in the middle is full"
        );
        found.extend(page.documents);
        let Some(next) = page.next else { return found };
        query.after = Some(next);
    }
}

fn by_user(limit: usize) -> Query {
    Query::all("by_user", limit)
}

fn bound(value: Value, inclusive: bool) -> Option<Bound> {
    Some(Bound { value, inclusive })
}

async fn ordered(h: &dyn Harness) {
    let users = ["b", "", "a", "B", "ab", "é", "z", "🎫", "\u{ffff}", "a b", "10", "9"];
    let bodies: Vec<(&str, Value)> = users.iter().map(|user| (*user, json!({"user": user}))).collect();
    let documents = with(h, &bodies).await;
    let mut sorted = users.to_vec();
    sorted.sort_unstable();
    assert_eq!(find(&*documents, by_user(100)).await, sorted);
}

async fn ties(h: &dyn Harness) {
    let documents = with(h, &["c", "a", "d", "b", "B"].map(|id| (id, json!({"user": "u"})))).await;
    assert_eq!(find(&*documents, by_user(100)).await, ["B", "a", "b", "c", "d"]);
    let ids: Vec<String> = find_all(&*documents, by_user(2))
        .await
        .into_iter()
        .map(|document| document.id)
        .collect();
    assert_eq!(ids, ["B", "a", "b", "c", "d"]);
}

async fn nulls(h: &dyn Harness) {
    let bodies = [
        ("a", json!({"user": ""})),
        ("b", json!({"user": null})),
        ("c", json!({})),
        ("d", json!({"user": null})),
    ];
    let documents = with(h, &bodies).await;
    assert_eq!(find(&*documents, by_user(100)).await, ["b", "c", "d", "a"]);
    let none = Query {
        equals: vec![Value::Null],
        ..by_user(100)
    };
    assert_eq!(find(&*documents, none).await, ["b", "c", "d"]);
    let some = Query {
        lower: bound(Value::Null, false),
        ..by_user(100)
    };
    assert_eq!(find(&*documents, some).await, ["a"]);
    let low = Query {
        upper: bound(json!(""), false),
        ..by_user(100)
    };
    assert_eq!(find(&*documents, low).await, ["b", "c", "d"]);
}

async fn descending(h: &dyn Harness) {
    let bodies = [
        ("a", json!({"user": "x"})),
        ("b", json!({"user": "x"})),
        ("c", json!({"user": "y"})),
        ("d", json!({})),
        ("e", json!({})),
    ];
    let documents = with(h, &bodies).await;
    let backwards = Query {
        descending: true,
        ..by_user(2)
    };
    let ids: Vec<String> = find_all(&*documents, backwards)
        .await
        .into_iter()
        .map(|document| document.id)
        .collect();
    assert_eq!(ids, ["c", "b", "a", "e", "d"]);
}

async fn equals(h: &dyn Harness) {
    let bodies = [
        ("a", json!({"user": "x", "open": true, "seats": 2})),
        ("b", json!({"user": "x", "open": false, "seats": 1})),
        ("c", json!({"user": "x", "open": true, "seats": 1})),
        ("d", json!({"user": "y", "open": true, "seats": 1})),
        ("e", json!({"user": "x", "seats": 3})),
    ];
    let documents = with(h, &bodies).await;
    let cases: [(Vec<Value>, &[&str]); 6] = [
        (vec![], &["e", "b", "c", "a", "d"]),
        (vec![json!("x")], &["e", "b", "c", "a"]),
        (vec![json!("x"), json!(true)], &["c", "a"]),
        (vec![json!("x"), json!(true), json!(2)], &["a"]),
        (vec![json!("x"), Value::Null], &["e"]),
        (vec![json!("X")], &[]),
    ];
    for (equals, expected) in cases {
        let query = Query {
            equals: equals.clone(),
            ..Query::all("by_all", 100)
        };
        assert_eq!(find(&*documents, query).await, expected, "{equals:?}");
    }
}

async fn bounds(h: &dyn Harness) {
    let documents = with(h, &["a", "b", "c", "d"].map(|id| (id, json!({"user": id})))).await;
    let cases: [(Option<Bound>, Option<Bound>, &[&str]); 6] = [
        (bound(json!("b"), true), None, &["b", "c", "d"]),
        (bound(json!("b"), false), None, &["c", "d"]),
        (None, bound(json!("c"), true), &["a", "b", "c"]),
        (None, bound(json!("c"), false), &["a", "b"]),
        (bound(json!("b"), true), bound(json!("c"), true), &["b", "c"]),
        (bound(json!("b"), false), bound(json!("c"), false), &[]),
    ];
    for (lower, upper, expected) in cases {
        for descending in [false, true] {
            let query = Query {
                lower: lower.clone(),
                upper: upper.clone(),
                descending,
                ..by_user(100)
            };
            let mut found = find(&*documents, query).await;
            if descending {
                found.reverse();
            }
            assert_eq!(found, expected, "{lower:?} {upper:?}");
        }
    }
}

async fn by_id(h: &dyn Harness) {
    let ids = [
        "", " ", "10", "9", "A", "a", "a 1", "a 2", "a\u{0}b", "ab", "e\u{301}", "é", "-Inf", "\u{ffff}", "🎫",
    ];
    let documents = with(h, &ids.map(|id| (id, json!({"user": "u"})))).await;
    let limits = [
        None,
        Some("a"),
        Some("a 1"),
        Some("b"),
        Some("10"),
        Some("9"),
        Some("🎫"),
    ];
    for (lower, upper) in limits.iter().flat_map(|lower| limits.map(|upper| (*lower, upper))) {
        for (inclusive, descending) in [(false, false), (false, true), (true, false), (true, true)] {
            let above = |id: &&str| lower.is_none_or(|lower| beyond((*id).cmp(lower), inclusive));
            let below = |id: &&str| upper.is_none_or(|upper| beyond(upper.cmp(id), inclusive));
            let mut expected: Vec<&str> = ids.into_iter().filter(above).filter(below).collect();
            expected.sort_unstable();
            if descending {
                expected.reverse();
            }
            for limit in [1, 4, 100] {
                let query = Query {
                    lower: lower.and_then(|id| bound(json!(id), inclusive)),
                    upper: upper.and_then(|id| bound(json!(id), inclusive)),
                    descending,
                    ..Query::all(BY_ID, limit)
                };
                let found = find_all(&*documents, query.clone()).await;
                let found: Vec<&str> = found.iter().map(|document| document.id.as_str()).collect();
                assert_eq!(found, expected, "{query:?}");
            }
        }
    }
}

async fn next_page(h: &dyn Harness) {
    let documents = declared(h).await;
    let empty = documents.find("bookings", by_user(1)).await.unwrap();
    assert_eq!((empty.documents.len(), empty.next), (0, None));
    let writes = ["a", "b", "c", "d"].map(|id| write("bookings", id, json!({"user": id, "seats": 1})));
    documents.put(writes.to_vec()).await.unwrap();
    let first = documents.find("bookings", by_user(2)).await.unwrap();
    let place = Cursor {
        values: vec![json!("b")],
        id: "b".to_owned(),
    };
    assert_eq!(first.next, Some(place.clone()));
    let second = Query {
        after: Some(place),
        ..by_user(2)
    };
    let second = documents.find("bookings", second).await.unwrap();
    assert_eq!((second.documents.len(), second.next), (2, None));
    assert_eq!(documents.find("bookings", by_user(4)).await.unwrap().next, None);
}

/// Few values, so that there are ties, and missing ones.
fn random_body(dice: &mut Dice) -> Value {
    let mut body = Map::new();
    for field in FIELDS {
        if dice.roll(5) > 0 {
            body.insert((*field).to_owned(), random_value(dice, field));
        }
    }
    Value::Object(body)
}

fn random_value(dice: &mut Dice, field: &str) -> Value {
    let values = match field {
        "user" => [json!("u"), json!("v"), json!("ü"), Value::Null],
        "open" => [json!(true), json!(false), json!(false), Value::Null],
        _ => [json!(1), json!(-5), json!(1_000_000_000_007_u64), Value::Null],
    };
    dice.pick(&values).clone()
}

fn random_query(dice: &mut Dice) -> Query {
    let equals: Vec<Value> = FIELDS
        .iter()
        .take(dice.roll(4))
        .map(|field| random_value(dice, field))
        .collect();
    let mut bound = || {
        let field = FIELDS.get(equals.len()).filter(|_| dice.roll(2) == 0)?;
        Some(Bound {
            value: random_value(dice, field),
            inclusive: dice.roll(2) == 0,
        })
    };
    Query {
        lower: bound(),
        upper: bound(),
        descending: dice.roll(2) == 0,
        limit: 1 + dice.roll(9),
        equals,
        ..Query::all("by_all", 1)
    }
}

/// Null, then false and true, numbers, texts by their bytes.
fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => a.as_i64().cmp(&b.as_i64()),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (a, b) => b.is_null().cmp(&a.is_null()),
    }
}

fn compare_documents(a: &Document, b: &Document) -> Ordering {
    let by_fields = FIELDS.iter().map(|field| compare(&a.body[field], &b.body[field]));
    by_fields
        .fold(Ordering::Equal, Ordering::then)
        .then_with(|| a.id.cmp(&b.id))
}

fn by_hand(all: &[Document], query: &Query) -> Vec<Document> {
    let fits = |document: &&Document| {
        let field = |i: usize| FIELDS.get(i).map_or(&Value::Null, |field| &document.body[field]);
        let next = field(query.equals.len());
        let equal = query
            .equals
            .iter()
            .enumerate()
            .all(|(i, value)| compare(field(i), value).is_eq());
        let above = query
            .lower
            .as_ref()
            .is_none_or(|b| beyond(compare(next, &b.value), b.inclusive));
        let below = query
            .upper
            .as_ref()
            .is_none_or(|b| beyond(compare(&b.value, next), b.inclusive));
        equal && above && below
    };
    let mut found: Vec<Document> = all.iter().filter(fits).cloned().collect();
    found.sort_by(compare_documents);
    if query.descending {
        found.reverse();
    }
    found
}

fn beyond(place: Ordering, inclusive: bool) -> bool {
    place.is_gt() || (inclusive && place.is_eq())
}

async fn like_sorting(h: &dyn Harness) {
    let documents = declared(h).await;
    let mut dice = Dice::new(1);
    let writes = (0..150).map(|n| write("bookings", &format!("d{n}"), random_body(&mut dice)));
    documents.put(writes.collect()).await.unwrap();
    let all = find_all(&*documents, Query::all("by_user", 1000)).await;
    assert_eq!(all.len(), 150);
    for _ in 0..150 {
        let query = random_query(&mut dice);
        let found = find_all(&*documents, query.clone()).await;
        assert_eq!(found, by_hand(&all, &query), "{query:?}");
    }
}

/// Half of the documents are left alone; the others come, change and go between the pages.
async fn stable_pages(h: &dyn Harness) {
    let documents = declared(h).await;
    let mut dice = Dice::new(2);
    for descending in [false, true] {
        let still = (0..60).map(|n| write("bookings", &format!("still {n}"), random_body(&mut dice)));
        documents.put(still.collect()).await.unwrap();
        let mut query = Query {
            descending,
            ..Query::all("by_all", 7)
        };
        let mut seen = Vec::new();
        loop {
            let page = documents.find("bookings", query.clone()).await.unwrap();
            seen.extend(
                page.documents
                    .into_iter()
                    .map(|document| document.id)
                    .filter(|id| id.starts_with("still")),
            );
            churn(&*documents, &mut dice).await;
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (60, 60));
    }
}

async fn churn(documents: &dyn DocumentStore, dice: &mut Dice) {
    for _ in 0..10 {
        let id = format!("moving {}", dice.roll(40));
        let change = if dice.roll(3) == 0 {
            removal("bookings", &id)
        } else {
            write("bookings", &id, random_body(dice))
        };
        documents.put(vec![change]).await.unwrap();
    }
}

async fn orphaned_cursor(h: &dyn Harness) {
    let documents = with(h, &["a", "b", "c", "d"].map(|id| (id, json!({"user": id})))).await;
    let after = documents.find("bookings", by_user(2)).await.unwrap().next;
    documents
        .put(vec![
            removal("bookings", "b"),
            write("bookings", "a", json!({"user": "cc"})),
        ])
        .await
        .unwrap();
    let rest = Query { after, ..by_user(100) };
    assert_eq!(find(&*documents, rest).await, ["c", "a", "d"]);
}

async fn stored_cursor(h: &dyn Harness) {
    let bodies = [
        ("a", json!({"open": true, "seats": null})),
        ("b", json!({"open": true, "seats": 1})),
        ("c", json!({"user": "u"})),
    ];
    let documents = with(h, &bodies).await;
    let mut query = Query::all("by_all", 1);
    let mut ids = Vec::new();
    loop {
        let page = documents.find("bookings", query.clone()).await.unwrap();
        ids.extend(page.documents.into_iter().map(|document| document.id));
        let Some(next) = page.next else { break };
        let stored = serde_json::to_string(&next).unwrap();
        query.after = Some(serde_json::from_str(&stored).unwrap());
    }
    assert_eq!(ids, ["a", "b", "c"]);
}

async fn odd_texts(h: &dyn Harness) {
    let texts = [
        "", " ", "'", "\"", "\\", "%", "$.a", "a\u{0}b", "a\u{0}c", "\n", "e\u{301}", "é", "123", "null", "🎫",
    ];
    let bodies: Vec<(&str, Value)> = texts.iter().map(|text| (*text, json!({"user": text}))).collect();
    let documents = with(h, &bodies).await;
    for text in texts {
        let query = Query {
            equals: vec![json!(text)],
            ..by_user(100)
        };
        assert_eq!(find(&*documents, query).await, [text]);
    }
    assert_eq!(find_all(&*documents, by_user(1)).await.len(), texts.len());
}

async fn huge_limit(h: &dyn Harness) {
    let documents = with(h, &["a", "b"].map(|id| (id, json!({"user": id})))).await;
    let page = documents.find("bookings", by_user(usize::MAX)).await.unwrap();
    assert_eq!((page.documents.len(), page.next), (2, None));
}

async fn unfit(h: &dyn Harness) {
    let documents = declared(h).await;
    let too_many = Query {
        equals: vec![json!("a"), json!("b")],
        ..by_user(1)
    };
    let no_field_left = Query {
        equals: vec![json!("a")],
        lower: bound(json!("b"), true),
        ..by_user(1)
    };
    let foreign_cursor = Query {
        after: Some(Cursor {
            values: Vec::new(),
            id: "a".to_owned(),
        }),
        ..by_user(1)
    };
    let no_field = Query {
        equals: vec![json!("a")],
        ..Query::all(BY_ID, 1)
    };
    let no_id = Query {
        upper: bound(json!(1), true),
        ..Query::all(BY_ID, 1)
    };
    for query in [too_many, no_field_left, no_field, no_id] {
        let outcome = documents.find("bookings", query.clone()).await;
        assert!(matches!(outcome, Err(StoreError::Broken(_))), "{query:?}: {outcome:?}");
    }
    let outcome = documents.find("bookings", foreign_cursor).await;
    assert!(matches!(outcome, Err(StoreError::ForeignCursor)), "{outcome:?}");
}

/// The whole collection, in pages of `limit`.
async fn scan(documents: &dyn DocumentStore, limit: usize) -> Vec<Document> {
    let mut all: Vec<Document> = Vec::new();
    loop {
        let after = all.last().map(|document| document.id.clone());
        let page = documents.scan("bookings", after.as_deref(), limit).await.unwrap();
        assert!(page.len() <= limit);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

async fn scanned(h: &dyn Harness) {
    let documents = declared(h).await;
    assert_eq!(scan(&*documents, 10).await, []);
    let mut ids = [
        "", " ", "10", "9", "A", "Z", "a", "a\u{0}b", "a\u{0}c", "ab", "e\u{301}", "é", "z", "ü", "\u{ffff}", "🎫",
    ];
    let writes = ids.iter().rev().map(|id| write("bookings", id, json!({"id": id})));
    documents.put(writes.collect()).await.unwrap();
    ids.sort_unstable();
    for limit in [1, 3, ids.len(), 1_000] {
        let all = scan(&*documents, limit).await;
        let found: Vec<&str> = all.iter().map(|document| document.id.as_str()).collect();
        assert_eq!(found, ids, "in pages of {limit}");
        assert!(all.iter().all(|document| document.body["id"] == document.id.as_str()));
    }
    let missing = documents.scan("missing", None, 1).await;
    assert!(
        matches!(&missing, Err(StoreError::Broken(why)) if why.contains("missing")),
        "{missing:?}"
    );
}

async fn stable_scan(h: &dyn Harness) {
    let documents = declared(h).await;
    let id = |n: usize| format!("{n:03}");
    let even = (0..100).map(|n| write("bookings", &id(2 * n), json!({"n": 2 * n})));
    documents.put(even.collect()).await.unwrap();
    let mut dice = Dice::new(11);
    let mut all: Vec<String> = Vec::new();
    loop {
        let odd = 2 * dice.roll(100) + 1;
        let body = json!({ "n": odd });
        documents
            .put(vec![write("bookings", &id(odd), body.clone())])
            .await
            .unwrap();
        documents
            .put(vec![
                removal("bookings", &id(2 * dice.roll(100) + 1)),
                write("bookings", &id(0), body),
            ])
            .await
            .unwrap();
        let page = documents
            .scan("bookings", all.last().map(String::as_str), 3)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page.into_iter().map(|document| document.id));
    }
    assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
    all.retain(|id| id.parse::<usize>().unwrap() % 2 == 0);
    assert_eq!(all, (0..100).map(|n| id(2 * n)).collect::<Vec<_>>());
}
