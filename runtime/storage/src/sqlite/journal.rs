//! The log and the large values.

use async_trait::async_trait;
use flow_runtime_api::{
    Blobs, Cost, Event, Fence, Holder, Journal, Record, RunFilter, RunId, RunSummary, StoreError, Time, Usage,
};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::{SqliteStore, count, int};
use crate::due;
use crate::memory::{gap, missing_run, out_of_order, taken_by};
use crate::row::{self, Blob, Row};
use crate::summary;

/// Records of a run at most: its sequence number is the lower half of a row's id.
const SEQ_BITS: u32 = 32;
/// What a run may commit where it stands; more is the writer thread's.
const SMALL_BYTES_MAX: usize = 32 * 1024;

#[async_trait]
impl Journal for SqliteStore {
    async fn put_plan(&self, hash: &str, plan: &str) -> Result<(), StoreError> {
        let (hash, plan) = (hash.to_owned(), plan.to_owned());
        self.write(move |db| {
            db.prepare_cached(
                "INSERT INTO plans (hash, plan) VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING",
            )?
            .execute(params![hash, plan])?;
            Ok(Ok(()))
        })
        .await
    }

    async fn plan(&self, hash: &str) -> Result<String, StoreError> {
        let wanted = hash.to_owned();
        let found = self
            .read(move |db| {
                db.query_row("SELECT plan FROM plans WHERE hash = ?1", [&wanted], |row| row.get(0)).optional()
            })
            .await?;
        found.flatten().ok_or_else(|| StoreError::Missing(format!("plan {hash}")))
    }

    async fn append(&self, run: &RunId, fence: Fence, records: Vec<Record>) -> Result<(), StoreError> {
        let rows = rows(run, &records)?;
        let is_small = rows.iter().map(Row::size).sum::<usize>() <= SMALL_BYTES_MAX;
        let name = run.clone();
        let job = move |db: &Connection| append(db, &name, fence, &records, &rows);
        match is_small {
            true => self.write_of(run, job).await,
            false => self.write(job).await,
        }
    }

    async fn read(&self, run: &RunId, seq: u64, limit: u32) -> Result<Vec<Record>, StoreError> {
        let wanted = run.clone();
        let rows = SqliteStore::read(self, move |db| read_rows(db, &wanted, seq, limit)).await?.flatten();
        let rows = rows.ok_or_else(|| missing_run(run))?;
        rows.into_iter()
            .map(|row| {
                let seq = row.seq;
                row.into_record().map_err(|reason| {
                    StoreError::Corrupt(format!(
                        "record {seq} of run {run} can't be read: {reason}; start the run anew"
                    ))
                })
            })
            .collect()
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        let filter = filter.clone();
        Ok(SqliteStore::read(self, move |db| list(db, &filter)).await?.unwrap_or_default())
    }

    async fn due(&self, now: Time, until: Time, limit: u32) -> Result<Vec<(RunId, Time)>, StoreError> {
        let found = SqliteStore::read(self, move |db| {
            db.prepare_cached(
                "SELECT id, due_at FROM runs WHERE due_at <= ?1 AND lease_until <= ?2 ORDER BY due_at LIMIT ?3",
            )?
            .query_map(params![until.0, now.0, limit], |row| {
                Ok((RunId(row.get::<_, String>(0)?.into()), Time(row.get(1)?)))
            })?
            .collect()
        })
        .await?;
        Ok(found.unwrap_or_default())
    }

    async fn find(&self, prefix: &str) -> Result<Vec<RunId>, StoreError> {
        let from = prefix.to_owned();
        let found = SqliteStore::read(self, move |db| {
            // A range, so that the index finds it; no id holds the last character there is.
            db.prepare(
                "SELECT id FROM runs WHERE id >= ?1 AND id < ?2 AND next_seq > 0 ORDER BY id LIMIT 10",
            )?
            .query_map(params![from, format!("{from}\u{10FFFF}")], |row| {
                Ok(RunId(row.get::<_, String>(0)?.into()))
            })?
            .collect()
        })
        .await?;
        Ok(found.unwrap_or_default())
    }

    async fn delete(&self, runs: &[RunId], now: Time) -> Result<Vec<RunId>, StoreError> {
        let runs = runs.to_vec();
        self.write(move |db| super::delete::delete(db, &runs, now).map(Ok)).await
    }

    async fn size(&self) -> Result<(u64, u64), StoreError> {
        let found = SqliteStore::read(self, move |db| {
            let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            let page = count(number("page_size")?);
            Ok((count(number("page_count")?) * page, count(number("freelist_count")?) * page))
        });
        Ok(found.await?.unwrap_or_default())
    }
}

#[async_trait]
impl Blobs for SqliteStore {
    async fn put(&self, bytes: Vec<u8>) -> Result<String, StoreError> {
        let blob = Blob::new(bytes);
        let hash = flow_ir::plan::hex(&blob.hash);
        self.write(move |db| put_blob(db, &blob).map(|_| Ok(()))).await?;
        Ok(hash)
    }

    async fn get(&self, hash: &str) -> Result<Vec<u8>, StoreError> {
        let missing = || StoreError::Missing(format!("blob {hash}"));
        let wanted = unhex(hash).ok_or_else(missing)?;
        let found = SqliteStore::read(self, move |db| {
            db.query_row("SELECT bytes FROM blobs WHERE hash = ?1", [wanted], |row| row.get(0)).optional()
        })
        .await?;
        found.flatten().ok_or_else(missing)
    }
}

/// Writes records as rows, before the writer thread is asked.
fn rows(run: &RunId, records: &[Record]) -> Result<Vec<Row>, StoreError> {
    records
        .iter()
        .map(|record| {
            if record.seq >> SEQ_BITS != 0 {
                return Err(StoreError::Unavailable(format!(
                    "run {run} has more records than a store takes"
                )));
            }
            Row::of(record).map_err(|error| StoreError::Corrupt(format!("a record of run {run}: {error}")))
        })
        .collect()
}

fn append(
    db: &Connection,
    run: &RunId,
    fence: Fence,
    records: &[Record],
    rows: &[Row],
) -> rusqlite::Result<Result<(), StoreError>> {
    let Some(mut at) = position(db, run)? else { return Ok(Err(missing_run(run))) };
    if at.fence != fence.0 {
        return Ok(Err(StoreError::Fenced(taken_by(at.holder.as_ref()))));
    }
    if let Some((seq, next)) = gap(rows.iter().map(|row| row.seq), at.next_seq) {
        return Ok(Err(out_of_order(run, seq, next)));
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO events (id, version, at, event, blob, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for row in rows {
        let blob = row.blob.as_ref().map(|blob| put_blob(db, blob)).transpose()?;
        insert.execute(params![row_id(at.no, row.seq), row::VERSION, row.at, row.event, blob, row.sum])?;
    }
    let before = at.line.clone();
    records.iter().for_each(|record| summary::fold(&mut at.line, record));
    if records.iter().any(summary::ends_cancel_request) {
        db.prepare_cached(
            "UPDATE runs SET cancel_asked_at = NULL WHERE no = ?1 AND cancel_asked_at IS NOT NULL",
        )?
        .execute([at.no])?;
    }
    let RunSummary {
        flow, status, started_at, updated_at, steps, usage, cost, simulated, failure, plan, ..
    } = &at.line;
    // Most records only add to the sums. What else is in the line is left alone then, as one of it stands in an index.
    let sums = RunSummary {
        updated_at: before.updated_at,
        steps: before.steps,
        usage: before.usage,
        cost: before.cost,
        ..at.line.clone()
    };
    if sums != before {
        db.prepare_cached(
            "UPDATE runs SET flow = :flow, status = :status, started_at = :started, simulated = :simulated,
                failure = :failure, plan = :plan
             WHERE no = :no",
        )?
        .execute(named_params! {
            ":flow": flow,
            ":status": summary::status_name(*status),
            ":started": started_at.0,
            ":simulated": simulated,
            ":failure": failure,
            ":plan": plan,
            ":no": at.no,
        })?;
    }
    if let Some(due) = due::of(records) {
        db.prepare_cached("UPDATE runs SET due_at = ?1 WHERE no = ?2 AND due_at IS NOT ?1")?
            .execute(params![due.map(|due| due.0), at.no])?;
    }
    db.prepare_cached(
        "UPDATE runs SET next_seq = :next, updated_at = :updated, steps = :steps, input_tokens = :input,
            output_tokens = :output, cached_tokens = :cached, cache_write_tokens = :written,
            cache_write_1h_tokens = :written_1h,
            reasoning_tokens = :reasoning, nanodollars = :nanodollars, cost_complete = :complete
         WHERE no = :no",
    )?
    .execute(named_params! {
        ":next": int(at.next_seq + rows.len() as u64),
        ":updated": updated_at.0,
        ":steps": int(*steps),
        ":input": int(usage.input_tokens),
        ":output": int(usage.output_tokens),
        ":cached": int(usage.cached_tokens),
        ":written": int(usage.cache_write_tokens),
        ":written_1h": int(usage.cache_write_1h_tokens),
        ":reasoning": int(usage.reasoning_tokens),
        ":nanodollars": int(cost.nanodollars),
        ":complete": cost.complete,
        ":no": at.no,
    })?;
    Ok(Ok(()))
}

/// Where a run's log ends, and who may go on with it.
struct Position {
    no: i64,
    fence: u64,
    next_seq: u64,
    holder: Option<Holder>,
    line: RunSummary,
}

const LINE: &str = "id, flow, status, started_at, updated_at, steps, input_tokens, output_tokens, cached_tokens, \
                    reasoning_tokens, nanodollars, cost_complete, simulated, failure, plan, cache_write_tokens, \
                    cache_write_1h_tokens";

fn position(db: &Connection, run: &RunId) -> rusqlite::Result<Option<Position>> {
    static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        format!(
            "SELECT {LINE}, no, fence, next_seq, host, boot_id, pid, process_started FROM runs WHERE id = ?1"
        )
    });
    db.prepare_cached(&SQL)?
        .query_row([run.0.as_str()], |row| {
            Ok(Position {
                no: row.get("no")?,
                fence: count(row.get("fence")?),
                next_seq: count(row.get("next_seq")?),
                holder: super::leases::holder(row)?,
                line: line(row)?,
            })
        })
        .optional()
}

fn line(row: &rusqlite::Row<'_>) -> rusqlite::Result<RunSummary> {
    let status: String = row.get(2)?;
    Ok(RunSummary {
        run: RunId(row.get::<_, String>(0)?.into()),
        flow: row.get(1)?,
        status: summary::status_of(&status).ok_or_else(|| {
            rusqlite::Error::FromSqlConversionFailure(
                2,
                rusqlite::types::Type::Text,
                format!("`{status}` is no status of a run").into(),
            )
        })?,
        started_at: Time(row.get(3)?),
        updated_at: Time(row.get(4)?),
        steps: count(row.get(5)?),
        usage: Usage {
            input_tokens: count(row.get(6)?),
            output_tokens: count(row.get(7)?),
            cached_tokens: count(row.get(8)?),
            cache_write_tokens: count(row.get(15)?),
            cache_write_1h_tokens: count(row.get(16)?),
            reasoning_tokens: count(row.get(9)?),
        },
        cost: Cost { nanodollars: count(row.get(10)?), complete: row.get(11)? },
        simulated: row.get(12)?,
        failure: row.get(13)?,
        plan: row.get(14)?,
    })
}

fn list(db: &Connection, filter: &RunFilter) -> rusqlite::Result<Vec<RunSummary>> {
    let limit = if filter.limit == 0 { 100 } else { filter.limit };
    // By start, newest first, along its index. What else is asked has none: to look through 100,000 runs takes 30 ms, and
    // each index would be written with every append.
    db.prepare(&format!(
        "SELECT {LINE} FROM runs
         WHERE next_seq > 0 AND (:flow IS NULL OR flow = :flow) AND (:status IS NULL OR status = :status)
            AND started_at >= :since AND started_at < :until
            AND (:ended IS NULL OR (updated_at < :ended AND status NOT IN ('running', 'interrupted', 'suspended')))
         ORDER BY started_at DESC, no DESC LIMIT :limit"
    ))?
    .query_map(
        named_params! {
            ":flow": filter.flow,
            ":status": filter.status.map(summary::status_name),
            ":since": filter.since.map_or(i64::MIN, |since| since.0),
            ":until": filter.until.map_or(i64::MAX, |until| until.0),
            ":ended": filter.ended_before.map(|before| before.0),
            ":limit": limit,
        },
        line,
    )?
    .collect()
}

pub(super) fn row_id(no: i64, seq: u64) -> i64 {
    (no << SEQ_BITS) | int(seq)
}

/// A row as it was read.
struct Stored {
    seq: u64,
    version: u32,
    at: i64,
    event: String,
    blob: Option<Blob>,
    sum: Option<u32>,
}

impl Stored {
    fn into_record(self) -> Result<Record, String> {
        if self.version > row::VERSION {
            return Err(format!(
                "it has version {}, and this flowc reads up to {}",
                self.version,
                row::VERSION
            ));
        }
        let row = Row { seq: self.seq, at: self.at, event: self.event, blob: self.blob, sum: self.sum };
        let event: Event = row.read()?;
        Ok(Record { seq: self.seq, at: Time(self.at), event })
    }
}

fn read_rows(db: &Connection, run: &RunId, seq: u64, limit: u32) -> rusqlite::Result<Option<Vec<Stored>>> {
    // One view of both tables: a run may be deleted, or written to, meanwhile.
    let db = db.unchecked_transaction()?;
    let found: Option<(i64, i64)> = db
        .prepare_cached("SELECT no, next_seq FROM runs WHERE id = ?1 AND next_seq > 0")?
        .query_row([run.0.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((no, next_seq)) = found else { return Ok(None) };
    let last = row_id(no, (1 << SEQ_BITS) - 1);
    let first = row_id(no, seq.min((1 << SEQ_BITS) - 1));
    let rows = db.prepare_cached(
        "SELECT events.id, version, at, event, hash, bytes, sum FROM events LEFT JOIN blobs ON blobs.id = events.blob
         WHERE events.id BETWEEN ?1 AND ?2 ORDER BY events.id LIMIT ?3",
    )?
    .query_map(params![first, last, limit], |row| {
        Ok(Stored {
            seq: count(row.get::<_, i64>(0)? - row_id(no, 0)),
            version: row.get(1)?,
            at: row.get(2)?,
            event: row.get(3)?,
            blob: match row.get(4)? {
                Some(hash) => Some(Blob { hash, bytes: row.get(5)? }),
                None => None,
            },
            sum: row.get(6)?,
        })
    })?
    .collect::<rusqlite::Result<Vec<_>>>()?;
    let due = count(next_seq).saturating_sub(seq).min(u64::from(limit));
    let is_whole = gap(rows.iter().map(|row| row.seq), seq).is_none() && rows.len() as u64 == due;
    // SQLite itself finds most damage; a record that is gone without a trace is damage, too.
    if is_whole { Ok(Some(rows)) } else { Err(damaged()) }
}

fn damaged() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some(String::from("records of a run are missing")))
}

/// Stores bytes once and returns their row.
fn put_blob(db: &Connection, blob: &Blob) -> rusqlite::Result<i64> {
    let found = db
        .prepare_cached("SELECT id FROM blobs WHERE hash = ?1")?
        .query_row([blob.hash], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    db.prepare_cached("INSERT INTO blobs (hash, bytes) VALUES (?1, ?2)")?
        .execute(params![blob.hash, blob.bytes])?;
    Ok(db.last_insert_rowid())
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(out)
}
