//! `flowc run PATH`: checks the program, reads the inputs, runs the flow.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use clap::CommandFactory;
use flow_diagnostics::escape;
use flow_host::RunOptions;
use flow_host::tape::Tape;
use flow_ir::plan::{Flow, Plan};
use flow_project::World;
use flow_runtime_api::Simulation;
use serde_json::{Map, Value as Json};

use crate::args::{Cli, Run, Simulate, Store};
use crate::disk::Disk;
use crate::exit::{Code, Outcome, Stop};
use crate::follow::{self, Told};
use crate::inputs::{self, Inputs};
use crate::place::{self, Place};
use crate::program::{self, Program};
use crate::terminal::{self, Stream};
use crate::{flow_help, tapes, values};

/// Inputs at most, in bytes.
const INPUT_MAX: u64 = 64 << 20;

pub fn run(args: &Run) -> Outcome {
    let Some(path) = &args.path else {
        let mut command = Cli::command();
        let run = command.find_subcommand_mut("run").expect("it is in the table").clone();
        terminal::out(run.bin_name("flowc run").disable_help_flag(true).render_help().ansi().to_string())?;
        return Ok(Code::Done);
    };
    let (flow, pairs) = match args.rest.split_first() {
        Some((first, rest)) if !first.contains('=') => (Some(first.as_str()), rest),
        _ => (None, args.rest.as_slice()),
    };
    if args.simulate == Some(Simulate::Worst) && args.tapes.record.is_some() {
        return Err(Stop::usage(
            "a worst case isn't recorded: a tape holds what was answered, not what failed on purpose",
        )
        .help("record a run with `--simulate`"));
    }
    let project = program::checked(path, args.model.is_some() || args.simulate.is_some())?;
    if args.help
        && flow.is_none()
        && let Some(flows) = program::choice(&project)
    {
        terminal::out(flow_help::choice(&flows, &path.to_string_lossy()))?;
        return Ok(Code::Done);
    }
    let Program { plan, settings, root } = program::plan(&project, flow, path)?;
    if args.help {
        terminal::out(help(&plan, path))?;
        return Ok(Code::Done);
    }
    let inputs = read_inputs(&plan, args, pairs, path)?;
    let place = Place::of(root, settings)?;
    let host = place.host(&args.store)?;
    let runtime = place::runtime()?;
    let tape = match tapes::open(&args.tapes)? {
        Some(tape) if args.update => match runtime.block_on(mend(args, &place, &plan, &inputs, tape))? {
            Some(tape) => Some(Arc::new(tape)),
            None => return Ok(Code::Problems),
        },
        tape => tape.map(Arc::new),
    };
    let told = Told {
        show: args.show.clone(),
        places: plan.places.clone(),
        flags: follow::flags(&place, &args.store, &args.tapes)?,
        tape: tape.clone(),
    };
    let options = RunOptions {
        simulate: args.simulate.map(|what| Simulation {
            models_only: what == Simulate::Models,
            worst: what == Simulate::Worst,
            seed: args.seed,
        }),
        model: args.model.clone(),
        ..follow::options(&args.tapes, &tape, &args.show)
    };
    runtime.block_on(async { follow::follow(host.start(plan, inputs, options).await?, told).await })
}

/// Tries a tape out, off the record, and returns it ready to be mended; nothing if that is refused.
async fn mend(
    args: &Run,
    place: &Place,
    plan: &Plan,
    inputs: &Inputs,
    tape: Tape,
) -> Result<Option<Tape>, Stop> {
    let memory = Store { url: Some(String::from("memory:")) };
    let tried = Arc::new(tape);
    let options = RunOptions {
        tape: Some(tried.clone()),
        model: args.model.clone(),
        events: false,
        wait_max_ms: 0,
        ..RunOptions::default()
    };
    let handle = place.host(&memory)?.start(plan.clone(), inputs.clone(), options).await?;
    // How it ends is told of the run that follows; here only what it could not be answered counts.
    let _ = handle.finish().await;
    let stale = tried.report().stale;
    if !stale.is_empty() && !tapes::confirm(&tried, &stale, args.yes)? {
        terminal::err("nothing was asked, and the tape stays as it was\n");
        return Ok(None);
    }
    Ok(tapes::open(&args.tapes)?.map(Tape::updating))
}

fn help(plan: &Plan, path: &Path) -> String {
    let flow = plan.main();
    let defaults: Vec<_> = flow.params.iter().map(|param| values::default(param, plan)).collect();
    let width = Stream::Out.width().unwrap_or(100).min(100);
    flow_help::help(flow, &plan.types, &path.to_string_lossy(), &defaults, width)
}

fn read_inputs(plan: &Plan, args: &Run, pairs: &[String], path: &Path) -> Result<Inputs, Stop> {
    let flow = plan.main();
    let json = args.input.as_deref().map(read_json).transpose()?;
    let validate = |ty: &flow_ir::Type, json: &Json| values::violations(ty, json, plan);
    inputs::read(&flow.params, &plan.types, json, pairs, &validate).map_err(|problems| {
        wrong_inputs(flow, &problems).help(format_args!(
            "`flowc run {} {} --help` tells what it takes",
            escape(&path.to_string_lossy()),
            flow.name
        ))
    })
}

/// Tells every problem with the inputs at once.
pub fn wrong_inputs(flow: &Flow, problems: &[String]) -> Stop {
    let head = match problems {
        [_] => format!("an input of `{}` is wrong", flow.name),
        _ => format!("{} inputs of `{}` are wrong", problems.len(), flow.name),
    };
    Stop::usage(format_args!("{head}\n{}", problems.join("\n")))
}

/// Reads a JSON object from a file, or with `-` from stdin.
fn read_json(path: &Path) -> Result<Map<String, Json>, Stop> {
    let name = if path == Path::new("-") { "stdin".into() } else { path.to_string_lossy() };
    let name = escape(&name);
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(INPUT_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| Stop::usage(format_args!("stdin can't be read: {error}")))?;
        if bytes.len() as u64 > INPUT_MAX {
            return Err(Stop::usage(format_args!("stdin holds more than {INPUT_MAX} bytes")));
        }
        bytes
    } else {
        Disk.read(path, INPUT_MAX).map_err(|error| place::unreadable(path, &error))?
    };
    match serde_json::from_slice(&bytes) {
        Ok(Json::Object(map)) => Ok(map),
        Ok(_) => Err(Stop::usage(format_args!("{name} holds no JSON object"))
            .help("write the inputs by name: {\"topic\": \"…\"}")),
        Err(error) => Err(Stop::usage(format_args!("{name} holds no JSON: {error}"))),
    }
}
