//! Marks in a service's store: whose it is, that filling it from an exported log has not ended, and that the service has
//! moved away from it.

use persistence::{Collection, Document, DocumentStore, Expect, PutError, StoreError, Stores, Write};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::config::Settings;
use crate::service::StartError;
use crate::shown_url::without_secrets;

const MARKS: &str = "owner";
const OWNER: &str = "service";
const RESTORING: &str = "restoring";
const MOVED: &str = "moved";

/// Marks the store as this service's. Two services in one store would take each other's progress for their own.
pub(crate) async fn claim(stores: &Stores, settings: &Settings) -> Result<(), StartError> {
    let (documents, indexes) = (&*stores.documents, &[]);
    let name = MARKS.to_owned();
    documents.declare(&Collection { name, indexes }).await?;
    let name = json!({ "name": settings.service });
    match documents.put(vec![mark(OWNER, Expect::Absent, Some(name))]).await {
        Ok(()) => return Ok(()),
        Err(PutError::Store(error)) => return Err(error.into()),
        Err(PutError::Conflict { .. }) => {}
    }
    let found = find(documents, OWNER).await?;
    let owner = found
        .and_then(|mark| Some(mark.body["name"].as_str()?.to_owned()))
        .unwrap_or_default();
    if owner == settings.service {
        return Ok(());
    }
    Err(StartError::ForeignStore {
        url: without_secrets(&settings.store),
        owner,
    })
}

/// From now on the service does not start, until the restore has ended.
pub(crate) async fn begin_restore(stores: &Stores) -> Result<(), PutError> {
    set(stores, RESTORING, Some(json!({}))).await
}

pub(crate) async fn end_restore(stores: &Stores) -> Result<(), PutError> {
    set(stores, RESTORING, None).await
}

/// Whether a restore has begun and not ended. Nobody but a restore ends it: one of another replica may be at work.
pub(crate) async fn is_restoring(stores: &Stores) -> Result<bool, StoreError> {
    Ok(find(&*stores.documents, RESTORING).await?.is_some())
}

/// A service would open what the journal lacks once more, and sell it a second time.
pub(crate) async fn refuse_half_restored(stores: &Stores, settings: &Settings) -> Result<(), StartError> {
    if !is_restoring(stores).await? {
        return Ok(());
    }
    Err(StartError::HalfRestored {
        store: without_secrets(&settings.store),
        service: settings.service,
    })
}

/// From now on the service does not start here: it would sell again what is sold where it moves `to`. The move is known as
/// `id`.
pub(crate) async fn begin_move(stores: &Stores, to: &str, id: Uuid) -> Result<(), PutError> {
    set(stores, MOVED, Some(json!({ "to": to, "id": id, "is_over": false }))).await
}

/// False where another move has begun since, or this one was undone.
pub(crate) async fn end_move(stores: &Stores, to: &str, id: Uuid) -> Result<bool, StoreError> {
    let found = find(&*stores.documents, MOVED).await?;
    let Some(begun) = found.filter(|mark| mark.body["id"] == json!(id)) else {
        return Ok(false);
    };
    let over = json!({ "to": to, "id": id, "is_over": true });
    let outcome = stores
        .documents
        .put(vec![mark(MOVED, Expect::Revision(begun.revision), Some(over))]);
    match outcome.await {
        Ok(()) => Ok(true),
        Err(PutError::Conflict { .. }) => Ok(false),
        Err(PutError::Store(error)) => Err(error),
    }
}

pub(crate) async fn forget_move(stores: &Stores) -> Result<(), PutError> {
    set(stores, MOVED, None).await
}

/// For those who need a store that is still the service's own.
pub(crate) async fn refuse_moved(stores: &Stores, settings: &Settings) -> Result<(), StartError> {
    let Some(mark) = find(&*stores.documents, MOVED).await? else {
        return Ok(());
    };
    let (store, service) = (without_secrets(&settings.store), settings.service);
    let to = mark.body["to"].as_str().unwrap_or("another store").to_owned();
    // Once there was no mark before a move had ended.
    Err(match mark.body["is_over"] == false {
        true => StartError::Moving { store, to, service },
        false => StartError::Moved { store, to, service },
    })
}

/// For those who may begin a move anew.
pub(crate) async fn refuse_ended_move(stores: &Stores, settings: &Settings) -> Result<(), StartError> {
    match refuse_moved(stores, settings).await {
        Err(StartError::Moving { .. }) => Ok(()),
        outcome => outcome,
    }
}

/// Sets a mark, or removes it.
async fn set(stores: &Stores, id: &str, body: Option<Value>) -> Result<(), PutError> {
    stores.documents.put(vec![mark(id, Expect::Anything, body)]).await
}

fn mark(id: &str, expect: Expect, body: Option<Value>) -> Write {
    Write {
        collection: MARKS.to_owned(),
        id: id.to_owned(),
        expect,
        body: body.map(Into::into),
    }
}

async fn find(documents: &dyn DocumentStore, id: &str) -> Result<Option<Document>, StoreError> {
    Ok(documents.get(MARKS, &[id]).await?.into_iter().next().flatten())
}
