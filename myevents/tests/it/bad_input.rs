//! Whatever is sent: a refusal that names every field at fault, no change, no panic. And a configuration that cannot
//! work ends the process at once, with one line that says why.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Client, Platform, Reply, eventually};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::platform;

const PROBLEM: &str = "application/problem+json";
/// Of a time long ago: a look-up does not wait for it to appear.
const UNKNOWN: &str = "01890000-0000-7000-8000-000000000000";
const TOO_LARGE: usize = 300 * 1024;

/// A request that has to be refused with 422, and the fields that are at fault.
struct Case {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
    faulty: Vec<String>,
}

impl Case {
    fn new(method: Method, path: &str, body: Option<Value>, faulty: &[&str]) -> Self {
        let faulty = faulty.iter().map(|field| (*field).to_owned()).collect();
        Self {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body,
            faulty,
        }
    }

    fn get(path: &str, faulty: &[&str]) -> Self {
        Self::new(Method::GET, path, None, faulty)
    }

    fn post(path: &str, body: Value, faulty: &[&str]) -> Self {
        Self::new(Method::POST, path, Some(body), faulty)
    }

    fn patch(path: &str, body: Value, faulty: &[&str]) -> Self {
        Self::new(Method::PATCH, path, Some(body), faulty)
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn describe(&self) -> String {
        let body: String = self
            .body
            .as_ref()
            .map(Value::to_string)
            .unwrap_or_default()
            .chars()
            .take(300)
            .collect();
        format!("{} {} {:?} {body}", self.method, self.path, self.headers)
    }

    /// What is wrong with the answer, if anything.
    async fn fault(&self, client: &Client) -> Option<String> {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let reply = client
            .send(self.method.clone(), &self.path, &headers, self.body.clone())
            .await;
        if reply.status != 422 || reply.header("content-type") != Some(PROBLEM) {
            return Some(format!("{}\n    {} {}", self.describe(), reply.status, reply.text));
        }
        let (mut expected, mut found) = (self.faulty.clone(), reply.faulty_fields());
        expected.sort();
        found.sort();
        (found != expected).then(|| format!("{}\n    names {found:?} instead of {expected:?}", self.describe()))
    }
}

/// Tries every case, so that one run tells all that is wrong.
async fn assert_refused(client: &Client, cases: Vec<Case>) {
    let mut faults = Vec::new();
    for case in &cases {
        faults.extend(case.fault(client).await);
    }
    assert!(
        faults.is_empty(),
        "{} of {} cases:\n{}",
        faults.len(),
        cases.len(),
        faults.join("\n")
    );
}

/// A field, where it is in the body, and values that break its rule.
struct Field {
    pointer: &'static str,
    name: &'static str,
    bad: Vec<Value>,
}

fn field(pointer: &'static str, name: &'static str, bad: Vec<Value>) -> Field {
    Field { pointer, name, bad }
}

/// The cases of one field at a time in a body that is good otherwise.
fn cases_of(method: &Method, path: &str, good: &Value, fields: Vec<Field>) -> Vec<Case> {
    let mut cases = Vec::new();
    for field in fields {
        for bad in field.bad {
            let body = with(good, field.pointer, bad);
            cases.push(Case::new(method.clone(), path, Some(body), &[field.name]));
        }
    }
    cases
}

/// The body with the value at a JSON pointer, whose parent has to be there.
fn with(good: &Value, pointer: &str, value: Value) -> Value {
    let mut body = good.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        object => object[key] = value,
    }
    body
}

/// The body without a field.
fn without(good: &Value, key: &str) -> Value {
    let mut body = good.clone();
    body.as_object_mut().unwrap().remove(key).unwrap();
    body
}

fn no_text() -> Vec<Value> {
    vec![json!(5), json!(1.5), json!(true), json!([]), json!({}), json!(["text"])]
}

fn controls(also: &[char]) -> Vec<Value> {
    let always = ['\0', '\u{1}', '\u{8}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}'];
    always.iter().chain(also).map(|c| json!(format!("a{c}b"))).collect()
}

/// One line of `least` to `most` characters.
fn no_line(least: usize, most: usize) -> Vec<Value> {
    let short: &[&str] = if least > 0 { &["", "   ", "\u{3000}"] } else { &[] };
    let short = short.iter().map(|text| json!(text)).collect();
    // Characters count, not bytes.
    let long = vec![json!("x".repeat(most + 1)), json!("🎉".repeat(most + 1))];
    [no_text(), short, long, controls(&['\n', '\t', '\r'])].concat()
}

fn no_id() -> Vec<Value> {
    let texts = ["", " ", "a b", "a\0b", "a\nb", "é", "🎉"]
        .map(|text| json!(text))
        .to_vec();
    let others = vec![
        json!(1.5),
        json!(-1),
        json!(true),
        json!([]),
        json!({}),
        json!("x".repeat(101)),
    ];
    [texts, others].concat()
}

/// A name; a whole number is taken for a user's id.
fn no_organiser() -> Vec<Value> {
    no_line(1, 200).into_iter().filter(|value| !value.is_u64()).collect()
}

fn no_seats() -> Vec<Value> {
    no_number(0, 1_000_001)
}

/// A whole number between two that are just outside.
fn no_number(below: i64, above: i64) -> Vec<Value> {
    let outside = vec![
        json!(below),
        json!(-1),
        json!(above),
        json!(1_u64 << 40),
        json!(u64::MAX),
        json!(i64::MIN),
    ];
    [
        outside,
        vec![
            json!(1.5),
            json!(1e300),
            json!("2"),
            json!(""),
            json!(true),
            json!([]),
            json!({}),
            json!([2]),
        ],
    ]
    .concat()
}

fn no_time() -> Vec<Value> {
    let texts = [
        "",
        "soon",
        "2098-02-30T00:00:00Z",
        "2098-01-01",
        "2098-01-01T00:00:00",
        "1969-12-31T23:59:59Z",
        "1\0",
    ];
    let others = [
        json!(-1),
        json!(1.5),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(true),
        json!([]),
        json!({}),
    ];
    texts.map(|text| json!(text)).into_iter().chain(others).collect()
}

fn no_url() -> Vec<Value> {
    let texts = [
        "ftp://a.example/x",
        "javascript:alert(1)",
        "a.example",
        "https://a b",
        "//a.example",
        "https://",
        "http://",
    ];
    [
        texts.map(|text| json!(text)).to_vec(),
        vec![json!(format!("https://{}", "x".repeat(2_000)))],
        no_line(1, 2_000),
    ]
    .concat()
}

fn no_zone() -> Vec<Value> {
    let texts = ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "Europe/", "+25:00"];
    [texts.map(|text| json!(text)).to_vec(), no_line(1, 64)].concat()
}

fn halls(number: usize) -> Value {
    (0..number)
        .map(|number| json!({"name": format!("Hall {number}"), "capacity": 1}))
        .collect()
}

fn event() -> Value {
    json!({
        "name": "Opera", "start_time": "2098-01-01T18:00:00Z", "end_time": "2098-01-01T20:00:00Z",
        "location": {"name": "House", "halls": [{"name": "Large", "capacity": 10}]},
    })
}

fn location() -> Value {
    json!({"name": "House", "halls": [{"name": "Large", "capacity": 10}]})
}

fn user() -> Value {
    json!({"first": "Jane", "last": "Austen"})
}

/// What new events and changed ones share.
fn event_fields() -> Vec<Field> {
    vec![
        field("/name", "name", [no_line(1, 200), vec![Value::Null]].concat()),
        field(
            "/description",
            "description",
            [no_text(), controls(&[]), vec![json!("x".repeat(10_001))]].concat(),
        ),
        field("/image_url", "image_url", no_url()),
        field("/start_time", "start_time", [no_time(), vec![Value::Null]].concat()),
        field("/end_time", "end_time", no_time()),
        field("/duration", "duration", no_number(0, 527_041)),
        field(
            "/location_id",
            "location_id",
            [no_id(), vec![json!("nowhere"), json!(7), json!(UNKNOWN)]].concat(),
        ),
        field(
            "/hall",
            "hall",
            [no_line(1, 200), vec![json!("Cellar"), json!("large")]].concat(),
        ),
        field("/capacity", "capacity", no_seats()),
        field("/max_seats_per_booking", "max_seats_per_booking", no_seats()),
        field("/max_seats_per_user", "max_seats_per_user", no_seats()),
        field("/sales_start", "sales_start", no_time()),
        field("/sales_end", "sales_end", no_time()),
        // Rules between fields.
        field(
            "/end_time",
            "end_time",
            vec![json!("2098-01-01T18:00:00Z"), json!("2098-01-01T17:59:59Z"), json!(0)],
        ),
        field(
            "/end_time",
            "end_time",
            vec![json!("2099-01-02T18:00:01Z"), json!("9999-12-30T00:00:00Z")],
        ),
        field("/sales_end", "sales_end", vec![json!("2098-01-01T20:00:01Z")]),
        field(
            "/sales_start",
            "sales_start",
            vec![json!("2098-01-01T18:00:00Z"), json!("2098-01-02T00:00:00Z")],
        ),
    ]
}

fn hall_fields(prefix: [(&'static str, &'static str); 4]) -> Vec<Field> {
    let [hall, name, place, capacity] = prefix;
    vec![
        field(
            hall.0,
            hall.1,
            vec![json!(3), json!("x"), json!([]), json!(true), Value::Null],
        ),
        field(name.0, name.1, [no_line(1, 200), vec![Value::Null]].concat()),
        field(place.0, place.1, no_line(0, 200)),
        field(capacity.0, capacity.1, [no_seats(), vec![Value::Null]].concat()),
    ]
}

fn no_halls() -> Vec<Value> {
    let twice = json!([{"name": "A", "capacity": 1}, {"name": "B", "capacity": 1}, {"name": "A", "capacity": 2}]);
    vec![json!(5), json!("x"), json!({}), json!(true), halls(51), twice]
}

fn embedded_location_fields() -> Vec<Field> {
    let halls = hall_fields([
        ("/location/halls/0", "location.halls[0]"),
        ("/location/halls/0/name", "location.halls[0].name"),
        ("/location/halls/0/location", "location.halls[0].location"),
        ("/location/halls/0/capacity", "location.halls[0].capacity"),
    ]);
    let own = vec![
        field(
            "/location",
            "location",
            vec![json!(5), json!("x"), json!([]), json!(true), Value::Null],
        ),
        field(
            "/location",
            "location.id",
            vec![json!({"id": "nowhere"}), json!({"id": 7})],
        ),
        field("/location", "location.name", vec![json!({}), json!({"capacity": 3})]),
        field("/location/id", "location.id", no_id()),
        field(
            "/location/name",
            "location.name",
            [no_line(1, 200), vec![Value::Null]].concat(),
        ),
        field("/location/external_id", "location.external_id", no_id()),
        field("/location/address", "location.address", no_line(0, 500)),
        field("/location/country", "location.country", no_line(0, 100)),
        field("/location/open_time", "location.open_time", no_number(-2, 25)),
        field("/location/close_time", "location.close_time", no_number(-2, 25)),
        field("/location/time_zone", "location.time_zone", no_zone()),
        field("/location/halls", "location.halls", no_halls()),
    ];
    own.into_iter().chain(halls).collect()
}

/// What new locations and changed ones share.
fn location_fields() -> Vec<Field> {
    let halls = hall_fields([
        ("/halls/0", "halls[0]"),
        ("/halls/0/name", "halls[0].name"),
        ("/halls/0/location", "halls[0].location"),
        ("/halls/0/capacity", "halls[0].capacity"),
    ]);
    let own = vec![
        field("/name", "name", [no_line(1, 200), vec![Value::Null]].concat()),
        field("/address", "address", no_line(0, 500)),
        field("/country", "country", no_line(0, 100)),
        field("/open_time", "open_time", no_number(-2, 25)),
        field("/close_time", "close_time", no_number(-2, 25)),
        field("/time_zone", "time_zone", no_zone()),
        field("/halls", "halls", no_halls()),
    ];
    own.into_iter().chain(halls).collect()
}

fn booking_fields() -> Vec<Field> {
    vec![
        field("/seats", "seats", [no_seats(), vec![Value::Null]].concat()),
        field(
            "/user_id",
            "user_id",
            [no_id(), vec![json!("nobody"), json!(7), json!("guest-1")]].concat(),
        ),
    ]
}

fn user_fields() -> Vec<Field> {
    vec![
        field("/first", "first", [no_line(1, 100), vec![Value::Null]].concat()),
        field("/last", "last", [no_line(1, 100), vec![Value::Null]].concat()),
        field("/age", "age", no_number(-2, 151)),
    ]
}

fn missing_fields() -> Vec<Case> {
    let mut no_seats_anywhere = event();
    no_seats_anywhere["location"] = json!({"name": "Meadow"});
    let mut no_hall_named = event();
    no_hall_named["location"]["halls"][0] = json!({});
    vec![
        Case::post("/events", without(&event(), "name"), &["name"]),
        Case::post("/events", without(&event(), "start_time"), &["start_time"]),
        Case::post("/events", without(&event(), "end_time"), &["end_time"]),
        Case::post("/events", without(&event(), "location"), &["location"]),
        Case::post("/events", no_seats_anywhere, &["capacity"]),
        Case::post(
            "/events",
            no_hall_named,
            &["location.halls[0].name", "location.halls[0].capacity"],
        ),
        Case::post("/locations", json!({}), &["name"]),
        Case::post("/users", json!({}), &["first", "last"]),
        Case::post(&format!("/events/{UNKNOWN}/bookings"), json!({}), &["seats"]),
    ]
}

fn several_faults() -> Vec<Case> {
    let everything = json!({
        "name": "", "description": 1, "image_url": "x", "organiser": "", "start_time": "soon", "end_time": "later",
        "duration": 0, "location_id": "", "hall": "", "capacity": -1, "max_seats_per_booking": 0,
        "max_seats_per_user": 1.5, "sales_start": true, "sales_end": [],
        "location": {"name": 1, "open_time": 25, "time_zone": "x", "halls": [{"name": "A", "capacity": 1}, {}, 3]},
    });
    let all = [
        "name",
        "description",
        "image_url",
        "organiser",
        "start_time",
        "end_time",
        "duration",
        "location_id",
        "hall",
        "capacity",
        "max_seats_per_booking",
        "max_seats_per_user",
        "sales_start",
        "sales_end",
        "location.name",
        "location.open_time",
        "location.time_zone",
        "location.halls[1].name",
        "location.halls[1].capacity",
        "location.halls[2]",
    ];
    let mut between = event();
    between["end_time"] = json!("2098-01-01T17:00:00Z");
    between["sales_start"] = json!("2098-01-01T19:00:00Z");
    between["hall"] = json!("Cellar");
    vec![
        Case::post("/events", everything, &all),
        Case::post("/events", json!({}), &["name", "start_time", "end_time", "location"]),
        // Without an end of their own, sales end with the start: behind the end here, but an absent field has no fault.
        Case::post("/events", between, &["end_time", "sales_start", "hall"]),
        Case::post(
            "/locations",
            json!({"name": "", "country": 1, "close_time": -1}),
            &["name", "country", "close_time"],
        ),
        Case::post(
            "/users",
            json!({"first": 1, "last": "", "age": 151}),
            &["first", "last", "age"],
        ),
        Case::post("/users", json!({"First": 1, "LAST": ""}), &["first", "last"]),
        Case::post(
            &format!("/events/{UNKNOWN}/bookings"),
            json!({"seats": 0, "user_id": ""}),
            &["seats", "user_id"],
        ),
        Case::get(
            "/events?limit=0&status=x&from=a&to=b&country=&text=&available=1&cursor=z",
            &[
                "limit",
                "status",
                "from",
                "to",
                "country",
                "text",
                "available",
                "cursor",
            ],
        ),
    ]
}

/// Where the end follows from start and duration it has to exist; where one of these is faulty, the end is not.
fn ends_by_duration() -> Vec<Case> {
    let lasting = |start: &str, duration: i64| {
        let mut body = without(&event(), "end_time");
        body["start_time"] = json!(start);
        body["duration"] = json!(duration);
        body
    };
    vec![
        Case::post("/events", lasting("9999-12-30T21:00:00Z", 600), &["end_time"]),
        Case::post("/events", lasting("soon", 600), &["start_time"]),
        Case::post("/events", lasting("2098-01-01T18:00:00Z", 0), &["duration"]),
    ]
}

/// Text as cursors are written.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn bad_pages(list: &str) -> Vec<Case> {
    let separator = if list.contains('?') { '&' } else { '?' };
    let case = |name: &str, value: &str| Case::get(&format!("{list}{separator}{name}={value}"), &[name]);
    let limits = [
        "0",
        "-1",
        "201",
        "1.5",
        "x",
        "",
        "1099511627776",
        "99999999999999999999",
        "%00",
        "%zz",
    ];
    // Text that is no cursor, and cursors of no list that there is: with too few and too many places.
    let foreign = [
        r#"{"values":[],"id":"x"}"#,
        r#"{"values":[1,2,3,4,5],"id":"x"}"#,
        "{}",
        "[]",
        "\0",
    ];
    let foreign = foreign.map(hex);
    let cursors = ["", "z", "%00", "0", "zz"]
        .into_iter()
        .chain(foreign.iter().map(String::as_str));
    let limits = limits.iter().map(|limit| case("limit", limit));
    limits.chain(cursors.map(|cursor| case("cursor", cursor))).collect()
}

fn bad_queries() -> Vec<Case> {
    let mut cases = Vec::new();
    // Guests need not be known to have a list.
    let guest = format!("/users/guest-{}/bookings", "0".repeat(32));
    for list in [
        "/events",
        "/events?status=all",
        "/locations",
        "/users",
        "/events/name/x",
        &guest,
    ] {
        cases.extend(bad_pages(list));
    }
    for (query, name) in [
        ("status=closed", "status"),
        ("status=", "status"),
        ("from=soon", "from"),
        ("from=-1", "from"),
        ("to=1.5", "to"),
        ("to=", "to"),
        ("country=", "country"),
        ("country=%00", "country"),
        ("text=", "text"),
        ("text=a%00b", "text"),
        ("text=a%0Ab", "text"),
        ("available=maybe", "available"),
        ("available=1", "available"),
        ("limit=5&limit=0", "limit"),
    ] {
        cases.push(Case::get(&format!("/events?{query}"), &[name]));
    }
    cases.push(Case::get(&format!("/events?country={}", "x".repeat(101)), &["country"]));
    cases.push(Case::get(&format!("/events?text={}", "x".repeat(201)), &["text"]));
    cases.push(Case::get("/users?first=&last=%00", &["first", "last"]));
    // A cursor of the events of another name: it has the right number of places.
    let other = hex(r#"{"values":["y",1],"id":"z"}"#);
    cases.push(Case::get(&format!("/events/name/x?cursor={other}"), &["cursor"]));
    cases
}

fn bad_headers() -> Vec<Case> {
    let mut cases = Vec::new();
    let bookings = format!("/events/{UNKNOWN}/bookings");
    let creations = [
        ("/events", event()),
        ("/locations", location()),
        ("/users", user()),
        (&bookings, json!({"seats": 1})),
    ];
    for (path, body) in creations {
        for key in ["", "  ", &"x".repeat(300), "é"] {
            let case = Case::post(path, body.clone(), &["Idempotency-Key"]);
            cases.push(case.header("Idempotency-Key", key));
        }
        for user in ["", "a b", &"x".repeat(101), "é"] {
            cases.push(Case::post(path, body.clone(), &["X-User-Id"]).header("X-User-Id", user));
        }
    }
    cases.push(Case::post(&bookings, json!({"seats": 1}), &["X-User-Id"]).header("X-User-Id", "nobody"));
    cases
}

#[tokio::test]
async fn nothing_is_created_by_what_breaks_a_rule() {
    let platform = platform().await;
    let client = platform.client();
    let bookings = format!("/events/{UNKNOWN}/bookings");
    let organiser = field("/organiser", "organiser", no_organiser());
    let mut cases = cases_of(&Method::POST, "/events", &event(), event_fields());
    cases.extend(cases_of(
        &Method::POST,
        "/events",
        &event(),
        vec![organiser, field("/end_time", "end_time", vec![Value::Null])],
    ));
    cases.extend(cases_of(&Method::POST, "/events", &event(), embedded_location_fields()));
    cases.extend(cases_of(&Method::POST, "/locations", &location(), location_fields()));
    cases.extend(cases_of(
        &Method::POST,
        "/locations",
        &location(),
        vec![field("/external_id", "external_id", no_id())],
    ));
    cases.extend(cases_of(&Method::POST, "/users", &user(), user_fields()));
    cases.extend(cases_of(
        &Method::POST,
        &bookings,
        &json!({"seats": 1}),
        booking_fields(),
    ));
    cases.extend(missing_fields());
    cases.extend(bad_headers());
    assert_refused(&client, cases).await;
    assert_nothing_there(&platform).await;
    platform.stop().await;
}

#[tokio::test]
async fn several_faults_are_named_at_once() {
    let platform = platform().await;
    assert_refused(&platform.client(), several_faults()).await;
    assert_nothing_there(&platform).await;
    platform.stop().await;
}

#[tokio::test]
async fn an_end_that_follows_from_the_duration_has_to_exist() {
    let platform = platform().await;
    assert_refused(&platform.client(), ends_by_duration()).await;
    assert_nothing_there(&platform).await;
    platform.stop().await;
}

#[tokio::test]
async fn query_parameters_that_break_a_rule_are_named() {
    let platform = platform().await;
    assert_refused(&platform.client(), bad_queries()).await;
    assert_nothing_there(&platform).await;
    platform.stop().await;
}

/// Still well, all lists empty, and nothing in either journal.
async fn assert_nothing_there(platform: &Platform) {
    let client = platform.client();
    assert_well(&client).await;
    for list in ["/events?status=all", "/locations", "/users"] {
        assert_eq!(
            client.get(list).await.expect(200),
            json!({"items": [], "next_cursor": null}),
            "{list}"
        );
    }
    for service in ["event", "booking"] {
        assert_eq!(
            platform.metric(service, "myevents_desk_commits_total").await,
            0.0,
            "{service}"
        );
    }
}

async fn assert_well(client: &Client) {
    eventually("every part is well", || async {
        let ready = client.get("/health/ready").await;
        (ready.status == 200 && ready.json()["state"] == "ok").then_some(())
    })
    .await;
}

/// What there is to be changed, and how it looks.
struct Things {
    event: String,
    location: String,
    booking: String,
}

impl Things {
    async fn create(client: &Client) -> Self {
        let created = client.post("/events", event()).await;
        let body = created.expect(201);
        let event = format!("/events/{}", text(&body, "id"));
        let location = format!("/locations/{}", text(&body, "location_id"));
        let booked = client
            .post_with(&format!("{event}/bookings"), &[token(&created)], json!({"seats": 2}))
            .await;
        let booking = format!("/bookings/{}", text(&booked.expect(201), "id"));
        client.get_with(&event, &[token(&booked)]).await.expect(200);
        client.get_with(&booking, &[token(&booked)]).await.expect(200);
        Self {
            event,
            location,
            booking,
        }
    }

    /// Everything that can be read of them.
    async fn look(&self, client: &Client) -> Vec<String> {
        let mut seen = Vec::new();
        let bookings = format!("{}/bookings", self.event);
        let availability = format!("{}/availability", self.event);
        for path in [&self.event, &self.location, &self.booking, &bookings, &availability] {
            let reply = client.get(path).await;
            reply.expect(200);
            seen.push(reply.text);
        }
        seen
    }
}

fn text(body: &Value, key: &str) -> String {
    body[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key}: {body}"))
        .to_owned()
}

fn token(reply: &Reply) -> (&'static str, &str) {
    ("Consistency-Token", reply.header("consistency-token").unwrap())
}

#[tokio::test]
async fn nothing_is_changed_by_what_breaks_a_rule() {
    let platform = platform().await;
    let client = platform.client();
    let things = Things::create(&client).await;
    let before = things.look(&client).await;
    let commits = commits(&platform).await;
    // The halls are there so that one of them can be spoilt.
    let good_location = json!({"halls": [{"name": "Large", "capacity": 10}]});
    let nulls = vec![
        field("/end_time", "end_time", vec![Value::Null]),
        field("/location_id", "location_id", vec![Value::Null]),
    ];
    let location_nulls =
        ["/address", "/country", "/time_zone"].map(|pointer| field(pointer, &pointer[1..], vec![Value::Null]));
    let mut cases = cases_of(&Method::PATCH, &things.event, &json!({}), event_fields());
    cases.extend(cases_of(&Method::PATCH, &things.event, &json!({}), nulls));
    cases.extend(cases_of(
        &Method::PATCH,
        &things.location,
        &good_location,
        location_fields(),
    ));
    cases.extend(cases_of(
        &Method::PATCH,
        &things.location,
        &good_location,
        location_nulls.into(),
    ));
    let bookings = format!("{}/bookings", things.event);
    cases.extend(cases_of(
        &Method::POST,
        &bookings,
        &json!({"seats": 1}),
        booking_fields(),
    ));
    cases.push(Case::patch(
        &things.event,
        json!({"start_time": "2098-01-01T20:00:00Z"}),
        &["end_time"],
    ));
    cases.push(Case::patch(
        &things.event,
        json!({"name": "", "capacity": 0}),
        &["name", "capacity"],
    ));
    cases.push(Case::patch(
        &things.event,
        json!({"start_time": "9999-12-30T21:00:00Z", "duration": 600}),
        &["end_time"],
    ));
    cases.push(Case::patch(
        &things.location,
        json!({"name": 1, "halls": [{}]}),
        &["name", "halls[0].name", "halls[0].capacity"],
    ));
    cases.push(Case::patch(&things.event, json!({"name": "x"}), &["X-User-Id"]).header("X-User-Id", "a b"));
    cases.extend(bad_pages(&bookings));
    let cancel = format!("{}/cancel", things.event);
    cases.push(Case::post(&cancel, json!({}), &["Idempotency-Key"]).header("Idempotency-Key", ""));
    assert_refused(&client, cases).await;
    assert_well(&client).await;
    assert_eq!(things.look(&client).await, before);
    assert_eq!(self::commits(&platform).await, commits);
    platform.stop().await;
}

async fn commits(platform: &Platform) -> [f64; 2] {
    let of = async |service| platform.metric(service, "myevents_desk_commits_total").await;
    [of("event").await, of("booking").await]
}

#[tokio::test]
async fn fields_that_nobody_knows_are_ignored() {
    let platform = platform().await;
    let client = platform.client();
    let things = Things::create(&client).await;
    let before = things.look(&client).await;
    let unknown = json!({"nonsense": {"deep": [1, null]}, "": 5, "id": 77, "seats_left": -1, "__proto__": {}});
    let and_unknown = |mut good: Value| {
        good.as_object_mut()
            .unwrap()
            .extend(unknown.as_object().unwrap().clone());
        good
    };
    for path in [&things.event, &things.location] {
        let reply = client.patch_with(path, &[], and_unknown(json!({}))).await;
        assert_eq!(reply.expect(200)["version"], 1, "a change of nothing is none");
    }
    assert_eq!(things.look(&client).await, before);
    let bookings = format!("{}/bookings", things.event);
    for (path, body) in [
        ("/users", user()),
        ("/locations", location()),
        ("/events", event()),
        (&bookings, json!({"seats": 1})),
    ] {
        let created = client.post(path, and_unknown(body)).await.expect(201);
        assert!(
            created["nonsense"].is_null() && created["id"] != 77 && created["seats_left"] != -1,
            "{created}"
        );
    }
    platform.stop().await;
}

#[tokio::test]
async fn names_in_every_script_are_kept_to_the_letter() {
    let platform = platform().await;
    let client = platform.client();
    for name in [
        "🎉".repeat(200),
        "👩‍👩‍👧‍👦 🏳️‍🌈".to_owned(),
        "مهرجان القاهرة \u{200f}2098\u{200e} (א)".to_owned(),
        "e\u{301} is not \u{e9}".to_owned(),
        r#"'; DROP TABLE events; -- "\" <script>&amp;%00 ${x} {{y}}"#.to_owned(),
        "\u{10ffff}\u{fffd}\u{feff}x".to_owned(),
    ] {
        let mut body = event();
        body["name"] = json!(name);
        body["description"] = json!(format!("{name}\n\t{name}"));
        body["location"]["name"] = json!(name);
        let created = client.post("/events", body).await;
        let id = text(&created.expect(201), "id");
        let found = client
            .get_with(&format!("/events/{id}"), &[token(&created)])
            .await
            .expect(200);
        assert_eq!(
            (text(&found, "name"), text(&found["location"], "name")),
            (name.clone(), name.clone())
        );
        assert_eq!(text(&found, "description"), format!("{name}\n\t{name}"));
        let escaped: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let named = client.get(&format!("/events/name/{escaped}")).await.expect(200);
        assert_eq!(named["items"].as_array().unwrap().len(), 1, "{name}");
        assert_eq!(text(&named["items"][0], "id"), id);

        let registered = client
            .post("/users", json!({"first": "🎉".repeat(100), "last": "עגנון"}))
            .await
            .expect(201);
        let user = client
            .get(&format!("/users/{}", text(&registered, "id")))
            .await
            .expect(200);
        assert_eq!(
            (text(&user, "first"), text(&user, "last")),
            ("🎉".repeat(100), "עגנון".to_owned())
        );
    }
    platform.stop().await;
}

/// Ids as they come from people who try things.
fn strange_ids() -> Vec<String> {
    let texts = [
        UNKNOWN,
        "0",
        "-1",
        "nope",
        "%00",
        "a%00b",
        "%20",
        "%2F",
        "a%2Fb",
        "..%2F..%2Fetc%2Fpasswd",
        "a/b",
        "%5C",
        "%25",
        "%ff%fe",
        "%zz",
        "%F0%9F%8E%89",
        "%0d%0aX-Evil:%201",
        "'%20OR%20'1'='1",
        "*",
        "null",
        "undefined",
        "@1",
        "a@1",
        "%7B%22%24ne%22%3A1%7D",
        "18446744073709551616",
        "guest-1",
        "00000000-0000-0000-0000-000000000000",
    ];
    let huge = [
        "9".repeat(400),
        "x".repeat(5_000),
        "%00".repeat(1_000),
        "%F0%9F%8E%89".repeat(200),
    ];
    texts.map(str::to_owned).into_iter().chain(huge).collect()
}

#[tokio::test]
async fn ids_of_nothing_are_not_found() {
    let platform = platform().await;
    let client = platform.client();
    let (get, patch, post, delete) = (Method::GET, Method::PATCH, Method::POST, Method::DELETE);
    let seats = Some(json!({"seats": 1}));
    let routes = [
        (&get, "/events/{}", None),
        (&get, "/events/id/{}", None),
        (&patch, "/events/{}", Some(json!({"name": "x"}))),
        (&post, "/events/{}/cancel", None),
        (&get, "/events/{}/bookings", None),
        (&post, "/events/{}/bookings", seats),
        (&get, "/events/{}/availability", None),
        (&get, "/events/{}/availability?at=v1", None),
        (&get, "/events/{}/history", None),
        (&get, "/locations/{}", None),
        (&patch, "/locations/{}", Some(json!({"name": "x"}))),
        (&get, "/bookings/{}", None),
        (&delete, "/bookings/{}", None),
        (&get, "/users/{}", None),
        (&get, "/users/{}/bookings", None),
    ];
    let mut faults = Vec::new();
    for (method, route, body) in routes {
        for id in strange_ids() {
            let reply = client
                .send(method.clone(), &route.replace("{}", &id), &[], body.clone())
                .await;
            if (reply.status, reply.header("content-type")) != (404, Some(PROBLEM)) {
                faults.push(format!("{method} {route} {id:.100}: {} {}", reply.status, reply.text));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // A name may be anything; it is just nobody's.
    for name in ["%00", "a%2Fb", "%ff", &"x".repeat(5_000)] {
        let page = client.get(&format!("/events/name/{name}")).await.expect(200);
        assert_eq!(page["items"], json!([]), "{name:.100}");
    }
    assert_nothing_there(&platform).await;
    platform.stop().await;
}

/// Every route that takes a body.
fn routes_with_bodies() -> Vec<(Method, String)> {
    vec![
        (Method::POST, "/events".to_owned()),
        (Method::PATCH, format!("/events/{UNKNOWN}")),
        (Method::POST, format!("/events/{UNKNOWN}/bookings")),
        (Method::POST, "/locations".to_owned()),
        (Method::PATCH, format!("/locations/{UNKNOWN}")),
        (Method::POST, "/users".to_owned()),
    ]
}

#[tokio::test]
async fn bodies_that_are_no_json_objects_are_refused() {
    let platform = platform().await;
    let client = platform.client();
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000)).into_bytes();
    let no_json = [
        b"".to_vec(),
        b" ".to_vec(),
        b"{".to_vec(),
        b"nonsense".to_vec(),
        b"{\"name\":}".to_vec(),
        b"{} {}".to_vec(),
        b"{'name':1}".to_vec(),
        b"{\"name\":NaN}".to_vec(),
        b"{\"name\":1e999}".to_vec(),
        b"{\"name\":\"\xff\xfe\"}".to_vec(),
        b"{\"name\":\"\\ud800\"}".to_vec(),
        b"{\"name\":\"a\nb\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"\0".to_vec(),
        deep("[", "]"),
        deep("{\"a\":", "}"),
    ];
    let json = Some("application/json");
    for (method, path) in routes_with_bodies() {
        for body in &no_json {
            let reply = client.send_raw(method.clone(), &path, json, body.clone()).await;
            let shown: String = String::from_utf8_lossy(body).chars().take(50).collect();
            assert_status(&reply, 400, &format!("{method} {path} {shown}"));
        }
        for body in ["[]", "[{}]", "\"text\"", "5", "true", "null"] {
            let reply = client
                .send_raw(method.clone(), &path, json, body.as_bytes().to_vec())
                .await;
            assert_eq!(reply.faulty_fields(), [""], "{method} {path} {body}");
        }
        for content_type in [
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/plain",
            "text/json",
            "nonsense",
            "",
        ] {
            let reply = client
                .send_raw(method.clone(), &path, Some(content_type), b"{}".to_vec())
                .await;
            assert_status(&reply, 415, &format!("{method} {path} {content_type}"));
        }
        for content_type in [
            Some("Application/JSON; charset=utf-8"),
            Some("application/merge-patch+json"),
            None,
        ] {
            let reply = client
                .send_raw(method.clone(), &path, content_type, b"{\"name\":5}".to_vec())
                .await;
            assert_status(&reply, 422, &format!("{method} {path} {content_type:?}"));
        }
    }
    assert_nothing_there(&platform).await;
    platform.stop().await;
}

#[tokio::test]
async fn bodies_above_the_bound_are_too_large() {
    let platform = platform().await;
    let client = platform.client();
    for (method, path) in routes_with_bodies() {
        let name = |length: usize| {
            json!({"name": "x".repeat(length - r#"{"name":""}"#.len())})
                .to_string()
                .into_bytes()
        };
        for length in [TOO_LARGE, 256 * 1024 + 1] {
            let reply = client
                .send_raw(method.clone(), &path, Some("application/json"), name(length))
                .await;
            assert_status(&reply, 413, &format!("{method} {path} {length}"));
        }
        let reply = client
            .send_raw(method.clone(), &path, Some("application/json"), name(256 * 1024))
            .await;
        assert_status(&reply, 422, &format!("{method} {path}, just within"));
    }
    assert_nothing_there(&platform).await;
    platform.stop().await;
}

fn assert_status(reply: &Reply, status: u16, what: &str) {
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (status, Some(PROBLEM)),
        "{what}: {}",
        reply.text
    );
    assert_eq!(reply.json()["status"], status, "{what}");
}

/// Runs `myevents serve` to its end, which has to come by itself.
async fn serve(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_myevents"));
    command.arg("serve").arg("--data-dir").arg(folder).args(arguments);
    for key in ["LISTEN", "LISTEN_TLS", "LISTEN_METRICS"] {
        command.env(format!("MYEVENTS_EVENT__{key}"), "127.0.0.1:0");
        command.env(format!("MYEVENTS_BOOKING__{key}"), "127.0.0.1:0");
    }
    command
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    timeout(Duration::from_secs(60), command.output())
        .await
        .unwrap_or_else(|_| panic!("it serves with {arguments:?} {variables:?}"))
        .unwrap()
}

/// It has failed, and one line on standard error has all these words.
fn assert_told(output: &Output, words: &[&str]) {
    let (told, printed) = (
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout),
    );
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.ends_with('\n'), "{told}");
    for word in words {
        assert!(told.contains(word), "{word:?} is not in: {told}");
    }
    assert!(!printed.contains("MyEvents is ready"), "{printed}");
}

#[tokio::test]
async fn a_bad_setting_ends_the_process_with_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    for (variable, value, words) in [
        (
            "MYEVENTS_EVENT__LISTEN",
            "nonsense",
            ["listen", "nonsense", "HOST:PORT"],
        ),
        (
            "MYEVENTS_EVENT__LISTEN",
            "127.0.0.1:99999",
            ["listen", "99999", "HOST:PORT"],
        ),
        (
            "MYEVENTS_BOOKING__LISTEN_TLS",
            "nonsense",
            ["listen_tls", "nonsense", "off"],
        ),
        (
            "MYEVENTS_BOOKING__LISTEN_METRICS",
            "127.0.0.1",
            ["listen_metrics", "127.0.0.1", "off"],
        ),
        ("MYEVENTS_STORE", "carrier:pigeon", ["store", "carrier:", "sqlite:"]),
        ("MYEVENTS_BOOKING__STORE", "sqlite:", ["store", "sqlite:", "FOLDER"]),
        ("MYEVENTS_BROKER", "carrier:pigeon", ["broker", "carrier:", "embedded:"]),
        (
            "MYEVENTS_DRAIN_SECONDS",
            "soon",
            ["drain_seconds", "`soon`", "0 to 600"],
        ),
        (
            "MYEVENTS_SHUTDOWN_SECONDS",
            "0",
            ["shutdown_seconds", "`0`", "1 to 600"],
        ),
        ("MYEVENTS_LOG_FORMAT", "xml", ["log_format", "xml", "json"]),
        ("MYEVENTS_LOG", "a=b=c", ["log", "a=b=c", "filter"]),
        (
            "MYEVENTS_CERTIFICATE",
            "a.pem",
            ["private_key", "needed", "certificate"],
        ),
    ] {
        assert_told(&serve(folder.path(), &[], &[(variable, value)]).await, &words);
    }
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    let output = serve(folder.path(), &[], &[("MYEVENTS_EVENT__LISTEN", &taken)]).await;
    assert_told(&output, &["listen", "cannot listen on", &taken]);
}

#[tokio::test]
async fn a_bad_file_ends_the_process_with_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, content, words) in [
        (
            "unknown.json",
            r#"{"lissten": "127.0.0.1:1"}"#,
            ["lissten", "is not a setting", "listen"],
        ),
        (
            "unknown.toml",
            "lissten = \"127.0.0.1:1\"",
            ["lissten", "is not a setting", "listen"],
        ),
        (
            "section.json",
            r#"{"event": {"stor": "x"}}"#,
            ["event.stor:", "is not a setting", "store"],
        ),
        (
            "listen.json",
            r#"{"event": {"store": "carrier:pigeon"}}"#,
            ["store", "carrier:", "sqlite:"],
        ),
        ("broken.json", "{\n\"listen\":\n", ["configuration", "broken.json", ""]),
        ("broken.toml", "listen = = 1", ["configuration", "broken.toml", ""]),
        ("list.json", "[]", ["configuration", "", ""]),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        for flag in ["--conf", "-conf"] {
            let output = serve(&folder.path().join("data"), &[flag, path.to_str().unwrap()], &[]).await;
            assert_told(&output, &words);
        }
    }
    let missing = folder.path().join("missing.json");
    let output = serve(&folder.path().join("data"), &["--conf", missing.to_str().unwrap()], &[]).await;
    assert_told(&output, &["--conf", "missing.json"]);
}

#[tokio::test]
async fn a_data_folder_that_is_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "kept").unwrap();
    assert_told(&serve(&file, &[], &[]).await, &["data_dir", file.to_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused_and_disturbs_nobody() {
    let platform = platform().await;
    let output = serve(platform.folder(), &[], &[]).await;
    assert_told(&output, &["data_dir", platform.folder().to_str().unwrap(), "in use"]);
    platform.client().post("/events", event()).await.expect(201);
    platform.stop().await;
}
