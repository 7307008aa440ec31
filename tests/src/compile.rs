//! The compiler as the cases use it: files in, diagnostics or a plan out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic, Severity};
use flow_ir::Plan;
use flow_project::bounds::Bound;
use flow_project::{Library, MemoryWorld, PlanError, Project};
use flow_source::FileSpan;

/// Where the files of a case lie.
const ROOT: &str = "/project";

/// A problem and its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// As the user sees it: `parts/note.flow`.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What it is.
    pub code: Code,
}

impl Found {
    /// Returns `E0412 non-exhaustive-route @7:9`, with the file if it isn't `main.flow`.
    pub fn short(&self) -> String {
        let info = self.code.info();
        let file = if self.file == "main.flow" { String::new() } else { format!("{}:", self.file) };
        format!("{} {} @{file}{}:{}", info.code, info.name, self.line, self.column)
    }
}

/// Checks a program, and if it has no errors plans its flow: what is found, in order of place.
pub fn check(files: &[(String, Vec<u8>)]) -> Vec<Found> {
    let project = open(files);
    let mut all = project.check().to_vec();
    if all.iter().all(|one| one.severity() == Severity::Warning)
        && let Err(PlanError::Problems(more)) = plan_of(&project)
    {
        all.extend(more);
    }
    let mut found: Vec<_> = all.iter().map(|one| placed(&project, one)).collect();
    found.sort();
    found
}

/// Checks a program, and plans nothing: what is found, in order of place.
pub fn check_alone(files: &[(String, Vec<u8>)]) -> Vec<Found> {
    let project = open(files);
    let mut found: Vec<_> = project.check().iter().map(|one| placed(&project, one)).collect();
    found.sort();
    found
}

/// A fix that a problem of a program offers, and what comes of it.
#[derive(Clone, Debug)]
pub struct Mended {
    /// The problem.
    pub problem: Told,
    /// What the fix says it does.
    pub title: String,
    /// The program with the fix in it.
    pub files: Vec<(String, Vec<u8>)>,
}

/// A problem, its place and its message.
#[derive(Clone, Debug)]
pub struct Told {
    /// Where it is and what it is.
    pub found: Found,
    /// What it says.
    pub message: String,
}

/// Checks a program, and plans nothing: what is found and what it says.
pub fn messages(files: &[(String, Vec<u8>)]) -> Vec<Told> {
    let project = open(files);
    project.check().iter().map(|one| worded(&project, one)).collect()
}

/// Applies each fix that is offered for a program, one at a time.
pub fn mended(files: &[(String, Vec<u8>)]) -> Vec<Mended> {
    let project = open(files);
    let mut all = Vec::new();
    for one in project.check() {
        for fix in &one.fixes {
            let mut files = files.to_vec();
            let mut edits = fix.edits.clone();
            edits.sort_by_key(|edit| std::cmp::Reverse((edit.at.span.start, edit.at.span.end)));
            for edit in edits {
                let name = user_name(&project, edit.at);
                let Some((_, bytes)) = files.iter_mut().find(|(own, _)| *own == name) else { continue };
                bytes.splice(edit.at.span.range(), edit.text.bytes());
            }
            all.push(Mended { problem: worded(&project, one), title: fix.title.clone(), files });
        }
    }
    all
}

/// Writes a line per problem.
pub fn listed(found: &[Found]) -> String {
    found.iter().map(|one| one.short() + "\n").collect()
}

/// Plans a program's flow: `main`, else the first one.
///
/// # Errors
/// What is wrong with the program.
pub fn plan(files: &[(String, Vec<u8>)]) -> anyhow::Result<Arc<Plan>> {
    let project = open(files);
    let wrong: Vec<_> =
        project.check().iter().filter(|one| one.severity() == Severity::Error).cloned().collect();
    anyhow::ensure!(wrong.is_empty(), "the program has errors\n{}", told(&project, &wrong));
    match plan_of(&project) {
        Ok(plan) => Ok(Arc::new(plan)),
        Err(PlanError::Problems(wrong)) => anyhow::bail!("no plan\n{}", told(&project, &wrong)),
        Err(error) => anyhow::bail!("no plan: {error:?}"),
    }
}

/// Writes how much each flow does at most, and how that comes about.
///
/// # Errors
/// The program has errors.
pub fn bounds(files: &[(String, Vec<u8>)]) -> anyhow::Result<String> {
    let mut out = String::new();
    for bound in all_bounds(files)? {
        let counts: Vec<String> =
            bound.because.iter().map(|(what, _)| what.told(bound.counts.of(*what))).collect();
        let counts = if counts.is_empty() { String::from("nothing") } else { counts.join(", ") };
        out += &format!("{}: {counts}\n", bound.flow.name);
        for (what, because) in &bound.because {
            out += &format!("  {} = {because}\n", what.title());
        }
        if let Some(factor) = &bound.largest {
            out += &format!("  largest {} {} in {}\n", factor.name, factor.times, factor.within.name);
        }
    }
    Ok(out)
}

/// Returns the bounds of a program's flows.
///
/// # Errors
/// The program has errors.
pub fn all_bounds(files: &[(String, Vec<u8>)]) -> anyhow::Result<Vec<Bound>> {
    let project = open(files);
    project
        .bounds()
        .ok_or_else(|| anyhow::anyhow!("the program has errors\n{}", told(&project, project.check())))
}

/// Plans a program's flow, and returns the bounds of all of its flows.
///
/// # Errors
/// What is wrong with the program.
pub fn plan_and_bounds(files: &[(String, Vec<u8>)]) -> anyhow::Result<(Arc<Plan>, Vec<Bound>)> {
    let project = open(files);
    let wrong: Vec<_> =
        project.check().iter().filter(|one| one.severity() == Severity::Error).cloned().collect();
    anyhow::ensure!(wrong.is_empty(), "the program has errors\n{}", told(&project, &wrong));
    let bounds = project.bounds().ok_or_else(|| anyhow::anyhow!("the program has no bounds"))?;
    match plan_of(&project) {
        Ok(plan) => Ok((Arc::new(plan), bounds)),
        Err(PlanError::Problems(wrong)) => anyhow::bail!("no plan\n{}", told(&project, &wrong)),
        Err(error) => anyhow::bail!("no plan: {error:?}"),
    }
}

fn plan_of(project: &Project) -> Result<Plan, PlanError> {
    match project.plan(None) {
        Err(PlanError::Ambiguous { known }) => project.plan(known.first().map(String::as_str)),
        other => other,
    }
}

fn told(project: &Project, wrong: &[Diagnostic]) -> String {
    let line = |one: &Diagnostic| format!("{}: {}\n", placed(project, one).short(), one.message);
    wrong.iter().map(line).collect()
}

fn open(files: &[(String, Vec<u8>)]) -> Project {
    let (standard, own): (Vec<_>, Vec<_>) =
        files.iter().partition(|(name, _)| name.starts_with("std/") && !name.ends_with(".flow"));
    let mut world =
        MemoryWorld::new(own.iter().map(|(name, bytes)| (Path::new(ROOT).join(name), bytes.clone())));
    if !standard.is_empty() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        world.library = Library::new(standard.iter().map(|(name, bytes)| (name.clone(), text(bytes))));
    }
    Project::open(&world, Path::new(ROOT)).expect("the files are there")
}

fn placed(project: &Project, one: &Diagnostic) -> Found {
    let sources = project.sources();
    let at = one.primary.at;
    let place = sources.position(at.file, at.span.start);
    Found { file: user_name(project, at), line: place.line, column: place.column, code: one.code }
}

fn worded(project: &Project, one: &Diagnostic) -> Told {
    Told { found: placed(project, one), message: one.message.clone() }
}

/// The name of a place's file as the user sees it.
fn user_name(project: &Project, at: FileSpan) -> String {
    let name = PathBuf::from(project.sources().name(at.file));
    name.strip_prefix(ROOT).unwrap_or(&name).display().to_string()
}
