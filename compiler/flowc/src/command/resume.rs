//! `flowc resume ID`: goes on with a run that was cut off, stopped, or waits.

use std::path::Path;

use flow_host::{DEFAULT_MODEL, ResumeOptions, Settle};
use flow_ir::plan::Plan;
use flow_trace::Trace;

use crate::args::Resume;
use crate::exit::{Outcome, Stop};
use crate::follow::{self, Told};
use crate::place::{self, Place};
use crate::program;
use crate::tapes;

pub fn run(args: &Resume) -> Outcome {
    let place = Place::here()?;
    let host = place.host(&args.store)?;
    let flags = follow::flags(&place, &args.store, &args.tapes)?;
    let tape = tapes::shared(&args.tapes)?;
    let options = ResumeOptions {
        record: args.tapes.record.clone(),
        tape: tape.clone(),
        stream: follow::wants_events(&args.show),
        events: follow::wants_events(&args.show),
        wait_max_ms: args.show.wait_max,
        settle: settle(args)?,
        ..ResumeOptions::default()
    };
    place::runtime()?.block_on(async {
        let id = host.find(args.id.as_deref().unwrap_or_default()).await?;
        let with = match &args.with {
            Some(path) => Some(program(&host.trace(&id).await?, path)?),
            None => None,
        };
        let places = match &with {
            Some(plan) => plan.places.clone(),
            None => host.plan(&id).await?.places,
        };
        let handle = host.resume(&id.0, ResumeOptions { with, ..options }).await?;
        follow::follow(handle, Told { show: args.show.clone(), places, flags, tape }).await
    })
}

/// Returns the plan of the run's flow in another program.
fn program(trace: &Trace, path: &Path) -> Result<Plan, Stop> {
    let project = program::checked(path, trace.models.contains_key(DEFAULT_MODEL))?;
    Ok(program::plan(&project, Some(&trace.flow), path)?.plan)
}

/// What is told of a step that waits, or that was sent and not answered.
fn settle(args: &Resume) -> Result<Option<Settle>, Stop> {
    if let Some(step) = &args.rerun {
        return Ok(Some(Settle::Rerun(step.clone())));
    }
    let step = args.step.clone();
    if let Some(message) = args.deny.clone() {
        return Ok(Some(Settle::Deny { step, message }));
    }
    let Some(text) = &args.answer else { return Ok(None) };
    if text.is_empty() {
        return Ok(Some(Settle::Answer { step, result: None }));
    }
    let result = serde_json::from_str(text).map_err(|error| {
        Stop::usage(format_args!("the answer is no JSON: {error}"))
            .help("a text stands in quotes: --answer '\"done\"'")
    })?;
    Ok(Some(Settle::Answer { step, result: Some(result) }))
}
