//! Drawing a [`View`] on stderr: on a terminal its running steps stay below what is printed, in a pipe a line is printed
//! when a step is over.

use flow_runtime_api::{Coordinate, Time};
use flow_trace::{EventKind, RunEvent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Look, View};
use crate::terminal::{self, BOLD, Stream};

/// The display of one run.
pub struct Live {
    view: View,
    bar: Option<ProgressBar>,
    stream: bool,
    /// Whose text is being streamed; its last line may be open.
    streaming: Option<Coordinate>,
}

impl Live {
    /// Draws on stderr. With `stream` the terminal belongs to models' text, so nothing is kept drawn below it.
    pub fn new(stream: bool) -> Live {
        let view = View::new(Look { width: Stream::Err.width(), unicode: terminal::unicode() });
        let bar = (!stream && Stream::Err.is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(20));
            bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is sound"));
            bar
        });
        Live { view, bar, stream, streaming: None }
    }

    /// Takes note of what happens and prints what there is to print.
    pub fn see(&mut self, event: &RunEvent) {
        if self.stream && event.event == EventKind::Delta {
            self.stream(event);
        }
        if let Some(line) = self.view.see(event) {
            self.print(&line);
        }
    }

    /// Draws the running steps as they stand now.
    pub fn tick(&mut self, now: Time) {
        if let Some(bar) = &self.bar {
            let lines = self.view.lines(now).join("\n");
            // The bar doesn't know what was decided about colours.
            let plain = || anstream::adapter::strip_str(&lines).to_string();
            bar.set_message(if Stream::Err.look().color { lines.clone() } else { plain() });
        }
    }

    /// Prints a line above the running steps.
    pub fn print(&mut self, line: &str) {
        self.end_text();
        match &self.bar {
            Some(bar) => bar.suspend(|| terminal::err(format!("{line}\n"))),
            None => terminal::err(format!("{line}\n")),
        }
    }

    /// Takes the running steps away: what is written next stands below all else.
    pub fn end(&mut self) {
        self.end_text();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Prints a piece of a model's text, under the name of its step where that changes.
    fn stream(&mut self, event: &RunEvent) {
        let (Some(step), Some(text)) = (&event.step, &event.text) else { return };
        if self.streaming.as_ref() != Some(step) {
            self.end_text();
            terminal::err(format!("{BOLD}{}{BOLD:#}\n", flow_diagnostics::escape(&step.0)));
            self.streaming = Some(step.clone());
        }
        let lines: Vec<_> = text.split('\n').map(flow_diagnostics::escape).collect();
        terminal::err(lines.join("\n"));
    }

    fn end_text(&mut self) {
        if self.streaming.take().is_some() {
            terminal::err("\n");
        }
    }
}
