//! `flowc runs cancel ID`: stops a run for good, and says how that ended.

use std::time::Duration;

use flow_host::{Cancelling, HostError, ResumeOptions, RunHandle};
use flow_runtime_api::RunStatus;
use flow_trace::Trace;

use crate::args::RunsOne;
use crate::exit::{Code, Outcome, Stop};
use crate::follow::Signals;
use crate::show as draw;
use crate::terminal::{self, Stream};

/// After so long somebody who watches is told what is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

pub fn run(args: &RunsOne) -> Outcome {
    let (host, runtime) = super::host(&args.store)?;
    let trace = runtime.block_on(async {
        let cancelled = async {
            match host.cancel(&args.id, ResumeOptions::default()).await? {
                Cancelling::Ended(trace) => Ok(trace),
                Cancelling::Here(handle) => finish(handle).await,
            }
        };
        tokio::pin!(cancelled);
        if let Ok(trace) = tokio::time::timeout(PATIENCE, &mut cancelled).await {
            return trace;
        }
        if Stream::Err.is_terminal() {
            terminal::err("waiting for its clean-up\n");
        }
        cancelled.await
    })?;
    if args.json {
        terminal::out(draw::object(&*trace))?;
    }
    let failure = trace.failure.as_ref().map(ToString::to_string).unwrap_or_default();
    match trace.status {
        RunStatus::Cancelled => {
            if !args.json {
                let message =
                    trace.failure.as_ref().map_or("the run was cancelled", |failure| &failure.message);
                terminal::out(format!("{}: {message}\n", trace.run))?;
            }
            Ok(Code::Done)
        }
        RunStatus::Succeeded => Err(Stop::usage("the run was done before it could be cancelled")),
        _ => Err(Stop::new(Code::RunFailed, format_args!("the run failed: {failure}"))),
    }
}

/// Carries out the clean-up to its end. A signal stops that, and the run can be gone on with.
async fn finish(handle: RunHandle) -> Result<Box<Trace>, Stop> {
    let interrupter = handle.interrupter();
    let mut signals = Signals::new()?;
    let mut ended = std::pin::pin!(handle.finish());
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut ended => break ended,
            _ = signals.next() => interrupter.interrupt(),
        }
    };
    match ended {
        Ok(outcome) => Ok(Box::new(outcome.trace)),
        Err(HostError::Failed { trace, .. }) => Ok(trace),
        Err(other) => Err(other.into()),
    }
}
