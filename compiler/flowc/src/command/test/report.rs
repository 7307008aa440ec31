//! What came of tests, for programs: a line of JSON each, or JUnit's XML.

use std::fmt::Write;
use std::time::Duration;

use flow_project::Project;
use flow_testing::Fault;
use serde_json::{Value as Json, json};

use super::{Ended, Problem};
use crate::text;

/// A JSON object a test, then one of all.
pub fn json(ended: &[Ended], project: &Project, took: Duration, trace: bool) -> String {
    let mut out = String::new();
    for one in ended {
        let _ = writeln!(out, "{}", test(one, project, trace));
    }
    let failed = ended.iter().filter(|one| !one.passed()).count();
    let summary = json!({
        "tests": ended.len(),
        "passed": ended.len() - failed,
        "failed": failed,
        "duration_ms": took.as_micros() as f64 / 1e3,
    });
    let _ = writeln!(out, "{summary}");
    out
}

fn test(one: &Ended, project: &Project, trace: bool) -> Json {
    let sources = project.sources();
    let place = sources.position(one.at.at.file, one.at.at.span.start);
    let mut test = json!({
        "test": one.at.title,
        "file": sources.name(one.at.at.file),
        "line": place.line,
        "passed": one.passed(),
        "duration_ms": one.took_us as f64 / 1e3,
    });
    match &one.result {
        Ok(report) => {
            test["virtual_ms"] = json!(report.virtual_ms);
            test["expectations"] = json!(report.held);
            if trace {
                test["trace"] = json!(report.trace);
            }
            if !report.notes.is_empty() {
                test["notes"] = json!(report.notes);
            }
            if let Some(fault) = &report.fault {
                test["fault"] = self::fault(fault, one, project);
            }
        }
        Err(problem) => test["fault"] = json!({"kind": "not_runnable", "message": what(problem)}),
    }
    test
}

fn fault(fault: &Fault, one: &Ended, project: &Project) -> Json {
    let sources = project.sources();
    let file = one.at.at.file;
    let slice = |span: flow_source::Span| {
        sources.text(file).get(span.start as usize..span.end as usize).unwrap_or_default().to_owned()
    };
    let mut json = json!({"kind": fault.kind, "message": fault.message});
    if let Some(span) = fault.span {
        let place = sources.position(file, span.start);
        json["line"] = json!(place.line);
        json["column"] = json!(place.column);
        json["source"] = json!(slice(span));
    }
    if !fault.parts.is_empty() {
        let parts = fault.parts.iter().map(|part| json!({"source": slice(part.span), "value": part.value}));
        json["parts"] = parts.collect();
    }
    if let Some((step, place)) = &fault.step {
        json["step"] = json!(step);
        json["at"] = json!(place);
    }
    if !fault.notes.is_empty() {
        json["notes"] = json!(fault.notes);
    }
    if let Some(help) = &fault.help {
        json["help"] = json!(help);
    }
    json
}

/// Says in a line why a test can't be run.
pub fn what(problem: &Problem) -> String {
    match problem {
        Problem::Diagnostics(diagnostics) => {
            let mut lines: Vec<String> = diagnostics.iter().map(|one| one.message.clone()).collect();
            lines.dedup();
            lines.join("; ")
        }
        Problem::Tape(message) => message.clone(),
    }
}

/// JUnit's XML: a suite a file.
pub fn junit(ended: &[Ended], project: &Project, took: Duration) -> String {
    let failed = |ended: &[Ended]| ended.iter().filter(|one| !one.passed()).count();
    let seconds = |us: u64| format!("{:.6}", us as f64 / 1e6);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        "<testsuites tests=\"{}\" failures=\"{}\" time=\"{}\">",
        ended.len(),
        failed(ended),
        seconds(took.as_micros() as u64)
    );
    for suite in ended.chunk_by(|a, b| a.at.at.file == b.at.at.file) {
        let name = xml(project.sources().name(suite[0].at.at.file));
        let time = seconds(suite.iter().map(|one| one.took_us).sum());
        let _ = writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" time=\"{time}\">",
            suite.len(),
            failed(suite)
        );
        for one in suite {
            let line = project.sources().position(one.at.at.file, one.at.at.span.start).line;
            let _ = write!(
                out,
                "    <testcase name=\"{}\" classname=\"{name}\" file=\"{name}\" line=\"{line}\" time=\"{}\"",
                xml(&one.at.title),
                seconds(one.took_us)
            );
            match &one.result {
                Ok(report) => match &report.fault {
                    None => out.push_str("/>\n"),
                    Some(fault) => {
                        let body = super::picture::plain(fault, one, project);
                        let _ = writeln!(
                            out,
                            ">\n      <failure type=\"{}\" message=\"{}\">{}</failure>\n    </testcase>",
                            fault.kind,
                            xml(&fault.message),
                            xml(&body)
                        );
                    }
                },
                Err(problem) => {
                    let message = xml(&what(problem));
                    let _ = writeln!(
                        out,
                        ">\n      <failure type=\"not_runnable\" message=\"{message}\"/>\n    </testcase>"
                    );
                }
            }
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Escapes a text for XML; what XML can't hold is shown as a box.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{25a1}'),
            c => out.push(c),
        }
    }
    out
}

/// `0.4 ms`, `12 ms`, `1.3s`.
pub fn time(us: u64) -> String {
    match us {
        0..10_000 => format!("{}.{} ms", us / 1000, us % 1000 / 100),
        10_000..1_000_000 => format!("{} ms", us / 1000),
        _ => text::duration(us / 1000),
    }
}
