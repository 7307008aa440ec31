//! The run store.
//!
//! In: records, plans, large values and leases, through the traits `Journal`, `Blobs` and `Leases`. Out: the same, after
//! a crash too. One URL chooses the backend: `sqlite:PATH` or `memory:`. It must not know what the records mean, beyond
//! the line per run that `runs` lists; it reads the environment nowhere.

#![allow(clippy::disallowed_methods, reason = "it stands outside: databases are files")]

mod due;
mod memory;
mod process;
mod row;
mod sqlite;
mod summary;
mod url;

use std::sync::Arc;

use flow_runtime_api::{Blobs, Journal, Leases, StoreError};

pub use memory::MemoryStore;
pub use process::this_process;
pub use sqlite::{OnWait, SCHEMA_VERSION, SqliteOptions, SqliteStore, Synchronous};
pub use url::StoreUrl;

/// A store behind its traits.
#[derive(Clone)]
pub struct Store {
    /// The log of runs.
    pub journal: Arc<dyn Journal>,
    /// Large values.
    pub blobs: Arc<dyn Blobs>,
    /// Who executes a run.
    pub leases: Arc<dyn Leases>,
}

impl Store {
    /// Opens a store. Cheap: nothing is touched before the first use, and what is wrong is said then.
    pub fn open(url: &StoreUrl, options: SqliteOptions) -> Store {
        match url {
            StoreUrl::Memory => Store::of(MemoryStore::new()),
            StoreUrl::Sqlite(path) => Store::of(SqliteStore::new(path.clone(), options)),
        }
    }

    /// Tells whether runs could be recorded there, without making a store. Blocks, and waits for a lock as the options say.
    pub fn probe(url: &StoreUrl, options: &SqliteOptions) -> Result<(), StoreError> {
        match url {
            StoreUrl::Memory => Ok(()),
            StoreUrl::Sqlite(path) => SqliteStore::probe(path, options),
        }
    }

    /// Puts one backend behind all traits.
    pub fn of<S: Journal + Blobs + Leases + 'static>(store: S) -> Store {
        let store = Arc::new(store);
        Store { journal: store.clone(), blobs: store.clone(), leases: store }
    }
}
