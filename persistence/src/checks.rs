//! What every adapter refuses, whether or not its store could keep it.

use bytes::Bytes;

use crate::{BY_ID, Collection, MAX_BLOB_BYTES, StoreError, Write};

const MAX_NAME_BYTES: usize = 64;
/// Of a document's or a blob's id.
const MAX_ID_BYTES: usize = 300;

/// Refuses what could not stand in any store's own language as it is.
///
/// # Errors
/// [`StoreError::Broken`] names it, and the rule.
pub(crate) fn check_collection(collection: &Collection) -> Result<(), StoreError> {
    check_name(&collection.name)?;
    for index in collection.indexes {
        check_name(index.name)?;
        if index.name == BY_ID {
            return Err(StoreError::Broken(format!("index `{BY_ID}` is there already")));
        }
        index.fields.iter().try_for_each(|field| check_name(field))?;
        if index.fields.is_empty() {
            return Err(StoreError::Broken(format!("index `{}` has no fields", index.name)));
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), StoreError> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain && (1..=MAX_NAME_BYTES).contains(&name.len()) {
        return Ok(());
    }
    let rule = format!("`{name}` is no name: 1 to {MAX_NAME_BYTES} letters, digits and `_`");
    Err(StoreError::Broken(rule))
}

/// # Errors
/// [`StoreError::Broken`] where the id is too long, or the body is no object.
pub(crate) fn check_write(write: &Write) -> Result<(), StoreError> {
    check_id(&write.collection, &write.id)?;
    if write.body.as_ref().is_none_or(|body| body.is_object()) {
        return Ok(());
    }
    let (id, collection) = (&write.id, &write.collection);
    let why = format!("document `{id}` of `{collection}` is no JSON object");
    Err(StoreError::Broken(why))
}

/// # Errors
/// [`StoreError::Broken`] where the id is too long, or there are too many bytes.
pub(crate) fn check_blob(id: &str, bytes: &Bytes) -> Result<(), StoreError> {
    check_id("blobs", id)?;
    if bytes.len() <= MAX_BLOB_BYTES {
        return Ok(());
    }
    let why = format!("blob `{id}` has {} bytes, more than {MAX_BLOB_BYTES}", bytes.len());
    Err(StoreError::Broken(why))
}

fn check_id(place: &str, id: &str) -> Result<(), StoreError> {
    if id.len() <= MAX_ID_BYTES {
        return Ok(());
    }
    let why = format!(
        "`{place}` was given an id of {} bytes, more than {MAX_ID_BYTES}",
        id.len()
    );
    Err(StoreError::Broken(why))
}
