//! The version of what is stored, and whether the server can keep what is promised.

use mongodb::bson::doc;

use super::database::{Database, read, write};
use super::failure::is_duplicate_key;
use crate::StoreError;

/// Raised where documents of this module are written otherwise than before.
const VERSION: i64 = 1;
const COLLECTION: &str = "format";
const ID: &str = "store";

/// Marks a new database with this version.
///
/// # Errors
/// [`StoreError::Refused`] where the server is no member of a replica set or what is stored is of a newer version.
pub(super) async fn check(database: &Database) -> Result<(), StoreError> {
    let hello = database.ask(doc! { "hello": 1 }).await?;
    // A router stands before replica sets.
    let is_router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if !is_router && hello.get_str("setName").is_err() {
        let why =
            "MongoDB has to be a replica set (one node is enough): start it with --replSet, and run rs.initiate() once";
        return Err(StoreError::Refused(why.to_owned()));
    }
    let version = version(database).await?;
    if version == VERSION {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "what is stored there has format {version}, and this build reads format {VERSION}"
    )))
}

async fn version(database: &Database) -> Result<i64, StoreError> {
    let formats = database.collection(COLLECTION);
    if let Some(found) = read(formats.find_one(doc! { "_id": ID })).await? {
        return Ok(found.get_i64("version").unwrap_or_default());
    }
    let insert = formats.insert_one(doc! { "_id": ID, "version": VERSION });
    match write(async { Ok(insert.await) }).await? {
        Ok(_) => Ok(VERSION),
        // Another process has just begun as well; its mark is read.
        Err(error) if is_duplicate_key(&error) => {
            let found = read(formats.find_one(doc! { "_id": ID })).await?;
            Ok(found.and_then(|mark| mark.get_i64("version").ok()).unwrap_or_default())
        }
        Err(error) => Err(super::failure::of_write(error)),
    }
}
