//! `flowc check --bounds`: how much each flow does at most, and why.

use std::fmt::Write;

use flow_diagnostics::escape;
use flow_project::Project;
use flow_project::bounds::{Bound, What};
use flow_source::{FileSpan, Sources};
use serde_json::{Map, Value as Json, json};

use crate::args::Format;
use crate::exit::Stop;
use crate::terminal::{self, BOLD};

/// Shows the bounds of a project's flows.
pub fn show(project: &Project, format: Format) -> Result<(), Stop> {
    let Some(bounds) = project.bounds() else {
        terminal::err("no bounds are shown: they are those of a program without errors\n");
        return Ok(());
    };
    let sources = project.sources();
    terminal::out(match format {
        Format::Human => bounds.iter().map(|bound| human(bound, sources)).collect::<Vec<_>>().join("\n"),
        Format::Short => bounds.iter().map(|bound| short(bound, sources)).collect(),
        Format::Json => bounds.iter().map(|bound| format!("{}\n", object(bound, sources))).collect(),
    })
}

/// A heading, a line for each count that isn't zero, and the largest factor.
fn human(bound: &Bound, sources: &Sources) -> String {
    let shown = bound.because.iter().map(|(what, _)| bound.counts.of(*what).to_string());
    let numbers: Vec<String> = shown.collect();
    let width = numbers.iter().map(String::len).max().unwrap_or(0);
    let titles = bound.because.iter().map(|(what, _)| what.title().len()).max().unwrap_or(0);
    let mut out = format!("{BOLD}{}{BOLD:#}  {}\n", escape(&bound.flow.name), place(bound.at, sources));
    if numbers.is_empty() {
        out.push_str("  computes, and calls nothing\n");
    }
    for ((what, because), number) in bound.because.iter().zip(&numbers) {
        let title = what.title();
        _ = writeln!(out, "  {title:titles$}  {number:>width$}  = {}", escape(because));
    }
    if let Some(factor) = &bound.largest {
        let of = place(factor.at, sources);
        _ = writeln!(
            out,
            "  the largest factor is `{}`, {} times, in {of}",
            escape(&factor.name),
            factor.times
        );
    }
    out
}

/// `article.flow:14: write_article: 57 model calls, 5 turns, 18 steps`.
fn short(bound: &Bound, sources: &Sources) -> String {
    let counts: Vec<String> =
        bound.because.iter().map(|(what, _)| what.told(bound.counts.of(*what))).collect();
    let counts = if counts.is_empty() { String::from("no calls") } else { counts.join(", ") };
    format!("{}: {}: {counts}\n", place(bound.at, sources), escape(&bound.flow.name))
}

fn object(bound: &Bound, sources: &Sources) -> Json {
    let mut out = Map::new();
    out.insert("bounds".into(), json!(bound.flow.name));
    let (file, line) = file_and_line(bound.at, sources);
    out.insert("file".into(), json!(file));
    out.insert("line".into(), json!(line));
    for what in What::ALL {
        out.insert(what.name().into(), json!(bound.counts.of(what).get()));
    }
    let because: Map<String, Json> =
        bound.because.iter().map(|(what, text)| (what.name().into(), json!(text))).collect();
    out.insert("because".into(), Json::Object(because));
    let largest = bound.largest.as_ref().map(|factor| {
        let (file, line) = file_and_line(factor.at, sources);
        json!({
            "name": factor.name,
            "times": factor.times.get(),
            "within": factor.within.name,
            "file": file,
            "line": line,
        })
    });
    out.insert("largest".into(), json!(largest));
    Json::Object(out)
}

fn file_and_line(at: FileSpan, sources: &Sources) -> (String, u32) {
    (sources.name(at.file).to_string(), sources.position(at.file, at.span.start).line)
}

fn place(at: FileSpan, sources: &Sources) -> String {
    let (file, line) = file_and_line(at, sources);
    format!("{}:{line}", escape(&file))
}
