//! `flowc expr --jsonl`: a case a line in, an answer a line out, in the same order.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flow_diagnostics::{Diagnostic, Severity, escape};
use flow_expr::compiled::BackEnd;
use flow_project::expression;
use flow_source::{FileId, Sources};
use serde_json::{Map, Value as Json, json};

use super::case::Case;
use super::evaluate::{self, Done, Work};
use super::tagged;
use crate::args::Expr;
use crate::exit::{Code, Outcome, Stop};
use crate::terminal;

/// A line at most, in bytes.
const LINE_MAX: usize = 64 << 20;

/// So many cases become one program.
const BATCH: usize = 256;

/// A line that was read: an answer that is known already, or one that is what an expression gives.
enum Answer {
    Known(Json),
    Value(Json, Box<Work>),
}

pub fn run(args: &Expr) -> Outcome {
    if let Some(extra) = args.values.first() {
        return Err(Stop::usage(format_args!("`{}` is too much", escape(extra)))
            .help("`--jsonl` takes one file; the values stand in its lines, as `bindings`"));
    }
    if args.input.is_some() {
        return Err(Stop::usage("`--input` gives values to one expression")
            .help("with `--jsonl` the values stand in the lines, as `bindings`"));
    }
    let source: Box<dyn Read> = match args.expr.as_deref() {
        None | Some("-") => Box::new(std::io::stdin().lock()),
        Some(path) => Box::new(File::open(Path::new(path)).map_err(|error| {
            Stop::usage(format_args!("`{}` can't be read: {error}", escape(path)))
                .help("`--jsonl` takes a file of cases, or `-` for stdin")
        })?),
    };
    Reader {
        lines: BufReader::with_capacity(1 << 16, source),
        number: 0,
        is_good: true,
        counts: Counts::default(),
    }
    .run(args.interpret)
}

#[derive(Default)]
struct Counts {
    cases: usize,
    evaluated: usize,
    compiled: usize,
}

struct Reader {
    lines: BufReader<Box<dyn Read>>,
    number: usize,
    /// Whether every line was a case.
    is_good: bool,
    counts: Counts,
}

impl Reader {
    fn run(mut self, interpret: bool) -> Outcome {
        let mut batch = Vec::new();
        while let Some(line) = self.line()? {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let answer = self.answer(&line);
            batch.push(answer);
            // Whoever waits for an answer before the next line gets it.
            if batch.len() >= BATCH || !self.lines.buffer().contains(&b'\n') {
                self.flush(&mut batch, interpret)?;
            }
        }
        self.flush(&mut batch, interpret)?;
        let Counts { cases, evaluated, compiled } = self.counts;
        terminal::err(format!("{cases} cases, {evaluated} evaluated, {compiled} of them as machine code\n"));
        Ok(if self.is_good { Code::Done } else { Code::Usage })
    }

    /// Returns the next line; one that is too long is read over, and empty but for its place.
    fn line(&mut self) -> Result<Option<Vec<u8>>, Stop> {
        let unreadable = |error| Stop::usage(format_args!("the cases can't be read: {error}"));
        let mut line = Vec::new();
        let read =
            (&mut self.lines).take(LINE_MAX as u64 + 1).read_until(b'\n', &mut line).map_err(unreadable)?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        if line.len() > LINE_MAX && line.last() != Some(&b'\n') {
            line.truncate(1);
            loop {
                let buffer = self.lines.fill_buf().map_err(unreadable)?;
                let end = buffer.iter().position(|byte| *byte == b'\n');
                let used = end.map_or(buffer.len(), |at| at + 1);
                self.lines.consume(used);
                if end.is_some() || used == 0 {
                    break;
                }
            }
            // No case starts so: the line is told as one that holds none.
            line[0] = b'\0';
        }
        Ok(Some(line))
    }

    fn answer(&mut self, line: &[u8]) -> Answer {
        self.counts.cases += 1;
        let number = self.number;
        let fields: Map<String, Json> = match serde_json::from_slice(line) {
            Ok(Json::Object(fields)) => fields,
            Ok(_) => return self.bad(Json::Null, format!("line {number} holds no JSON object")),
            Err(error) => return self.bad(Json::Null, format!("line {number} holds no JSON: {error}")),
        };
        let id = fields.get("id").cloned().unwrap_or(Json::Null);
        let case = match Case::read(&fields) {
            Ok(case) => case,
            Err(why) => return self.bad(id, format!("line {number} is no case: {why}")),
        };
        let read = expression::read(&case.text, &case.scope);
        if read.has_errors() {
            return Answer::Known(json!({"id": id, "error": told(&read.diagnostics, &case.text)}));
        }
        if case.check_only {
            return Answer::Known(json!({"id": id, "type": read.ty.to_string()}));
        }
        let slots = case.scope.variables.iter().map(|variable| variable.ty.to_type()).collect();
        Answer::Value(id, Box::new(Work { expr: read.expr, frame: case.frame, slots }))
    }

    fn bad(&mut self, id: Json, why: String) -> Answer {
        self.is_good = false;
        Answer::Known(json!({"id": id, "error": why}))
    }

    /// Evaluates and answers what was read.
    fn flush(&mut self, batch: &mut Vec<Answer>, interpret: bool) -> Result<(), Stop> {
        let mut heads = Vec::with_capacity(batch.len());
        let mut work = Vec::with_capacity(batch.len());
        for answer in batch.drain(..) {
            match answer {
                Answer::Known(line) => heads.push(Err(line)),
                Answer::Value(id, one) => {
                    heads.push(Ok(id));
                    work.push(*one);
                }
            }
        }
        let mut results = evaluate::all(&work, interpret).into_iter();
        let mut out = String::new();
        for head in heads {
            let line = match head {
                Err(line) => line,
                Ok(id) => {
                    let Some(Done { result, back_end }) = results.next() else { break };
                    self.counts.evaluated += 1;
                    self.counts.compiled += usize::from(back_end == BackEnd::Compiled);
                    match result {
                        Ok(value) => json!({"id": id, "value": tagged::write(&value)}),
                        Err(error) => json!({"id": id, "error": error.to_string()}),
                    }
                }
            };
            out.push_str(&line.to_string());
            out.push('\n');
        }
        terminal::data(out)
    }
}

/// Says what is wrong with an expression, each with its place.
fn told(diagnostics: &[Diagnostic], text: &str) -> String {
    let mut sources = Sources::new();
    let file: FileId = sources.add("expression", text);
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity() == Severity::Error);
    let told: Vec<String> = errors
        .take(10)
        .map(|diagnostic| {
            let at = sources.position(file, diagnostic.primary.at.span.start);
            format!("{}:{}: {}", at.line, at.column, diagnostic.message)
        })
        .collect();
    told.join("; ")
}
