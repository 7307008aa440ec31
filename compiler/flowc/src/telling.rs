//! What is said of a run: its events as lines, progress, its result, why it ended. Said on a thread of its own; whatever
//! is written to stdout and stderr while a run is followed is written here.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use flow_diagnostics::escape;
use flow_host::{HostError, Interrupter, Outcome as Finished};
use flow_ir::plan::Places;
use flow_runtime_api::{Coordinate, Failure, RunId};
use flow_trace::{EventKind, RunEvent, StepTrace, Trace};
use tokio::sync::oneshot;
use unicode_width::UnicodeWidthStr;

use crate::clock;
use crate::exit::{Code, Outcome, Stop};
use crate::follow::{Flags, Told, quoted};
use crate::progress::{self, live::Live};
use crate::show;
use crate::tapes;
use crate::tell;
use crate::terminal::{self, BOLD, DIM, RED, Stream, YELLOW};
use crate::text;

/// How often running steps are drawn anew.
const FRAME: Duration = Duration::from_millis(100);

/// Questions that are told when a run suspends; the rest are counted.
const ASKED_MAX: usize = 10;

/// What there is to say next.
pub enum Word {
    Event(Box<RunEvent>),
    /// A signal has come.
    Stopping,
    /// A second signal has come.
    Quit,
    /// The run came to this; a signal's code if one stopped it.
    End(Box<Result<Finished, HostError>>, Option<Code>),
}

/// Where words go. Unbounded: what a run shows is bounded by what models may write.
pub struct Teller(Sender<Word>);

impl Teller {
    pub fn tell(&self, word: Word) {
        // A thread that is gone has nobody to tell.
        let _ = self.0.send(word);
    }
}

/// Starts the thread; it answers with the exit code when all is said.
pub fn start(
    run: RunId,
    told: Told,
    interrupter: Interrupter,
) -> Result<(Teller, oneshot::Receiver<Code>), Stop> {
    let (sender, words) = channel();
    let (done, code) = oneshot::channel();
    let work = move || {
        let live = Live::new(&told.show);
        let speaker = Speaker { run, told, interrupter, live, unheard: None };
        // Nobody waits any more if the process is about to end.
        let _ = done.send(speaker.speak(&words));
    };
    std::thread::Builder::new()
        .name("telling".into())
        .spawn(work)
        .map_err(|error| Stop::environment(format_args!("no thread is to be had: {error}")))?;
    Ok((Teller(sender), code))
}

struct Speaker {
    run: RunId,
    told: Told,
    interrupter: Interrupter,
    live: Live,
    /// Why events can't be written any more.
    unheard: Option<Stop>,
}

impl Speaker {
    fn speak(mut self, words: &Receiver<Word>) -> Code {
        let mut drawn = Instant::now();
        loop {
            let word = match words.recv_timeout(FRAME.saturating_sub(drawn.elapsed())) {
                Ok(word) => Some(word),
                Err(RecvTimeoutError::Timeout) => None,
                // The follower ends with a word; without one it has failed and says so itself.
                Err(RecvTimeoutError::Disconnected) => return Code::Internal,
            };
            match word {
                Some(Word::Event(event)) => self.event(&event),
                Some(Word::Stopping) => {
                    self.live.print(&format!("{YELLOW}stopping{YELLOW:#}; again to end at once"));
                }
                Some(Word::Quit) => {
                    self.live.end();
                    terminal::err(resume_line(&self.run, &self.told));
                    return Code::Interrupted;
                }
                Some(Word::End(ended, stopped_by)) => return self.end(*ended, stopped_by),
                None => {}
            }
            if drawn.elapsed() >= FRAME {
                self.live.tick(clock::now());
                drawn = Instant::now();
            }
        }
    }

    fn event(&mut self, event: &RunEvent) {
        if self.told.show.json
            && self.unheard.is_none()
            && let Err(stop) = terminal::out(event.to_line() + "\n")
        {
            // Nobody reads any more, so nobody wants the rest.
            self.unheard = Some(stop);
            self.interrupter.interrupt();
        }
        if event.event == EventKind::RunStarted || event.event == EventKind::Resumed {
            self.live.print(&opening(event, Stream::Err.width()));
        }
        if event.event == EventKind::Unrecorded {
            let reason = event.reason.as_deref().unwrap_or_default();
            self.live.print(&format!(
                "{RED}{BOLD}the store failed{BOLD:#}{RED:#}: {}\n  the run goes on without it: nothing that follows is on record, and it can't be resumed",
                escape(reason)
            ));
        }
        self.live.see(event);
    }

    fn end(mut self, ended: Result<Finished, HostError>, stopped_by: Option<Code>) -> Code {
        self.live.end();
        let ended = end(ended, &self.run, &self.told, stopped_by);
        // A reader that went away isn't told of; a disk that is full is.
        let ended = match self.unheard.filter(|stop| !stop.message.is_empty()) {
            Some(unheard) => ended.and(Err(unheard)),
            None => ended,
        };
        ended.unwrap_or_else(|stop| {
            tell(&stop);
            stop.code
        })
    }
}

/// `run 0193… of hello, simulated: nothing leaves this machine`, on two lines where one is too short.
fn opening(event: &RunEvent, width: Option<usize>) -> String {
    let of = event.flow.as_ref().map(|flow| format!("of {}", escape(flow))).unwrap_or_default();
    let again = match &event.replay_of {
        Some(of) => format!(", replays {}", escape(&of.run.0)),
        None if event.event == EventKind::Resumed => ", resumed".into(),
        None => String::new(),
    };
    let (simulated, how) = match (event.simulated, event.simulation) {
        (false, _) => ("", ""),
        (true, Some(simulation)) if simulation.models_only => ("simulated models", ": no model is asked"),
        (true, Some(simulation)) if simulation.worst => {
            ("simulated at its worst", ": nothing leaves this machine")
        }
        (true, _) => ("simulated", ": nothing leaves this machine"),
    };
    let comma = if simulated.is_empty() { "" } else { ", " };
    let columns = format!("run {} {of}{again}{comma}{simulated}{how}", event.run).width();
    let gap = if width.is_some_and(|width| columns > width) { "\n" } else { " " };
    let run = escape(&event.run.0);
    format!("{DIM}run{DIM:#} {run}{gap}{of}{again}{comma}{YELLOW}{simulated}{YELLOW:#}{how}")
}

fn end(ended: Result<Finished, HostError>, run: &RunId, told: &Told, stopped_by: Option<Code>) -> Outcome {
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
            told.tape.as_ref().map_or(Ok(()), |tape| tapes::end(tape, true))?;
            Ok(Code::Done)
        }
        Err(HostError::Failed { failure, trace, .. }) => {
            terminal::err(failed(&failure, &told.places));
            if told.flags.is_kept && trace.unrecorded.is_none() {
                let show = format!("flowc runs show {run}{}", told.flags.store);
                terminal::err(format!("  see every step with {BOLD}{show}{BOLD:#}\n"));
            }
            terminal::err(last_line("failed", &trace));
            told.tape.as_ref().map_or(Ok(()), |tape| tapes::end(tape, false))?;
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
        Err(error @ (HostError::Usage { .. } | HostError::Differs { .. } | HostError::Held { .. })) => {
            Err(error.into())
        }
    }
}

/// Why a run failed, and where.
fn failed(failure: &Failure, places: &Places) -> String {
    let message: Vec<_> = failure.message.lines().map(escape).collect();
    let mut out = format!("{RED}{BOLD}{}{BOLD:#}{RED:#}: {}\n", escape(&failure.kind), message.join("\n  "));
    if let Some(step) = &failure.step {
        let place = place_of(step, places).map(|place| format!(" ({})", escape(place))).unwrap_or_default();
        out.push_str(&format!("  at {}{place}\n", escape(&step.0)));
    }
    out
}

/// Where a step stands in the source; a step of a called flow, where the flow is called.
fn place_of<'a>(step: &Coordinate, places: &'a Places) -> Option<&'a str> {
    let path = step.place();
    let mut rest = path.as_str();
    loop {
        if let Some(place) = places.steps.get(rest) {
            return Some(place);
        }
        rest = rest.rsplit_once('/')?.0;
    }
}

fn last_line(ended: &str, trace: &Trace) -> String {
    let summary = progress::summary(ended, trace, terminal::unicode());
    let lines = text::wrap(&summary, Stream::Err.width().unwrap_or(usize::MAX));
    lines.join("\n") + "\n"
}

/// The lines that go on with a run: one, or for each step that waits for somebody, what it is asked and how to answer.
fn resume_lines(run: &RunId, trace: &Trace, told: &Told) -> String {
    if trace.unrecorded.is_some() {
        return String::from("its store failed, so that it can't be resumed\n");
    }
    let (open, asked): (Vec<_>, Vec<_>) = (trace.uncertain().collect(), trace.asked().collect());
    let is_one = open.len() + asked.len() == 1;
    if open.is_empty() && asked.is_empty() || !told.flags.is_kept {
        return resume_line(run, told);
    }
    let line = |how: &str| {
        let Flags { store, tape, .. } = &told.flags;
        format!("{BOLD}flowc resume {run}{store}{tape} {}{BOLD:#}", escape(how))
    };
    let mut out = String::new();
    for step in asked.iter().take(ASKED_MAX) {
        out.push_str(&question(step, is_one, &line));
    }
    if asked.len() > ASKED_MAX {
        let show = format!("flowc runs show {run}{}", told.flags.store);
        out.push_str(&format!("{} more wait; see them with {BOLD}{show}{BOLD:#}\n", asked.len() - ASKED_MAX));
    }
    for step in &open {
        let name = quoted(&step.step.0);
        let which = if is_one { String::new() } else { format!(" --step {name}") };
        let shown = escape(&step.step.0);
        let (answer, rerun) = (line(&format!("--answer JSON{which}")), line(&format!("--rerun {name}")));
        out.push_str(&format!("`{shown}` was sent and not answered\n"));
        out.push_str(&format!("if it was done, give its result: {answer}\n"));
        out.push_str(&format!("if not, send it again: {rerun}\n"));
    }
    out
}

/// What a step waits for, and the lines that answer it.
fn question(step: &StepTrace, is_one: bool, line: &dyn Fn(&str) -> String) -> String {
    let shown = escape(&step.step.0);
    let which = if is_one { String::new() } else { format!(" --step {}", quoted(&step.step.0)) };
    let until = step.until.map(|at| format!(", until {}", at.rfc3339())).unwrap_or_default();
    let Some(question) = &step.question else { return String::new() };
    let mut out = String::new();
    let args = || {
        let args =
            question.args.iter().map(|(name, value)| format!("{name}={}", text::fit(&value.to_string(), 60)));
        escape(&args.collect::<Vec<_>>().join("  ")).into_owned()
    };
    if step.kind == "event" {
        out.push_str(&format!("`{shown}` waits for `{}` {}{until}\n", escape(&step.node), args()));
        out.push_str(&format!("if it has come: {}\n", line(&format!("--answer JSON{which}"))));
        return out;
    }
    out.push_str(&format!("`{shown}` asks{until}\n"));
    for message in question.message.iter().flat_map(|message| message.lines()) {
        out.push_str(&format!("  {}\n", escape(message)));
    }
    if !question.args.is_empty() {
        out.push_str(&format!("  {}\n", args()));
    }
    out.push_str(&format!("answer with {}\n", line(&format!("--answer JSON{which}"))));
    if let Some(form) = &question.form {
        out.push_str(&format!(
            "as it stands, {}: {}\n",
            escape(&text::fit(&form.to_string(), 200)),
            line(&format!("--answer{which}"))
        ));
    }
    out.push_str(&format!("refuse with {}\n", line(&format!("--deny WHY{which}"))));
    out
}

fn resume_line(run: &RunId, told: &Told) -> String {
    if !told.flags.is_kept {
        return String::from("its store was memory, so it is gone\n");
    }
    format!("go on with {BOLD}flowc resume {run}{}{}{BOLD:#}\n", told.flags.store, told.flags.tape)
}

#[cfg(test)]
mod tests {
    use flow_runtime_api::Kind;

    use super::*;

    #[test]
    fn a_failure_tells_where_it_stands_in_the_source() {
        let places = Places {
            steps: [("f/polish/review".to_owned(), "article.flow:31".to_owned())].into_iter().collect(),
        };
        let step = Some(Coordinate("f/polish[2]/review".into()));
        let failure = Failure { step, ..Failure::new(Kind::BadAnswer, "$.score: must be from 1 to 5\u{7}") };
        insta::assert_snapshot!(anstream::adapter::strip_str(&failed(&failure, &places)).to_string(), @r"
        bad_answer: $.score: must be from 1 to 5\u{7}
          at f/polish[2]/review (article.flow:31)
        ");
    }

    #[test]
    fn a_step_is_found_in_loops_and_in_called_flows() {
        let mut places = Places::default();
        places.steps.insert("main/polish/review".into(), "a.flow:7".into());
        places.steps.insert("main/sub".into(), "a.flow:9".into());
        let place = |step: &str| place_of(&Coordinate(step.into()), &places).map(str::to_owned);
        assert_eq!(place("main/polish[3]/review").as_deref(), Some("a.flow:7"));
        assert_eq!(place("main/sub/inner[0]/b").as_deref(), Some("a.flow:9"));
        assert_eq!(place("other/x"), None);
    }
}
