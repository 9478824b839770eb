//! What SQLite's errors mean for a caller: whether something may have been written, and whether to try again.

use std::sync::Arc;

use rusqlite::ffi::SQLITE_CONSTRAINT_TRIGGER;
use rusqlite::{Error, ErrorCode};

use crate::{AppendError, PutError, StoreError};

/// Why a transaction did not end as it should. Shared by all jobs that were in it.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    error: Arc<Error>,
    meaning: Meaning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Unavailable,
    Unknown,
    Broken,
}

impl Failure {
    fn new(error: Error, meaning: Meaning) -> Self {
        Self {
            error: Arc::new(error),
            meaning,
        }
    }

    /// Before COMMIT was tried: nothing is written.
    pub(super) fn before_commit(error: Error) -> Self {
        let meaning = if is_passing(&error) {
            Meaning::Unavailable
        } else {
            Meaning::Broken
        };
        Self::new(error, meaning)
    }

    /// COMMIT itself failed. Only a lock that was not got and a disk that was full are known to have written nothing:
    /// after a failed write or sync the transaction may stand in the file and be found by the next recovery.
    pub(super) fn at_commit(error: Error) -> Self {
        let meaning = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => Meaning::Unavailable,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Meaning::Broken,
            _ => Meaning::Unknown,
        };
        Self::new(error, meaning)
    }

    pub(super) fn to_error(&self) -> StoreError {
        match self.meaning {
            Meaning::Unavailable => StoreError::Unavailable(Box::new(self.error.clone())),
            Meaning::Unknown => StoreError::Unknown(Box::new(self.error.clone())),
            Meaning::Broken => StoreError::Broken(self.error.to_string()),
        }
    }
}

/// True for what passes by itself or when somebody looks after the machine: locks, room, permissions, the device; and a
/// seal, which is the only trigger.
fn is_passing(error: &Error) -> bool {
    let extended = error.sqlite_error().map(|error| error.extended_code);
    extended == Some(SQLITE_CONSTRAINT_TRIGGER)
        || matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DiskFull
                    | ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::ReadOnly
                    | ErrorCode::PermissionDenied
                    | ErrorCode::OutOfMemory
                    | ErrorCode::OperationInterrupted
                    | ErrorCode::OperationAborted
                    | ErrorCode::FileLockingProtocolFailed
            )
        )
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Failure::before_commit(error).to_error()
    }
}

impl From<Error> for AppendError {
    fn from(error: Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<Error> for PutError {
    fn from(error: Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn sqlite(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn before_commit_nothing_is_unknown() {
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_CANTOPEN,
        ] {
            let error = StoreError::from(sqlite(code));
            assert!(matches!(error, StoreError::Unavailable(_)), "{code}: {error:?}");
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_ERROR] {
            let error = StoreError::from(sqlite(code));
            assert!(matches!(error, StoreError::Broken(_)), "{code}: {error:?}");
        }
    }

    #[test]
    fn a_sync_that_failed_at_commit_leaves_the_outcome_unknown() {
        let error = Failure::at_commit(sqlite(ffi::SQLITE_IOERR_FSYNC)).to_error();
        assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY] {
            let error = Failure::at_commit(sqlite(code)).to_error();
            assert!(matches!(error, StoreError::Unavailable(_)), "{code}: {error:?}");
        }
    }
}
