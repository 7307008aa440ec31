//! `flowc runs gc`: deletes runs that have been over for long.

use flow_host::Host;
use flow_runtime_api::{RunStatus, Time};

use super::host;
use crate::args::{Ended, RunsGc};
use crate::clock;
use crate::exit::{Code, Outcome, Stop};
use crate::terminal;
use crate::text;

/// Runs that are deleted in one transaction, so that whoever writes waits for a moment only.
const BATCH: usize = 100;
/// Runs that are looked up at a time.
const PAGE: u32 = 10_000;

pub fn run(args: &RunsGc) -> Outcome {
    let (host, runtime) = host(&args.store)?;
    let kept_ms = i64::try_from(args.older_than).unwrap_or(i64::MAX);
    let before = Time(clock::now().0.saturating_sub(kept_ms));
    let status = args.status.map(|ended| match ended {
        Ended::Succeeded => RunStatus::Succeeded,
        Ended::Failed => RunStatus::Failed,
        Ended::Cancelled => RunStatus::Cancelled,
        Ended::Unrecorded => RunStatus::Unrecorded,
    });
    let (runs, freed) = runtime.block_on(async {
        let (_, free) = host.size().await?;
        let runs = collect(&host, before, status, args.dry_run).await?;
        let (_, free_now) = host.size().await?;
        Ok::<_, Stop>((runs, free_now.saturating_sub(free)))
    })?;
    if args.json {
        let told = serde_json::json!({
            "runs": runs,
            "freed_bytes": if args.dry_run { None } else { Some(freed) },
            "ended_before": before.rfc3339(),
            "dry_run": args.dry_run,
        });
        terminal::out(told.to_string() + "\n")?;
    } else {
        let count = if runs == 1 { "1 run".into() } else { format!("{} runs", text::number(runs)) };
        let when = before.rfc3339();
        terminal::out(match args.dry_run {
            true => format!("{count} that ended before {when} would be deleted\n"),
            false => {
                format!("{count} that ended before {when} deleted, {} freed in the store\n", bytes(freed))
            }
        })?;
    }
    Ok(Code::Done)
}

/// Deletes what may go, and returns how many runs that were, or would be.
async fn collect(host: &Host, before: Time, status: Option<RunStatus>, is_dry: bool) -> Result<u64, Stop> {
    if is_dry {
        return Ok(host.ended(before, status, u32::MAX).await?.len() as u64);
    }
    let mut count = 0;
    loop {
        let runs = host.ended(before, status, PAGE).await?;
        let mut gone = 0;
        for batch in runs.chunks(BATCH) {
            gone += host.delete(batch).await?.len();
        }
        count += gone as u64;
        // What is left then is held by somebody.
        if gone == 0 || runs.len() < PAGE as usize {
            return Ok(count);
        }
    }
}

/// `1.2 MiB`.
fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}
