use flow_source::{FileSpan, Sources};
use serde::Serialize;

use super::word;
use crate::diagnostic::{Diagnostic, Edit};

/// Renders an object per line. Offsets are bytes; lines and columns count from 1, columns in characters. A label or an
/// edit in another file than the diagnostic's names its `file`.
pub fn json(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&serde_json::to_string(&object(diagnostic, sources)).expect("plain data is JSON"));
        out.push('\n');
    }
    out
}

#[derive(Serialize)]
struct Object<'a> {
    code: &'a str,
    name: &'a str,
    severity: &'a str,
    message: &'a str,
    file: &'a str,
    span: Place,
    labels: Vec<LabelObject<'a>>,
    help: Option<&'a str>,
    fixes: Vec<FixObject<'a>>,
}

#[derive(Serialize)]
struct Place {
    start: u32,
    end: u32,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
struct LabelObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    span: Place,
    message: &'a str,
}

#[derive(Serialize)]
struct FixObject<'a> {
    title: &'a str,
    edits: Vec<EditObject<'a>>,
}

#[derive(Serialize)]
struct EditObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    start: u32,
    end: u32,
    text: &'a str,
}

fn object<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Object<'a> {
    let info = diagnostic.code.info();
    let home = diagnostic.primary.at.file;
    let other = |at: FileSpan| (at.file != home).then(|| sources.name(at.file));
    let edit = |edit: &'a Edit| EditObject {
        file: other(edit.at),
        start: edit.at.span.start,
        end: edit.at.span.end,
        text: &edit.text,
    };
    let here = (!diagnostic.primary.text.is_empty()).then_some(&diagnostic.primary);
    Object {
        code: info.code,
        name: info.name,
        severity: word(info.severity),
        message: &diagnostic.message,
        file: sources.name(home),
        span: place(diagnostic.primary.at, sources),
        labels: here
            .into_iter()
            .chain(&diagnostic.labels)
            .map(|label| LabelObject {
                file: other(label.at),
                span: place(label.at, sources),
                message: &label.text,
            })
            .collect(),
        help: diagnostic.help.as_deref(),
        fixes: diagnostic
            .fixes
            .iter()
            .map(|fix| FixObject { title: &fix.title, edits: fix.edits.iter().map(edit).collect() })
            .collect(),
    }
}

fn place(at: FileSpan, sources: &Sources) -> Place {
    let start = sources.position(at.file, at.span.start);
    let end = sources.position(at.file, at.span.end);
    Place {
        start: at.span.start,
        end: at.span.end,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}
