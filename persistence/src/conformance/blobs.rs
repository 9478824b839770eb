use bytes::Bytes;

use super::{Harness, Suite};
use crate::{Blobs, Collection, MAX_BLOB_BYTES, StoreError};

pub(super) async fn run(suite: &mut Suite, h: &dyn Harness) {
    suite.check("every byte comes back as it was", kept(h)).await;
    suite.check("blobs come in the order of their ids", ordered(h)).await;
    suite.check("new bytes take the place of the old", replaced(h)).await;
    suite
        .check(
            "a blob of the largest size is kept, a larger one is refused",
            bounded(h),
        )
        .await;
    suite
        .check("a blob that is removed is gone, and may be so again", removed(h))
        .await;
    suite.check("ids are told apart by every byte", apart(h)).await;
    suite
        .check("blobs and documents do not see each other", beside(h))
        .await;
    suite
        .check("a blob is seen by other handles and after opening again", shared(h))
        .await;
}

async fn put(blobs: &dyn Blobs, id: &str, bytes: &[u8]) {
    blobs.put(id, Bytes::copy_from_slice(bytes)).await.unwrap();
}

async fn read(blobs: &dyn Blobs, id: &str) -> Option<Bytes> {
    blobs.get(&[id]).await.unwrap().remove(0)
}

async fn kept(h: &dyn Harness) {
    let blobs = h.open().await.blobs;
    let all: Vec<u8> = (0..=255).collect();
    for bytes in [&all[..], b"", b"\0", b"{\"a\":1}", b"\xff\xfe\0\0"] {
        put(&*blobs, "a", bytes).await;
        assert_eq!(read(&*blobs, "a").await.unwrap(), bytes);
    }
}

async fn ordered(h: &dyn Harness) {
    let blobs = h.open().await.blobs;
    for id in ["a", "b", "c"] {
        put(&*blobs, id, id.as_bytes()).await;
    }
    let found = blobs.get(&["c", "none", "a", "c"]).await.unwrap();
    let expected = [
        Some(Bytes::from("c")),
        None,
        Some(Bytes::from("a")),
        Some(Bytes::from("c")),
    ];
    assert_eq!(found, expected);
    assert!(blobs.get(&[]).await.unwrap().is_empty());
}

async fn replaced(h: &dyn Harness) {
    let blobs = h.open().await.blobs;
    for bytes in [&b"a long one, at first"[..], b"short", b""] {
        put(&*blobs, "a", bytes).await;
        assert_eq!(read(&*blobs, "a").await.unwrap(), bytes);
    }
}

async fn bounded(h: &dyn Harness) {
    let blobs = h.open().await.blobs;
    let largest: Vec<u8> = (0..MAX_BLOB_BYTES).map(|n| n.to_le_bytes()[0]).collect();
    put(&*blobs, "a", &largest).await;
    let refused = blobs.put("a", vec![0; MAX_BLOB_BYTES + 1].into()).await;
    assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
    assert_eq!(read(&*blobs, "a").await.unwrap(), largest);
    let id = "i".repeat(300);
    put(&*blobs, &id, b"1").await;
    assert_eq!(read(&*blobs, &id).await.unwrap(), "1");
    let refused = blobs.put(&"i".repeat(301), Bytes::new()).await;
    assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
}

async fn removed(h: &dyn Harness) {
    let blobs = h.open().await.blobs;
    for id in ["a", "b", "c"] {
        put(&*blobs, id, b"1").await;
    }
    for _ in 0..2 {
        blobs.remove(&["a", "c", "none"]).await.unwrap();
        let found = blobs.get(&["a", "b", "c"]).await.unwrap();
        assert_eq!(found, [None, Some(Bytes::from("1")), None]);
    }
    blobs.remove(&[]).await.unwrap();
}

async fn apart(h: &dyn Harness) {
    let blobs = h.open().await.blobs;
    let ids = ["a", "A", "a ", "ä", "a/0", "a/00", "a'\"", ""];
    for id in ids {
        put(&*blobs, id, id.as_bytes()).await;
    }
    for id in ids {
        assert_eq!(read(&*blobs, id).await.unwrap(), id);
    }
}

async fn beside(h: &dyn Harness) {
    let stores = h.open().await;
    let (name, indexes): (_, &[_]) = ("blobs".to_owned(), &[]);
    let collection = Collection { name, indexes };
    stores.documents.declare(&collection).await.unwrap();
    put(&*stores.blobs, "a", b"1").await;
    assert_eq!(stores.documents.get("blobs", &["a"]).await.unwrap(), [None]);
    stores.documents.drop_collection("blobs").await.unwrap();
    assert_eq!(read(&*stores.blobs, "a").await.unwrap(), "1");
}

async fn shared(h: &dyn Harness) {
    let stores = h.open().await;
    put(&*stores.blobs, "a", b"1").await;
    assert_eq!(read(&*h.reopen().await.blobs, "a").await.unwrap(), "1");
    drop(stores);
    let blobs = h.reopen().await.blobs;
    assert_eq!(read(&*blobs, "a").await.unwrap(), "1");
    blobs.remove(&["a"]).await.unwrap();
    assert_eq!(read(&*h.reopen().await.blobs, "a").await, None);
}
