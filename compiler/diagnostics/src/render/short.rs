use codespan_reporting::diagnostic::{Diagnostic as Drawn, Label, Severity as Level};
use codespan_reporting::term::{Config, DisplayStyle, emit_to_string};
use flow_source::{FileId, Sources};

use crate::codes::Severity;
use crate::diagnostic::Diagnostic;
use crate::escape::escape;

/// Renders a line per diagnostic: `triage.flow:41:7: error[E0412]: this route does not handle every `Kind``.
pub fn short(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let config = Config { display_style: DisplayStyle::Short, ..Config::default() };
    let names = Escaped(sources);
    let mut out = String::new();
    for diagnostic in diagnostics {
        let at = diagnostic.primary.at;
        let start = (at.span.start as usize).min(sources.text(at.file).len());
        let level = match diagnostic.severity() {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        };
        let drawn = Drawn::new(level)
            .with_code(diagnostic.code.info().code)
            .with_message(escape(&diagnostic.message))
            .with_label(Label::primary(at.file, start..start));
        if emit_to_string(&mut out, &config, &names, &drawn).is_err() {
            // The file isn't among the sources: the problem is still told, without a place.
            let unplaced = Drawn { labels: Vec::new(), ..drawn };
            let _ = emit_to_string(&mut out, &config, &names, &unplaced);
        }
    }
    out
}

/// The same sources under names that a terminal doesn't act on.
struct Escaped<'s>(&'s Sources);

impl<'s> codespan_reporting::files::Files<'s> for Escaped<'s> {
    type FileId = FileId;
    type Name = String;
    type Source = &'s str;

    fn name(&'s self, id: FileId) -> Result<String, codespan_reporting::files::Error> {
        self.0.ids().find(|known| *known == id).ok_or(codespan_reporting::files::Error::FileMissing)?;
        Ok(escape(self.0.name(id)).into_owned())
    }

    fn source(&'s self, id: FileId) -> Result<&'s str, codespan_reporting::files::Error> {
        codespan_reporting::files::Files::source(self.0, id)
    }

    fn line_index(&'s self, id: FileId, byte: usize) -> Result<usize, codespan_reporting::files::Error> {
        codespan_reporting::files::Files::line_index(self.0, id, byte)
    }

    fn line_range(
        &'s self,
        id: FileId,
        line: usize,
    ) -> Result<std::ops::Range<usize>, codespan_reporting::files::Error> {
        codespan_reporting::files::Files::line_range(self.0, id, line)
    }
}
