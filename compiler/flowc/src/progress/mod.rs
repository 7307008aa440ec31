//! What is shown of a run while it goes on. [`View`] is fed with the lines of `run --json` and says what to print for
//! good and what to keep drawn below; it is true to the trace because it knows nothing else. [`live`] draws on a terminal.

mod line;
pub mod live;
mod streams;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use flow_diagnostics::escape;
use flow_ir::Name;
use flow_runtime_api::{Coordinate, Cost, Time};
use flow_trace::{EventError, EventKind, RunEvent, StepStatus, Trace};

use crate::show::brief;
use crate::terminal::{CYAN, DIM, GREEN, RED, YELLOW};
use crate::text;
use line::Line;

/// A run as far as it has come.
#[derive(Debug)]
pub struct View {
    look: Look,
    /// In the order in which they started, by their number.
    running: BTreeMap<u64, (Coordinate, Running)>,
    numbers: HashMap<Coordinate, u64>,
    started: u64,
}

/// How it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns; `None` in a pipe, where nothing is cut.
    pub width: Option<usize>,
    /// Whether signs beyond ASCII may be used.
    pub unicode: bool,
}

/// A step in flight.
#[derive(Debug)]
struct Running {
    since: Time,
    node: Option<Name>,
    model: Option<Name>,
    attempt: u32,
    repair: u32,
    /// Until when it only waits: for the next attempt, or for a `wait` to end.
    waits_until: Option<Time>,
    /// Characters of the answer so far.
    streamed: u64,
}

/// Columns of an emitted value at most; on a terminal, what its width leaves.
const EMITTED_MAX: usize = 1_000;

/// Steps drawn at a time; the others are counted.
const RUNNING_MAX: usize = 8;

impl View {
    pub fn new(look: Look) -> View {
        View { look, running: BTreeMap::new(), numbers: HashMap::new(), started: 0 }
    }

    /// Takes note of what happens and returns the line to print for good, if there is one.
    pub fn see(&mut self, event: &RunEvent) -> Option<String> {
        let at = event.time.0;
        let step = event.step.as_ref();
        match event.event {
            EventKind::StepStarted => self.started(step?, event, at),
            EventKind::Delta => {
                let streamed = event.text.as_ref().or(event.reasoning.as_ref())?.chars().count() as u64;
                self.running_mut(step?)?.streamed += streamed;
                None
            }
            EventKind::AttemptFailed => self.attempt_failed(step?, event, at),
            EventKind::StepFinished => {
                let took = self.end(step?, at);
                let line = self.line(step?, GREEN, self.sign("✓", "+"), took);
                let line = match &event.model {
                    _ if event.replayed => line.last("replayed"),
                    Some(model) => line
                        .note(model)
                        .note(&event.usage.as_ref().map(text::tokens).unwrap_or_default())
                        .last(&cost(event)),
                    None => line.note(event.node.as_deref().unwrap_or_default()),
                };
                Some(line.draw())
            }
            EventKind::StepFailed => {
                let took = self.end(step?, at);
                let why = reason(event.error.as_ref()?);
                Some(self.line(step?, RED, self.sign("✗", "x"), took).reason(&why))
            }
            EventKind::Cancelled => {
                let took = self.end(step?, at);
                Some(self.line(step?, DIM, self.sign("○", "-"), took).last("stopped").draw())
            }
            EventKind::Emitted => {
                let value = event.result.as_ref().map(|value| brief(value, EMITTED_MAX)).unwrap_or_default();
                Some(self.line(step?, CYAN, self.sign("→", ">"), 0).last(&value).draw())
            }
            EventKind::Delivered => {
                let event = escape(event.node.as_deref().unwrap_or_default()).into_owned();
                Some(format!("kept for `{event}`, until a step waits for it"))
            }
            // What a run comes to is said when the command ends.
            EventKind::RunFinished | EventKind::Suspended => {
                self.running.clear();
                self.numbers.clear();
                None
            }
            EventKind::RunStarted
            | EventKind::Resumed
            | EventKind::ProgramChanged
            | EventKind::ModelChosen
            | EventKind::Unrecorded
            | EventKind::Branch
            | EventKind::UndoRegistered
            | EventKind::UndoDropped => None,
        }
    }

    fn started(&mut self, step: &Coordinate, event: &RunEvent, at: Time) -> Option<String> {
        let known = self.numbers.get(step).copied();
        let number = known.unwrap_or(self.started);
        let running = Running {
            // A later attempt keeps the step's place and its start.
            since: self.running.get(&number).map_or(at, |(_, known)| known.since),
            node: event.node.clone().or_else(|| event.kind.clone()),
            model: event.model.clone(),
            attempt: event.attempt.unwrap_or(0),
            repair: event.repair.unwrap_or(0),
            waits_until: event.until.map(|until| until.0),
            streamed: 0,
        };
        if known.is_none() {
            self.started += 1;
            self.numbers.insert(step.clone(), number);
        }
        self.running.insert(number, (step.clone(), running));
        None
    }

    fn attempt_failed(&mut self, step: &Coordinate, event: &RunEvent, at: Time) -> Option<String> {
        let next_at = event.next_at.map_or(at, |next| next.0);
        let since = self.running_mut(step).map_or(at, |running| {
            running.waits_until = Some(next_at);
            running.since
        });
        let what = match next_at.since(at) {
            0 => String::from("asks again"),
            pause => format!("asks again in {}", text::duration(pause)),
        };
        let line = self.line(step, YELLOW, self.sign("↻", "~"), at.since(since));
        Some(line.note(&what).reason(&reason(event.error.as_ref()?)))
    }

    /// Returns the lines to keep drawn: one for each running step, eight at most.
    pub fn lines(&self, now: Time) -> Vec<String> {
        let mut lines: Vec<String> = self
            .running
            .values()
            .take(RUNNING_MAX)
            .map(|(step, running)| {
                let line = self.line(step, CYAN, self.spinner(now), now.since(running.since));
                let what = running.model.as_deref().or(running.node.as_deref()).unwrap_or_default();
                line.note(what).last(&running.state(now)).draw()
            })
            .collect();
        if self.running.len() > RUNNING_MAX {
            lines.push(format!("  {DIM}and {} more{DIM:#}", self.running.len() - RUNNING_MAX));
        }
        lines
    }

    fn end(&mut self, step: &Coordinate, at: Time) -> u64 {
        let number = self.numbers.remove(step);
        let running = number.and_then(|number| self.running.remove(&number));
        running.map_or(0, |(_, running)| at.since(running.since))
    }

    fn running_mut(&mut self, step: &Coordinate) -> Option<&mut Running> {
        let number = self.numbers.get(step)?;
        self.running.get_mut(number).map(|(_, running)| running)
    }

    fn line(&self, step: &Coordinate, style: anstyle::Style, sign: &'static str, took_ms: u64) -> Line {
        Line::new(style, sign, &text::duration(took_ms), &escape(&step.0), self.look.width)
    }

    fn sign(&self, sign: &'static str, ascii: &'static str) -> &'static str {
        if self.look.unicode { sign } else { ascii }
    }

    fn spinner(&self, now: Time) -> &'static str {
        let frames: &[&str] = match self.look.unicode {
            true => &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
            false => &["|", "/", "-", "\\"],
        };
        frames[usize::try_from(now.0.max(0) / 100).unwrap_or(0) % frames.len()]
    }
}

impl Running {
    /// `waits 2.0s`, `~120 tokens`, `retry 1`, `repair 1`.
    fn state(&self, now: Time) -> String {
        let mut parts = Vec::new();
        if let Some(until) = self.waits_until.filter(|until| until.since(now) > 0) {
            parts.push(format!("waits {}", text::duration(until.since(now))));
        }
        if self.streamed > 0 {
            // About four characters a token: a hint of progress, the provider's count is the truth.
            parts.push(format!("~{} tokens", text::number(self.streamed.div_ceil(4))));
        }
        if self.attempt > 0 {
            parts.push(format!("attempt {}", self.attempt + 1));
        }
        if self.repair > 0 {
            parts.push(format!("repair {}", self.repair));
        }
        parts.join(", ")
    }
}

/// Returns the last line: `done in 12.3s · 5 steps · 1,234 in, 567 out · $0.0123`.
pub fn summary(ended: &str, trace: &Trace, unicode: bool) -> String {
    let count = |status| trace.steps.iter().filter(|step| step.status == status).count() as u64;
    let mut parts = vec![format!("{ended} in {}", text::duration(trace.duration_ms))];
    parts.push(match count(StepStatus::Succeeded) {
        1 => "1 step".into(),
        steps => format!("{} steps", text::number(steps)),
    });
    match count(StepStatus::Failed) {
        0 => {}
        failed => parts.push(format!("{} failed", text::number(failed))),
    }
    parts.extend(Some(text::tokens(&trace.usage)).filter(|tokens| !tokens.is_empty()));
    parts.push(match trace.simulate {
        None => text::cost(&trace.cost),
        Some(_) if trace.cost == Cost::ZERO => "simulated, nothing spent".into(),
        Some(_) if trace.cost.usd().is_none() => {
            String::from("simulated, nothing spent (what it would cost is unknown)")
        }
        Some(_) => format!("simulated, nothing spent (it would cost about {})", text::cost(&trace.cost)),
    });
    parts.join(if unicode { " · " } else { ", " })
}

/// `timeout: no answer within 30s`, on one line.
pub fn reason(error: &EventError) -> String {
    format!("{}: {}", escape(&error.kind), escape(&error.message))
}

fn cost(event: &RunEvent) -> String {
    match event.cost_usd {
        Some(Some(usd)) => text::dollars((usd * 1e9).round() as u64),
        Some(None) => "cost unknown".into(),
        None => String::new(),
    }
}
