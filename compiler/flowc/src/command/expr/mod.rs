//! `flowc expr`: evaluates an expression, or with `--jsonl` a case a line.

mod case;
mod evaluate;
mod jsonl;
mod tagged;

use std::io::Read;
use std::path::Path;

use flow_diagnostics::escape;
use flow_ir::Value;
use flow_project::World;
use flow_project::expression::{self, Scope, Variable};
use flow_source::Sources;
use serde_json::{Map, Value as Json};

use crate::args::Expr;
use crate::disk::Disk;
use crate::exit::{Code, Outcome, Stop};
use crate::{place, problems, terminal};

/// The stack of the thread that reads, checks and evaluates: all three go as deep as an expression of 1,000 operators does.
const STACK_BYTES: usize = 256 << 20;

/// Values at most, in bytes.
const INPUT_MAX: u64 = 64 << 20;

pub fn run(args: &Expr) -> Outcome {
    std::thread::scope(|scope| {
        let work = || if args.jsonl { jsonl::run(args) } else { single(args) };
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => Err(Stop::environment(format_args!("no thread to evaluate on: {error}"))),
        }
    })
}

fn single(args: &Expr) -> Outcome {
    let Some(text) = &args.expr else {
        return Err(Stop::usage("there is no expression").help("write one: flowc expr '1 + 2'"));
    };
    let mut values: Vec<(String, Value)> = Vec::new();
    if let Some(path) = &args.input {
        for (name, json) in object(path)? {
            values.push((name, tagged::from_json(&json)));
        }
    }
    let mut given: Vec<&str> = Vec::new();
    for pair in &args.values {
        let Some((name, written)) = pair.split_once('=') else {
            return Err(Stop::usage(format_args!("`{}` is no value", escape(pair)))
                .help("write the expression in quotes, and values after it as name=value"));
        };
        if given.contains(&name) {
            return Err(Stop::usage(format_args!("`{}` is given twice", escape(name))));
        }
        given.push(name);
        values.retain(|(known, _)| known != name);
        values.push((name.to_owned(), tagged::from_text(written)));
    }
    if let Some((name, _)) = values.iter().find(|(name, _)| !is_name(name)) {
        return Err(Stop::usage(format_args!("`{}` is no name", escape(name)))
            .help("a name is of letters, digits and `_`; dots may join names"));
    }
    let variables =
        values.iter().map(|(name, value)| Variable { name: name.into(), ty: tagged::type_of(value) });
    let scope = Scope { variables: variables.collect(), ..Scope::default() };
    let read = expression::read(text, &scope);
    if !read.diagnostics.is_empty() {
        let mut sources = Sources::new();
        sources.add("expression", text.as_str());
        problems::tell(&read.diagnostics, &sources);
    }
    if read.has_errors() {
        return Ok(Code::Problems);
    }
    if args.cost {
        let slots: Vec<_> = values.into_iter().map(|(_, value)| Some(value)).collect();
        let cost = flow_expr::cost_for(&read.expr, &slots, &[], &flow_ir::TypeDefs::default());
        terminal::data(format!("{cost}\n"))?;
        return Ok(Code::Done);
    }
    let work = evaluate::Work {
        expr: read.expr,
        frame: values.into_iter().map(|(_, value)| Some(value)).collect(),
        slots: scope.variables.iter().map(|variable| variable.ty.to_type()).collect(),
    };
    let result = evaluate::all(std::slice::from_ref(&work), args.interpret).remove(0).result;
    match result {
        Ok(value) => {
            terminal::data(format!("{}\n", tagged::to_json(&value)))?;
            Ok(Code::Done)
        }
        Err(error) => Err(Stop::new(Code::RunFailed, error)),
    }
}

/// Whether `a.b` may name a value.
fn is_name(name: &str) -> bool {
    name.split('.').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Reads values by name from a JSON object in a file, or with `-` from stdin.
fn object(path: &Path) -> Result<Map<String, Json>, Stop> {
    let (name, bytes) = if path == Path::new("-") {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(INPUT_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| Stop::usage(format_args!("stdin can't be read: {error}")))?;
        if bytes.len() as u64 > INPUT_MAX {
            return Err(Stop::usage(format_args!("stdin holds more than {INPUT_MAX} bytes")));
        }
        ("stdin".into(), bytes)
    } else {
        let bytes = Disk.read(path, INPUT_MAX).map_err(|error| place::unreadable(path, &error))?;
        (escape(&path.to_string_lossy()).into_owned(), bytes)
    };
    match serde_json::from_slice(&bytes) {
        Ok(Json::Object(map)) => Ok(map),
        Ok(_) => Err(Stop::usage(format_args!("{name} holds no JSON object"))
            .help("write the values by name: {\"x\": 1}")),
        Err(error) => Err(Stop::usage(format_args!("{name} holds no JSON: {error}"))),
    }
}
