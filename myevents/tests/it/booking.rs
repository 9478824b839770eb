//! The way of a booking: create an event, find it, book it.

use jiff::Timestamp;
use serde_json::json;

use crate::support::{opening_night, opera, platform};

#[tokio::test]
async fn an_event_is_found_and_booked_at_once_with_the_consistency_token() {
    let platform = platform().await;
    let client = platform.client();
    let created = client.post("/events", opera()).await;
    let event = created.expect(201);
    let id = event["id"].as_str().unwrap();
    assert!(!id.is_empty());
    assert_eq!(created.header("location"), Some(format!("/events/{id}").as_str()));
    let start = Timestamp::from_second(opening_night()).unwrap().to_string();
    assert_eq!(
        (event["capacity"].clone(), event["start_time"].clone()),
        (json!(10), json!(start))
    );
    let token = ("Consistency-Token", created.header("consistency-token").unwrap());

    assert_eq!(
        client.get_with(&format!("/events/{id}"), &[token]).await.expect(200)["name"],
        "opera aida"
    );
    assert_eq!(
        client.get_with(&format!("/events/id/{id}"), &[token]).await.expect(200)["id"],
        id
    );
    let named = client.get_with("/events/name/Opera%20Aida", &[token]).await.expect(200);
    assert_eq!(named["items"][0]["id"], id);

    let booked = client
        .post_with(&format!("/events/{id}/bookings"), &[token], json!({"seats": 2}))
        .await;
    let booking = booked.expect(201);
    assert_eq!(
        (booking["event_id"].clone(), booking["seats"].clone()),
        (json!(id), json!(2))
    );
    let token = ("Consistency-Token", booked.header("consistency-token").unwrap());
    assert_eq!(
        client.get_with(&format!("/events/{id}"), &[token]).await.expect(200)["seats_left"],
        8
    );
    let booking_path = format!("/bookings/{}", booking["id"].as_str().unwrap());
    assert_eq!(client.get_with(&booking_path, &[token]).await.expect(200)["seats"], 2);
    let listed = client
        .get_with(&format!("/events/{id}/bookings"), &[token])
        .await
        .expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    platform.stop().await;
}
