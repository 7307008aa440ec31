//! `flowc check`: every problem of every file.

mod limit;
pub mod watch;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use flow_diagnostics::{Diagnostic, Severity, escape, render};
use flow_project::discover::{self, Layout};
use flow_project::{Session, World};
use flow_source::Sources;

use super::bounds;
use crate::args::{Check, Format};
use crate::disk::Disk;
use crate::exit::{Code, Outcome, Stop};
use crate::problems;
use crate::program;
use crate::tell;
use crate::terminal::{self, Stream};

pub fn run(args: &Check) -> Outcome {
    if args.watch {
        return watch::run(args);
    }
    let mut round = Round::default();
    let look = |path: &Path| program::open(path, false);
    round.check(args, &expand(&paths(args)), look, &mut |text| terminal::out(text))?;
    if let Some(summary) = round.summary() {
        problems::told(&summary, round.errors > 0);
    } else if round.unreadable == 0 && args.format == Format::Human {
        terminal::err(format!("{}: no problems\n", round.checked()));
    }
    Ok(round.code(args))
}

/// What one round over all paths has found.
#[derive(Debug, Default)]
struct Round {
    files: usize,
    /// Files with problems.
    files_with: usize,
    errors: usize,
    warnings: usize,
    /// Problems that were counted and not written.
    omitted: usize,
    /// Paths that can't be read.
    unreadable: usize,
}

impl Round {
    /// Checks what lies at each path. Problems are written as soon as a project is checked, everything else is told on stderr.
    fn check(
        &mut self,
        args: &Check,
        paths: &[PathBuf],
        mut look: impl FnMut(&Path) -> Result<flow_project::Project, Stop>,
        write: &mut dyn FnMut(String) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut seen: Vec<Layout> = Vec::new();
        for path in paths {
            let project = match look(path) {
                Ok(project) => project,
                // The other paths are checked all the same.
                Err(stop) => {
                    tell(&stop);
                    self.unreadable += 1;
                    continue;
                }
            };
            // Two paths of one project are one program.
            let layout = Layout { named: None, ..project.layout().clone() };
            if seen.contains(&layout) {
                continue;
            }
            seen.push(layout);
            self.files += project.layout().files.len();
            let mut diagnostics = project.check().to_vec();
            self.count(&diagnostics);
            render::sort(&mut diagnostics, project.sources());
            let omitted = limit::cut(&mut diagnostics, args.max.0);
            write(shown(&diagnostics, project.sources(), args.format))?;
            if args.bounds {
                bounds::show(&project, args.format)?;
            }
            for cut in omitted {
                self.omitted += cut.errors + cut.warnings;
                let name = escape(project.sources().name(cut.file)).into_owned();
                terminal::err(format!("{name}: {cut}; `--max all` shows them\n"));
            }
        }
        Ok(())
    }

    fn count(&mut self, diagnostics: &[Diagnostic]) {
        let errors = diagnostics.iter().filter(|one| one.severity() == Severity::Error).count();
        self.errors += errors;
        self.warnings += diagnostics.len() - errors;
        let mut files: Vec<_> = diagnostics.iter().map(|one| one.primary.at.file).collect();
        files.sort_unstable();
        files.dedup();
        self.files_with += files.len();
    }

    /// `2 errors and 1 warning in 3 files`; `None` if there is nothing to count.
    fn summary(&self) -> Option<String> {
        render::counted(self.errors, self.warnings, self.files_with)
    }

    /// `checked 3 files`
    fn checked(&self) -> String {
        format!("checked {} file{}", self.files, if self.files == 1 { "" } else { "s" })
    }

    fn code(&self, args: &Check) -> Code {
        let wrong = self.errors > 0 || (args.deny.is_some() && self.warnings > 0);
        match (self.unreadable > 0, wrong) {
            (true, _) => Code::Usage,
            (false, true) => Code::Problems,
            (false, false) => Code::Done,
        }
    }
}

/// The projects that are looked at again and again, by the path that leads to them.
#[derive(Default)]
struct Sessions(HashMap<PathBuf, Session>);

impl Sessions {
    fn of(&mut self, path: &Path) -> &mut Session {
        self.0.entry(path.to_owned()).or_insert_with(|| Session::new(path, program::default_model(false)))
    }
}

fn paths(args: &Check) -> Vec<PathBuf> {
    if args.paths.is_empty() { vec![PathBuf::from(".")] } else { args.paths.clone() }
}

/// Puts the projects beneath a folder in its place, and the folder itself last if it has files of its own.
fn expand(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = Vec::with_capacity(paths.len());
    let folders: Vec<PathBuf> = match paths {
        [_] => Vec::new(),
        several => {
            several.iter().filter_map(|path| Disk.canonical(path).ok()).filter(|path| path.is_dir()).collect()
        }
    };
    // A file is checked with the folder it lies in, if that was named, too.
    let told = |path: &Path| {
        let found = discover::discover(&Disk, path).ok()?;
        let file = found.named.filter(|_| found.manifest.is_none())?;
        folders.iter().any(|folder| file.starts_with(folder)).then_some(())
    };
    for path in paths {
        if !folders.is_empty() && told(path).is_some() {
            continue;
        }
        // A path that can't be read is told when it is opened.
        let beneath = discover::beneath(&Disk, path).unwrap_or_default();
        let own = beneath.is_empty()
            || discover::discover(&Disk, path).is_ok_and(|layout| !layout.files.is_empty());
        // Shown as the folder was written.
        let shown = if path == Path::new(".") { Path::new("") } else { path };
        let top = Disk.canonical(path).unwrap_or_default();
        all.extend(beneath.iter().map(|root| shown.join(root.strip_prefix(&top).unwrap_or(root))));
        all.extend(own.then(|| path.clone()));
    }
    all
}

fn shown(diagnostics: &[Diagnostic], sources: &Sources, format: Format) -> String {
    match format {
        Format::Human => render::human(diagnostics, sources, &Stream::Out.look()),
        Format::Short => render::short(diagnostics, sources),
        Format::Json => render::json(diagnostics, sources),
    }
}
