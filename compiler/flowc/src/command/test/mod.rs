//! `flowc test`: runs the tests of a file or a project, several files at once.

mod picture;
mod report;
mod told;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use flow_diagnostics::{Diagnostic, escape};
use flow_project::{Project, TestAt, World};
use flow_testing::{Models, Report, Tape};

use crate::args::Test;
use crate::disk::Disk;
use crate::exit::{Code, Outcome, Stop};
use crate::program;
use crate::terminal;

/// The stack of a thread that runs tests: expressions may be nested deep.
const STACK_BYTES: usize = 64 << 20;
/// A tape at most, in bytes.
const TAPE_MAX: u64 = 256 << 20;

/// A test that is over.
pub struct Ended {
    pub at: TestAt,
    pub result: Result<Report, Problem>,
    pub took_us: u64,
}

/// Why a test can't be run.
pub enum Problem {
    /// What it needs can't be run yet.
    Diagnostics(Vec<Diagnostic>),
    /// Its tape can't be read.
    Tape(String),
}

impl Ended {
    pub fn passed(&self) -> bool {
        matches!(&self.result, Ok(report) if report.fault.is_none())
    }
}

pub fn run(args: &Test) -> Outcome {
    if args.watch {
        return watch::run(args);
    }
    // Prompts without a model ask nobody here.
    let project = program::checked(&args.path, true)?;
    let (text, code) = round(args, &project)?;
    terminal::out(text)?;
    Ok(code)
}

/// Runs the tests of a project; returns what is said of them, and how that ends.
fn round(args: &Test, project: &Project) -> Result<(String, Code), Stop> {
    let all = project.tests();
    let name = |test: &TestAt| project.sources().name(test.at.file).to_owned();
    let tests: Vec<TestAt> = match &args.filter {
        None => all.clone(),
        Some(filter) => all
            .iter()
            .filter(|test| test.title.contains(filter) || name(test).contains(filter))
            .cloned()
            .collect(),
    };
    if let (Some(filter), true, false) = (&args.filter, tests.is_empty(), all.is_empty()) {
        let help = format!("there are {} tests; without `--filter` all are run", all.len());
        return Err(
            Stop::usage(format_args!("no test's title or file holds `{}`", escape(filter))).help(help)
        );
    }
    let start = Instant::now();
    let ended = run_all(project, tests);
    let took = start.elapsed();
    if let Some(path) = &args.junit {
        let text = report::junit(&ended, project, took);
        std::fs::write(path, text).map_err(|error| {
            Stop::usage(format_args!("`{}` can't be written: {error}", escape(&path.to_string_lossy())))
        })?;
    }
    let text = match args.json {
        true => report::json(&ended, project, took, args.trace),
        false => told::told(&ended, project, took, args.trace),
    };
    let code = if ended.iter().all(Ended::passed) { Code::Done } else { Code::Problems };
    Ok((text, code))
}

/// Runs tests, those of a file one after the other, several files at once. They come back in their order.
fn run_all(project: &Project, tests: Vec<TestAt>) -> Vec<Ended> {
    let models = models(project);
    let folder = project.layout().root.clone();
    let mut files: Vec<Vec<(usize, TestAt)>> = Vec::new();
    for (number, test) in tests.into_iter().enumerate() {
        match files.last_mut() {
            Some(file) if file[0].1.at.file == test.at.file => file.push((number, test)),
            _ => files.push(vec![(number, test)]),
        }
    }
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Ended)>> = Mutex::new(Vec::new());
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            for (number, test) in file {
                let ended = run_one(project, &folder, &models, test.clone());
                if let Ok(mut done) = done.lock() {
                    done.push((*number, ended));
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            // Where there is no thread to be had, another one does the work.
            let _ = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
        }
    });
    work();
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, ended)| ended).collect()
}

fn run_one(project: &Project, folder: &Path, models: &Models, at: TestAt) -> Ended {
    let start = Instant::now();
    let result = project.test(&at).map_err(Problem::Diagnostics).and_then(|test| {
        let tape = test.replay.as_deref().map(|name| tape(folder, &at, name)).transpose()?;
        Ok(flow_testing::run(&test, models, tape.as_ref()))
    });
    Ended { at, result, took_us: start.elapsed().as_micros() as u64 }
}

/// Reads the tape that a test names, relative to its file; it must lie in the project.
fn tape(folder: &Path, at: &TestAt, name: &str) -> Result<Tape, Problem> {
    let home: PathBuf = folder.join(at.module.as_str());
    let path = home.parent().unwrap_or(folder).join(name);
    let wrong = |what: String| Problem::Tape(format!("the tape `{}` {what}", escape(name)));
    let inside = Disk.canonical(&path).map_err(|error| wrong(format!("can't be read: {error}")))?;
    let root = Disk.canonical(folder).map_err(|error| wrong(format!("can't be read: {error}")))?;
    if !inside.starts_with(&root) {
        return Err(wrong(String::from("lies outside of the project")));
    }
    let bytes = Disk.read(&inside, TAPE_MAX).map_err(|error| wrong(format!("can't be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong(String::from("is no text")))?;
    Tape::parse(&text, name).map_err(|error| Problem::Tape(error.to_string()))
}

fn models(project: &Project) -> Models {
    let settings = project.settings();
    Models {
        default: settings.default_model.clone(),
        prices: settings.prices.iter().map(|(name, price)| (name.to_string(), *price)).collect(),
    }
}
