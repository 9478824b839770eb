//! What a failure of the driver means to whoever asked.

use std::error::Error as _;

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::StoreError;

/// An insert met a document of the same id.
const DUPLICATE_KEY: i32 = 11_000;
/// What no repetition changes, by the server's numbers:
/// <https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/base/error_codes.yml>. BadValue, FailedToParse, TypeMismatch, IndexNotFound,
/// IndexOptionsConflict, IndexKeySpecsConflict, BSONObjectTooLarge.
const HOPELESS: [i32; 7] = [2, 9, 14, 27, 85, 86, 10_334];
/// Unauthorized, AuthenticationFailed, IllegalOperation (as where there is no replica set), and wrong credentials as hosted servers tell them.
const REFUSALS: [i32; 4] = [13, 18, 20, 8_000];

pub(super) fn of_read(error: Error) -> StoreError {
    hopeless(&error).unwrap_or_else(|| StoreError::Unavailable(Box::new(error)))
}

pub(super) fn of_write(error: Error) -> StoreError {
    if let Some(error) = hopeless(&error) {
        return error;
    }
    // Where a first try was sent, its own failure is told and not that the next one found no server.
    match *error.kind {
        ErrorKind::ServerSelection { .. } => StoreError::Unavailable(Box::new(error)),
        _ => StoreError::Unknown(Box::new(error)),
    }
}

pub(super) fn too_slow() -> StoreError {
    StoreError::Unavailable("MongoDB does not answer in time".into())
}

pub(super) fn is_duplicate_key(error: &Error) -> bool {
    number(error) == Some(DUPLICATE_KEY)
}

pub(super) fn is_duplicate(code: i32) -> bool {
    code == DUPLICATE_KEY
}

fn hopeless(error: &Error) -> Option<StoreError> {
    let text = || error.kind.to_string();
    match (&*error.kind, number(error)) {
        (ErrorKind::Authentication { .. }, _) => is_refused(error).then(|| StoreError::Refused(text())),
        (ErrorKind::InvalidTlsConfig { .. } | ErrorKind::InvalidArgument { .. }, _) => {
            Some(StoreError::Refused(text()))
        }
        (ErrorKind::Bson(_), _) => Some(StoreError::Broken(text())),
        (_, Some(number)) if REFUSALS.contains(&number) => Some(StoreError::Refused(text())),
        (_, Some(number)) if HOPELESS.contains(&number) => Some(StoreError::Broken(text())),
        _ => None,
    }
}

/// Whether the server does not let us in, and not just ended or stepped down while it was asked.
fn is_refused(error: &Error) -> bool {
    let answer = error.source().and_then(|source| {
        let boxed = source.downcast_ref::<Box<Error>>().map(|boxed| &**boxed);
        boxed.or_else(|| source.downcast_ref::<Error>())
    });
    answer.is_none_or(|answer| number(answer).is_some_and(|number| REFUSALS.contains(&number)))
}

/// The server's number for what went wrong.
fn number(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        _ => None,
    }
}
