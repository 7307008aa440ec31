//! SQLite's errors as facts with a remedy: what failed, where, and after the last `; ` what to do next.

use std::path::Path;

use flow_runtime_api::StoreError;
use rusqlite::{Error, ErrorCode};

use super::lock;

/// Says what went wrong with the store at `path`.
pub(super) fn of_sqlite(path: &Path, error: &Error) -> StoreError {
    let at = path.display();
    let Some(code) = error.sqlite_error_code() else {
        return StoreError::Corrupt(format!(
            "the store {at} can't be read: {error}; move it away to begin a new one"
        ));
    };
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Locked(format!(
            "the store {at} is locked by {}; close what holds it and try again",
            lock::holder(path)
        )),
        ErrorCode::DiskFull => {
            StoreError::Unavailable(format!("the store {at} is full; free space on its disk"))
        }
        ErrorCode::ReadOnly => StoreError::Unavailable(format!(
            "the store {at} can't be written: file, folder or disk is read-only; make it writable or name another with `--store`"
        )),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            StoreError::Unavailable(format!(
                "the store {at} can't be opened: {error}; check the rights on file and folder or name another with `--store`"
            ))
        }
        ErrorCode::NotADatabase => StoreError::Corrupt(format!(
            "{at} is not a run store; move it away or name another with `--store`"
        )),
        ErrorCode::DatabaseCorrupt => StoreError::Corrupt(format!(
            "the store {at} is damaged: {error}; keep a copy, save what can be read with `sqlite3 {at} .recover`, and move it away to begin a new one"
        )),
        ErrorCode::SystemIoFailure => StoreError::Unavailable(format!(
            "the store {at} can't be read or written: {error}; check its disk and the space on it"
        )),
        ErrorCode::OutOfMemory => {
            StoreError::Unavailable(format!("there is no memory for the store {at}; free some and try again"))
        }
        _ => StoreError::Unavailable(format!("the store {at} failed: {error}; `flowc doctor` checks it")),
    }
}

/// Says that the file system refused.
pub(super) fn of_io(path: &Path, doing: &str, error: &std::io::Error) -> StoreError {
    StoreError::Unavailable(format!(
        "{} can't be {doing}: {error}; check the rights on it or name another store with `--store`",
        path.display()
    ))
}
