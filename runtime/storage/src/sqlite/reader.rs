//! Connections that read; a reader never waits for the writer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use flow_runtime_api::StoreError;
use rusqlite::Connection;

use super::SqliteOptions;
use super::connection::{Schema, open_reader};
use super::error::of_sqlite;

/// Idle connections kept at most.
const IDLE_MAX: usize = 4;

/// The readers of a file.
pub(super) struct Readers(Arc<Shared>);

struct Shared {
    path: PathBuf,
    options: SqliteOptions,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, options: SqliteOptions) -> Readers {
        Readers(Arc::new(Shared { path, options, idle: Mutex::new(Vec::new()) }))
    }

    /// Whether the file is there and its schema has to be brought up to date before it can be read.
    pub(super) fn is_behind(&self) -> Result<bool, StoreError> {
        let shared = &self.0;
        if !shared.idle().is_empty() {
            return Ok(false);
        }
        match open_reader(&shared.path, &shared.options)? {
            Some((db, Schema::Current)) => {
                shared.keep(db);
                Ok(false)
            }
            Some((_, Schema::Behind)) => Ok(true),
            None => Ok(false),
        }
    }

    pub(super) async fn run<T, F>(&self, job: F) -> Result<Option<T>, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let shared = self.0.clone();
        tokio::task::spawn_blocking(move || {
            let kept = shared.idle().pop();
            let db = match kept {
                Some(db) => db,
                None => match open_reader(&shared.path, &shared.options)? {
                    Some((db, Schema::Current)) => db,
                    // Another process has just begun to make it: there is nothing in it yet.
                    Some((_, Schema::Behind)) | None => return Ok(None),
                },
            };
            let result = job(&db).map_err(|error| of_sqlite(&shared.path, &error))?;
            shared.keep(db);
            Ok(Some(result))
        })
        .await
        .map_err(|_| StoreError::Unavailable(String::from("a read of the store was given up; try again")))?
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn keep(&self, db: Connection) {
        let mut idle = self.idle();
        if idle.len() < IDLE_MAX {
            idle.push(db);
        }
    }
}
