//! `flowc runs`: what has run, from the store.

mod cancel;
mod csv;
mod gc;
mod show;
pub mod step;
mod watch;

use flow_host::Host;
use flow_runtime_api::{RunFilter, RunId, RunStatus, Time};
use flow_trace::{Fold, RunEvent};

use crate::args::{Moment, Runs, RunsCommand, RunsList, RunsOne, Status, Store};
use crate::clock;
use crate::exit::{Code, Outcome, Stop};
use crate::place::{self, Place};
use crate::show as draw;
use crate::terminal::{self, Stream};

pub fn run(args: &Runs) -> Outcome {
    match &args.command {
        None => list(&args.list),
        Some(RunsCommand::List(args)) => list(args),
        Some(RunsCommand::Show(args)) => show::run(args),
        Some(RunsCommand::Events(args)) => events(args),
        Some(RunsCommand::Cancel(args)) => cancel::run(args),
        Some(RunsCommand::Gc(args)) => gc::run(args),
    }
}

fn host(store: &Store) -> Result<(Host, tokio::runtime::Runtime), Stop> {
    Ok((Place::here()?.host(store)?, place::runtime()?))
}

fn list(args: &RunsList) -> Outcome {
    let (host, runtime) = host(&args.store)?;
    let filter = RunFilter {
        flow: args.flow.clone(),
        status: args.status.map(status),
        since: args.since.map(time),
        until: args.until.map(time),
        limit: args.limit,
        ..RunFilter::default()
    };
    let runs = runtime.block_on(host.runs(&filter))?;
    if args.json {
        for run in &runs {
            terminal::out(draw::object(run))?;
        }
    } else if args.csv {
        terminal::out(csv::write(&runs))?;
    } else if runs.is_empty() {
        terminal::err(format!("no runs in {}\n", Place::here()?.store(&args.store)?));
    } else {
        let runs: Vec<_> = runs.into_iter().map(|run| (run.summary, run.alive)).collect();
        terminal::out(draw::list(&runs, clock::now(), Stream::Out.width()))?;
    }
    Ok(Code::Done)
}

/// A time, or so long before now.
fn time(moment: Moment) -> Time {
    match moment {
        Moment::At(at) => Time(at),
        Moment::Ago(ago_ms) => Time(clock::now().0.saturating_sub(i64::try_from(ago_ms).unwrap_or(i64::MAX))),
    }
}

fn events(args: &RunsOne) -> Outcome {
    let (host, runtime) = host(&args.store)?;
    let run = runtime.block_on(host.find(&args.id))?;
    let events = journal(&run, &runtime.block_on(host.records(&run))?);
    if args.json {
        for event in &events {
            terminal::out(event.to_line() + "\n")?;
        }
    } else {
        terminal::out(draw::events(&events, Stream::Out.width()))?;
    }
    Ok(Code::Done)
}

fn journal(run: &RunId, records: &[flow_runtime_api::Record]) -> Vec<RunEvent> {
    let mut fold = Fold::new(run.clone());
    records.iter().map(|record| fold.apply(record)).collect()
}

fn status(status: Status) -> RunStatus {
    match status {
        Status::Running => RunStatus::Running,
        Status::Interrupted => RunStatus::Interrupted,
        Status::Suspended => RunStatus::Suspended,
        Status::Succeeded => RunStatus::Succeeded,
        Status::Failed => RunStatus::Failed,
        Status::Cancelled => RunStatus::Cancelled,
        Status::Unrecorded => RunStatus::Unrecorded,
    }
}
