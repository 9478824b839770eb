//! What a failure of the driver means to whoever asked.

use std::error::Error as _;

use mongodb::error::{Error, ErrorKind, WriteFailure};

use crate::StoreError;

/// An insert met a document of the same id.
const DUPLICATE_KEY: i32 = 11_000;
/// A document does not pass its collection's validator.
const INVALID: i32 = 121;
/// What no repetition changes, by the server's numbers:
/// <https://github.com/mongodb/mongo/blob/r6.0.5/src/mongo/base/error_codes.yml>. BadValue, FailedToParse, TypeMismatch, IndexNotFound,
/// IndexOptionsConflict, IndexKeySpecsConflict, BSONObjectTooLarge.
const HOPELESS: [i32; 7] = [2, 9, 14, 27, 85, 86, 10_334];
/// Unauthorized, AuthenticationFailed, IllegalOperation (as where there is no replica set), and wrong credentials as hosted servers tell them.
const REFUSALS: [i32; 4] = [13, 18, 20, 8_000];

pub(super) fn of_read(error: Error) -> StoreError {
    hopeless(&error).unwrap_or_else(|| unavailable(error))
}

/// Where no server is found the driver tells all that it knows of each, in words that change from time to time.
fn unavailable(error: Error) -> StoreError {
    match &*error.kind {
        ErrorKind::ServerSelection { message, .. } => StoreError::Unavailable(not_found(message).into()),
        _ => StoreError::Unavailable(Box::new(error)),
    }
}

/// What it comes to, and the first server's own fault.
fn not_found(message: &str) -> String {
    let (what, topology) = message.split_once(" Topology:").unwrap_or((message, ""));
    let fault = topology.split_once("Error: Kind: ").map(|(_, fault)| fault);
    let fault = fault.and_then(|fault| fault.split_once(", labels:"));
    match fault {
        Some((fault, _)) => format!("{what} {fault}"),
        None if topology.contains("Set Name:") && !topology.contains("Address:") => {
            format!("{what} None of those that answer is of the replica set that the URL names.")
        }
        None => what.to_owned(),
    }
}

pub(super) fn of_write(error: Error) -> StoreError {
    if let Some(error) = hopeless(&error) {
        return error;
    }
    // Where a first try was sent, its own failure is told and not that the next one found no server.
    match *error.kind {
        ErrorKind::ServerSelection { .. } => unavailable(error),
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

pub(super) fn is_invalid(code: i32) -> bool {
    code == INVALID
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_servers_that_are_not_found_it_is_told_what_helps() {
        let what = "Server selection timeout: No available servers.";
        for (topology, told) in [
            (
                "{ Type: Unknown, Servers: [ { Address: a:1, Type: Unknown, Error: Kind: I/O error: refused, labels: {\"x\"} } ] }",
                " I/O error: refused",
            ),
            (
                "{ Type: ReplicaSetNoPrimary, Set Name: nope, Servers: [  ] }",
                " None of those that answer is of the replica set that the URL names.",
            ),
            (
                "{ Type: ReplicaSetNoPrimary, Set Name: rs0, Servers: [ { Address: a:1, Type: RsSecondary } ] }",
                "",
            ),
        ] {
            assert_eq!(
                not_found(&format!("{what} Topology: {topology}")),
                format!("{what}{told}")
            );
        }
        assert_eq!(not_found("something else"), "something else");
    }
}
