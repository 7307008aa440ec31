//! From a path to the plan of a flow; what is wrong on the way is told on stderr.

use std::path::{Path, PathBuf};

use flow_diagnostics::escape;
use flow_host::Environment;
use flow_ir::plan::Plan;
use flow_project::{PlanError, Project, Session, Settings, World, WorldError};
use flow_source::Sources;

use crate::disk::Disk;
use crate::exit::{Code, Stop};
use crate::place;
use crate::problems;
use crate::text;

/// A program that can be run.
pub struct Program {
    pub plan: Plan,
    pub settings: Settings,
    /// The folder of its `flow.toml`, if it has one.
    pub root: Option<PathBuf>,
}

/// Opens and checks a file or a project. `has_model` says whether prompts without a model get one from the command line.
pub fn checked(path: &Path, has_model: bool) -> Result<Project, Stop> {
    let project = open(path, has_model)?;
    let mut diagnostics = project.check().to_vec();
    flow_diagnostics::render::sort(&mut diagnostics, project.sources());
    if problems::has_errors(&diagnostics) {
        problems::tell(&diagnostics, project.sources());
        return Err(Stop::new(Code::Problems, ""));
    }
    Ok(project)
}

/// Returns the plan of the flow to run.
pub fn plan(project: &Project, flow: Option<&str>, path: &Path) -> Result<Program, Stop> {
    let plan = project.plan(flow).map_err(|error| unplanned(error, project.sources(), path))?;
    Ok(Program { plan, settings: project.settings().clone(), root: project.root().map(Path::to_owned) })
}

/// Returns the flows to choose from, if one has to be named.
pub fn choice(project: &Project) -> Option<Vec<String>> {
    match project.plan(None) {
        Err(PlanError::Ambiguous { known }) => Some(known),
        _ => None,
    }
}

/// Opens the project that a path belongs to.
pub fn open(path: &Path, has_model: bool) -> Result<Project, Stop> {
    look(&mut Session::once(path, default_model(has_model)), path)
}

/// Whether prompts without a model get one from outside.
pub fn default_model(has_flag: bool) -> bool {
    has_flag || Environment::process().get("FLOW_MODELS_DEFAULT").is_some_and(|name| !name.is_empty())
}

/// Opens the project that a path belongs to, as it is now.
pub fn look(session: &mut Session, path: &Path) -> Result<Project, Stop> {
    let unreadable = |error: &WorldError| place::unreadable(path, error);
    let shown = path.to_string_lossy();
    let shown = escape(&shown);
    if !Disk.is_folder(path).map_err(|error| unreadable(&error))? {
        // What a project can't read is a diagnostic; what was named is wrong usage.
        readable(path).map_err(|error| unreadable(&error))?;
        if path.extension().is_none_or(|extension| extension != "flow") {
            return Err(Stop::usage(format_args!("`{shown}` is no `.flow` file")));
        }
    }
    let project = session.look(&Disk).map_err(|error| unreadable(&error))?;
    match project.layout().files.is_empty() {
        true => Err(Stop::usage(format_args!("`{shown}` holds no `.flow` file"))
            .help("`flowc new NAME` makes a project to begin with")),
        false => Ok(project),
    }
}

fn readable(path: &Path) -> Result<(), WorldError> {
    match Disk.read(path, 0) {
        Ok(_) | Err(WorldError::TooLarge(_)) => {}
        Err(error) => return Err(error),
    }
    std::fs::File::open(path).map(drop).map_err(|error| WorldError::Unreadable(error.to_string()))
}

/// Why there is no plan: no such flow, several to choose from, or something that can't be run yet.
fn unplanned(error: PlanError, sources: &Sources, path: &Path) -> Stop {
    let shown = path.to_string_lossy();
    let shown = escape(&shown);
    match error {
        PlanError::NoFlow { asked: Some(asked), known } => {
            let help = match text::similar(&asked, known.iter().map(String::as_str)) {
                Some(similar) => format!("did you mean `{similar}`?"),
                None if known.is_empty() => "it has no flows".into(),
                None => format!("it has {}", list(&known)),
            };
            Stop::usage(format_args!("{shown} has no flow `{}`", escape(&asked))).help(help)
        }
        PlanError::NoFlow { asked: None, .. } => {
            Stop::usage(format_args!("{shown} has no flow")).help("declare one: `flow main(…) -> T { … }`")
        }
        PlanError::Ambiguous { known } => Stop::usage(format_args!(
            "{shown} has several flows and none is called `main`"
        ))
        .help(format_args!(
            "name one: `flowc run {shown} {}`; it has {}",
            known.first().map_or("", |name| name),
            list(&known)
        )),
        PlanError::Problems(diagnostics) => {
            problems::tell(&diagnostics, sources);
            Stop::new(Code::Problems, "")
        }
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
