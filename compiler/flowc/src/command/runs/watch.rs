//! `flowc runs show ID --watch`: follows a run that some process executes, from its journal.

use std::io::Write;
use std::time::Duration;

use flow_diagnostics::escape;
use flow_host::Host;
use flow_runtime_api::{RunId, RunStatus};
use flow_trace::{Fold, RunEvent, Trace};

use super::show::look;
use crate::args::RunsShow;
use crate::exit::{Code, Outcome, Stop};
use crate::follow::Signals;
use crate::progress::{self, View};
use crate::terminal::{self, BOLD, Stream};
use crate::waterfall::{self, Look};
use crate::{clock, show, text};

/// How often the journal is looked at.
const POLL: Duration = Duration::from_millis(250);

/// What is told while the run goes on.
enum Form {
    /// Drawn anew in place.
    Screen(Screen),
    /// A line for what happens.
    Lines(View),
    /// An event a line.
    Json,
}

pub async fn follow(host: &Host, run: &RunId, args: &RunsShow) -> Outcome {
    let mut form = match Stream::Out.is_terminal() {
        _ if args.json => Form::Json,
        true => Form::Screen(Screen::default()),
        false => Form::Lines(View::new(progress::Look { width: None, unicode: terminal::unicode() })),
    };
    let mut signals = Signals::new()?;
    let mut fold = Fold::new(run.clone());
    let mut seq = 0;
    loop {
        // Who lets go of a run has written its last word before: asked in this order nothing is missed.
        let alive = host.alive(run).await?;
        let records = host.records_from(run, seq).await?;
        seq += records.len() as u64;
        for record in &records {
            let event = fold.apply(record);
            form.tell(&event)?;
        }
        let trace = fold.trace();
        if is_over(trace.status, alive) {
            return form.end(fold, args, alive);
        }
        if let Form::Screen(screen) = &mut form {
            screen.draw(trace, look(args.all, alive))?;
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            code = signals.next() => return Ok(code),
        }
    }
}

/// Whether nothing more will happen by itself. A suspended run may be gone on with by who drives what is due.
fn is_over(status: RunStatus, alive: bool) -> bool {
    match status {
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => true,
        RunStatus::Suspended => false,
        RunStatus::Running | RunStatus::Interrupted | RunStatus::Unrecorded => !alive,
    }
}

impl Form {
    fn tell(&mut self, event: &RunEvent) -> Result<(), Stop> {
        match self {
            Form::Screen(_) => Ok(()),
            Form::Json => terminal::out(event.to_line() + "\n"),
            Form::Lines(view) => match (view.see(event), &event.reason) {
                (Some(line), _) => terminal::out(line + "\n"),
                (None, Some(reason)) => {
                    terminal::out(format!("{}: {}\n", event.event.name(), escape(reason)))
                }
                (None, None) => Ok(()),
            },
        }
    }

    /// Says how it ended.
    fn end(self, fold: Fold, args: &RunsShow, alive: bool) -> Outcome {
        let trace = if alive { fold.into_trace() } else { fold.into_cut_off() };
        match self {
            Form::Json => {}
            Form::Lines(_) => {
                let ended = show::status(trace.status, alive);
                terminal::out(progress::summary(ended, &trace, terminal::unicode()) + "\n")?;
            }
            Form::Screen(mut screen) => {
                screen.clear()?;
                terminal::out(show::run(&trace, clock::now(), look(args.all, alive)))?;
            }
        }
        Ok(Code::Done)
    }
}

/// The lower end of a terminal, drawn again and again.
#[derive(Default)]
struct Screen {
    lines: usize,
    last: String,
}

impl Screen {
    fn draw(&mut self, trace: &Trace, look: Look) -> Result<(), Stop> {
        let frame = frame(trace, look, Stream::Out.height());
        if frame == self.last {
            return Ok(());
        }
        self.clear()?;
        terminal::out(&frame)?;
        self.lines = frame.lines().count();
        self.last = frame;
        Ok(())
    }

    /// Takes away what was drawn last.
    fn clear(&mut self) -> Result<(), Stop> {
        if self.lines > 0 {
            // Not through `terminal::out`: without colours it takes these away, too.
            let mut out = std::io::stdout().lock();
            write!(out, "\x1b[{}A\r\x1b[J", self.lines)?;
            out.flush()?;
            self.lines = 0;
        }
        Ok(())
    }
}

/// Draws as much of a run as a screen holds; each line is a line of it.
fn frame(trace: &Trace, look: Look, height: usize) -> String {
    let width = look.width.unwrap_or(80);
    let height = height.saturating_sub(1).max(4);
    let status = progress::summary(show::status(trace.status, look.alive), trace, look.unicode);
    let head = [format!("{} {}", trace.flow, trace.run), status];
    let mut lines: Vec<String> =
        head.iter().map(|line| text::fit(&escape(line), width).into_owned()).collect();
    lines[0] = format!("{BOLD}{}{BOLD:#}", lines[0]);
    if let Some(reason) = &trace.waits_for {
        lines.push(text::fit(&escape(&format!("waits: {reason}")), width).into_owned());
    }
    // The titles and what is told beneath a step need lines, too.
    let mut rows = height.saturating_sub(lines.len() + 2).max(1);
    loop {
        let drawn = waterfall::draw(trace, clock::now(), Look { lines_max: Some(rows), ..look });
        let count = drawn.lines().count();
        if lines.len() + count <= height || rows == 1 {
            lines.extend(drawn.lines().take(height - lines.len()).map(String::from));
            return lines.join("\n") + "\n";
        }
        rows = rows.saturating_sub((lines.len() + count - height).max(1)).max(1);
    }
}
