//! `flowc runs show ID`.

use flow_host::Host;
use flow_runtime_api::RunId;
use flow_trace::{Fold, Trace};

use super::{host, step, watch};
use crate::args::RunsShow;
use crate::clock;
use crate::exit::{Code, Outcome, Stop};
use crate::show;
use crate::terminal::{self, Stream};
use crate::waterfall::{LINES_MAX, Look};

pub fn run(args: &RunsShow) -> Outcome {
    let (host, runtime) = host(&args.store)?;
    runtime.block_on(async {
        let run = host.find(&args.id).await?;
        if let Some(step) = &args.step {
            return step::show(&host, &run, step, args.json).await;
        }
        if args.watch {
            return watch::follow(&host, &run, args).await;
        }
        let (trace, alive) = trace(&host, &run).await?;
        if args.json {
            terminal::out(show::object(&trace))?;
        } else {
            terminal::out(show::run(&trace, clock::now(), look(args.all, alive)))?;
        }
        Ok(Code::Done)
    })
}

/// Returns how a run went so far, and whether a process executes it.
pub async fn trace(host: &Host, run: &RunId) -> Result<(Trace, bool), Stop> {
    let mut fold = Fold::new(run.clone());
    // Who lets go of a run has written its last word before, so this order can't take a finished run for one cut off.
    let alive = host.alive(run).await?;
    host.records(run).await?.iter().for_each(|record| drop(fold.apply(record)));
    Ok((if alive { fold.into_trace() } else { fold.into_cut_off() }, alive))
}

pub fn look(all: bool, alive: bool) -> Look {
    let lines_max = (!all).then_some(LINES_MAX);
    Look { width: Stream::Out.width(), unicode: terminal::unicode(), lines_max, alive }
}
