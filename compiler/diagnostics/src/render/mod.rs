//! The three renderings: drawn for people, one line each for logs and problem matchers, JSON for programs.

mod excerpt;
mod human;
mod json;
mod short;

pub use human::{Look, human};
pub use json::json;
pub use short::short;

use flow_source::Sources;

use crate::codes::Severity;
use crate::diagnostic::Diagnostic;

/// Sorts by file name, then place, then code: the order in which all three renderings are given them.
pub fn sort(diagnostics: &mut [Diagnostic], sources: &Sources) {
    diagnostics.sort_by(|a, b| {
        let key = |d: &Diagnostic| (d.primary.at.span.start, d.primary.at.span.end, d.code);
        let name = |d: &Diagnostic| sources.name(d.primary.at.file);
        name(a).cmp(name(b)).then_with(|| key(a).cmp(&key(b))).then_with(|| a.message.cmp(&b.message))
    });
}

/// Counts: `2 errors and 1 warning in 3 files`; `None` if there is nothing to count.
pub fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let errors = diagnostics.iter().filter(|d| d.severity() == Severity::Error).count();
    let mut files: Vec<_> = diagnostics.iter().map(|d| d.primary.at.file).collect();
    files.sort_unstable();
    files.dedup();
    counted(errors, diagnostics.len() - errors, files.len())
}

/// The same, of problems that were counted already.
pub fn counted(errors: usize, warnings: usize, files: usize) -> Option<String> {
    let found = errors + warnings > 0;
    found.then(|| format!("{} in {}", numbered(errors, warnings), count(files, "file")))
}

/// `2 errors and 1 warning`
pub fn numbered(errors: usize, warnings: usize) -> String {
    match (errors, warnings) {
        (errors, 0) => count(errors, "error"),
        (0, warnings) => count(warnings, "warning"),
        (errors, warnings) => format!("{} and {}", count(errors, "error"), count(warnings, "warning")),
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The word that all renderings use.
fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

#[cfg(test)]
mod tests;
