use std::fmt;

use anstyle::{AnsiColor, Style};
use flow_source::{FileId, Sources, Span};
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, ThemeCharacters, ThemeStyles};

use super::excerpt::Excerpt;
use crate::codes::Severity;
use crate::diagnostic::{Diagnostic, Label};
use crate::escape::escape;

/// How diagnostics are drawn for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal; long source lines are cut to it and texts wrapped.
    pub width: usize,
    /// Whether colours may be used.
    pub color: bool,
    /// Whether lines are drawn with box characters; else with ASCII.
    pub unicode: bool,
}

impl Default for Look {
    /// 100 columns, no colour, box characters: what suits a file.
    fn default() -> Self {
        Look { width: 100, color: false, unicode: true }
    }
}

/// Draws diagnostics, an empty line after each.
///
/// ```text
/// E0412 (non-exhaustive-route)
///   × this route does not handle every `Kind`
///    ╭─[triage.flow:41:7]
/// 41 │       route result.kind {
///    ·       ──┬──
///    ·         ╰── no arm for `spam`
///    ╰────
///   help: add the missing arm, or `else => …`
/// ```
pub fn human(diagnostics: &[Diagnostic], sources: &Sources, look: &Look) -> String {
    // Narrower than this nothing can be drawn.
    let look = Look { width: look.width.clamp(30, 200), ..*look };
    let handler = handler(&look);
    let mut out = String::new();
    for diagnostic in diagnostics {
        draw(diagnostic, sources, &look, &handler, &mut out);
        out.push('\n');
    }
    out
}

fn handler(look: &Look) -> GraphicalReportHandler {
    let characters = if look.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
    let styles = if look.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_width(look.width)
        .with_context_lines(1)
        .without_syntax_highlighting()
        .without_cause_chain()
}

fn draw(
    diagnostic: &Diagnostic,
    sources: &Sources,
    look: &Look,
    handler: &GraphicalReportHandler,
    out: &mut String,
) {
    heading(diagnostic, look, out);
    let home = diagnostic.primary.at.file;
    let mut files = vec![home];
    for label in &diagnostic.labels {
        if !files.contains(&label.at.file) {
            files.push(label.at.file);
        }
    }
    let last = files.len() - 1;
    for (at, file) in files.into_iter().enumerate() {
        let labels: Vec<(&Label, bool)> = std::iter::once((&diagnostic.primary, true))
            .chain(diagnostic.labels.iter().map(|label| (label, false)))
            .filter(|(label, _)| label.at.file == file)
            .collect();
        let help = if at == last { help(diagnostic) } else { None };
        let piece = Piece::new(diagnostic, sources, file, &labels, help, look);
        let mut drawn = String::new();
        // Writing to a string fails only if miette refuses what it was given: then the message still stands.
        if handler.render_report(&mut drawn, &piece).is_err() {
            drawn = format!("  {}\n", piece.message);
        }
        // miette opens each piece with the message; a further file's lines go on below the first's.
        let body = if at == 0 { drawn.as_str() } else { drawn.split_once('\n').map_or("", |(_, rest)| rest) };
        for line in body.lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// `E0412 (non-exhaustive-route)`.
fn heading(diagnostic: &Diagnostic, look: &Look, out: &mut String) {
    let info = diagnostic.code.info();
    let style = match (look.color, info.severity) {
        (false, _) => Style::new(),
        (true, Severity::Error) => AnsiColor::Red.on_default().bold(),
        (true, Severity::Warning) => AnsiColor::Yellow.on_default().bold(),
    };
    out.push_str(&format!("{style}{}{style:#} ({})\n", info.code, info.name));
}

/// The help, and below it what each fix would do.
fn help(diagnostic: &Diagnostic) -> Option<String> {
    let mut lines: Vec<String> =
        diagnostic.help.iter().flat_map(|help| help.lines()).map(|l| escape(l).into()).collect();
    for fix in &diagnostic.fixes {
        let title = escape(&fix.title);
        let known = lines.first().is_some_and(|help| help.eq_ignore_ascii_case(&title));
        match lines.is_empty() {
            true => lines.push(title.into_owned()),
            false if !known => lines.push(format!("fix: {title}")),
            false => {}
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What of a diagnostic lies in one file, as miette wants it.
struct Piece {
    message: String,
    severity: miette::Severity,
    labels: Vec<LabeledSpan>,
    source: Excerpt,
    help: Option<String>,
}

impl Piece {
    fn new(
        diagnostic: &Diagnostic,
        sources: &Sources,
        file: FileId,
        labels: &[(&Label, bool)],
        help: Option<String>,
        look: &Look,
    ) -> Piece {
        let spans: Vec<Span> = labels.iter().map(|(label, _)| label.at.span).collect();
        // Beside a line stand its number, a bar, and what joins the lines of a tall label.
        let margin = sources.line_count(file).to_string().len() + 6;
        let source = Excerpt::new(sources, file, &spans, look.width.saturating_sub(margin).max(20));
        let labels = labels.iter().enumerate().map(|(at, (label, primary))| {
            let range = source.label(at);
            // The text stands to the right of an arrow from the label's middle.
            let middle = source.drawn_column(at) + range.len().min(look.width) / 2;
            let room = look.width.saturating_sub(margin + middle + 5).max(12);
            let text = (!label.text.is_empty()).then(|| wrap(&escape(&label.text), room));
            let span = (range.start, range.len());
            if *primary {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        });
        let labels = labels.collect();
        Piece {
            message: escape(&diagnostic.message).into_owned(),
            severity: match diagnostic.severity() {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
            },
            labels,
            source,
            help,
        }
    }
}

/// Breaks a text between words into lines of about `width` characters.
fn wrap(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Piece {}

impl miette::Diagnostic for Piece {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
