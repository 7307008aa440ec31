//! Telling diagnostics on stderr, where they aren't what was asked for.

use flow_diagnostics::{Diagnostic, Severity, render};
use flow_source::Sources;

use crate::terminal::{self, BOLD, RED, Stream, YELLOW};

/// Draws diagnostics and their count on stderr.
pub fn tell(diagnostics: &[Diagnostic], sources: &Sources) {
    terminal::err(render::human(diagnostics, sources, &Stream::Err.look()));
    count(diagnostics);
}

/// `2 errors and 1 warning in 3 files`.
pub fn count(diagnostics: &[Diagnostic]) {
    let Some(summary) = render::summary(diagnostics) else { return };
    told(&summary, has_errors(diagnostics));
}

/// Tells a count that was made already.
pub fn told(summary: &str, has_errors: bool) {
    let style = if has_errors { RED } else { YELLOW };
    let style = style.effects(BOLD.get_effects());
    terminal::err(format!("{style}{summary}{style:#}\n"));
}

pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error)
}
