//! A project that is looked at again and again, as by an editor.

use std::path::{Path, PathBuf};

use flow_check::Checker;

use crate::discover::{Layout, discover};
use crate::project::{Project, shown_prefix, with_stack};
use crate::read::Files;
use crate::world::{World, WorldError};

/// The project of a path, from one look at it to the next. Each look gives what [`Project::open_for`] would give; files that
/// are what they were aren't parsed again, and declarations that no change can have touched aren't checked again.
#[derive(Debug)]
pub struct Session {
    path: PathBuf,
    has_default_model: bool,
    files: Files,
    checker: Checker,
    /// What was found last; `None` if the path couldn't be read.
    layout: Option<Layout>,
}

impl Session {
    /// Begins with the project of a path. `has_default_model` is as for [`Project::open_for`].
    pub fn new(path: &Path, has_default_model: bool) -> Session {
        Session {
            path: path.to_owned(),
            has_default_model,
            files: Files::default(),
            checker: Checker::default(),
            layout: None,
        }
    }

    /// For one look alone: nothing is kept for another one.
    pub fn once(path: &Path, has_default_model: bool) -> Session {
        Session { checker: Checker::once(), ..Session::new(path, has_default_model) }
    }

    /// Reads and checks the project as it is now.
    ///
    /// # Errors
    /// The path itself can't be read. A file that can't be is a diagnostic.
    pub fn look(&mut self, world: &dyn World) -> Result<Project, WorldError> {
        self.layout = None;
        let layout = discover(world, &self.path)?;
        self.layout = Some(layout.clone());
        let read = self.files.read(world, &layout, shown_prefix(world, &self.path, &layout.root))?;
        let has_default = self.has_default_model || read.settings.default_model.is_some();
        let checker = &mut self.checker;
        let units = &read.units;
        let checked = with_stack(|| checker.check(units, has_default));
        Ok(Project::new(layout, read, checked))
    }

    /// Whether a look could show something else than the last one did.
    pub fn has_changed(&mut self, world: &dyn World) -> bool {
        let Some(layout) = &self.layout else { return true };
        discover(world, &self.path).as_ref() != Ok(layout) || self.files.have_changed(world)
    }

    /// Returns the number of declarations that the last look had to check.
    pub fn checked_anew(&self) -> usize {
        self.checker.checked_anew()
    }
}

#[cfg(test)]
mod tests;
