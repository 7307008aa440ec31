//! `flowc check`: every problem of every file.

use std::path::PathBuf;

use flow_diagnostics::{Diagnostic, render};
use flow_project::{World, discover};
use flow_source::Sources;

use super::bounds;
use crate::args::{Check, Format};
use crate::disk::Disk;
use crate::exit::{Code, Outcome};
use crate::problems;
use crate::program;
use crate::tell;
use crate::terminal::{self, Stream};

pub fn run(args: &Check) -> Outcome {
    let here = [PathBuf::from(".")];
    let paths = if args.paths.is_empty() { &here } else { args.paths.as_slice() };
    let mut all = Vec::new();
    let mut seen = Vec::new();
    let (mut files, mut unreadable) = (0, false);
    for path in &expand(paths) {
        let project = match program::open(path, false) {
            Ok(project) => project,
            // The other paths are checked all the same.
            Err(stop) => {
                tell(&stop);
                unreadable = true;
                continue;
            }
        };
        // Two paths of one project are one program.
        if seen.contains(project.layout()) {
            continue;
        }
        seen.push(project.layout().clone());
        files += project.layout().files.len();
        let mut diagnostics = project.check().to_vec();
        render::sort(&mut diagnostics, project.sources());
        terminal::out(write(&diagnostics, project.sources(), args.format))?;
        if args.bounds {
            bounds::show(&project, args.format)?;
        }
        all.append(&mut diagnostics);
    }
    problems::count(&all);
    if all.is_empty() && !unreadable && args.format == Format::Human {
        terminal::err(format!("checked {files} file{}: no problems\n", if files == 1 { "" } else { "s" }));
    }
    let wrong = problems::has_errors(&all) || (args.deny.is_some() && !all.is_empty());
    Ok(match (unreadable, wrong) {
        (true, _) => Code::Usage,
        (false, true) => Code::Problems,
        (false, false) => Code::Done,
    })
}

/// Puts the projects beneath a folder in its place, and the folder itself last if it has files of its own.
fn expand(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = Vec::with_capacity(paths.len());
    for path in paths {
        // A path that can't be read is told when it is opened.
        let beneath = discover::beneath(&Disk, path).unwrap_or_default();
        let own = beneath.is_empty()
            || discover::discover(&Disk, path).is_ok_and(|layout| !layout.files.is_empty());
        // Shown as the folder was written.
        let top = Disk.canonical(path).unwrap_or_default();
        all.extend(beneath.iter().map(|root| path.join(root.strip_prefix(&top).unwrap_or(root))));
        all.extend(own.then(|| path.clone()));
    }
    all
}

fn write(diagnostics: &[Diagnostic], sources: &Sources, format: Format) -> String {
    match format {
        Format::Human => render::human(diagnostics, sources, &Stream::Out.look()),
        Format::Short => render::short(diagnostics, sources),
        Format::Json => render::json(diagnostics, sources),
    }
}
