//! Models' texts as they come, one step at a time: what other steps write or come to meanwhile is kept until the one that
//! is shown is over, so that texts of parallel branches don't mix.

use flow_diagnostics::escape;
use flow_runtime_api::Coordinate;
use flow_trace::{EventKind, RunEvent};
use indexmap::IndexMap;

use crate::terminal::BOLD;

/// What is shown, and what waits to be.
#[derive(Debug, Default)]
pub struct Streams {
    current: Option<Coordinate>,
    /// The last line of the shown text is open.
    is_open: bool,
    waiting: IndexMap<Coordinate, Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    text: String,
    /// Lines about the step itself, and whether they end it.
    lines: Vec<String>,
    is_over: bool,
}

impl Streams {
    /// Takes an event with the line that tells it, and returns what to write now.
    pub fn see(&mut self, event: &RunEvent, line: Option<String>) -> String {
        let mut out = String::new();
        let Some(step) = &event.step else {
            out.extend(line.map(|line| line + "\n"));
            return out;
        };
        let is_over =
            matches!(event.event, EventKind::StepFinished | EventKind::StepFailed | EventKind::Cancelled);
        let text = event.text.as_deref().filter(|_| event.event == EventKind::Delta);
        if self.current.is_none() && text.is_some() {
            self.open(step.clone(), &mut out);
        }
        match &self.current {
            Some(current) if current == step => {
                if let Some(text) = text {
                    self.write(text, &mut out);
                }
                if let Some(line) = line {
                    self.close_line(&mut out);
                    out.push_str(&(line + "\n"));
                }
                if is_over {
                    self.next(&mut out);
                }
            }
            Some(_) if text.is_some() || line.is_some() => {
                let waiting = self.waiting.entry(step.clone()).or_default();
                waiting.text.push_str(text.unwrap_or_default());
                waiting.lines.extend(line);
                waiting.is_over |= is_over;
            }
            _ => out.extend(line.map(|line| line + "\n")),
        }
        out
    }

    /// Returns what is left to write when the run is over.
    pub fn end(&mut self) -> String {
        let mut out = String::new();
        self.close_line(&mut out);
        self.current = None;
        for (step, waiting) in std::mem::take(&mut self.waiting) {
            self.show(&step, &waiting, &mut out);
        }
        out
    }

    fn open(&mut self, step: Coordinate, out: &mut String) {
        out.push_str(&format!("{BOLD}{}{BOLD:#}\n", escape(&step.0)));
        self.current = Some(step);
    }

    fn write(&mut self, text: &str, out: &mut String) {
        let lines: Vec<_> = text.split('\n').map(escape).collect();
        out.push_str(&lines.join("\n"));
        self.is_open = !text.ends_with('\n') && (self.is_open || !text.is_empty());
    }

    fn close_line(&mut self, out: &mut String) {
        if std::mem::take(&mut self.is_open) {
            out.push('\n');
        }
    }

    /// Shows what was over meanwhile, and goes on with the first text that isn't.
    fn next(&mut self, out: &mut String) {
        self.close_line(out);
        self.current = None;
        let mut rest = std::mem::take(&mut self.waiting).into_iter();
        for (step, waiting) in rest.by_ref() {
            if waiting.is_over || waiting.text.is_empty() {
                self.show(&step, &waiting, out);
                continue;
            }
            out.extend(waiting.lines.iter().map(|line| line.clone() + "\n"));
            self.open(step, out);
            self.write(&waiting.text, out);
            break;
        }
        self.waiting = rest.collect();
    }

    fn show(&mut self, step: &Coordinate, waiting: &Waiting, out: &mut String) {
        if !waiting.text.is_empty() {
            self.open(step.clone(), out);
            self.write(&waiting.text, out);
            self.close_line(out);
            self.current = None;
        }
        out.extend(waiting.lines.iter().map(|line| line.clone() + "\n"));
    }
}

#[cfg(test)]
mod tests {
    use flow_runtime_api::{RunId, Time};

    use super::*;

    fn event(kind: EventKind, step: &str, text: Option<&str>) -> RunEvent {
        let mut event = RunEvent::new(kind, RunId("r".into()), Time(0));
        event.step = Some(Coordinate(step.into()));
        event.text = text.map(String::from);
        event
    }

    #[test]
    fn texts_of_parallel_steps_do_not_mix() {
        let mut streams = Streams::default();
        let mut out = String::new();
        let mut delta = |streams: &mut Streams, step: &str, text: &str| {
            out.push_str(&streams.see(&event(EventKind::Delta, step, Some(text)), None));
        };
        delta(&mut streams, "f/a", "one ");
        delta(&mut streams, "f/b", "uno ");
        delta(&mut streams, "f/a", "two");
        delta(&mut streams, "f/c", "eins\u{1b}[2J\n");
        let finish = |streams: &mut Streams, step: &str| {
            streams.see(&event(EventKind::StepFinished, step, None), Some(format!("done {step}")))
        };
        out.push_str(&finish(&mut streams, "f/c"));
        out.push_str(&finish(&mut streams, "f/http"));
        out.push_str(&finish(&mut streams, "f/a"));
        out.push_str(&streams.see(&event(EventKind::Delta, "f/b", Some("due")), None));
        out.push_str(&finish(&mut streams, "f/b"));
        out.push_str(&finish(&mut streams, "f/last"));
        out.push_str(&streams.end());
        insta::assert_snapshot!(anstream::adapter::strip_str(&out).to_string(), @r"
        f/a
        one two
        done f/a
        f/b
        uno due
        done f/b
        f/c
        eins\u{1b}[2J
        done f/c
        done f/http
        done f/last
        ");
    }
}
