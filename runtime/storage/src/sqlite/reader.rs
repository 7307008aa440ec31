//! Connections that read; a reader never waits for the writer.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use flow_runtime_api::StoreError;
use rusqlite::Connection;

use super::SqliteOptions;
use super::connection::{Schema, open_reader};
use super::error::of_sqlite;
use super::lock::patiently;

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
        match shared.patiently(|| open_reader(&shared.path, &shared.options))? {
            Some((db, Schema::Current)) => {
                shared.keep(db);
                Ok(false)
            }
            Some((_, Schema::Behind)) => Ok(true),
            None => Ok(false),
        }
    }

    /// Runs `job` on a connection; it may run more than once.
    pub(super) async fn run<T, F>(&self, job: F) -> Result<Option<T>, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let shared = self.0.clone();
        tokio::task::spawn_blocking(move || shared.patiently(|| shared.attempt(&job))).await.map_err(
            |_| StoreError::Unavailable(String::from("a read of the store was given up; try again")),
        )?
    }
}

impl Shared {
    fn patiently<T>(&self, attempt: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
        patiently(&self.path, &self.options, Instant::now(), || true, attempt)
    }

    fn attempt<T>(&self, job: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<Option<T>, StoreError> {
        let kept = self.idle().pop();
        let db = match kept {
            Some(db) => db,
            None => match open_reader(&self.path, &self.options)? {
                Some((db, Schema::Current)) => db,
                // Another process has just begun to make it: there is nothing in it yet.
                Some((_, Schema::Behind)) | None => return Ok(None),
            },
        };
        let result = job(&db).map_err(|error| of_sqlite(&self.path, &error))?;
        self.keep(db);
        Ok(Some(result))
    }

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
