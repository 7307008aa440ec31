//! SQLite: WAL, one writer thread per store, batched commits, readers on connections of their own.

mod connection;
mod delete;
mod error;
mod journal;
mod leases;
mod lock;
mod reader;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use flow_runtime_api::{RunId, StoreError};

pub use connection::SCHEMA_VERSION;

use reader::Readers;
use writer::Writer;

/// How a file is used.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// When commits reach the disk.
    pub synchronous: Synchronous,
    /// How long a lock of another process is waited for, in milliseconds.
    pub busy_ms: u64,
    /// Told once when that takes longer than a second.
    pub on_wait: Option<OnWait>,
    /// The file's size at most, in pages of 4 KiB; beyond it the store is full.
    pub pages_max: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> SqliteOptions {
        SqliteOptions { synchronous: Synchronous::Normal, busy_ms: 10_000, on_wait: None, pages_max: None }
    }
}

/// Takes a line for people about what is being waited for. It is called on the store's own threads.
#[derive(Clone)]
pub struct OnWait(Arc<dyn Fn(&str) + Send + Sync>);

impl OnWait {
    /// Hands such lines to a function.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> OnWait {
        OnWait(Arc::new(tell))
    }

    fn tell(&self, line: &str) {
        (self.0)(line);
    }
}

impl std::fmt::Debug for OnWait {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("OnWait")
    }
}

/// When commits reach the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Synchronous {
    /// They survive a crash of the process.
    #[default]
    Normal,
    /// They survive a crash of the machine.
    Full,
}

/// A store in one file. Any number of processes may use it at once.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Returns the store of this file. Nothing is touched before the first use; the first write creates file and folders,
    /// readable by their owner only.
    pub fn new(path: PathBuf, options: SqliteOptions) -> SqliteStore {
        SqliteStore {
            writer: Writer::new(path.clone(), options.clone()),
            readers: Readers::new(path, options),
        }
    }

    /// Tells whether a store could be written to this file; makes none.
    pub(crate) fn probe(path: &Path, options: &SqliteOptions) -> Result<(), StoreError> {
        lock::patiently(
            path,
            options,
            std::time::Instant::now(),
            || true,
            || connection::probe(path, options),
        )
    }

    /// Runs `job` in a transaction of the writer thread, together with what others ask at the same time.
    ///
    /// The job may run more than once, so it must decide anew each time; it refuses with an inner error before it
    /// writes anything.
    async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<Result<T, StoreError>> + Send + 'static,
    {
        self.writer.run(job).await
    }

    /// The same for a small job of a run, which is done at once if the run writes alone.
    async fn write_of<T, F>(&self, run: &RunId, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<Result<T, StoreError>> + Send + 'static,
    {
        self.writer.run_of(run, job).await
    }

    /// Runs `job` on a reader; `None` if there is no store yet.
    async fn read<T, F>(&self, job: F) -> Result<Option<T>, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        if self.readers.is_behind()? {
            self.write(|_| Ok(Ok(()))).await?;
        }
        self.readers.run(job).await
    }
}

/// SQLite's integers have a sign; counts beyond it are cut.
fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The reverse of [`int`].
fn count(int: i64) -> u64 {
    u64::try_from(int).unwrap_or(0)
}
