//! Who executes a run.

use async_trait::async_trait;
use flow_runtime_api::{Fence, Holder, Lease, Leases, RunId, RunStatus, StoreError, Time};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{SqliteStore, count, int};
use crate::memory::{missing_run, taken_by};
use crate::{process, summary};

#[async_trait]
impl Leases for SqliteStore {
    async fn acquire(
        &self,
        run: &RunId,
        holder: &Holder,
        now: Time,
        ttl_ms: u64,
    ) -> Result<Lease, StoreError> {
        let (run, holder) = (run.clone(), holder.clone());
        self.write(move |db| acquire(db, &run, &holder, now, ttl_ms)).await
    }

    async fn renew(&self, lease: &Lease, now: Time, ttl_ms: u64) -> Result<Lease, StoreError> {
        let lease = Lease { until: now.after_ms(ttl_ms), ..lease.clone() };
        self.write(move |db| {
            let kept = db
                .prepare_cached(
                    "UPDATE runs SET lease_until = ?1 WHERE id = ?2 AND fence = ?3 AND host IS NOT NULL",
                )?
                .execute(params![lease.until.0, lease.run.0.as_str(), int(lease.fence.0)])?;
            if kept > 0 {
                return Ok(Ok(lease.clone()));
            }
            Ok(Err(match State::of(db, &lease.run)? {
                Some(state) => StoreError::Fenced(taken_by(state.holder.as_ref())),
                None => missing_run(&lease.run),
            }))
        })
        .await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.write(move |db| {
            db.prepare_cached(
                "UPDATE runs SET lease_until = 0, host = NULL, boot_id = NULL, pid = NULL, process_started = NULL
                 WHERE id = ?1 AND fence = ?2",
            )?
            .execute(params![lease.run.0.as_str(), int(lease.fence.0)])?;
            Ok(Ok(()))
        })
        .await
    }

    async fn request_cancel(&self, run: &RunId, now: Time) -> Result<RunStatus, StoreError> {
        let run = run.clone();
        self.write(move |db| {
            let status: Option<String> = db
                .prepare_cached("SELECT status FROM runs WHERE id = ?1 AND next_seq > 0")?
                .query_row([run.0.as_str()], |row| row.get(0))
                .optional()?;
            let Some(status) = status else { return Ok(Err(missing_run(&run))) };
            let Some(status) = summary::status_of(&status) else {
                return Ok(Err(StoreError::Corrupt(format!("`{status}` is no status of a run"))));
            };
            if !status.is_final() {
                db.prepare_cached("UPDATE runs SET cancel_asked_at = ?1 WHERE id = ?2")?
                    .execute(params![now.0, run.0.as_str()])?;
            }
            Ok(Ok(status))
        })
        .await
    }

    async fn cancel_requests(&self) -> Result<Vec<RunId>, StoreError> {
        let found = self
            .read(|db| {
                db.prepare_cached("SELECT id FROM runs WHERE cancel_asked_at IS NOT NULL")?
                    .query_map([], |row| Ok(RunId(row.get::<_, String>(0)?.into())))?
                    .collect()
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    async fn holder(&self, run: &RunId, now: Time) -> Result<Option<Holder>, StoreError> {
        let run = run.clone();
        let found = self.read(move |db| State::of(db, &run)).await?.flatten();
        Ok(found.and_then(|state| state.alive(now)))
    }
}

/// A run's lease as it stands.
pub(super) struct State {
    fence: u64,
    holder: Option<Holder>,
    until: Time,
}

impl State {
    pub(super) fn of(db: &Connection, run: &RunId) -> rusqlite::Result<Option<State>> {
        db.prepare_cached(
            "SELECT fence, lease_until, host, boot_id, pid, process_started FROM runs WHERE id = ?1",
        )?
        .query_row([run.0.as_str()], |row| {
            Ok(State { fence: count(row.get(0)?), until: Time(row.get(1)?), holder: holder(row)? })
        })
        .optional()
    }

    pub(super) fn alive(self, now: Time) -> Option<Holder> {
        let until = self.until;
        self.holder.filter(|holder| until > now && !process::is_gone(holder))
    }
}

/// Reads the holder of a row, if it has one.
pub(super) fn holder(row: &Row<'_>) -> rusqlite::Result<Option<Holder>> {
    let Some(host) = row.get("host")? else { return Ok(None) };
    Ok(Some(Holder {
        host,
        boot_id: row.get("boot_id")?,
        pid: row.get("pid")?,
        started: count(row.get("process_started")?),
    }))
}

fn acquire(
    db: &Connection,
    run: &RunId,
    holder: &Holder,
    now: Time,
    ttl_ms: u64,
) -> rusqlite::Result<Result<Lease, StoreError>> {
    let fence = match State::of(db, run)? {
        None => 1,
        Some(state) => {
            let next = state.fence + 1;
            if let Some(other) = state.alive(now) {
                return Ok(Err(StoreError::Fenced(process::describe(&other))));
            }
            next
        }
    };
    let until = now.after_ms(ttl_ms);
    db.prepare_cached(
        "INSERT INTO runs (id, fence, host, boot_id, pid, process_started, lease_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET fence = excluded.fence, host = excluded.host, boot_id = excluded.boot_id,
            pid = excluded.pid, process_started = excluded.process_started, lease_until = excluded.lease_until",
    )?
    .execute(params![
        run.0.as_str(),
        int(fence),
        holder.host,
        holder.boot_id,
        holder.pid,
        int(holder.started),
        until.0
    ])?;
    Ok(Ok(Lease { run: run.clone(), fence: Fence(fence), until }))
}
