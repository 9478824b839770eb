//! The feed tells an entity's public facts in order, from any version on.

use std::sync::Arc;

use chassis::Recorded;
use chassis::consumer::{Handler, HandlerError};
use chassis::feed::{Feed, FeedView};
use chassis::views::{Generation, Generations, LiveViews, Views};
use contracts::StreamId;
use persistence::Stores;
use serde_json::{Map, Value};

use crate::support::{Parts, bookings};

fn facts(recorded: &Recorded) -> Option<Map<String, Value>> {
    let even = recorded.envelope.version.is_multiple_of(2);
    even.then(|| recorded.envelope.payload.as_object().cloned()).flatten()
}

async fn feed_view(stores: &Stores) -> (Views, Generation) {
    let generation = Generations::open(Arc::clone(&stores.documents))
        .await
        .unwrap()
        .live()
        .await
        .unwrap();
    let view = FeedView {
        public_facts: facts,
        public_actor: |_| "someone",
    };
    let (documents, search) = (Arc::clone(&stores.documents), Arc::clone(&stores.search));
    (
        Views::open(vec![Arc::new(view)], generation.clone(), documents, search)
            .await
            .unwrap(),
        generation,
    )
}

async fn apply(views: &Views, stores: &Stores, recorded: &[Recorded]) -> Result<(), HandlerError> {
    let writes = views.handle(recorded).await?;
    stores.documents.put(writes).await.unwrap();
    Ok(())
}

#[tokio::test]
async fn public_facts_are_read_in_order_from_any_version_on() {
    let parts = Parts::open().await;
    let (views, generation) = feed_view(&parts.stores).await;
    let recorded: Vec<Recorded> = bookings("inventory/a", 20)
        .into_iter()
        .map(|envelope| Recorded::read(envelope).unwrap())
        .collect();
    apply(&views, &parts.stores, &recorded[..12]).await.unwrap();
    // Some come again, as after a crash.
    apply(&views, &parts.stores, &recorded[8..]).await.unwrap();

    let documents = Arc::clone(&parts.stores.documents);
    let feed = Feed::new(LiveViews {
        generation,
        progress: parts.progress().await,
        documents,
    });
    let stream = StreamId::parse("inventory/a").unwrap();
    let (entries, next) = feed.read(&stream, 5, 100).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.version).collect::<Vec<_>>(),
        [6, 8, 10, 12, 14, 16, 18, 20]
    );
    assert!(next.is_none());
    assert_eq!(
        (entries[0].actor.as_str(), entries[0].facts["booking_id"].as_str()),
        ("someone", Some("b6"))
    );
    let (page, next) = feed.read(&stream, 0, 3).await.unwrap();
    assert_eq!(page.last().unwrap().version, 6);
    assert!(next.is_some());
}
