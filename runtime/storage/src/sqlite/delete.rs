//! Deleting runs, and what only they named.

use flow_runtime_api::{RunId, Time};
use rusqlite::{Connection, OptionalExtension, params};

use super::journal::row_id;
use super::leases::State;

/// Deletes runs that nobody holds, and returns those that were there.
pub(super) fn delete(db: &Connection, runs: &[RunId], now: Time) -> rusqlite::Result<Vec<RunId>> {
    let mut gone = Vec::new();
    let mut large = Vec::new();
    for run in runs {
        let found = db
            .prepare_cached("SELECT no FROM runs WHERE id = ?1 AND next_seq > 0")?
            .query_row([run.0.as_str()], |row| row.get::<_, i64>(0))
            .optional()?;
        let Some(no) = found.filter(|_| !run.0.is_empty()) else { continue };
        if State::of(db, run)?.is_some_and(|state| state.alive(now).is_some()) {
            continue;
        }
        delete_records(db, no, &mut large)?;
        db.prepare_cached("DELETE FROM runs WHERE no = ?1")?.execute([no])?;
        gone.push(run.clone());
    }
    large.sort_unstable();
    large.dedup();
    let mut delete_blob = db.prepare_cached(
        "DELETE FROM blobs WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM events WHERE blob = ?1)",
    )?;
    for blob in large {
        delete_blob.execute([blob])?;
    }
    delete_plans(db, now)?;
    Ok(gone)
}

/// Deletes a run's records; `large` takes the rows of the values that they named.
fn delete_records(db: &Connection, no: i64, large: &mut Vec<i64>) -> rusqlite::Result<()> {
    let range = params![row_id(no, 0), row_id(no + 1, 0) - 1];
    let mut named =
        db.prepare_cached("SELECT blob FROM events WHERE id BETWEEN ?1 AND ?2 AND blob IS NOT NULL")?;
    for blob in named.query_map(range, |row| row.get(0))? {
        large.push(blob?);
    }
    db.prepare_cached("DELETE FROM events WHERE id BETWEEN ?1 AND ?2")?.execute(range).map(drop)
}

/// Deletes the plans that no run is pinned to. A run that is just starting has its lease and its plan before its first
/// record: while there is one, all plans stay; one whose process is gone never began.
fn delete_plans(db: &Connection, now: Time) -> rusqlite::Result<()> {
    let begun: Vec<String> = db
        .prepare_cached("SELECT id FROM runs WHERE next_seq = 0")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut is_starting = false;
    for id in begun {
        let run = RunId(id.into());
        match State::of(db, &run)?.and_then(|state| state.alive(now)) {
            Some(_) => is_starting = true,
            None => {
                db.prepare_cached("DELETE FROM runs WHERE id = ?1 AND next_seq = 0")?
                    .execute([run.0.as_str()])?;
            }
        }
    }
    if !is_starting {
        db.prepare_cached("DELETE FROM plans WHERE hash NOT IN (SELECT plan FROM runs)")?.execute([])?;
    }
    Ok(())
}
