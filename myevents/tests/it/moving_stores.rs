//! A platform outgrows one machine and moves from SQLite to MongoDB, and back: nothing is lost, nothing is other than before.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use chassis::faults;
use serde_json::{Value, json};
use testkit::servers::{Kind, shared};
use testkit::{Client, Platform, PlatformBuilder, eventually};
use tokio::process::Command;
use uuid::Uuid;

use crate::support::{Outcome, binary, event_with_seats};
use crate::trial::SIGKILL;

const SERVICES: [(&str, &str); 2] = [
    ("event", "MYEVENTS_EVENT__STORE"),
    ("booking", "MYEVENTS_BOOKING__STORE"),
];

/// The stores of both services: folders of SQLite, or databases of a server.
struct Stores([String; 2]);

impl Stores {
    fn in_folder(folder: &Path) -> Self {
        Self(SERVICES.map(|(service, _)| format!("sqlite:{}", folder.join(service).display())))
    }

    async fn in_mongodb() -> Self {
        let (server, name) = (shared(Kind::MongoDb).await, Uuid::now_v7().simple().to_string());
        Self(SERVICES.map(|(service, _)| Kind::MongoDb.place(&server, &format!("move-{name}-{service}"))))
    }
}

/// The broker stays where it is.
fn embedded(folder: &Path) -> String {
    format!("embedded:{}", folder.join("broker").display())
}

fn builder_on(stores: &Stores, folder: &Path) -> PlatformBuilder {
    let mut builder = PlatformBuilder::new(binary("myevents"), &["serve"]).folder(folder);
    for ((_, variable), store) in SERVICES.iter().zip(&stores.0) {
        builder = builder.variable(variable, store);
    }
    builder.variable("MYEVENTS_BROKER", &embedded(folder))
}

async fn platform_on(stores: &Stores, folder: &Path) -> Platform {
    builder_on(stores, folder).start().await
}

fn command_on(stores: &Stores, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("myevents"));
    command.args(arguments).arg("--data-dir").arg(folder);
    for ((_, variable), store) in SERVICES.iter().zip(&stores.0) {
        command.env(variable, store);
    }
    command.env("MYEVENTS_BROKER", embedded(folder));
    command
}

async fn operate_on(stores: &Stores, folder: &Path, arguments: &[&str]) -> Outcome {
    let ended = command_on(stores, folder, arguments).output().await.unwrap();
    Outcome {
        status: ended.status,
        output: String::from_utf8(ended.stdout).unwrap(),
        error: String::from_utf8(ended.stderr).unwrap(),
    }
}

async fn move_both(from: &Stores, to: &Stores, folder: &Path) {
    for ((service, _), target) in SERVICES.iter().zip(&to.0) {
        let output = operate_on(from, folder, &["move", service, "--to", target])
            .await
            .succeeded();
        assert!(output.contains("Both stores have the same."), "{output}");
    }
}

const KEY: (&str, &str) = ("Idempotency-Key", "sent before the move");

/// A user with a name, whose booking has a key, and a guest's that is cancelled.
async fn begin(client: &Client) -> (String, String, Value) {
    let event = event_with_seats(client, 20).await;
    let person = json!({"first": "Ada", "last": "Lovelace", "age": 36});
    let user = client.post("/users", person).await.expect(201)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let bookings = format!("/events/{event}/bookings");
    let as_user = [("X-User-Id", user.as_str()), KEY];
    let booked = client
        .post_with(&bookings, &as_user, json!({"seats": 3}))
        .await
        .expect(201);
    let other = client.post(&bookings, json!({"seats": 2})).await;
    let path = format!("/bookings/{}", other.expect(201)["id"].as_str().unwrap());
    let seen = || async { (client.get(&path).await.status == 200).then_some(()) };
    eventually("the booking is seen", seen).await;
    client.delete(&path).await.expect(200);
    (event, user, booked)
}

async fn has_everything(client: &Client, event: &str, user: &str, booked: &Value, left: u32) {
    let bookings = format!("/events/{event}/bookings");
    let seen = || async {
        let reply = client.get(&format!("/events/{event}")).await;
        (reply.status == 200 && reply.json()["seats_left"] == left).then_some(())
    };
    eventually("the views are built", seen).await;
    assert_eq!(
        client.get(&format!("/users/{user}")).await.expect(200)["last"],
        "Lovelace"
    );
    let again = client
        .post_with(&bookings, &[("X-User-Id", user), KEY], json!({"seats": 3}))
        .await;
    assert_eq!(
        again.expect(201)["id"],
        booked["id"],
        "a key from before the move counts"
    );
    client.post(&bookings, json!({"seats": left + 1})).await.expect(409);
    client.post(&bookings, json!({"seats": 1})).await.expect(201);
}

async fn agrees(stores: &Stores, folder: &Path) {
    for (service, _) in SERVICES {
        let verified = || async {
            let outcome = operate_on(stores, folder, &["verify", service]).await;
            outcome.output.contains("Everything agrees.").then_some(())
        };
        eventually("verify agrees", verified).await;
    }
}

/// A service does not start on a part of what it had, and the store that it was to leave is as it was.
#[tokio::test]
async fn a_move_that_dies_leaves_nothing_that_a_service_would_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let small = Stores::in_folder(folder.path());
    let platform = platform_on(&small, folder.path()).await;
    let event = event_with_seats(&platform.client(), 20).await;
    platform.stop().await;
    for point in [
        "move.begun",
        "move.appended",
        "move.copied",
        "move.compared",
        "move.ended",
    ] {
        let large = Stores::in_mongodb().await;
        let mut command = command_on(&small, folder.path(), &["move", "event", "--to", &large.0[0]]);
        let ended = command.env(faults::KILL, format!("{point}@1")).output().await.unwrap();
        assert_eq!(ended.status.signal(), Some(SIGKILL), "{point}: {ended:?}");
        let half = Stores([large.0[0].clone(), small.0[1].clone()]);
        let refused = builder_on(&half, folder.path()).try_start().await.err();
        let refused = refused.unwrap_or_else(|| panic!("{point}: it starts")).error;
        assert!(
            refused.contains("has only a part of what the event service once wrote"),
            "{point}: {refused}"
        );
        let refused = builder_on(&small, folder.path()).try_start().await.err();
        let refused = refused.unwrap_or_else(|| panic!("{point}: it starts")).error;
        let told = if point == "move.ended" {
            "has moved from"
        } else {
            "was begun and not ended"
        };
        assert!(refused.contains(told), "{point}: {refused}");
        let again = operate_on(&small, folder.path(), &["move", "event", "--to", &large.0[0]]).await;
        match point {
            // Nothing had come there.
            "move.begun" => drop(again.succeeded()),
            "move.ended" => assert!(again.failed().contains("has moved from"), "{point}"),
            _ => assert!(again.failed().contains("is not empty"), "{point}"),
        }
        let undone = operate_on(&small, folder.path(), &["move", "event", "--undo"]).await;
        assert!(undone.succeeded().contains("may start on"));
    }
    let platform = platform_on(&small, folder.path()).await;
    let path = format!("/events/{event}/bookings");
    platform.client().post(&path, json!({"seats": 20})).await.expect(201);
    platform.stop().await;
}

/// It sleeps past its lease, so the move does not see it.
#[tokio::test]
async fn a_process_that_slept_while_its_store_was_moved_adds_nothing_there() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (old, new) = (Stores::in_mongodb().await, Stores::in_mongodb().await);
    let platform = platform_on(&old, folder.path()).await;
    let client = platform.client();
    let path = format!("/events/{}/bookings", event_with_seats(&client, 20).await);
    client.post(&path, json!({"seats": 1})).await.expect(201);

    platform.pause();
    let moved = operate_on(&old, elsewhere.path(), &["move", "booking", "--to", &new.0[1]]).await;
    platform.resume();
    assert!(moved.succeeded().contains("Both stores have the same."));
    let refused = client.post(&path, json!({"seats": 1})).await.expect(503);
    assert_eq!(refused["type"], "https://myevents.example/problems/unavailable");
    let learns = || async {
        let health = client.get("/health/ready").await;
        (health.status == 503 && health.text.contains("has moved from the store")).then_some(())
    };
    eventually("the process learns of the move", learns).await;

    platform.stop().await;
    let undone = operate_on(&old, folder.path(), &["move", "booking", "--undo"]).await;
    assert!(undone.succeeded().contains("may start on"));
    let platform = platform_on(&old, folder.path()).await;
    platform.client().post(&path, json!({"seats": 19})).await.expect(201);
    platform.stop().await;
}

#[tokio::test]
async fn what_outgrows_one_machine_moves_and_may_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (small, large) = (Stores::in_folder(folder.path()), Stores::in_mongodb().await);
    let platform = platform_on(&small, folder.path()).await;
    let (event, user, booked) = begin(&platform.client()).await;
    let busy = operate_on(&small, folder.path(), &["move", "event", "--to", &large.0[0]])
        .await
        .failed();
    assert!(busy.contains("is in use by another event service"), "{busy}");
    let elsewhere = tempfile::tempdir().unwrap();
    let beside = operate_on(&small, elsewhere.path(), &["move", "booking", "--to", &large.0[1]])
        .await
        .failed();
    assert!(beside.contains("is at work on the store"), "{beside}");
    platform.stop().await;

    move_both(&small, &large, folder.path()).await;
    let refused = builder_on(&small, folder.path()).try_start().await.err();
    let refused = refused.expect("it has moved").error;
    assert!(refused.contains("has moved from the store"), "{refused}");
    let platform = platform_on(&large, folder.path()).await;
    has_everything(&platform.client(), &event, &user, &booked, 17).await;
    agrees(&large, folder.path()).await;
    platform.stop().await;

    let back = Stores::in_folder(&folder.path().join("back"));
    move_both(&large, &back, folder.path()).await;
    let platform = platform_on(&back, folder.path()).await;
    has_everything(&platform.client(), &event, &user, &booked, 16).await;
    agrees(&back, folder.path()).await;
    platform.stop().await;

    let left = operate_on(&small, folder.path(), &["move", "event", "--to", &large.0[0]])
        .await
        .failed();
    assert!(left.contains("has moved from the store"), "{left}");
    operate_on(&small, folder.path(), &["move", "event", "--undo"])
        .await
        .succeeded();
    let full = operate_on(&small, folder.path(), &["move", "event", "--to", &large.0[0]])
        .await
        .failed();
    assert!(full.contains("the store to move to is not empty"), "{full}");
    let foreign = operate_on(&small, folder.path(), &["move", "event", "--to", &large.0[1]])
        .await
        .failed();
    assert!(foreign.contains("belongs to the booking service"), "{foreign}");
    let nonsense = operate_on(&small, folder.path(), &["move", "event", "--to", "carrier:pigeon"])
        .await
        .failed();
    assert!(nonsense.contains("names no store"), "{nonsense}");
}
