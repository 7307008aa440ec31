//! The lines of a file that a drawing shows, made harmless: control characters escaped, long lines cut to a window
//! around what is labelled. miette draws from this text; offsets of labels are translated into it.

use std::ops::Range;

use flow_source::{FileId, Sources, Span};
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use unicode_width::UnicodeWidthChar;

use crate::escape;

/// A label that covers more lines than this is drawn at its first line.
const LINES_OF_A_LABEL_MAX: usize = 8;
/// Lines shown before and after a labelled one.
const CONTEXT_LINES: usize = 1;

/// Some lines of one file. Lines keep their numbers, so what is left out shows as a gap.
pub(super) struct Excerpt {
    name: String,
    text: String,
    lines: Vec<Line>,
    /// Per label, in the order given: where it begins in the file, and its bytes in `text`.
    labels: Vec<(usize, usize, Range<usize>)>,
}

/// A line of the excerpt.
struct Line {
    /// In the file, from 0.
    number: usize,
    /// Its bytes in the excerpt's text, with the line break.
    range: Range<usize>,
}

impl Excerpt {
    /// Takes the lines of `spans` out of a file, each at most `width` columns wide.
    pub(super) fn new(sources: &Sources, file: FileId, spans: &[Span], width: usize) -> Excerpt {
        let placed: Vec<Placed> = spans.iter().map(|span| Placed::new(sources, file, *span)).collect();
        let mut last = sources.line_count(file).saturating_sub(1);
        // What follows the last line break is no line to people.
        if sources.line_span(file, last).is_empty() {
            last = last.saturating_sub(1);
        }
        let mut numbers: Vec<usize> = placed
            .iter()
            .flat_map(|p| {
                p.first.0.saturating_sub(CONTEXT_LINES)..=(p.last.0 + CONTEXT_LINES).min(last.max(p.last.0))
            })
            .collect();
        numbers.sort_unstable();
        numbers.dedup();

        let mut excerpt = Excerpt {
            name: escape::escape(sources.name(file)).into_owned(),
            text: String::new(),
            lines: Vec::new(),
            labels: Vec::new(),
        };
        let mut marks = vec![(None, None); placed.len()];
        for number in numbers {
            let line = sources.slice(file, sources.line_span(file, number));
            // The columns of interest on this line, as bytes: where a label begins or ends.
            let ends = placed.iter().enumerate().flat_map(|(at, p)| {
                let first = (p.first.0 == number).then_some((at, false, p.first.1));
                let last = (p.last.0 == number).then_some((at, true, p.last.1));
                [first, last].into_iter().flatten()
            });
            let ends: Vec<_> = ends.collect();
            let start = excerpt.text.len();
            let bytes: Vec<usize> = ends.iter().map(|end| end.2).collect();
            let shown = show(line, &bytes, width, &mut excerpt.text);
            excerpt.text.push('\n');
            for ((label, is_end, _), at) in ends.into_iter().zip(shown) {
                if is_end { marks[label].1 = Some(at) } else { marks[label].0 = Some(at) }
            }
            excerpt.lines.push(Line { number, range: start..excerpt.text.len() });
        }
        for (p, (start, end)) in placed.iter().zip(marks) {
            let start = start.unwrap_or(0);
            excerpt.labels.push((p.first.0, p.column, start..end.unwrap_or(start).max(start)));
        }
        excerpt
    }

    /// The bytes of a label, by its place in the list that the excerpt was made from.
    pub(super) fn label(&self, at: usize) -> Range<usize> {
        self.labels[at].2.clone()
    }

    /// The column at which a label begins in what is drawn, from 0.
    pub(super) fn drawn_column(&self, at: usize) -> usize {
        let start = self.labels[at].2.start;
        let line =
            self.lines.iter().find(|line| line.range.contains(&start)).map_or(0, |line| line.range.start);
        self.text[line..start].chars().map(columns).sum()
    }

    fn line_of(&self, offset: usize) -> Option<usize> {
        let at = self.lines.partition_point(|line| line.range.end <= offset);
        (at < self.lines.len()).then_some(at)
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let end = span.offset() + span.len();
        let (Some(first), Some(last)) =
            (self.line_of(span.offset()), self.line_of(end.saturating_sub(1).max(span.offset())))
        else {
            return Err(MietteError::OutOfBounds);
        };
        let number = |at: usize| self.lines[at].number;
        // A gap within the span: two places that can't be drawn as one piece.
        if number(last) - number(first) != last - first {
            return Err(MietteError::OutOfBounds);
        }
        // Without context it is the heading's place that is asked for.
        if before == 0 && after == 0 {
            let known = self.labels.iter().find(|label| label.2.start == span.offset());
            let (line, column) = known.map_or((number(first), 0), |label| (label.0, label.1));
            let data = &self.text.as_bytes()[self.lines[first].range.clone()];
            return Ok(Box::new(MietteSpanContents::new_named(
                self.name.clone(),
                data,
                *span,
                line,
                column,
                1,
            )));
        }
        let joined = |from: usize, to: usize| number(to) - number(from) == to - from;
        let top = (0..=before)
            .rev()
            .filter_map(|n| first.checked_sub(n))
            .find(|&at| joined(at, first))
            .unwrap_or(first);
        let bottom =
            (last..=last + after).rev().find(|&at| at < self.lines.len() && joined(last, at)).unwrap_or(last);
        let range = self.lines[top].range.start..self.lines[bottom].range.end;
        let shown = SourceSpan::new(range.start.into(), range.len());
        let data = &self.text.as_bytes()[range];
        let count = bottom - top + 1;
        Ok(Box::new(MietteSpanContents::new_named(self.name.clone(), data, shown, number(top), 0, count)))
    }
}

/// A span by lines, from 0, and bytes within them.
struct Placed {
    first: (usize, usize),
    last: (usize, usize),
    /// Of its start, in characters from 0, in the file's own line.
    column: usize,
}

impl Placed {
    fn new(sources: &Sources, file: FileId, span: Span) -> Placed {
        let position = sources.position(file, span.start);
        let first_line = position.line as usize - 1;
        // A span that ends at the very start of a line ends, for the eye, on the line before.
        let end = if span.is_empty() { span.start } else { span.end };
        let mut last_line = sources.position(file, end).line as usize - 1;
        if last_line > first_line && sources.line_span(file, last_line).start >= end {
            last_line -= 1;
        }
        let within = |line: usize, offset: u32| {
            let bounds = sources.line_span(file, line);
            (offset.clamp(bounds.start, bounds.end) - bounds.start) as usize
        };
        let too_tall = last_line - first_line >= LINES_OF_A_LABEL_MAX;
        let last = if too_tall { (first_line, usize::MAX) } else { (last_line, within(last_line, end)) };
        Placed {
            first: (first_line, within(first_line, span.start)),
            last,
            column: position.column as usize - 1,
        }
    }
}

/// Appends a line, escaped and at most `width` columns wide, and returns where each of `marks` (bytes of `line`) came to
/// stand. Of a line that is too wide a window is shown that begins a little before the first of them, the primary label's.
fn show(line: &str, marks: &[usize], width: usize, out: &mut String) -> Vec<usize> {
    // miette draws nothing under an empty last line.
    if line.is_empty() {
        out.push(' ');
        return vec![out.len() - 1; marks.len()];
    }
    let first = marks.first().copied().unwrap_or(0);
    let furthest = marks.iter().copied().filter(|&m| m != usize::MAX).max().unwrap_or(0);
    // Only as much of a line is measured as can matter: a line may be megabytes long.
    let mut wide = 0;
    let fits_until = line.char_indices().find(|(_, c)| {
        wide += shown_columns(*c);
        wide > width
    });
    let (from, mut room) = match fits_until {
        None => (0, usize::MAX),
        Some((end, _)) if furthest < end => (0, width - 1),
        Some(_) => (back(line, first, width / 3), width.saturating_sub(2)),
    };
    if from > 0 {
        out.push('…');
    }
    let mut placed = vec![None; marks.len()];
    let mut place = |byte: usize, at: usize| {
        for (mark, slot) in marks.iter().zip(&mut placed) {
            if slot.is_none() && *mark <= byte {
                *slot = Some(at);
            }
        }
    };
    for (at, c) in line[from..].char_indices() {
        place(from + at, out.len());
        match room.checked_sub(shown_columns(c)) {
            Some(left) => room = left,
            None => {
                out.push('…');
                place(usize::MAX, out.len());
                break;
            }
        }
        if c == '\t' { out.push('\t') } else { escape::push(out, c) }
    }
    let end = out.len();
    placed.into_iter().map(|at| at.unwrap_or(end)).collect()
}

/// The byte that lies about `columns` columns before `byte`.
fn back(line: &str, byte: usize, columns: usize) -> usize {
    let byte = line.floor_char_boundary(byte);
    line[..byte].char_indices().rev().nth(columns.saturating_sub(1)).map_or(0, |(at, _)| at)
}

/// The columns of a character as it is shown, escapes counted at their longest.
fn shown_columns(c: char) -> usize {
    if escape::is_hostile(c) { 10 } else { columns(c) }
}

fn columns(c: char) -> usize {
    if c == '\t' { 4 } else { c.width().unwrap_or(0) }
}
