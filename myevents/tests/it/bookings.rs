//! What may be booked by whom, and what becomes of bookings.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::{Client, eventually};

use crate::support::{event_with_seats, opera, platform};

fn in_hours(hours: i64) -> String {
    Timestamp::now()
        .checked_add(SignedDuration::from_hours(hours))
        .unwrap()
        .to_string()
}

/// Creates an event that differs from the usual one. Returns its id once it is open.
async fn event_with(client: &Client, changes: Value) -> String {
    let mut body = opera();
    for (field, value) in changes.as_object().unwrap() {
        body.as_object_mut().unwrap().remove(match field.as_str() {
            "start_time" => "startdate",
            "end_time" => "enddate",
            _ => "",
        });
        body[field] = value.clone();
    }
    let id = client.post("/events", body).await.expect(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/events/{id}/availability");
    eventually("the event is open", || async {
        (client.get(&path).await.status == 200).then_some(())
    })
    .await;
    id
}

async fn book(client: &Client, event_id: &str, body: Value) -> testkit::Reply {
    client.post(&format!("/events/{event_id}/bookings"), body).await
}

/// The problem's short name and the seats that it says are left.
async fn refused(client: &Client, event_id: &str, body: Value) -> (String, u64) {
    let problem = book(client, event_id, body).await.expect(409);
    let short_name = problem["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    (short_name, problem["seats_left"].as_u64().unwrap())
}

#[tokio::test]
async fn capacity_counts_at_once_when_raised_and_says_how_much_it_is_over_when_lowered() {
    let platform = platform().await;
    let client = platform.client();
    let id = event_with_seats(&client, 4).await;
    book(&client, &id, json!({"seats": 4})).await.expect(201);
    assert_eq!(
        refused(&client, &id, json!({"seats": 1})).await,
        ("sold-out".to_owned(), 0)
    );

    let raised = client
        .patch_with(&format!("/events/{id}"), &[], json!({"capacity": 6}))
        .await;
    let token = ("Consistency-Token", raised.header("consistency-token").unwrap());
    let path = format!("/events/{id}/bookings");
    client.post_with(&path, &[token], json!({"seats": 2})).await.expect(201);

    client
        .patch_with(&format!("/events/{id}"), &[], json!({"capacity": 1}))
        .await
        .expect(200);
    for path in [format!("/events/{id}"), format!("/events/{id}/availability")] {
        eventually("it says by how much it is over", || async {
            let seen = client.get(&path).await.expect(200);
            (seen["oversubscribed_by"] == 5 && seen["seats_left"] == 0).then_some(())
        })
        .await;
    }
    assert_eq!(
        refused(&client, &id, json!({"seats": 1})).await,
        ("sold-out".to_owned(), 0)
    );
    platform.stop().await;
}

#[tokio::test]
async fn limits_per_booking_and_per_user_hold() {
    let platform = platform().await;
    let client = platform.client();
    let id = event_with(&client, json!({"max_seats_per_booking": 3, "max_seats_per_user": 4})).await;
    assert_eq!(
        refused(&client, &id, json!({"seats": 4})).await,
        ("over-booking-limit".to_owned(), 10)
    );
    let guest = book(&client, &id, json!({"seats": 3})).await.expect(201)["user_id"].clone();
    let over = refused(&client, &id, json!({"seats": 2, "user_id": guest})).await;
    assert_eq!(over, ("over-user-limit".to_owned(), 7));
    book(&client, &id, json!({"seats": 1, "user_id": guest}))
        .await
        .expect(201);
    book(&client, &id, json!({"seats": 3})).await.expect(201);
    platform.stop().await;
}

#[tokio::test]
async fn seats_are_sold_inside_the_sales_window_only() {
    let platform = platform().await;
    let client = platform.client();
    let early = event_with(&client, json!({"sales_start": in_hours(1)})).await;
    assert_eq!(
        refused(&client, &early, json!({"seats": 1})).await.0,
        "sales-not-started"
    );
    let closed = event_with(&client, json!({"sales_end": in_hours(-1)})).await;
    assert_eq!(refused(&client, &closed, json!({"seats": 1})).await.0, "sales-ended");
    let running = event_with(&client, json!({"start_time": in_hours(-1), "end_time": in_hours(1)})).await;
    assert_eq!(refused(&client, &running, json!({"seats": 1})).await.0, "sales-ended");
    let over = event_with(&client, json!({"start_time": in_hours(-3), "end_time": in_hours(-1)})).await;
    assert_eq!(refused(&client, &over, json!({"seats": 1})).await.0, "event-over");
    let event = client.get(&format!("/events/{over}")).await.expect(200);
    assert_eq!(
        (event["status"].clone(), event["not_bookable_because"].clone()),
        (json!("over"), json!("over"))
    );
    platform.stop().await;
}

#[tokio::test]
async fn a_cancelled_booking_returns_its_seats_once() {
    let platform = platform().await;
    let client = platform.client();
    let id = event_with_seats(&client, 3).await;
    let booking = book(&client, &id, json!({"seats": 3})).await.expect(201);
    let path = format!("/bookings/{}", booking["id"].as_str().unwrap());
    let first = client.delete(&path).await;
    assert_eq!(first.expect(200)["status"], "cancelled");
    let token = ("Consistency-Token", first.header("consistency-token").unwrap());
    let seen = client.get_with(&path, &[token]).await.expect(200);
    assert_eq!(
        (seen["status"].clone(), seen["cancelled_at"].clone()),
        (json!("cancelled"), first.json()["cancelled_at"].clone())
    );
    assert_eq!(
        client.delete(&path).await.expect(200)["cancelled_at"],
        seen["cancelled_at"]
    );
    book(&client, &id, json!({"seats": 3})).await.expect(201);
    assert_eq!(refused(&client, &id, json!({"seats": 1})).await.0, "sold-out");
    platform.stop().await;
}

#[tokio::test]
async fn bookings_of_a_cancelled_event_stay_and_say_so() {
    let platform = platform().await;
    let client = platform.client();
    let id = event_with_seats(&client, 3).await;
    let booking = book(&client, &id, json!({"seats": 2})).await.expect(201);
    client
        .post(&format!("/events/{id}/cancel"), json!({}))
        .await
        .expect(200);
    let path = format!("/bookings/{}", booking["id"].as_str().unwrap());
    eventually("the booking says that its event is cancelled", || async {
        let booking = client.get(&path).await;
        let told = booking.status == 200 && booking.json()["event_cancelled"] == true;
        (told && booking.json()["status"] == "booked").then_some(())
    })
    .await;
    assert_eq!(
        refused(&client, &id, json!({"seats": 1})).await,
        ("event-cancelled".to_owned(), 1)
    );
    let availability = client.get(&format!("/events/{id}/availability")).await.expect(200);
    assert_eq!(availability["status"], "cancelled");
    platform.stop().await;
}

#[tokio::test]
async fn a_guests_id_is_told_to_that_guest_only() {
    let platform = platform().await;
    let client = platform.client();
    let id = event_with_seats(&client, 9).await;
    let reply = book(&client, &id, json!({"seats": 1})).await;
    let booking = reply.expect(201);
    let guest = booking["user_id"].as_str().unwrap();
    assert!(guest.starts_with("guest-") && guest.len() == 38, "{guest}");
    let token = ("Consistency-Token", reply.header("consistency-token").unwrap());
    let path = format!("/bookings/{}", booking["id"].as_str().unwrap());
    assert_eq!(client.get_with(&path, &[token]).await.expect(200)["user_id"], "guest");
    assert_eq!(
        client.get_with(&path, &[("X-User-Id", guest)]).await.expect(200)["user_id"],
        guest
    );
    let listed = client.get(&format!("/events/{id}/bookings")).await.expect(200);
    assert_eq!(listed["items"][0]["user_id"], "guest");
    let own = client.get(&format!("/users/{guest}/bookings")).await.expect(200);
    assert_eq!(
        (own["items"][0]["id"].clone(), own["items"][0]["user_id"].clone()),
        (booking["id"].clone(), json!(guest))
    );
    platform.stop().await;
}

#[tokio::test]
async fn users_have_names_and_bookings() {
    let platform = platform().await;
    let client = platform.client();
    let id = event_with_seats(&client, 9).await;
    let user = client
        .post("/users", json!({"first": "Ada", "last": "Lovelace", "age": 36}))
        .await
        .expect(201);
    let user_id = user["id"].as_str().unwrap();
    let reply = book(&client, &id, json!({"seats": 2, "user_id": user_id})).await;
    let booking = reply.expect(201);
    assert_eq!(booking["user_id"], user_id);
    let token = ("Consistency-Token", reply.header("consistency-token").unwrap());
    let seen = client
        .get_with(&format!("/users/{user_id}"), &[token])
        .await
        .expect(200);
    assert_eq!((seen["first"].clone(), seen["age"].clone()), (json!("Ada"), json!(36)));
    assert_eq!(seen["bookings"][0]["id"], booking["id"]);

    client
        .post("/users", json!({"first": "Grace", "last": "Hopper"}))
        .await
        .expect(201);
    for (query, firsts) in [
        ("first=ada", vec!["Ada"]),
        ("last=HOPPER", vec!["Grace"]),
        ("first=Ada&last=Hopper", vec![]),
        ("first=Ada&last=Lovelace", vec!["Ada"]),
        ("", vec!["Grace", "Ada"]),
    ] {
        let found = client.get(&format!("/users?{query}")).await.expect(200);
        let found: Vec<&str> = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["first"].as_str().unwrap())
            .collect();
        assert_eq!(found, firsts, "{query}");
    }
    let unknown = book(&client, &id, json!({"seats": 1, "user_id": "nobody"})).await;
    assert_eq!(unknown.faulty_fields(), ["user_id"]);
    platform.stop().await;
}

#[tokio::test]
async fn sales_are_told_hour_by_hour() {
    let platform = platform().await;
    let client = platform.client();
    let ids = [event_with_seats(&client, 9).await, event_with_seats(&client, 9).await];
    let nothing = client.get("/sales").await.expect(200);
    let items = nothing["items"].as_array().unwrap();
    assert_eq!(items.len(), 24);
    assert!(items.iter().all(|hour| hour["seats_booked"] == 0));

    let mut booked = Vec::new();
    for (id, seats) in [(&ids[0], 2), (&ids[0], 3), (&ids[1], 4)] {
        booked.push(book(&client, id, json!({ "seats": seats })).await.expect(201));
    }
    let path = format!("/bookings/{}", booked[1]["id"].as_str().unwrap());
    let token = client
        .delete(&path)
        .await
        .header("consistency-token")
        .map(str::to_owned);
    assert!(token.is_some());
    eventually("all of it is counted", || async {
        let sales = client.get("/sales?hours=2").await.expect(200);
        let hours = sales["items"].as_array().unwrap();
        // The hour may have ended meanwhile.
        let sum = |field: &str| hours.iter().filter_map(|hour| hour[field].as_u64()).sum::<u64>();
        assert_eq!(hours.len(), 2);
        ((sum("seats_booked"), sum("seats_cancelled")) == (9, 3)).then_some(())
    })
    .await;
    for hours in ["0", "169", "many", "-1", ""] {
        let refused = client.get(&format!("/sales?hours={hours}")).await;
        assert_eq!(refused.status, 422, "{hours}");
        assert_eq!(refused.faulty_fields(), ["hours"], "{hours}");
    }
    let hour = &client.get("/sales?hours=168").await.expect(200)["items"][167];
    let start: Timestamp = hour["start"].as_str().unwrap().parse().unwrap();
    assert_eq!(start.as_second() % 3_600, 0);
    assert!(start <= Timestamp::now());
    platform.stop().await;
}
