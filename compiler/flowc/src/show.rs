//! What is shown of runs that are on record, as pure functions: the list, one run, its journal.

use std::fmt::Write;

use flow_diagnostics::escape;
use flow_runtime_api::{Cost, RunStatus, RunSummary, Time, Usage};
use flow_trace::{Move, RunEvent, Trace};
use serde_json::Value as Json;

use crate::progress;
use crate::table::{Table, column, numbers, remarks};
use crate::terminal::{BOLD, RED};
use crate::text;
use crate::waterfall::{self, Look};

/// Draws the list of runs. In a pipe ids are whole; on a terminal as long as it takes to tell them apart.
pub fn list(runs: &[(RunSummary, bool)], now: Time, width: Option<usize>) -> String {
    let ids: Vec<&str> = runs.iter().map(|(run, _)| run.run.0.as_str()).collect();
    let length = if width.is_some() { telling_apart(&ids) } else { usize::MAX };
    let mut table = Table::new([
        column("RUN", 0),
        column("FLOW", 1),
        column("STATUS", 0),
        column("STARTED", 2),
        numbers("STEPS", 4),
        numbers("TOKENS", 5),
        numbers("COST", 3),
        remarks("WHY", 6),
    ]);
    for (run, alive) in runs {
        let why = run.failure.as_deref().map(|why| text::fit(why, 120).into_owned());
        table.row([
            run.run.0.chars().take(length).collect(),
            run.flow.clone(),
            status(run.status, *alive).into(),
            text::ago(run.started_at, now),
            text::number(run.steps),
            sum(&run.usage),
            if run.simulated { "simulated".into() } else { text::cost(&run.cost) },
            why.unwrap_or_default(),
        ]);
    }
    table.draw(width)
}

/// A run that says it is running while nobody holds it was cut off, and can be resumed.
pub fn status(status: RunStatus, alive: bool) -> &'static str {
    match status {
        RunStatus::Running if alive => "running",
        RunStatus::Running => "cut off",
        RunStatus::Interrupted => "interrupted",
        RunStatus::Suspended => "suspended",
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Unrecorded => "unrecorded",
    }
}

/// The length at which no two ids begin alike, 8 at least.
fn telling_apart(ids: &[&str]) -> usize {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    let shared = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let longest = sorted.windows(2).map(|pair| shared(pair[0], pair[1])).max().unwrap_or(0);
    (longest + 1).max(8)
}

fn sum(usage: &Usage) -> String {
    match usage.input_tokens.saturating_add(usage.output_tokens) {
        0 => String::new(),
        tokens => text::number(tokens),
    }
}

/// Draws one run: what it was, its steps, what came of it.
pub fn run(trace: &Trace, now: Time, look: Look) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = write_run(trace, now, look, &mut out);
    out
}

fn write_run(trace: &Trace, now: Time, look: Look, out: &mut String) -> std::fmt::Result {
    let mut fact = |name: &str, value: &str| {
        let value = escape(value);
        // On a terminal what is too long goes on below.
        let lines = match look.width {
            Some(width) => text::wrap(&value, width.saturating_sub(9).max(12)),
            None => vec![value.into_owned()],
        };
        writeln!(out, "{BOLD}{name:<8}{BOLD:#} {}", lines.join("\n         "))
    };
    fact("run", &trace.run.0)?;
    fact("flow", &trace.flow)?;
    fact("started", &trace.started_at.rfc3339())?;
    if !trace.inputs.is_empty() {
        let inputs: Vec<_> =
            trace.inputs.iter().map(|(name, value)| format!("{name}={}", brief(value, 60))).collect();
        fact("inputs", &inputs.join("  "))?;
    }
    if let Some(of) = &trace.replay_of {
        let from = of.from.as_ref().map(|step| format!(", anew from {step}")).unwrap_or_default();
        fact("replays", &format!("{}{from}", of.run))?;
    }
    for Move { at, .. } in &trace.moves {
        fact("moved", &format!("to another program, {}", at.rfc3339()))?;
    }
    fact("status", &progress::summary(status(trace.status, look.alive), trace, look.unicode))?;
    if let Some(reason) = &trace.waits_for {
        let due = trace.due_at.map(|at| format!(", due {}", at.rfc3339())).unwrap_or_default();
        fact("waits", &format!("{reason}{due}"))?;
    }
    out.push('\n');
    out.push_str(&waterfall::draw(trace, now, look));
    if !trace.emitted.is_empty() {
        let mut table = Table::new([column("EMITTED", 0), remarks("VALUE", 1)]);
        for emitted in &trace.emitted {
            table.row([emitted.step.0.to_string(), brief(&emitted.value, 200)]);
        }
        writeln!(out, "\n{}", table.draw(look.width).trim_end())?;
    }
    if let Some(failure) = &trace.failure {
        let at = failure.step.as_ref().map(|step| format!("\n  at {}", escape(&step.0))).unwrap_or_default();
        writeln!(out, "\n{RED}{}{RED:#}: {}{at}", escape(&failure.kind), escape(&failure.message))?;
    }
    if let Some(result) = &trace.result {
        writeln!(out, "\n{BOLD}result{BOLD:#}\n{}", pretty(result))?;
    }
    Ok(())
}

/// Draws a run's journal, a line for each record.
pub fn events(events: &[RunEvent], width: Option<usize>) -> String {
    let mut table =
        Table::new([column("TIME", 2), column("EVENT", 0), column("STEP", 0), remarks("WHAT", 1)]);
    for event in events {
        let what = match (&event.error, &event.reason, &event.result) {
            _ if let Some(arm) = event.arm => format!("arm {arm} has won"),
            (Some(error), ..) => text::fit(&progress::reason(error), 80).into_owned(),
            (_, Some(reason), _) => reason.clone(),
            (_, _, Some(result)) => brief(result, 60),
            _ => event
                .model
                .as_ref()
                .or(event.node.as_ref())
                .or(event.flow.as_ref())
                .map(ToString::to_string)
                .unwrap_or_default(),
        };
        // The day is the run's; its hour tells the rest.
        let time = event.time.to_string();
        let time = time.get(11..23).unwrap_or(&time).to_owned();
        let step = event.step.as_ref().map(|step| step.0.to_string()).unwrap_or_default();
        table.row([time, event.event.name().into(), step, what]);
    }
    table.draw(width)
}

/// Writes a run of the list, or a trace, for other programs: times as RFC 3339, money as `cost_usd`, null when no part of
/// it is known, and `cost_complete`.
pub fn object(run: &impl serde::Serialize) -> String {
    let mut object = serde_json::to_value(run).unwrap_or_default();
    outside(&mut object);
    // A run's steps are of the same form; inputs and results are the program's own.
    for part in ["steps", "emitted", "active", "moves", "tries"] {
        let parts = object.get_mut(part).and_then(Json::as_array_mut);
        parts.into_iter().flatten().for_each(outside);
    }
    object.to_string() + "\n"
}

fn outside(object: &mut Json) {
    let Some(fields) = object.as_object_mut() else { return };
    for key in ["started_at", "updated_at", "finished_at", "due_at", "until", "from", "at"] {
        if let Some(at) = fields.get_mut(key) {
            // What is no number is no time: `moves` has a hash under `from`.
            if let Some(time) = at.as_i64() {
                *at = Time(time).rfc3339().into();
            }
        }
    }
    if let Some(cost) = fields.remove("cost").and_then(|cost| serde_json::from_value::<Cost>(cost).ok()) {
        fields.insert("cost_usd".into(), cost.usd().into());
        fields.insert("cost_complete".into(), cost.complete.into());
    }
}

/// A value on one line, cut.
pub fn brief(value: &Json, width: usize) -> String {
    text::fit(&value.to_string(), width).into_owned()
}

/// JSON for people: indented, with everything escaped that a terminal would act on.
pub fn pretty(value: &Json) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let mut buffer = [0; 4];
        match c {
            '\n' => out.push(c),
            c if matches!(escape(c.encode_utf8(&mut buffer)), std::borrow::Cow::Owned(_)) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use flow_runtime_api::{Coordinate, Event, Failure, Kind, Record, RunId};
    use flow_trace::Fold;
    use serde_json::json;

    use super::*;

    fn summary(id: &str, flow: &str, status: RunStatus, failure: Option<&str>) -> RunSummary {
        RunSummary {
            run: RunId(id.into()),
            flow: flow.into(),
            status,
            started_at: Time(1_000_000),
            updated_at: Time(1_000_000),
            steps: 12,
            usage: Usage { input_tokens: 1_100, output_tokens: 200, ..Usage::default() },
            cost: Cost { nanodollars: 12_345_678, complete: true },
            simulated: false,
            failure: failure.map(String::from),
            plan: String::new(),
        }
    }

    fn runs() -> Vec<(RunSummary, bool)> {
        vec![
            (
                summary("0193ab12-4f21-7a31-8f00-5d2c1b7a9e01", "write_article", RunStatus::Succeeded, None),
                false,
            ),
            (
                summary("0193ab12-4f98-7c02-9b11-00aa3c4d5e6f", "write_article", RunStatus::Running, None),
                false,
            ),
            (
                summary(
                    "0193ab0f-1c00-7be4-a2d3-778899aabbcc",
                    "hello",
                    RunStatus::Failed,
                    Some("timeout: \u{1b}[2Jno answer"),
                ),
                false,
            ),
        ]
    }

    fn trace() -> (Trace, Vec<RunEvent>) {
        let step = |name: &str| Coordinate(name.into());
        let started = |name: &str, attempt| Event::StepStarted {
            step: step(name),
            node: "critique".into(),
            kind: "prompt".into(),
            attempt,
            repair: 0,
            fingerprint: String::new(),
            model: Some("ollama/llama3.2".into()),
            repeatable: true,
        };
        let usage = Usage { input_tokens: 312, output_tokens: 45, ..Usage::default() };
        let failure =
            Failure { step: Some(step("f/b")), ..Failure::new(Kind::Timeout, "no answer within 30s") };
        let events = [
            Event::RunStarted {
                plan: "abc".into(),
                flow: "f".into(),
                inputs: json!({"topic": "brevity", "n": 3}).as_object().cloned().unwrap_or_default(),
                models: Default::default(),
                prices: String::new(),
                simulate: None,
                resolved: Default::default(),
                replay_of: None,
            },
            started("f/polish[0]/review", 0),
            Event::AttemptFailed {
                step: step("f/polish[0]/review"),
                attempt: 0,
                repair: 0,
                failure: Failure::new(Kind::RateLimited, "slow down"),
                usage: Usage::default(),
                cost: Cost::ZERO,
                duration_ms: 100,
                next_at: Time(2_000),
                answer: None,
                complaint: None,
            },
            started("f/polish[0]/review", 1),
            Event::StepFinished {
                step: step("f/polish[0]/review"),
                result: json!({"score": 3}),
                usage,
                cost: Cost::ZERO,
                duration_ms: 1_200,
            },
            started("f/b", 0),
            Event::StepFailed {
                step: step("f/b"),
                failure: failure.clone(),
                usage: Usage::default(),
                cost: Cost::UNKNOWN,
                duration_ms: 30_000,
            },
            Event::RunFinished {
                status: RunStatus::Failed,
                result: None,
                failure: Some(failure),
                usage,
                cost: Cost::UNKNOWN,
            },
        ];
        let mut fold = Fold::new(RunId("0193ab12-4f21-7a31-8f00-5d2c1b7a9e01".into()));
        let shown = (0..)
            .zip(events)
            .map(|(seq, event)| fold.apply(&Record { seq, at: Time(1_000 * seq as i64), event }));
        let shown = shown.collect();
        (fold.into_trace(), shown)
    }

    fn look(width: Option<usize>, unicode: bool) -> Look {
        Look { width, unicode, lines_max: Some(waterfall::LINES_MAX), alive: false }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_list_fits_40_and_120_columns_and_a_pipe() {
        let now = Time(1_000_000 + 200_000);
        insta::assert_snapshot!("list_40", list(&runs(), now, Some(40)));
        insta::assert_snapshot!("list_120", list(&runs(), now, Some(120)));
        insta::assert_snapshot!("list_pipe", list(&runs(), now, None));
    }

    #[test]
    fn a_run_fits_40_and_120_columns() {
        let (trace, _) = trace();
        insta::assert_snapshot!("run_40", plain(&run(&trace, Time(0), look(Some(40), false))));
        insta::assert_snapshot!("run_pipe", plain(&run(&trace, Time(0), look(None, true))));
        insta::assert_snapshot!("run_120", plain(&run(&trace, Time(0), look(Some(120), true))));
    }

    #[test]
    fn a_journal_fits_40_and_120_columns() {
        let (_, shown) = trace();
        insta::assert_snapshot!("events_40", events(&shown, Some(40)));
        insta::assert_snapshot!("events_120", events(&shown, Some(120)));
    }

    #[test]
    fn a_terminal_acts_on_nothing_in_a_result() {
        assert_eq!(pretty(&json!("a\u{1b}[2J\u{9b}\u{202e}b\nc")), r#""a\u001b[2J\u009b\u202eb\nc""#);
    }

    #[test]
    fn an_unknown_cost_is_null_for_programs() {
        let mut run = summary("0193", "f", RunStatus::Succeeded, None);
        run.cost = Cost::UNKNOWN;
        let object: Json = serde_json::from_str(&object(&run)).expect("JSON");
        assert_eq!((&object["cost_usd"], &object["cost_complete"]), (&Json::Null, &json!(false)));
        assert_eq!(object["started_at"], "1970-01-01T00:16:40.000Z");
    }
}
