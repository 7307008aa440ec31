//! One line of progress: sign, time, coordinate, notes. On a narrow terminal notes go from the left, then the coordinate
//! is cut where it says least; the last note is kept longest.

use anstyle::Style;
use flow_diagnostics::escape;
use unicode_width::UnicodeWidthStr;

use crate::terminal::DIM;
use crate::text;

pub(super) struct Line {
    style: Style,
    sign: &'static str,
    time: String,
    step: String,
    notes: Vec<String>,
    last: String,
    width: Option<usize>,
}

const GAP: usize = 2;
/// A coordinate is cut to this before the last note is.
const STEP_MIN: usize = 16;

impl Line {
    pub(super) fn new(
        style: Style,
        sign: &'static str,
        time: &str,
        step: &str,
        width: Option<usize>,
    ) -> Line {
        let (time, step) = (format!("{time:>6}"), step.to_owned());
        Line { style, sign, time, step, notes: Vec::new(), last: String::new(), width }
    }

    /// Adds what may be left out; an empty note is none.
    pub(super) fn note(mut self, note: &str) -> Line {
        if !note.is_empty() {
            self.notes.push(escape(note).into_owned());
        }
        self
    }

    /// Adds what is left out last.
    pub(super) fn last(mut self, last: &str) -> Line {
        self.last = escape(last).into_owned();
        self
    }

    /// Draws the line with a reason, which is never cut: where it doesn't fit it goes on below.
    pub(super) fn reason(self, reason: &str) -> String {
        let head = self.head();
        let Some(width) = self.width else { return self.last(reason).draw() };
        let notes: usize = self.notes.iter().map(|note| note.width() + GAP).sum();
        if head + self.step.width() + notes + GAP + reason.width() <= width {
            return self.last(reason).draw();
        }
        let mut out = self.draw();
        for line in text::wrap(reason, width.saturating_sub(head).max(20)) {
            out.push_str(&format!("\n{:head$}{line}", ""));
        }
        out
    }

    fn head(&self) -> usize {
        self.sign.width() + 1 + self.time.width() + GAP
    }

    pub(super) fn draw(mut self) -> String {
        let head = self.head();
        if let Some(width) = self.width {
            let room = width.saturating_sub(head);
            let tail = |line: &Line| {
                let notes = line.notes.iter().chain(Some(&line.last).filter(|last| !last.is_empty()));
                notes.map(|note| note.width() + GAP).sum::<usize>()
            };
            while !self.notes.is_empty() && self.step.width() + tail(&self) > room {
                self.notes.remove(0);
            }
            let for_step = room.saturating_sub(tail(&self)).max(STEP_MIN.min(room));
            self.step = text::fit_left(&self.step, for_step).into_owned();
            let left = room.saturating_sub(self.step.width() + GAP);
            self.last = if left < 4 { String::new() } else { text::fit(&self.last, left).into_owned() };
        }
        let Line { style, sign, time, step, notes, last, .. } = self;
        let notes = notes.into_iter().chain(Some(last).filter(|last| !last.is_empty())).collect::<Vec<_>>();
        let tail =
            if notes.is_empty() { String::new() } else { format!("  {DIM}{}{DIM:#}", notes.join("  ")) };
        format!("{style}{sign}{style:#} {time}  {step}{tail}")
    }
}
