//! What the tests share: the corpus of programs, and a short form of diagnostics.

#![allow(clippy::disallowed_methods, reason = "tests read files")]
#![allow(dead_code, missing_docs, clippy::print_stdout, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use flow_diagnostics::{Diagnostic, Severity};
use flow_source::FileId;
use flow_syntax::tree::File;

pub fn parse(text: &str) -> (File, Vec<Diagnostic>) {
    flow_syntax::parse(FileId(0), text)
}

/// The programs of a folder of the corpus, by name; `None`, said loudly, on a machine that has none.
pub fn corpus(folder: &str) -> Option<Vec<(String, String)>> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    if !root.exists() {
        eprintln!(
            "SKIPPED: there is no {} on this machine, so nothing was held against the corpus",
            root.display()
        );
        return None;
    }
    let folder = root.join("corpus/grammar").join(folder);
    let mut programs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("a folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "flow"))
        .map(|path| {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            (name, std::fs::read_to_string(&path).expect("a program is UTF-8"))
        })
        .collect();
    programs.sort();
    assert!(!programs.is_empty());
    Some(programs)
}

/// `E0101 3:5 "token" message | help | fix: title -> text`
pub fn show(text: &str, diagnostic: &Diagnostic) -> String {
    let span = diagnostic.primary.at.span;
    let before = &text[..(span.start as usize).min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.len() - before.rfind('\n').map_or(0, |n| n + 1) + 1;
    let mut out = format!(
        "{} {line}:{column} {:?} {}",
        diagnostic.code.info().code,
        text.get(span.range()).unwrap_or(""),
        diagnostic.message
    );
    if let Some(help) = &diagnostic.help {
        out += &format!(" | {help}");
    }
    for fix in &diagnostic.fixes {
        out += &format!(" | fix: {}", fix.title);
    }
    out
}

pub fn shown(text: &str) -> String {
    let (_, diagnostics) = parse(text);
    diagnostics.iter().map(|d| show(text, d)).collect::<Vec<_>>().join("\n")
}

pub fn errors(diagnostics: &[Diagnostic]) -> usize {
    diagnostics.iter().filter(|d| d.severity() == Severity::Error).count()
}

/// The text with the first fix of its first diagnostic applied.
pub fn mended(text: &str) -> String {
    let (_, diagnostics) = parse(text);
    let fix = diagnostics
        .iter()
        .find_map(|d| d.fixes.first())
        .unwrap_or_else(|| panic!("no fix for\n{text}\n{}", shown(text)));
    let mut edits: Vec<_> = fix.edits.iter().collect();
    edits.sort_by_key(|e| std::cmp::Reverse(e.at.span.start));
    let mut out = text.to_owned();
    for edit in edits {
        out.replace_range(edit.at.span.range(), &edit.text);
    }
    out
}
