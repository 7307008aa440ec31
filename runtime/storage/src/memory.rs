//! A store in this process, and gone with it: for tests, and where nothing is to be kept.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use async_trait::async_trait;
use flow_runtime_api::{
    Blobs, Fence, Holder, Journal, Lease, Leases, Record, RunFilter, RunId, RunStatus, RunSummary,
    StoreError, Time,
};

use crate::row::Blob;
use crate::{due, process, summary};

/// Runs, plans and large values in memory.
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Default)]
struct State {
    plans: HashMap<String, String>,
    blobs: HashMap<String, Vec<u8>>,
    runs: BTreeMap<RunId, Run>,
}

struct Run {
    fence: u64,
    holder: Option<(Holder, Time)>,
    records: Vec<Record>,
    line: RunSummary,
    /// Whether it is asked to be cancelled.
    to_cancel: bool,
    /// When it goes on by itself.
    due: Option<Time>,
    /// The order in which runs were first taken.
    no: usize,
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Run {
    fn is_held(&self, now: Time) -> bool {
        self.holder.as_ref().is_some_and(|(holder, until)| *until > now && !process::is_gone(holder))
    }
}

impl State {
    /// Returns a run whose lease has this fence.
    fn held(&mut self, run: &RunId, fence: Fence) -> Result<&mut Run, StoreError> {
        let entry = self.runs.get_mut(run).ok_or_else(|| missing_run(run))?;
        if entry.fence == fence.0 {
            return Ok(entry);
        }
        Err(StoreError::Fenced(taken_by(entry.holder.as_ref().map(|(holder, _)| holder))))
    }
}

/// Says who took a run over.
pub(crate) fn taken_by(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| String::from("which has let it go since"), process::describe)
}

/// Says that there is no such run.
pub(crate) fn missing_run(run: &RunId) -> StoreError {
    StoreError::Missing(format!("run {run}"))
}

/// Says that a record would leave a gap, or write over another.
pub(crate) fn out_of_order(run: &RunId, seq: u64, next: u64) -> StoreError {
    StoreError::Corrupt(format!("run {run}: record {seq} was to be appended where {next} follows"))
}

/// Whether the sequence numbers go on from `next` without a gap; else the first that doesn't.
pub(crate) fn gap(records: impl IntoIterator<Item = u64>, next: u64) -> Option<(u64, u64)> {
    records.into_iter().zip(next..).find(|(seq, expected)| seq != expected)
}

#[async_trait]
impl Journal for MemoryStore {
    async fn put_plan(&self, hash: &str, plan: &str) -> Result<(), StoreError> {
        self.state().plans.entry(hash.to_owned()).or_insert_with(|| plan.to_owned());
        Ok(())
    }

    async fn plan(&self, hash: &str) -> Result<String, StoreError> {
        let state = self.state();
        state.plans.get(hash).cloned().ok_or_else(|| StoreError::Missing(format!("plan {hash}")))
    }

    async fn append(&self, run: &RunId, fence: Fence, records: Vec<Record>) -> Result<(), StoreError> {
        let mut state = self.state();
        let entry = state.held(run, fence)?;
        let next = entry.records.len() as u64;
        if let Some((seq, next)) = gap(records.iter().map(|record| record.seq), next) {
            return Err(out_of_order(run, seq, next));
        }
        records.iter().for_each(|record| summary::fold(&mut entry.line, record));
        entry.to_cancel &= !records.iter().any(summary::ends_cancel_request);
        entry.due = due::of(&records).unwrap_or(entry.due);
        entry.records.extend(records);
        Ok(())
    }

    async fn read(&self, run: &RunId, seq: u64, limit: u32) -> Result<Vec<Record>, StoreError> {
        let state = self.state();
        let entry =
            state.runs.get(run).filter(|run| !run.records.is_empty()).ok_or_else(|| missing_run(run))?;
        let from = usize::try_from(seq).unwrap_or(usize::MAX);
        Ok(entry.records.iter().skip(from).take(limit as usize).cloned().collect())
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        let state = self.state();
        let mut found: Vec<_> = state
            .runs
            .values()
            .filter(|run| {
                !run.records.is_empty()
                    && filter.flow.as_ref().is_none_or(|flow| *flow == run.line.flow)
                    && filter.status.is_none_or(|status| status == run.line.status)
                    && filter.since.is_none_or(|since| run.line.started_at >= since)
                    && filter.until.is_none_or(|until| run.line.started_at < until)
                    && filter
                        .ended_before
                        .is_none_or(|before| run.line.status.is_final() && run.line.updated_at < before)
            })
            .collect();
        found.sort_by_key(|run| std::cmp::Reverse((run.line.started_at, run.no)));
        let limit = if filter.limit == 0 { 100 } else { filter.limit as usize };
        Ok(found.into_iter().take(limit).map(|run| run.line.clone()).collect())
    }

    async fn due(&self, now: Time, until: Time, limit: u32) -> Result<Vec<(RunId, Time)>, StoreError> {
        let state = self.state();
        let free = state.runs.iter().filter(|(_, run)| !run.is_held(now));
        let mut found: Vec<_> =
            free.filter_map(|(id, run)| Some((run.due.filter(|due| *due <= until)?, run.no, id))).collect();
        found.sort();
        Ok(found.into_iter().take(limit as usize).map(|(due, _, id)| (id.clone(), due)).collect())
    }

    async fn find(&self, prefix: &str) -> Result<Vec<RunId>, StoreError> {
        let state = self.state();
        let found = state.runs.iter().filter(|(id, run)| id.0.starts_with(prefix) && !run.records.is_empty());
        Ok(found.map(|(id, _)| id.clone()).take(10).collect())
    }

    async fn delete(&self, runs: &[RunId], now: Time) -> Result<Vec<RunId>, StoreError> {
        let mut state = self.state();
        let mut gone = Vec::new();
        for run in runs {
            if state.runs.get(run).is_some_and(|run| !run.records.is_empty() && !run.is_held(now)) {
                state.runs.remove(run);
                gone.push(run.clone());
            }
        }
        state.runs.retain(|_, run| !run.records.is_empty() || run.is_held(now));
        if state.runs.values().all(|run| !run.records.is_empty()) {
            let State { plans, runs, .. } = &mut *state;
            plans.retain(|hash, _| runs.values().any(|run| run.line.plan == *hash));
        }
        Ok(gone)
    }

    async fn size(&self) -> Result<(u64, u64), StoreError> {
        let state = self.state();
        let plans = state.plans.values().map(String::len);
        let blobs = state.blobs.values().map(Vec::len);
        let events = state.runs.values().flat_map(|run| &run.records);
        let events = events.map(|record| serde_json::to_vec(&record.event).map_or(0, |event| event.len()));
        Ok((plans.chain(blobs).chain(events).sum::<usize>() as u64, 0))
    }
}

#[async_trait]
impl Blobs for MemoryStore {
    async fn put(&self, bytes: Vec<u8>) -> Result<String, StoreError> {
        let blob = Blob::new(bytes);
        let hash = flow_ir::plan::hex(&blob.hash);
        self.state().blobs.entry(hash.clone()).or_insert(blob.bytes);
        Ok(hash)
    }

    async fn get(&self, hash: &str) -> Result<Vec<u8>, StoreError> {
        let state = self.state();
        state.blobs.get(hash).cloned().ok_or_else(|| StoreError::Missing(format!("blob {hash}")))
    }
}

#[async_trait]
impl Leases for MemoryStore {
    async fn acquire(
        &self,
        run: &RunId,
        holder: &Holder,
        now: Time,
        ttl_ms: u64,
    ) -> Result<Lease, StoreError> {
        let mut state = self.state();
        let no = state.runs.len();
        let entry = state.runs.entry(run.clone()).or_insert_with(|| Run {
            fence: 0,
            holder: None,
            records: Vec::new(),
            to_cancel: false,
            line: summary::empty(run.clone()),
            due: None,
            no,
        });
        if let Some((other, _)) = entry.holder.as_ref().filter(|_| entry.is_held(now)) {
            return Err(StoreError::Fenced(process::describe(other)));
        }
        entry.fence += 1;
        let until = now.after_ms(ttl_ms);
        entry.holder = Some((holder.clone(), until));
        Ok(Lease { run: run.clone(), fence: Fence(entry.fence), until })
    }

    async fn renew(&self, lease: &Lease, now: Time, ttl_ms: u64) -> Result<Lease, StoreError> {
        let mut state = self.state();
        let entry = state.held(&lease.run, lease.fence)?;
        let until = now.after_ms(ttl_ms);
        match &mut entry.holder {
            Some((_, end)) => *end = until,
            None => return Err(StoreError::Fenced(String::from("it was given back"))),
        }
        Ok(Lease { until, ..lease.clone() })
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        // Who has lost a lease has nothing to give back.
        if let Ok(entry) = self.state().held(&lease.run, lease.fence) {
            entry.holder = None;
        }
        Ok(())
    }

    async fn request_cancel(&self, run: &RunId, _now: Time) -> Result<RunStatus, StoreError> {
        let mut state = self.state();
        let found = state.runs.get_mut(run).filter(|run| !run.records.is_empty());
        let entry = found.ok_or_else(|| missing_run(run))?;
        entry.to_cancel |= !entry.line.status.is_final();
        Ok(entry.line.status)
    }

    async fn cancel_requests(&self) -> Result<Vec<RunId>, StoreError> {
        let state = self.state();
        Ok(state.runs.iter().filter(|(_, run)| run.to_cancel).map(|(id, _)| id.clone()).collect())
    }

    async fn holder(&self, run: &RunId, now: Time) -> Result<Option<Holder>, StoreError> {
        let state = self.state();
        let held = state.runs.get(run).filter(|run| run.is_held(now));
        Ok(held.and_then(|run| run.holder.as_ref()).map(|(holder, _)| holder.clone()))
    }
}
