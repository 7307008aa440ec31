use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Cost, Record, RunId, RunStatus, Time, Usage};

/// Why a store didn't do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the run, or has taken it over: stop at once.
    #[error("the run is held by another process ({0})")]
    Fenced(String),
    /// There is no such run or plan.
    #[error("{0} is not in this store")]
    Missing(String),
    /// The store is full, read-only, unreachable: the environment has to be mended.
    #[error("{0}")]
    Unavailable(String),
    /// Another program has locked the store for longer than is waited for; it may be free a moment later.
    #[error("{0}")]
    Locked(String),
    /// What is stored can't be read.
    #[error("{0}")]
    Corrupt(String),
}

/// The right to append to a run. A higher number always wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// The process that holds a lease, so that a dead one on the same host frees it at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Host name.
    pub host: String,
    /// Changes with every boot.
    pub boot_id: String,
    /// Process id.
    pub pid: u32,
    /// When the process started, in the kernel's ticks: tells a reused pid.
    pub started: u64,
}

/// A lease that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// The right to append.
    pub fence: Fence,
    /// It ends here unless renewed.
    pub until: Time,
}

/// The log of runs. One writer commits across runs in a batch; an append that returns is on record.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Stores a plan by its hash; storing it again does nothing.
    async fn put_plan(&self, hash: &str, plan: &str) -> Result<(), StoreError>;

    /// Returns a stored plan.
    async fn plan(&self, hash: &str) -> Result<String, StoreError>;

    /// Appends records in one transaction that checks the fence and that `seq` goes on without a gap.
    async fn append(&self, run: &RunId, fence: Fence, records: Vec<Record>) -> Result<(), StoreError>;

    /// Returns a run's records from `seq` on, `limit` at most.
    async fn read(&self, run: &RunId, seq: u64, limit: u32) -> Result<Vec<Record>, StoreError>;

    /// Returns runs, the newest first.
    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError>;

    /// Returns runs that go on by themselves no later than `until`, the first due first: suspended ones, and ones that
    /// were due and cut off since. Runs that somebody holds at `now` are left out.
    async fn due(&self, now: Time, until: Time, limit: u32) -> Result<Vec<(RunId, Time)>, StoreError>;

    /// Returns the runs whose id begins with a text, 10 at most.
    async fn find(&self, prefix: &str) -> Result<Vec<RunId>, StoreError>;

    /// Deletes runs with all that is on record of them, except those that somebody alive holds, and with them the plans
    /// and large values that no other run names. Returns those that were there and are gone. All or nothing: a hundred at
    /// a time keep other writers waiting for a moment only.
    async fn delete(&self, runs: &[RunId], now: Time) -> Result<Vec<RunId>, StoreError>;

    /// Returns how much the store holds, in bytes: in all, and of that what was given free and is used again for what
    /// comes.
    async fn size(&self) -> Result<(u64, u64), StoreError>;
}

/// Large values, once each, by the SHA-256 of their bytes.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores bytes and returns their hash.
    async fn put(&self, bytes: Vec<u8>) -> Result<String, StoreError>;

    /// Returns stored bytes.
    async fn get(&self, hash: &str) -> Result<Vec<u8>, StoreError>;
}

/// Who executes a run.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes a run, if nobody alive holds it; the fence is higher than any before.
    async fn acquire(
        &self,
        run: &RunId,
        holder: &Holder,
        now: Time,
        ttl_ms: u64,
    ) -> Result<Lease, StoreError>;

    /// Keeps a lease.
    async fn renew(&self, lease: &Lease, now: Time, ttl_ms: u64) -> Result<Lease, StoreError>;

    /// Gives a lease back.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Asks for a run to be cancelled, unless it is over, and returns how it stands. Whoever holds it, now or next, sees
    /// that; the request ends with the record of it, or with that of the run's end.
    async fn request_cancel(&self, run: &RunId, now: Time) -> Result<RunStatus, StoreError>;

    /// Returns the runs that are asked to be cancelled. Cheap, as it is asked twice a second.
    async fn cancel_requests(&self) -> Result<Vec<RunId>, StoreError>;

    /// Returns who holds a run now, if anybody.
    async fn holder(&self, run: &RunId, now: Time) -> Result<Option<Holder>, StoreError>;
}

/// Which runs are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of this flow.
    pub flow: Option<String>,
    /// In this state.
    pub status: Option<RunStatus>,
    /// Started since.
    pub since: Option<Time>,
    /// Started before.
    pub until: Option<Time>,
    /// Over, with nothing on record since this time.
    pub ended_before: Option<Time>,
    /// At most so many; 0 is 100.
    pub limit: u32,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its id.
    pub run: RunId,
    /// The started flow.
    pub flow: String,
    /// Where it stands by its journal.
    pub status: RunStatus,
    /// When it started.
    pub started_at: Time,
    /// When its last record was appended.
    pub updated_at: Time,
    /// How many steps have a result.
    pub steps: u64,
    /// Over all attempts.
    pub usage: Usage,
    /// Over all attempts.
    pub cost: Cost,
    /// Whether it is a simulated run.
    pub simulated: bool,
    /// The kind and message of its failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The hash of its plan.
    pub plan: String,
}
