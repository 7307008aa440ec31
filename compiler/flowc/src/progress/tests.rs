use std::sync::Arc;

use flow_runtime_api::{Cost, Event, Failure, Kind, Record, RunId, Simulation, Usage};
use flow_trace::Fold;
use unicode_width::UnicodeWidthStr;

use super::*;

/// A journal as it grows, seen as its display sees it.
struct Run {
    fold: Fold,
    view: View,
    seq: u64,
    out: Vec<String>,
}

fn step(name: &str) -> Coordinate {
    Coordinate(name.into())
}

fn run(look: Look, simulate: Option<Simulation>) -> Run {
    let mut run = Run { fold: Fold::new(RunId("r".into())), view: View::new(look), seq: 0, out: Vec::new() };
    let begun = Event::RunStarted {
        plan: String::new(),
        flow: "write_article".into(),
        inputs: Default::default(),
        models: Default::default(),
        prices: String::new(),
        simulate,
        resolved: Default::default(),
        replay_of: None,
    };
    run.see(0, begun);
    run
}

impl Run {
    fn see(&mut self, at: i64, event: Event) {
        let shown = self.fold.apply(&Record { seq: self.seq, at: Time(at), event });
        self.seq += 1;
        let line = self.view.see(&shown);
        self.out.extend(line.map(|line| plain(&line)));
    }

    fn start(&mut self, at: i64, name: &str, attempt: u32, repair: u32, model: Option<&str>) {
        self.see(
            at,
            Event::StepStarted {
                step: step(name),
                node: "critique".into(),
                kind: "prompt".into(),
                attempt,
                repair,
                fingerprint: String::new(),
                model: model.map(Name::from),
                repeatable: true,
            },
        );
    }

    fn finish(&mut self, at: i64, name: &str, input: u64, output: u64, nanodollars: u64) {
        let usage = Usage { input_tokens: input, output_tokens: output, ..Usage::default() };
        let cost = Cost { nanodollars, complete: true };
        let result = serde_json::Value::Null;
        self.see(at, Event::StepFinished { step: step(name), result, usage, cost, duration_ms: 1 });
    }

    fn retry(&mut self, at: i64, name: &str, repair: u32, failure: Failure, next_at: i64) {
        self.see(
            at,
            Event::AttemptFailed {
                step: step(name),
                attempt: 0,
                repair,
                failure,
                usage: Usage::default(),
                cost: Cost::ZERO,
                duration_ms: 1,
                next_at: Time(next_at),
                answer: None,
                complaint: None,
            },
        );
    }

    fn fail(&mut self, at: i64, name: &str, failure: Failure) {
        let (usage, cost) = (Usage::default(), Cost::ZERO);
        self.see(at, Event::StepFailed { step: step(name), failure, usage, cost, duration_ms: 1 });
    }
}

fn plain(line: &str) -> String {
    anstream::adapter::strip_str(line).to_string()
}

/// A run with a repair, a rate limit, a failure in a branch and hostile text, as it is shown.
fn shown(width: Option<usize>, unicode: bool) -> String {
    let mut run = run(Look { width, unicode }, None);
    let (review, draft) = ("write_article/polish[0]/review", "write_article/text");
    run.start(0, draft, 0, 0, Some("ollama/llama3.2"));
    run.finish(1_250, draft, 312, 45, 0);
    run.start(1_300, review, 0, 0, Some("openai/gpt-4.1-mini"));
    run.retry(2_000, review, 0, Failure::new(Kind::RateLimited, "slow down\u{1b}[2J please"), 4_000);
    run.start(4_000, review, 1, 0, Some("openai/gpt-4.1-mini"));
    run.retry(5_000, review, 0, Failure::new(Kind::BadAnswer, "$.score: must be from 1 to 5, got 7"), 5_000);
    run.start(5_000, review, 0, 1, Some("openai/gpt-4.1-mini"));
    run.start(6_000, "write_article/facts", 0, 0, None);
    let piece = run.fold.delta(&step(review), Some("x".repeat(400)), None, Time(6_000));
    assert_eq!(run.view.see(&piece), None);
    let running = run.view.lines(Time(6_500));
    run.finish(7_000, review, 1_100, 210, 12_345_678);
    run.fail(
        8_000,
        "write_article/facts",
        Failure::new(Kind::Unavailable, "http://localhost:1 can't be reached"),
    );
    let mut out = std::mem::take(&mut run.out);
    out.push("-- running".into());
    out.extend(running.iter().map(|line| plain(line)));
    if let Some(width) = width {
        for line in out.iter().flat_map(|lines| lines.lines()) {
            assert!(line.width() <= width, "{line:?} is wider than {width}");
        }
    }
    out.push("-- end".into());
    out.push(summary("failed", run.fold.trace(), unicode));
    out.join("\n")
}

#[test]
fn in_a_pipe() {
    insta::assert_snapshot!(shown(None, true));
}

#[test]
fn on_a_wide_terminal() {
    insta::assert_snapshot!(shown(Some(120), true));
}

#[test]
fn on_a_narrow_terminal_without_unicode() {
    insta::assert_snapshot!(shown(Some(40), false));
}

#[test]
fn many_steps_are_counted() {
    let mut run = run(Look { width: Some(80), unicode: true }, None);
    for at in 0..1_000 {
        run.start(0, &format!("f/x[{at}]"), 0, 0, None);
    }
    let lines = run.view.lines(Time(0));
    assert_eq!(lines.len(), 9);
    assert_eq!(plain(&lines[8]), "  and 992 more");
}

#[test]
fn a_simulated_run_says_so() {
    let mut run = run(
        Look { width: None, unicode: true },
        Some(Simulation { models_only: false, worst: false, seed: 0 }),
    );
    run.start(0, "f/x", 0, 0, Some("openai/gpt-4.1-mini"));
    run.finish(1_000, "f/x", 10, 5, 42_000);
    let trace = Arc::new(run.fold.into_trace());
    insta::assert_snapshot!(
        summary("done", &trace, true),
        @"done in 1.0s · 1 step · 10 in, 5 out · simulated, nothing spent (it would cost about $0.000042)"
    );
}

#[test]
fn a_wait_shows_how_long() {
    let mut run = run(Look { width: Some(60), unicode: true }, None);
    run.see(0, Event::WaitStarted { step: step("f/wait"), until: Time(90_000) });
    assert_eq!(plain(&run.view.lines(Time(30_000))[0]), "⠋  30.0s  f/wait  wait  waits 1m00s");
}

#[test]
fn an_emitted_value_is_a_line() {
    let mut run = run(Look { width: Some(40), unicode: true }, None);
    let value = serde_json::json!({"text": "\u{1b}[31mred", "rest": "x".repeat(99)});
    run.see(0, Event::Emitted { step: step("f/emit"), value });
    run.see(0, Event::RaceWon { step: step("f"), arm: 1 });
    assert_eq!(run.out, ["→   0.0s  f/emit  {\"text\":\"\\u001b[31mre…"]);
}
