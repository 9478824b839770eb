//! The conventions that every route keeps, whatever it is about: paging, filters, tags, problems, headers, documents.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, Version};
use serde_json::{Value, json};
use testkit::{Client, Platform, PlatformBuilder, Reply, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{event_with_seats, opera, platform};

const PROBLEM: &str = "application/problem+json";
const PROBLEM_TYPES: &str = "https://myevents.example/problems/";
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Like all ids of this kind, of a time long ago: a look-up does not wait for it to appear.
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";

/// An event of two hours for ten people.
fn event(name: &str, start: Timestamp) -> Value {
    json!({
        "name": name, "start_time": start.to_string(), "duration": 120, "capacity": 10,
        "location": {"name": "Hall", "country": "Germany"},
    })
}

fn in_days(days: i32) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap() + DAY * days
}

/// Creates something and waits until it can be read. Returns its id.
async fn create(client: &Client, path: &str, body: Value) -> String {
    let reply = client.post(path, body).await;
    let id = id_in(&reply.expect(201));
    let location = reply.header("location").unwrap();
    client.get_with(location, &[token_of(&reply)]).await.expect(200);
    id
}

fn id_in(entity: &Value) -> String {
    entity["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {entity}"))
        .to_owned()
}

fn token_of(reply: &Reply) -> (&'static str, &str) {
    (
        "Consistency-Token",
        reply.header("consistency-token").expect("a write's reply has a token"),
    )
}

fn tag_of(reply: &Reply) -> String {
    reply.header("etag").expect("the reply has a tag").to_owned()
}

fn items(page: &Value) -> Vec<Value> {
    page["items"]
        .as_array()
        .unwrap_or_else(|| panic!("no page: {page}"))
        .clone()
}

fn ids(page: &Value) -> Vec<String> {
    items(page).iter().map(id_in).collect()
}

/// The names on the only page at `path`.
async fn names(client: &Client, path: &str) -> Vec<String> {
    let page = client.get(path).await.expect(200);
    assert_eq!(page["next_cursor"], Value::Null, "{path}");
    items(&page)
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Where `Link: <…>; rel="next"` leads.
fn next_link(reply: &Reply) -> Option<String> {
    let link = reply.header("link")?;
    let (target, parameters) = link
        .strip_prefix('<')
        .and_then(|rest| rest.split_once('>'))
        .expect("a link has a target");
    assert_eq!(parameters.trim_start_matches([';', ' ']), "rel=\"next\"", "{link}");
    Some(target.to_owned())
}

/// The ids on all pages from `path` on, by the links alone. Checks what every page promises.
async fn follow(client: &Client, path: &str, limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let reply = client.get(&path).await;
        let page = reply.expect(200);
        let on_page = ids(&page);
        next = next_link(&reply);
        match &next {
            Some(next) => {
                let cursor = page["next_cursor"].as_str().expect("a page with a link has a cursor");
                assert!(next.contains(cursor), "{next} has not {cursor}");
                assert_eq!(on_page.len(), limit, "only the last page may be shorter: {path}");
            }
            None => assert!(
                page["next_cursor"].is_null() && on_page.len() <= limit,
                "{path}: {page}"
            ),
        }
        found.extend(on_page);
        assert!(found.len() < 100, "the links lead round in circles: {path}");
    }
    found
}

/// Every page size leads through the same things in the same order, each once.
async fn assert_pages(client: &Client, path: &str, expected: &[String]) {
    let separator = if path.contains('?') { '&' } else { '?' };
    for limit in 1..=expected.len() + 1 {
        let found = follow(client, &format!("{path}{separator}limit={limit}"), limit).await;
        assert_eq!(found, expected, "{path} by {limit}");
    }
}

#[tokio::test]
async fn lists_of_events_and_locations_are_paged_to_their_end() {
    let platform = platform().await;
    let client = platform.client();
    // Places that share a name and events that share a start: only the id tells them apart.
    let mut places = Vec::new();
    for name in ["Bär & Söhne", "Arena", "Bär & Söhne", "Circus"] {
        places.push((name, create(&client, "/locations", json!({"name": name})).await));
    }
    places.sort();
    let places: Vec<String> = places.into_iter().map(|(_, id)| id).collect();
    assert_pages(&client, "/locations", &places).await;

    let mut events = Vec::new();
    for (name, days) in [
        ("Été à Paris", 9),
        ("Été à Paris", 3),
        ("été à paris", 3),
        ("Winter", 5),
    ] {
        let start = in_days(days);
        let mut body = event(name, start);
        body["location"] = Value::Null;
        body["location_id"] = json!(places[0]);
        events.push((days, create(&client, "/events", body).await, name));
    }
    events.sort();
    let ids = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        events
            .iter()
            .filter(|(_, _, name)| wanted(name))
            .map(|(_, id, _)| id.clone())
            .collect()
    };
    assert_pages(&client, "/events", &ids(&|_| true)).await;
    assert_pages(&client, "/events?status=all", &ids(&|_| true)).await;
    // The link keeps what else was asked for.
    assert_pages(&client, "/events?text=ete%20par", &ids(&|name| name != "Winter")).await;
    assert_pages(
        &client,
        "/events/name/%C3%89t%C3%A9%20%C3%A0%20Paris",
        &ids(&|name| name != "Winter"),
    )
    .await;
    assert_eq!(names(&client, "/events/name/nobody").await, Vec::<String>::new());
    platform.stop().await;
}

#[tokio::test]
async fn lists_of_bookings_and_users_are_paged_to_their_end() {
    let platform = platform().await;
    let client = platform.client();
    let event = event_with_seats(&client, 50).await;
    let mut people = Vec::new();
    for (last, first) in [
        ("Zola", "Émile"),
        ("Austen", "Jane"),
        ("Austen", "Jane"),
        ("Austen", "Anna"),
    ] {
        people.push((
            last,
            first,
            create(&client, "/users", json!({"first": first, "last": last})).await,
        ));
    }
    let booker = people[0].2.clone();
    people.sort();
    let users: Vec<String> = people.iter().map(|(_, _, id)| id.clone()).collect();
    assert_pages(&client, "/users", &users).await;
    assert_pages(&client, "/users?last=austen", &users[..3]).await;
    assert_pages(&client, "/users?first=jane", &users[1..3]).await;

    let mut bookings = Vec::new();
    for seats in 1..=4 {
        let body = json!({"seats": seats, "user_id": booker});
        bookings.push(create(&client, &format!("/events/{event}/bookings"), body).await);
    }
    assert_pages(&client, &format!("/events/{event}/bookings"), &bookings).await;
    bookings.reverse();
    assert_pages(&client, &format!("/users/{booker}/bookings"), &bookings).await;
    platform.stop().await;
}

#[tokio::test]
async fn what_is_created_between_two_pages_shifts_nothing() {
    let platform = platform().await;
    let client = platform.client();
    let mut events = Vec::new();
    for days in [2, 4, 6, 8] {
        events.push(create(&client, "/events", event("Concert", in_days(days))).await);
    }
    let first = client.get("/events?limit=2").await;
    assert_eq!(ids(&first.expect(200)), events[..2]);
    create(&client, "/events", event("Before what was seen", in_days(1))).await;
    create(&client, "/events", event("Among what was seen", in_days(3))).await;
    let ahead = create(&client, "/events", event("Ahead", in_days(7))).await;
    let rest = follow(&client, &next_link(&first).unwrap(), 2).await;
    assert_eq!(rest, [events[2].clone(), ahead, events[3].clone()]);
    platform.stop().await;
}

#[tokio::test]
async fn twenty_are_on_a_page_unless_a_limit_says_otherwise() {
    let platform = platform().await;
    let client = platform.client();
    for number in 0..21 {
        client
            .post("/users", json!({"first": "A", "last": format!("{number}")}))
            .await
            .expect(201);
    }
    assert_eq!(items(&client.get("/users").await.expect(200)).len(), 20);
    assert_eq!(items(&client.get("/users?limit=200").await.expect(200)).len(), 21);
    platform.stop().await;
}

#[tokio::test]
async fn events_are_filtered_by_time_country_and_words() {
    let platform = platform().await;
    let client = platform.client();
    let start = in_days(10);
    for (name, days, country) in [
        ("Fête de la Musique", 0, "Österreich"),
        ("Übung", 1, "Germany"),
        ("Musik", 2, "Germany"),
    ] {
        let mut body = event(name, start + DAY * days);
        body["location"]["country"] = json!(country);
        body["location"]["address"] = json!(format!("{days} Ringstraße"));
        create(&client, "/events", body).await;
    }
    let day = |days: i32| (start + DAY * days).to_string();
    let all = ["Fête de la Musique", "Übung", "Musik"];
    for (query, expected) in [
        (String::new(), &all[..]),
        // From is the first moment that counts, to the first that does not.
        (format!("from={}", day(1)), &all[1..]),
        (format!("to={}", day(1)), &all[..1]),
        (format!("from={}&to={}", day(1), day(2)), &all[1..2]),
        (format!("from={}", (start + DAY).as_second()), &all[1..]),
        (format!("from={}&to={}", day(2), day(1)), &[]),
        ("country=gERMANY".to_owned(), &all[1..]),
        ("country=%C3%B6sterREICH".to_owned(), &all[..1]),
        ("country=France".to_owned(), &[]),
        ("text=mus".to_owned(), &["Fête de la Musique", "Musik"]),
        ("text=FETE%20mus".to_owned(), &all[..1]),
        ("text=f%C3%AAte".to_owned(), &all[..1]),
        ("text=ubung".to_owned(), &all[1..2]),
        ("text=ringstr".to_owned(), &all[..]),
        // Beginnings of words count, and nothing behind them.
        ("text=usik".to_owned(), &[]),
        ("text=%E2%80%A6".to_owned(), &[]),
        (format!("text=mus&country=germany&from={}", day(1)), &all[2..]),
        ("nonsense=1".to_owned(), &all[..]),
    ] {
        assert_eq!(names(&client, &format!("/events?{query}")).await, expected, "{query}");
    }
    platform.stop().await;
}

#[tokio::test]
async fn cancelled_and_past_events_are_listed_only_on_demand() {
    let platform = platform().await;
    let client = platform.client();
    create(&client, "/events", event("past", in_days(-30))).await;
    let mut long = event("begun", in_days(-3));
    long["duration"] = json!(6 * 24 * 60);
    create(&client, "/events", long).await;
    let cancelled = create(&client, "/events", event("cancelled", in_days(1))).await;
    create(&client, "/events", event("coming", in_days(2))).await;
    let reply = client.post(&format!("/events/{cancelled}/cancel"), json!({})).await;
    assert_eq!(reply.expect(200)["status"], "cancelled");
    client.get_with("/events", &[token_of(&reply)]).await.expect(200);

    for query in ["", "?status=open"] {
        assert_eq!(names(&client, &format!("/events{query}")).await, ["begun", "coming"]);
    }
    let page = client.get("/events?status=all").await.expect(200);
    let states: Vec<(Value, Value)> = items(&page)
        .iter()
        .map(|e| (e["name"].clone(), e["status"].clone()))
        .collect();
    let expected = [
        ("past", "over"),
        ("begun", "scheduled"),
        ("cancelled", "cancelled"),
        ("coming", "scheduled"),
    ];
    assert_eq!(states, expected.map(|(name, status)| (json!(name), json!(status))));
    assert_eq!(names(&client, "/events?text=cancelled").await, Vec::<String>::new());
    assert_eq!(names(&client, "/events?text=cancelled&status=all").await, ["cancelled"]);
    platform.stop().await;
}

#[tokio::test]
async fn only_events_that_can_be_booked_now_are_available() {
    let platform = platform().await;
    let client = platform.client();
    create(&client, "/events", event("free", in_days(1))).await;
    let mut later = event("later", in_days(9));
    later["sales_start"] = json!(in_days(5).to_string());
    create(&client, "/events", later).await;
    let mut body = event("sold out", in_days(2));
    body["capacity"] = json!(1);
    let sold_out = create(&client, "/events", body).await;
    eventually("it opens for booking", || async {
        let left = client.get(&format!("/events/{sold_out}/availability")).await;
        (left.status == 200).then_some(())
    })
    .await;
    let booked = client
        .post(&format!("/events/{sold_out}/bookings"), json!({"seats": 1}))
        .await;
    booked.expect(201);
    client.get_with("/events", &[token_of(&booked)]).await.expect(200);
    eventually("all are open for booking", || async {
        let page = client.get("/events").await.expect(200);
        items(&page)
            .iter()
            .all(|event| !event["seats_left"].is_null())
            .then_some(())
    })
    .await;
    assert_eq!(names(&client, "/events?available=true").await, ["free"]);
    assert_eq!(names(&client, "/events?available=false").await, ["sold out", "later"]);
    platform.stop().await;
}

#[tokio::test]
async fn an_unchanged_thing_is_not_sent_again() {
    let platform = platform().await;
    let client = platform.client();
    let event = event_with_seats(&client, 10).await;
    let location = client.get(&format!("/events/{event}")).await.expect(200)["location_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let booked = client
        .post(&format!("/events/{event}/bookings"), json!({"seats": 1}))
        .await;
    let booking = id_in(&booked.expect(201));
    for path in [
        format!("/events/{event}"),
        format!("/events/id/{event}"),
        format!("/events/{event}/availability"),
        format!("/locations/{location}"),
        format!("/bookings/{booking}"),
    ] {
        // Each of them is a view of its own, and none changes any more that has this booking.
        let tag = tag_of(&client.get_with(&path, &[token_of(&booked)]).await);
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"other\", {tag}"),
            "*".to_owned(),
        ] {
            let reply = client.get_with(&path, &[("If-None-Match", &known)]).await;
            assert_eq!((reply.status, reply.text.as_str()), (304, ""), "{path}: {known}");
            assert_eq!(tag_of(&reply), tag, "{path}");
        }
        let other = client
            .get_with(&path, &[("If-None-Match", "\"1-0000000000000000\"")])
            .await;
        assert_eq!(id_in_or_event(&other.expect(200)).len(), event.len(), "{path}");
    }
    // A sale changes what an event's reply says, so the tag of before is of no use.
    let path = format!("/events/{event}");
    let tag = tag_of(&client.get(&path).await);
    let booked = client
        .post(&format!("/events/{event}/bookings"), json!({"seats": 1}))
        .await;
    booked.expect(201);
    let reply = client
        .get_with(&path, &[("If-None-Match", &tag), token_of(&booked)])
        .await;
    assert_eq!(reply.expect(200)["seats_left"], 8);
    assert_ne!(tag_of(&reply), tag);
    platform.stop().await;
}

fn id_in_or_event(entity: &Value) -> String {
    entity["id"]
        .as_str()
        .or(entity["event_id"].as_str())
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_change_may_ask_for_the_version_that_was_read() {
    let platform = platform().await;
    let client = platform.client();
    let event = event_with_seats(&client, 10).await;
    let path = format!("/events/{event}");
    let read = client.get(&path).await;
    let version = read.expect(200)["version"].as_u64().unwrap();
    let booked = client.post(&format!("{path}/bookings"), json!({"seats": 3})).await;
    booked.expect(201);
    // The representation is another one now, but nobody has changed the event.
    assert_ne!(
        tag_of(&client.get_with(&path, &[token_of(&booked)]).await),
        tag_of(&read)
    );
    assert_changes_by_tag(&client, &path, &tag_of(&read), version).await;

    let location = client.post("/locations", json!({"name": "Arena"})).await;
    let path = format!("/locations/{}", id_in(&location.expect(201)));
    assert_changes_by_tag(&client, &path, &tag_of(&location), 1).await;
    platform.stop().await;
}

/// `tag` is good for one change from `version` on, and for none after that.
async fn assert_changes_by_tag(client: &Client, path: &str, tag: &str, version: u64) {
    let change = |tag: String, name: &'static str| async move {
        client
            .patch_with(path, &[("If-Match", &tag)], json!({"name": name}))
            .await
    };
    let changed = change(tag.to_owned(), "first").await;
    assert_eq!(changed.expect(200)["version"], version + 1);
    let stale = change(tag.to_owned(), "second").await;
    let problem = assert_problem(&stale, 412, "precondition-failed");
    assert_eq!(problem["current_version"], version + 1);
    for malformed in ["nonsense", "", "\"\"", "\"x-1\"", "\"-\"", "\"1.5-00\"", "\"é\""] {
        let reply = change(malformed.to_owned(), "second").await;
        assert_eq!(reply.status, 412, "{malformed}: {}", reply.text);
        assert_problem(&reply, 412, "precondition-failed");
    }
    // The tag of a change's reply is good for the next change.
    let again = change(tag_of(&changed), "third").await;
    assert_eq!(
        again.expect(200)["version"],
        version + 2,
        "none of the refused ones has changed anything"
    );
    let any = change("*".to_owned(), "fourth").await;
    assert_eq!(any.expect(200)["version"], version + 3);
    assert_eq!(
        client.get_with(path, &[token_of(&any)]).await.expect(200)["name"],
        "fourth"
    );
}

/// What RFC 9457 asks for, and the type that clients tell problems by.
fn assert_problem(reply: &Reply, status: u16, short_name: &str) -> Value {
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (status, Some(PROBLEM)),
        "{}",
        reply.text
    );
    let problem = reply.json();
    assert_eq!(problem["type"], format!("{PROBLEM_TYPES}{short_name}"), "{problem}");
    assert_eq!(problem["status"], status, "{problem}");
    assert!(
        problem["title"].as_str().is_some_and(|title| !title.is_empty()),
        "{problem}"
    );
    assert!(
        problem["detail"].as_str().is_none_or(|detail| !detail.is_empty()),
        "{problem}"
    );
    assert!(reply.header("x-request-id").is_some(), "{problem}");
    problem
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_a_type_of_its_own() {
    let platform = platform().await;
    let client = platform.client();
    let event = event_with_seats(&client, 3).await;
    let raw = |content_type: &'static str, body: Vec<u8>| {
        let client = client.clone();
        async move { client.send_raw(Method::POST, "/events", Some(content_type), body).await }
    };
    assert_problem(&raw("application/json", b"{".to_vec()).await, 400, "malformed-request");
    assert_problem(&client.get(&format!("/events/{UNKNOWN}")).await, 404, "not-found");
    let nowhere = assert_problem(&client.get("/no/such/path").await, 404, "not-found");
    assert_eq!(nowhere["path"], "/no/such/path");
    let refused = client
        .send(Method::PUT, &format!("/events/{event}"), &[], Some(json!({})))
        .await;
    assert_problem(&refused, 405, "method-not-allowed");
    assert_eq!(refused.header("allow"), Some("GET, HEAD, PATCH"));
    assert_problem(&raw("application/json", vec![b' '; 300 * 1024]).await, 413, "too-large");
    assert_problem(
        &raw("application/x-www-form-urlencoded", b"name=x".to_vec()).await,
        415,
        "unsupported-media-type",
    );
    let invalid = assert_problem(
        &client.post("/users", json!({"first": "A"})).await,
        422,
        "invalid-request",
    );
    assert_eq!(invalid["errors"][0]["field"], "last");
    assert!(
        invalid["errors"][0]["rule"]
            .as_str()
            .is_some_and(|rule| !rule.is_empty()),
        "{invalid}"
    );
    for no_object in [json!([]), json!("text"), json!(5), json!(true), json!(null)] {
        assert_problem(&client.post("/users", no_object).await, 422, "invalid-request");
    }
    assert_conflicts(&client, &event).await;
    platform.stop().await;
}

/// 409s carry the number that a client needs to offer something else.
async fn assert_conflicts(client: &Client, event: &str) {
    let bookings = format!("/events/{event}/bookings");
    let too_many = assert_problem(
        &client.post(&bookings, json!({"seats": 4})).await,
        409,
        "not-enough-seats",
    );
    assert_eq!(too_many["seats_left"], 3);
    client.post(&bookings, json!({"seats": 3})).await.expect(201);
    let none = assert_problem(&client.post(&bookings, json!({"seats": 1})).await, 409, "sold-out");
    assert_eq!(none["seats_left"], 0);
    client
        .post(&format!("/events/{event}/cancel"), json!({}))
        .await
        .expect(200);
    let change = client
        .patch_with(&format!("/events/{event}"), &[], json!({"name": "x"}))
        .await;
    assert_problem(&change, 409, "event-cancelled");
}

#[tokio::test]
async fn every_reply_carries_the_requests_id_or_a_new_one() {
    let platform = platform().await;
    let client = platform.client();
    for path in ["/events", "/no/such/path", "/health/live"] {
        let echoed = client.get_with(path, &[("X-Request-Id", "from-the-client_1")]).await;
        assert_eq!(echoed.header("x-request-id"), Some("from-the-client_1"), "{path}");
    }
    let mut made = BTreeSet::new();
    // Ids that could break a log's line, or fill it, are replaced.
    for sent in [None, None, Some("two words"), Some(""), Some("é")] {
        let headers: Vec<(&str, &str)> = sent.map(|id| ("X-Request-Id", id)).into_iter().collect();
        made.insert(request_id(&client.get_with("/events", &headers).await));
    }
    made.insert(request_id(
        &client.get_with("/events", &[("X-Request-Id", &"x".repeat(129))]).await,
    ));
    assert_eq!(made.len(), 6, "{made:?}");
    assert!(made.iter().all(|id| uuid::Uuid::parse_str(id).is_ok()), "{made:?}");
    platform.stop().await;
}

fn request_id(reply: &Reply) -> String {
    reply.header("x-request-id").expect("a reply has an id").to_owned()
}

#[tokio::test]
async fn pages_of_other_origins_may_call_and_read_every_reply() {
    let platform = platform().await;
    let client = platform.client();
    let origin = ("Origin", "https://page.example");
    for (path, status) in [("/events", 200), ("/no/such/path", 404)] {
        let reply = client.get_with(path, &[origin]).await;
        assert_eq!(reply.status, status);
        assert!(allows(&reply, origin.1), "{path}: {:?}", reply.headers);
        let exposed = words(reply.header("access-control-expose-headers").unwrap());
        let needed = [
            "etag",
            "link",
            "location",
            "retry-after",
            "x-request-id",
            "consistency-token",
        ];
        assert!(needed.iter().all(|name| exposed.contains(*name)), "{exposed:?}");
    }
    let asked = "content-type, idempotency-key, if-match, consistency-token, x-user-id, x-request-id";
    for method in ["POST", "PATCH", "DELETE"] {
        let preflight = [
            origin,
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", asked),
        ];
        let reply = client.send(Method::OPTIONS, "/events", &preflight, None).await;
        assert!(reply.status == 200 || reply.status == 204, "{}", reply.status);
        assert!(allows(&reply, origin.1), "{:?}", reply.headers);
        let methods = words(reply.header("access-control-allow-methods").unwrap());
        assert!(methods.contains(&method.to_lowercase()), "{methods:?}");
        let headers = words(reply.header("access-control-allow-headers").unwrap());
        assert!(
            headers.contains("*") || headers.is_superset(&words(asked)),
            "{headers:?}"
        );
    }
    platform.stop().await;
}

#[tokio::test]
async fn only_pages_of_configured_origins_may_call() {
    let builder = PlatformBuilder::new(env!("CARGO_BIN_EXE_myevents"), &["serve"]);
    let variable = builder.variable("MYEVENTS_CORS_ORIGINS", "https://page.example, https://other.example");
    let platform = variable.start().await;
    let client = platform.client();
    for (origin, allowed) in [
        ("https://page.example", true),
        ("https://other.example", true),
        ("https://evil.example", false),
        ("http://page.example", false),
    ] {
        let reply = client.get_with("/events", &[("Origin", origin)]).await;
        assert_eq!((reply.status, allows(&reply, origin)), (200, allowed), "{origin}");
    }
    platform.stop().await;
}

fn allows(reply: &Reply, origin: &str) -> bool {
    reply
        .header("access-control-allow-origin")
        .is_some_and(|allowed| allowed == "*" || allowed == origin)
}

fn words(list: &str) -> BTreeSet<String> {
    list.split(',').map(|word| word.trim().to_lowercase()).collect()
}

#[tokio::test]
async fn what_is_created_says_where_it_is_and_carries_tag_and_token() {
    let platform = platform().await;
    let client = platform.client();
    let event = event_with_seats(&client, 10).await;
    for (path, collection, body) in [
        ("/events".to_owned(), "/events", opera()),
        ("/locations".to_owned(), "/locations", json!({"name": "Arena"})),
        (
            "/users".to_owned(),
            "/users",
            json!({"first": "Jane", "last": "Austen"}),
        ),
        (format!("/events/{event}/bookings"), "/bookings", json!({"seats": 1})),
    ] {
        let reply = client.post(&path, body).await;
        let created = reply.expect(201);
        let location = reply.header("location").unwrap();
        assert_eq!(location, format!("{collection}/{}", id_in(&created)));
        assert!(tag_of(&reply).starts_with('"'), "{path}");
        assert_eq!(
            id_in(&client.get_with(location, &[token_of(&reply)]).await.expect(200)),
            id_in(&created)
        );
    }
    platform.stop().await;
}

#[tokio::test]
async fn everything_is_served_by_https_and_http_2_too() {
    let platform = platform().await;
    let created = platform.client_of("event HTTPS").post("/events", opera()).await;
    let path = format!("/events/{}", id_in(&created.expect(201)));
    for endpoint in ["event HTTPS", "booking HTTPS"] {
        assert!(platform.url(endpoint).starts_with("https://"));
        let reply = platform.client_of(endpoint).get("/health/live").await;
        assert_eq!((reply.status, reply.version), (200, Version::HTTP_2), "{endpoint}");
    }
    let plain = platform.client().get_with(&path, &[token_of(&created)]).await;
    assert_eq!((plain.status, plain.version), (200, Version::HTTP_11));
    platform.stop().await;
}

/// The platform's own certificate, as somebody would trust it who knows no other: the name has to fit as well.
#[tokio::test]
async fn the_self_made_certificate_is_good_for_this_machine_and_unknown_to_others() {
    let platform = platform().await;
    let url = format!("{}/health/live", platform.url("event HTTPS"));
    // The test client has set up the process' TLS.
    platform.client_of("event HTTPS").get("/health/live").await.expect(200);
    let strange = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
    assert!(
        strange.get(&url).send().await.is_err(),
        "a certificate that nobody vouches for"
    );
    let certificates = reqwest::Certificate::from_pem_bundle(&certificate_in(&platform)).unwrap();
    let trusting = reqwest::Client::builder().tls_certs_only(certificates).build().unwrap();
    assert_eq!(trusting.get(&url).send().await.unwrap().status().as_u16(), 200);
    platform.stop().await;
}

fn certificate_in(platform: &Platform) -> Vec<u8> {
    let files = std::fs::read_dir(platform.folder().join("tls"))
        .unwrap()
        .map(|file| file.unwrap().path());
    let texts = files.map(|path| std::fs::read(path).unwrap());
    let is_certificate = |text: &Vec<u8>| String::from_utf8_lossy(text).contains("BEGIN CERTIFICATE");
    texts
        .into_iter()
        .find(is_certificate)
        .expect("the data folder keeps the certificate")
}

#[tokio::test]
async fn health_tells_that_the_process_lives_and_how_each_part_is() {
    let platform = platform().await;
    let parts = |service: &str, names: &[&str]| -> Vec<String> {
        let names = names.iter().map(|part| format!("{service}.{part}"));
        names.collect()
    };
    let of_booking = parts("booking", &["broker", "policies", "relay", "store", "streams", "views"]);
    let of_event = parts("event", &["broker", "policies", "relay", "store", "views"]);
    let of_both = [of_booking.clone(), of_event].concat();
    for (endpoint, expected) in [("event API", of_both), ("booking API", of_booking)] {
        let client = platform.client_of(endpoint);
        assert_eq!(client.get("/health/live").await.expect(200)["state"], "ok");
        let ready = eventually("all parts are well", || async {
            let ready = client.get("/health/ready").await.json();
            (ready["state"] == "ok").then_some(ready)
        })
        .await;
        let named: Vec<&String> = ready["parts"].as_object().unwrap().keys().collect();
        assert_eq!(named, expected.iter().collect::<Vec<_>>());
        assert!(
            ready["parts"]
                .as_object()
                .unwrap()
                .values()
                .all(|part| part["state"] == "ok"),
            "{ready}"
        );
    }
    platform.stop().await;
}

/// What Prometheus would scrape, with its format checked.
async fn scrape(platform: &Platform, service: &str) -> Vec<String> {
    let reply = platform.client_of(&format!("{service} metrics")).get("").await;
    assert_eq!(reply.status, 200);
    let content_type = reply.header("content-type").unwrap();
    assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
    let lines: Vec<String> = reply.text.lines().map(str::to_owned).collect();
    for line in &lines {
        let comment = line.starts_with("# HELP ") || line.starts_with("# TYPE ");
        assert!(comment || is_sample(line), "neither comment nor sample: {line}");
    }
    lines
}

/// `name value` or `name{label="value",…} value`.
fn is_sample(line: &str) -> bool {
    let Some((series, value)) = line.rsplit_once(' ') else {
        return false;
    };
    let name = series.split('{').next().unwrap();
    let labels = &series[name.len()..];
    let good_name = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
    let good_labels = labels.is_empty() || labels.starts_with('{') && labels.ends_with("\"}");
    good_name && good_labels && (value == "+Inf" || value.parse::<f64>().is_ok())
}

#[tokio::test]
async fn sales_are_metrics_until_the_event_is_cancelled() {
    let platform = platform().await;
    let client = platform.client();
    let event = event_with_seats(&client, 50).await;
    for seats in [1, 2, 2, 4, 9] {
        client
            .post(&format!("/events/{event}/bookings"), json!({"seats": seats}))
            .await
            .expect(201);
    }
    client
        .post(&format!("/events/{event}/bookings"), json!({"seats": 1_000}))
        .await
        .expect(409);
    let seats = format!("myevents_bookings_count{{eventID=\"{event}\",eventName=\"opera aida\"}} 18");
    let lines = scrape(&platform, "booking").await;
    for expected in [
        seats.as_str(),
        "# TYPE myevents_bookings_count counter",
        "# TYPE myevents_seats_per_booking histogram",
        "myevents_seats_per_booking_bucket{le=\"1\"} 1",
        "myevents_seats_per_booking_bucket{le=\"2\"} 3",
        "myevents_seats_per_booking_bucket{le=\"3\"} 3",
        "myevents_seats_per_booking_bucket{le=\"4\"} 4",
        "myevents_seats_per_booking_bucket{le=\"+Inf\"} 5",
        "myevents_seats_per_booking_sum 18",
        "myevents_seats_per_booking_count 5",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected} is not in {lines:#?}"
        );
    }
    assert!(
        scrape(&platform, "event")
            .await
            .iter()
            .any(|line| line.starts_with("myevents_http_requests_total{"))
    );

    client
        .post(&format!("/events/{event}/cancel"), json!({}))
        .await
        .expect(200);
    eventually("the cancelled event has no series any more", || async {
        let lines = scrape(&platform, "booking").await;
        lines.iter().all(|line| !line.contains(&event)).then_some(())
    })
    .await;
    assert_eq!(
        platform.metric("booking", "myevents_seats_per_booking_count").await,
        5.0,
        "that booking took place"
    );
    platform.stop().await;
}

#[tokio::test]
async fn names_of_events_are_escaped_in_metrics() {
    let platform = platform().await;
    let client = platform.client();
    let mut body = opera();
    body["name"] = json!(r#"The "best\worst" 🎉"#);
    let created = client.post("/events", body).await;
    let id = id_in(&created.expect(201));
    let path = format!("/events/{id}/bookings");
    client
        .post_with(&path, &[token_of(&created)], json!({"seats": 2}))
        .await
        .expect(201);
    let line = format!(r#"myevents_bookings_count{{eventID="{id}",eventName="The \"best\\worst\" 🎉"}} 2"#);
    assert!(scrape(&platform, "booking").await.contains(&line));
    platform.stop().await;
}

/// Paths with their methods, from the places where the code puts handlers on paths.
fn served_routes() -> BTreeMap<String, BTreeSet<String>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut routes = BTreeMap::new();
    for file in [
        "eventservice/src/http/mod.rs",
        "bookingservice/src/http/mod.rs",
        "chassis/src/http/health.rs",
    ] {
        let code = std::fs::read_to_string(root.join(file)).unwrap();
        for call in code.split("resource(\"").skip(1) {
            let mut literals = call.split('"');
            let (path, methods) = (literals.next().unwrap(), literals.nth(1).unwrap());
            routes.insert(path.to_owned(), words(methods));
        }
    }
    assert!(routes.len() > 10, "the code is written another way now: {routes:?}");
    routes
}

#[tokio::test]
async fn the_api_describes_every_route_that_it_serves() {
    let platform = platform().await;
    let client = platform.client();
    let document = client.get("/openapi.json").await.expect(200);
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{}",
        document["openapi"]
    );
    let described: BTreeMap<String, BTreeSet<String>> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(path, methods)| (path.clone(), methods.as_object().unwrap().keys().cloned().collect()))
        .collect();
    assert_eq!(described, served_routes());
    for (path, methods) in described {
        let concrete = path.replace("{id}", UNKNOWN).replace("{name}", "x");
        let refused = client.send(Method::PUT, &concrete, &[], None).await;
        assert_problem(&refused, 405, "method-not-allowed");
        let mut allowed = words(refused.header("allow").unwrap());
        // It needs no description of its own.
        assert_eq!(allowed.remove("head"), methods.contains("get"), "{path}");
        assert_eq!(allowed, methods, "{path}");
    }
    let text = document.to_string();
    let mut references: Vec<&str> = text
        .split("\"$ref\":\"#")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    references.sort_unstable();
    references.dedup();
    assert!(!references.is_empty());
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
    }
    platform.stop().await;
}

/// The reply to HEAD as it is on the wire, to the end of its connection.
async fn raw_head(platform: &Platform, endpoint: &str, path: &str) -> String {
    let host = platform.url(endpoint).strip_prefix("http://").unwrap();
    let (host, prefix) = host.split_once('/').unwrap_or((host, ""));
    let prefix = if prefix.is_empty() {
        String::new()
    } else {
        format!("/{prefix}")
    };
    let mut connection = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("HEAD {prefix}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).await.unwrap();
    reply
}

/// Status and headers but those that differ from one reply to the next.
fn outline(reply: &Reply) -> (u16, BTreeMap<String, String>) {
    let lasting = |name: &str| !["date", "x-request-id"].contains(&name);
    let headers = reply.headers.iter().filter(|(name, _)| lasting(name.as_str()));
    let texts = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (reply.status, texts.collect())
}

#[tokio::test]
async fn head_is_answered_as_get_is_without_the_body() {
    let platform = platform().await;
    let client = platform.client();
    let event = event_with_seats(&client, 10).await;
    eventually("each part is well", || async {
        let parts = client.get("/health/ready").await.json();
        (parts["state"] == "ok").then_some(())
    })
    .await;
    let mut paths = vec![
        "/docs".to_owned(),
        "/openapi.json".to_owned(),
        format!("/events/{event}/history?limit=1"),
        format!("/events/{event}?nonsense=%ff"),
        format!("/events/{UNKNOWN}"),
        "/no/such/path".to_owned(),
        "/events?limit=0".to_owned(),
    ];
    let described = served_routes()
        .into_iter()
        // Streams have no end to compare; they are asked in `live`.
        .filter(|(path, methods)| methods.contains("get") && !path.ends_with("/stream"));
    paths.extend(described.map(|(path, _)| {
        // Of other kinds nothing is there; an id of just now would be waited for.
        let id = if path.starts_with("/events") { &event } else { UNKNOWN };
        path.replace("{id}", id).replace("{name}", "opera%20aida")
    }));
    for path in paths {
        let get = client.get(&path).await;
        let head = client.send(Method::HEAD, &path, &[], None).await;
        assert_eq!(outline(&head), outline(&get), "{path}");
        let raw = raw_head(&platform, "event API", &path).await;
        assert!(raw.starts_with(&format!("HTTP/1.1 {}", get.status)), "{raw}");
        assert!(raw.ends_with("\r\n\r\n"), "a body follows: {raw}");
    }
    let metrics = raw_head(&platform, "event metrics", "").await;
    assert!(
        metrics.starts_with("HTTP/1.1 200") && metrics.ends_with("\r\n\r\n"),
        "{metrics}"
    );
    let tag = tag_of(&client.get(&format!("/events/{event}")).await);
    let known = [("If-None-Match", tag.as_str())];
    let unchanged = client
        .send(Method::HEAD, &format!("/events/{event}"), &known, None)
        .await;
    assert_eq!(unchanged.status, 304);
    let refused = client
        .send(Method::HEAD, &format!("/events/{event}/cancel"), &[], None)
        .await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")));
    let by_https = platform
        .client_of("event HTTPS")
        .send(Method::HEAD, &format!("/events/{event}"), &[], None)
        .await;
    assert_eq!((by_https.status, by_https.text.as_str()), (200, ""));
    let counted = r#"myevents_http_requests_total{method="HEAD",route="/events/{id}/history""#;
    assert!(
        scrape(&platform, "event")
            .await
            .iter()
            .any(|line| line.starts_with(counted))
    );
    platform.stop().await;
}

#[tokio::test]
async fn the_page_is_built_on_this_description() {
    let platform = platform().await;
    let served = platform.client().get("/openapi.json").await.expect(200);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../frontend/src/api/openapi.json");
    let known: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let is_known = served == known;
    assert!(
        is_known,
        "the API has changed: `npm run api` in frontend, beside `make run`, takes it over"
    );
    platform.stop().await;
}

#[tokio::test]
async fn the_bookings_port_describes_its_own_routes_only() {
    let platform = platform().await;
    let document = platform.client_of("booking API").get("/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().unwrap();
    assert!(
        paths.contains_key("/bookings/{id}") && !paths.contains_key("/locations"),
        "{:?}",
        paths.keys()
    );
    let reply = platform.client_of("booking API").get("/locations").await;
    assert_problem(&reply, 404, "not-found");
    platform.stop().await;
}

#[tokio::test]
async fn the_api_can_be_browsed() {
    let platform = platform().await;
    let client = platform.client();
    let redirected = client.get("/docs").await;
    assert_eq!(
        (redirected.status, redirected.header("location")),
        (302, Some("/docs/"))
    );
    let page = client.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.text.contains("<html"), "{}", page.text);
    // What the page loads is served from here as well: it works without the rest of the internet.
    let sources = page
        .text
        .split(['"', '\''])
        .filter(|part| part.ends_with(".js") || part.ends_with(".css"));
    let sources: Vec<String> = sources
        .map(|source| source.trim_start_matches("./").to_owned())
        .collect();
    assert!(sources.len() > 2, "{sources:?}");
    for source in sources {
        assert_eq!(client.get(&format!("/docs/{source}")).await.status, 200, "{source}");
    }
    assert_problem(&client.get("/docs/nonsense").await, 404, "not-found");
    platform.stop().await;
}

#[tokio::test]
async fn a_consistency_token_is_waited_for_but_not_for_ever() {
    let platform = platform().await;
    let client = platform.client();
    let event = event_with_seats(&client, 10).await;
    let paths = [
        format!("/events/{event}"),
        "/events".to_owned(),
        "/locations".to_owned(),
        format!("/events/{event}/availability"),
        format!("/events/{event}/history"),
    ];
    for path in &paths {
        for malformed in [
            "nonsense",
            "",
            "event/1",
            "event/1@",
            "event/1@-1",
            "event/1@x",
            "@1",
            ",",
            "event/1@1,",
        ] {
            let reply = client.get_with(path, &[("Consistency-Token", malformed)]).await;
            assert_eq!(reply.faulty_fields(), ["Consistency-Token"], "{path}: {malformed}");
        }
        let many = ["event/1@1"; 9].join(",");
        let reply = client.get_with(path, &[("Consistency-Token", &many)]).await;
        assert_eq!(reply.faulty_fields(), ["Consistency-Token"], "{path}");
    }
    // Side by side, because each of them takes its time.
    let never = [
        format!("event/{event}@99"),
        format!("event/{UNKNOWN}@1"),
        format!("event/{event}@{}", u64::MAX),
    ];
    let asked = paths
        .iter()
        .flat_map(|path| never.iter().map(move |token| (path, token)));
    let waiting = asked.map(|(path, token)| assert_given_up(&client, Method::GET, path, token, None));
    let bookings = format!("/events/{event}/bookings");
    let booking = assert_given_up(&client, Method::POST, &bookings, &never[0], Some(json!({"seats": 1})));
    let bounded = std::time::Duration::from_secs(25);
    let all = futures::future::join(futures::future::join_all(waiting), booking);
    tokio::time::timeout(bounded, all)
        .await
        .expect("nobody is kept waiting for ever");
    assert_eq!(
        client.get(&format!("/events/{event}")).await.expect(200)["seats_left"],
        10
    );
    platform.stop().await;
}

async fn assert_given_up(client: &Client, method: Method, path: &str, token: &str, body: Option<Value>) {
    let reply = client.send(method, path, &[("Consistency-Token", token)], body).await;
    assert_problem(&reply, 503, "unavailable");
    let seconds = reply.header("retry-after").and_then(|text| text.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| seconds > 0), "{path}");
}
