//! The standard library: modules that are part of the compiler and are imported as `std/…`, without a disk.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// The modules that come with the compiler: the path that imports write, and the text.
static MODULES: &[(&str, &str)] = &[];

/// A set of modules by the path that imports write: `std/words`.
#[derive(Clone, Debug, Default)]
pub struct Library {
    modules: BTreeMap<String, Arc<str>>,
}

impl Library {
    /// Returns the modules that come with the compiler.
    pub fn embedded() -> &'static Library {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        LIBRARY.get_or_init(|| Library::new(MODULES.iter().copied()))
    }

    /// Returns a library of these modules.
    pub fn new<P: Into<String>, T: AsRef<str>>(modules: impl IntoIterator<Item = (P, T)>) -> Library {
        let modules =
            modules.into_iter().map(|(path, text)| (path.into(), Arc::from(text.as_ref()))).collect();
        Library { modules }
    }

    /// Returns the text of a module.
    pub fn text(&self, path: &str) -> Option<&Arc<str>> {
        self.modules.get(path)
    }

    /// Returns the path of every module, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Library;
    use crate::{MemoryWorld, Project};

    fn found(main: &str, library: &[(&str, &str)]) -> Vec<String> {
        let mut world = MemoryWorld::new([("/p/main.flow", main)]);
        world.library = Library::new(library.iter().copied());
        let project = Project::open(&world, Path::new("/p/main.flow")).expect("the file is there");
        let one = |one: &flow_diagnostics::Diagnostic| {
            let at = one.primary.at;
            let place = project.sources().position(at.file, at.span.start);
            format!("{} {}:{}", one.code.info().name, project.sources().name(at.file), place.line)
        };
        project.check().iter().map(one).collect()
    }

    const WORDS: &str = "type Hit { text: string }\nimport { unused } from \"std/more\"\n\
        code shout(text: string) -> string = text.upperAscii()\ncode hidden(x: int) -> int = 1\n";
    const MORE: &str = "code unused(x: int) -> int = x\n";

    #[test]
    fn modules_are_found_without_a_disk_and_nobody_is_warned_of_them() {
        let main = "import { shout, Hit } from \"std/words\"\n\
            flow main(hit: Hit) -> string { return shout(hit.text) }\n";
        assert_eq!(found(main, &[("std/words", WORDS), ("std/more", MORE)]), [""; 0]);
    }

    #[test]
    fn what_is_missing_is_reported_at_the_import() {
        let main = "import { a } from \"std/word\"\nflow main() -> string { return a() }\n";
        assert_eq!(found(main, &[("std/words", MORE)]), ["bad-import /p/main.flow:1"]);
        assert_eq!(found(main, &[]), ["bad-import /p/main.flow:1"]);
        let main = "import { nothing } from \"std/words\"\nflow main() -> string { return nothing() }\n";
        assert_eq!(found(main, &[("std/words", MORE)]), ["bad-import /p/main.flow:1"]);
    }

    #[test]
    fn a_model_that_a_module_needs_is_asked_for_where_it_is_called() {
        let asks = "prompt ask(text: string) -> string { user: text }\n\
            flow twice(text: string) -> string { return ask(text) }\n\
            code same(text: string) -> string = text\n";
        let main = "import { twice } from \"std/asks\"\nflow main() -> string {\n  return twice(\"x\")\n}\n";
        assert_eq!(found(main, &[("std/asks", asks)]), ["no-model /p/main.flow:3"]);
        let main = "import { same } from \"std/asks\"\nflow main() -> string {\n  return same(\"x\")\n}\n";
        assert_eq!(found(main, &[("std/asks", asks)]), [""; 0]);
    }

    #[test]
    fn flows_of_the_library_are_not_started_by_chance() {
        let flows = "flow other() -> int { return 1 }\n";
        let main = "import { other } from \"std/flows\"\nflow own() -> int { return other() }\n";
        let mut world = MemoryWorld::new([("/p/a.flow", main)]);
        world.library = Library::new([("std/flows", flows)]);
        let project = Project::open(&world, Path::new("/p")).expect("the folder is there");
        assert_eq!(project.flows(), ["own"]);
        assert!(project.plan(None).is_ok());
    }
}
