//! `flowc runs show ID --step STEP`: what a step was called with, its attempts, what was known after it.

use std::fmt::Write;

use flow_diagnostics::escape;
use flow_host::{Host, Inspection};
use flow_runtime_api::{Record, RunId, RunStatus};
use flow_trace::{Attempt, Fold, StepTrace, Trace, attempts};
use serde::Serialize;
use serde_json::Value as Json;

use crate::exit::{Code, Outcome, Stop};
use crate::terminal::{self, BOLD, DIM, RED, Stream};
use crate::{show, text, waterfall};

/// A value of the state is cut to so many columns on a terminal.
const VALUE_MAX: usize = 2_000;

/// A step, as `--json` prints it.
#[derive(Serialize)]
struct Shown {
    run: RunId,
    step: String,
    /// Absent for a flow: its steps tell.
    #[serde(flatten)]
    trace: Option<StepTrace>,
    tries: Vec<Attempt>,
    arguments: Option<serde_json::Map<String, Json>>,
    request: Option<Json>,
    state: Option<serde_json::Map<String, Json>>,
    /// Why arguments and state aren't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

pub async fn show(host: &Host, run: &RunId, wanted: &str, json: bool) -> Outcome {
    let alive = host.alive(run).await?;
    let records = host.records(run).await?;
    let mut fold = Fold::new(run.clone());
    records.iter().for_each(|record| drop(fold.apply(record)));
    let trace = if alive { fold.into_trace() } else { fold.into_cut_off() };
    let step = find(&trace, wanted)?;
    let shown = of(host, &trace, records, step).await?;
    if json {
        terminal::out(show::object(&shown))?;
    } else {
        terminal::out(draw(&shown, &trace, alive, Stream::Out.width()))?;
    }
    Ok(Code::Done)
}

async fn of(host: &Host, trace: &Trace, records: Vec<Record>, step: String) -> Result<Shown, Stop> {
    let tries = attempts(&records, &step);
    // What is recorded is shown even if the rest can't be worked out any more.
    let seen = host
        .inspect(&trace.run, records, &step)
        .await
        .unwrap_or_else(|error| Inspection { trouble: Some(error.to_string()), ..Inspection::default() });
    let Inspection { arguments, request, state, trouble } = seen;
    let own = trace.step(&step).cloned();
    Ok(Shown { run: trace.run.clone(), step, trace: own, tries, arguments, request, state, trouble })
}

/// Finds a step by its coordinate, or the end of it, if no other ends so; or a flow that was called.
pub fn find(trace: &Trace, wanted: &str) -> Result<String, Stop> {
    if trace.step(wanted).is_some() {
        return Ok(wanted.into());
    }
    let end = format!("/{wanted}");
    let ends: Vec<&str> =
        trace.steps.iter().map(|step| step.step.0.as_str()).filter(|step| step.ends_with(&end)).collect();
    match ends.as_slice() {
        [step] => return Ok((*step).into()),
        [] => {}
        [first, second, ..] => {
            let message = format!("{} steps end with `{wanted}`: `{first}`, `{second}`", ends.len());
            return Err(Stop::usage(message).help("write more of it"));
        }
    }
    // A flow that was called is named by what its steps have in common.
    let within = format!("{wanted}/");
    match trace.steps.iter().any(|step| step.step.0.starts_with(&within)) {
        true => Ok(wanted.into()),
        false => {
            let known = trace.steps.iter().map(|step| step.step.0.as_str());
            let help = match text::similar(wanted, known) {
                Some(near) => format!("a similar one exists: `{near}`"),
                None => format!("`flowc runs show {}` lists its steps", trace.run),
            };
            Err(Stop::usage(format_args!("the run has no step `{wanted}`")).help(help))
        }
    }
}

fn draw(shown: &Shown, trace: &Trace, alive: bool, width: Option<usize>) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = write(shown, trace, alive, width, &mut out);
    out
}

fn write(
    shown: &Shown,
    trace: &Trace,
    alive: bool,
    width: Option<usize>,
    out: &mut String,
) -> std::fmt::Result {
    let mut fact = |name: &str, value: &str| writeln!(out, "{BOLD}{name:<8}{BOLD:#} {}", escape(value));
    fact("step", &shown.step)?;
    fact("run", &format!("{} ({})", trace.run, show::status(trace.status, alive)))?;
    if let Some(step) = &shown.trace {
        let model = step.model.as_ref().map(|model| format!(", {model}")).unwrap_or_default();
        if !step.node.is_empty() {
            fact("node", &format!("{} ({}{model})", step.node, step.kind))?;
        }
        let is_over = trace.status != RunStatus::Running;
        let state = waterfall::state(step, alive || is_over);
        let state = match (&step.until, step.status.is_open()) {
            (Some(until), true) => format!("{state} until {}", until.rfc3339()),
            _ => format!("{state} in {}", text::duration(step.duration_ms)),
        };
        fact("status", &state)?;
    }
    let mut part = |title: &str, body: &str| {
        let end = if body.ends_with('\n') { "" } else { "\n" };
        write!(out, "\n{BOLD}{title}{BOLD:#}\n{body}{end}")
    };
    if let Some(arguments) = &shown.arguments {
        part("arguments", &values(arguments, width))?;
    }
    if let Some(request) = &shown.request {
        part("request", &show::pretty(request))?;
    }
    if !shown.tries.is_empty() {
        part("attempts", &shown.tries.iter().map(attempt).collect::<String>())?;
    }
    if let Some(result) = shown.trace.as_ref().and_then(|step| step.result.as_ref()) {
        part("result", &show::pretty(result))?;
    }
    if let Some(failure) = shown.trace.as_ref().and_then(|step| step.failure.as_ref()) {
        let text = format!("{RED}{}{RED:#}: {}", escape(&failure.kind), escape(&failure.message));
        part("failure", &text)?;
    }
    match (&shown.state, &shown.trouble) {
        (Some(state), _) => part("state after it", &values(state, width)),
        (None, Some(trouble)) => {
            part("state after it", &format!("{DIM}not known: {}{DIM:#}", escape(trouble)))
        }
        (None, None) => Ok(()),
    }
}

fn values(values: &serde_json::Map<String, Json>, width: Option<usize>) -> String {
    if values.is_empty() {
        return "none\n".into();
    }
    let mut out = String::new();
    for (name, value) in values {
        let value = value.to_string();
        let value = if width.is_some() { text::fit(&value, VALUE_MAX) } else { value.as_str().into() };
        let _ = writeln!(out, "{} = {}", escape(name), escape(&value));
    }
    out
}

fn attempt(attempt: &Attempt) -> String {
    let Attempt { attempt: number, repair, started_at, duration_ms, usage, cost, .. } = attempt;
    let mut line = format!("{}", number + 1);
    if *repair > 0 {
        let _ = write!(line, ", repair {repair}");
    }
    let _ = write!(line, "  {}  {}", started_at.rfc3339(), text::duration(*duration_ms));
    let notes = [
        attempt.model.as_deref().map(|model| escape(model).into_owned()).unwrap_or_default(),
        text::tokens(usage),
        if attempt.model.is_some() && !attempt.replayed { text::cost(cost) } else { String::new() },
    ];
    for note in notes.iter().filter(|note| !note.is_empty()) {
        let _ = write!(line, "  {note}");
    }
    let end = match (&attempt.failure, attempt.finished_at) {
        _ if attempt.replayed => "  taken from the run that is replayed".into(),
        _ if attempt.cancelled => "  stopped".into(),
        (Some(failure), _) => {
            format!("\n   {RED}{}{RED:#}: {}", escape(&failure.kind), escape(&failure.message))
        }
        (None, None) => "  without an end".into(),
        (None, Some(_)) => String::new(),
    };
    line.push_str(&end);
    if let Some(answer) = &attempt.answer {
        let _ = write!(line, "\n   {DIM}answered{DIM:#} {}", escape(&text::fit(answer, 300)));
    }
    line + "\n"
}
