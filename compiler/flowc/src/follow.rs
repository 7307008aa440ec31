//! Following a run from its start, or its resumption, to its end: events, progress, signals, result, exit code.

use std::path::PathBuf;
use std::time::Duration;

use flow_diagnostics::escape;
use flow_host::{HostError, Outcome as Finished, RunHandle, StoreUrl};
use flow_ir::plan::Places;
use flow_runtime_api::{Failure, RunId};
use flow_trace::{EventKind, RunEvent, Trace};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use unicode_width::UnicodeWidthStr;

use crate::args::{Show, Store, Tapes};
use crate::clock;
use crate::exit::{Code, Outcome, Stop};
use crate::place::Place;
use crate::progress::{self, live::Live};
use crate::show;
use crate::terminal::{self, BOLD, DIM, RED, Stream, YELLOW};
use crate::text;

/// How often running steps are drawn anew.
const FRAME: Duration = Duration::from_millis(100);

/// What is told of a run besides its events.
pub struct Told<'a> {
    pub show: &'a Show,
    /// Where steps stand in the sources.
    pub places: &'a Places,
    /// What `flowc resume` needs behind the id: `--store`, `--tape`.
    pub flags: Flags,
}

/// Flags behind an id, ready to be shown: each with a space before it.
pub struct Flags {
    /// Where the run is found.
    store: String,
    /// What its answers come from, or go to.
    tape: String,
    /// Whether the run outlives this process.
    is_kept: bool,
}

/// Returns the flags by which `flowc resume`, started in this folder, goes on as this command does.
pub fn flags(place: &Place, store: &Store, tapes: &Tapes) -> Result<Flags, Stop> {
    let own = place.store(store)?;
    let flag = |name: &str, value: &str| format!(" --{name} {}", quoted(value));
    let file =
        |name: &str, path: &Option<PathBuf>| path.as_ref().map(|path| flag(name, &path.to_string_lossy()));
    Ok(Flags {
        is_kept: !matches!(own, StoreUrl::Memory),
        store: store_flag(&own),
        tape: file("tape", &tapes.tape).or_else(|| file("record", &tapes.record)).unwrap_or_default(),
    })
}

/// Returns ` --store URL`, or nothing if a command started in this folder finds the store without.
pub fn store_flag(own: &StoreUrl) -> String {
    let found =
        Place::here().and_then(|here| here.store(&Store { url: None })).map(|found| found.to_string());
    let own = own.to_string();
    if found.is_ok_and(|found| found == own) { String::new() } else { format!(" --store {}", quoted(&own)) }
}

/// Quotes a word for a shell, if it needs it.
fn quoted(word: &str) -> String {
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c));
    if plain && !word.is_empty() { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Whether pieces of answers are looked at: as text, as events, or by the running steps that a terminal shows.
pub fn wants_pieces(show: &Show) -> bool {
    show.stream || show.json || Stream::Err.is_terminal()
}

/// Follows a run to its end.
pub async fn follow(mut handle: RunHandle, told: &Told<'_>) -> Outcome {
    let run = handle.run().clone();
    let interrupter = handle.interrupter();
    let mut signals = Signals::new()?;
    let mut live = Live::new(told.show.stream);
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut stopped_by = None;
    let mut listened_to = true;
    loop {
        tokio::select! {
            biased;
            code = signals.next() => {
                if stopped_by.is_some() {
                    // Whoever asks twice doesn't want to wait. What is in flight is dealt with when the run is resumed.
                    live.end();
                    terminal::err(resume_line(&run, told));
                    std::process::exit(code as i32);
                }
                stopped_by = Some(code);
                live.print(&format!("{YELLOW}stopping{YELLOW:#}; again to end at once"));
                interrupter.interrupt();
            }
            _ = frames.tick() => live.tick(clock::now()),
            event = handle.next() => match event {
                Some(event) => {
                    if told.show.json && listened_to && terminal::out(event.to_line() + "\n").is_err() {
                        // Nobody reads any more, so nobody wants the rest.
                        listened_to = false;
                        stopped_by.get_or_insert(Code::Interrupted);
                        interrupter.interrupt();
                    }
                    if event.event == EventKind::RunStarted || event.event == EventKind::Resumed {
                        live.print(&opening(&event, Stream::Err.width()));
                    }
                    live.see(&event);
                }
                None => break,
            },
        }
    }
    let ended = handle.finish().await;
    live.end();
    end(ended, &run, told, stopped_by)
}

/// `run 0193… of hello, simulated: nothing leaves this machine`, on two lines where one is too short.
fn opening(event: &RunEvent, width: Option<usize>) -> String {
    let of = event.flow.as_ref().map(|flow| format!("of {}", escape(flow))).unwrap_or_default();
    let again = if event.event == EventKind::Resumed { ", resumed" } else { "" };
    let (simulated, how) = match (event.simulated, event.simulation) {
        (false, _) => ("", ""),
        (true, Some(simulation)) if simulation.models_only => ("simulated models", ": no model is asked"),
        (true, _) => ("simulated", ": nothing leaves this machine"),
    };
    let comma = if simulated.is_empty() { "" } else { ", " };
    let columns = format!("run {} {of}{again}{comma}{simulated}{how}", event.run).width();
    let gap = if width.is_some_and(|width| columns > width) { "\n" } else { " " };
    let run = escape(&event.run.0);
    format!("{DIM}run{DIM:#} {run}{gap}{of}{again}{comma}{YELLOW}{simulated}{YELLOW:#}{how}")
}

fn end(
    ended: Result<Finished, HostError>,
    run: &RunId,
    told: &Told<'_>,
    stopped_by: Option<Code>,
) -> Outcome {
    match ended {
        Ok(finished) => {
            if !told.show.json {
                let result = match Stream::Out.is_terminal() {
                    true => show::pretty(&finished.result),
                    false => finished.result.to_string(),
                };
                terminal::out(result + "\n")?;
            }
            terminal::err(last_line("done", &finished.trace));
            Ok(Code::Done)
        }
        Err(HostError::Failed { failure, trace, .. }) => {
            terminal::err(failed(&failure, told.places));
            if told.flags.is_kept {
                let show = format!("flowc runs show {run}{}", told.flags.store);
                terminal::err(format!("  see every step with {BOLD}{show}{BOLD:#}\n"));
            }
            terminal::err(last_line("failed", &trace));
            Ok(if failure.missing { Code::Environment } else { Code::RunFailed })
        }
        Err(HostError::Suspended { reason, until, trace, .. }) => {
            let due = until.map(|at| format!(", due {}", at.rfc3339())).unwrap_or_default();
            terminal::err(format!("{YELLOW}waits{YELLOW:#}: {}{due}\n", escape(&reason)));
            terminal::err(last_line("suspended", &trace));
            terminal::err(resume_lines(run, &trace, told));
            Ok(Code::Suspended)
        }
        Err(HostError::Interrupted { trace, .. }) => {
            terminal::err(last_line("interrupted", &trace));
            terminal::err(resume_lines(run, &trace, told));
            Ok(stopped_by.unwrap_or(Code::Interrupted))
        }
        Err(HostError::Environment { message, help, run }) => {
            let resume = run.filter(|_| told.flags.is_kept).map(|run| {
                format!("then go on with `flowc resume {run}{}{}`", told.flags.store, told.flags.tape)
            });
            let help = [Some(help).filter(|help| !help.is_empty()), resume]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>();
            Err(Stop { code: Code::Environment, message, help: (!help.is_empty()).then(|| help.join("; ")) })
        }
        Err(error @ HostError::Usage { .. }) => Err(error.into()),
    }
}

/// Why a run failed, and where.
fn failed(failure: &Failure, places: &Places) -> String {
    let message: Vec<_> = failure.message.lines().map(escape).collect();
    let mut out = format!("{RED}{BOLD}{}{BOLD:#}{RED:#}: {}\n", escape(&failure.kind), message.join("\n  "));
    if let Some(step) = &failure.step {
        let place =
            places.steps.get(&step.place()).map(|place| format!(" ({})", escape(place))).unwrap_or_default();
        out.push_str(&format!("  at {}{place}\n", escape(&step.0)));
    }
    out
}

fn last_line(ended: &str, trace: &Trace) -> String {
    let summary = progress::summary(ended, trace, terminal::unicode());
    let lines = text::wrap(&summary, Stream::Err.width().unwrap_or(usize::MAX));
    lines.join("\n") + "\n"
}

/// The lines that go on with a run: one, or for each step of uncertain outcome two.
fn resume_lines(run: &RunId, trace: &Trace, told: &Told<'_>) -> String {
    let open: Vec<_> = trace.uncertain().collect();
    if open.is_empty() || !told.flags.is_kept {
        return resume_line(run, told);
    }
    let mut out = String::new();
    for step in &open {
        let name = quoted(&step.step.0);
        let which = if open.len() > 1 { format!(" --step {name}") } else { String::new() };
        let line = |how: &str| {
            let Flags { store, tape, .. } = &told.flags;
            format!("{BOLD}flowc resume {run}{store}{tape} {}{BOLD:#}", escape(how))
        };
        let shown = escape(&step.step.0);
        let (answer, rerun) = (line(&format!("--answer JSON{which}")), line(&format!("--rerun {name}")));
        out.push_str(&format!("`{shown}` was sent and not answered\n"));
        out.push_str(&format!("if it was done, give its result: {answer}\n"));
        out.push_str(&format!("if not, send it again: {rerun}\n"));
    }
    out
}

fn resume_line(run: &RunId, told: &Told<'_>) -> String {
    if !told.flags.is_kept {
        return String::from("its store was memory, so it is gone\n");
    }
    format!("go on with {BOLD}flowc resume {run}{}{}{BOLD:#}\n", told.flags.store, told.flags.tape)
}

/// The signals that stop a run.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Signals, Stop> {
        let listen = |kind| {
            signal(kind).map_err(|error| Stop::environment(format_args!("no signals can be caught: {error}")))
        };
        Ok(Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Returns the exit code of the next signal.
    async fn next(&mut self) -> Code {
        tokio::select! {
            _ = self.interrupt.recv() => Code::Interrupted,
            _ = self.terminate.recv() => Code::Terminated,
        }
    }
}

#[cfg(test)]
mod tests {
    use flow_runtime_api::Coordinate;

    use super::*;

    #[test]
    fn a_failure_tells_where_it_stands_in_the_source() {
        let places = Places {
            steps: [("f/polish[]/review".to_owned(), "article.flow:31".to_owned())].into_iter().collect(),
        };
        let step = Some(Coordinate("f/polish[2]/review".into()));
        let failure = Failure { step, ..Failure::new(Kind::BadAnswer, "$.score: must be from 1 to 5\u{7}") };
        insta::assert_snapshot!(anstream::adapter::strip_str(&failed(&failure, &places)).to_string(), @r"
        bad_answer: $.score: must be from 1 to 5\u{7}
          at f/polish[2]/review (article.flow:31)
        ");
    }

    #[test]
    fn a_store_with_a_space_is_quoted() {
        assert_eq!(quoted("sqlite:/a/b.db"), "sqlite:/a/b.db");
        assert_eq!(quoted("sqlite:/a b/it's.db"), r"'sqlite:/a b/it'\''s.db'");
    }
}
