//! Drawing a [`View`] on stderr: on a terminal its running steps stay below what is printed; a pipe gets no progress,
//! only what flows emit, and models' texts where they are asked for.

use flow_runtime_api::Time;
use flow_trace::{EventKind, RunEvent};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::streams::Streams;
use super::{Look, View};
use crate::args::Show;
use crate::terminal::{self, Stream};

/// The display of one run.
pub struct Live {
    view: View,
    bar: Option<ProgressBar>,
    streams: Option<Streams>,
}

impl Live {
    /// Draws on stderr. With `--stream` the terminal belongs to models' text, so nothing is kept drawn below it.
    pub fn new(show: &Show) -> Live {
        let stream = show.stream;
        let view = View::new(Look { width: Stream::Err.width(), unicode: terminal::unicode() });
        let bar = (!stream && Stream::Err.is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(20));
            bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is sound"));
            bar
        });
        Live { view, bar, streams: stream.then(Streams::default) }
    }

    /// Takes note of what happens and prints what there is to print.
    pub fn see(&mut self, event: &RunEvent) {
        let line = self.view.see(event);
        match (&mut self.streams, line) {
            (Some(streams), line) => terminal::err(streams.see(event, line)),
            (None, Some(line)) if Stream::Err.is_terminal() || event.event == EventKind::Emitted => {
                self.print(&line)
            }
            (None, _) => {}
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
        match &self.bar {
            Some(bar) => bar.suspend(|| terminal::err(format!("{line}\n"))),
            None => terminal::err(format!("{line}\n")),
        }
    }

    /// Takes the running steps away: what is written next stands below all else.
    pub fn end(&mut self) {
        if let Some(streams) = &mut self.streams {
            terminal::err(streams.end());
        }
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
