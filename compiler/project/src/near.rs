//! The file that an import was probably meant to name.

use smol_str::SmolStr;

/// Returns a path in the form that imports have, if it isn't in it: `lib/review` is `./lib/review.flow`.
pub(crate) fn written(import: &str) -> Option<String> {
    let mut path = import.replace('\\', "/");
    if !path.ends_with(".flow") {
        path = path.trim_end_matches('/').to_string() + ".flow";
    }
    if !path.starts_with("./") && !path.starts_with("../") {
        path = format!("./{}", path.trim_start_matches(['/', '@']));
    }
    (path != import).then_some(path)
}

/// Returns the path of the project's file that is nearest to the one that an import names: one of its name in another
/// folder, else one of a similar name, first in the same folder.
pub(crate) fn file<'m>(
    here: &str,
    import: &str,
    modules: impl Iterator<Item = &'m str> + Clone,
) -> Option<SmolStr> {
    let wanted = joined(here, import);
    let (folder, name) = wanted.rsplit_once('/').unwrap_or(("", &wanted));
    let others = modules.filter(|module| *module != here);
    let split = |module: &'m str| module.rsplit_once('/').unwrap_or(("", module));
    let stem = |name: &'m str| name.strip_suffix(".flow").unwrap_or(name);
    let asked = name.strip_suffix(".flow").unwrap_or(name);
    let mut same: Vec<&str> = others.clone().filter(|module| split(module).1 == name).collect();
    same.sort_unstable();
    let beside = others.clone().filter(|module| split(module).0 == folder);
    let similar = |files: &mut dyn Iterator<Item = &'m str>| {
        let files: Vec<&str> = files.collect();
        let near = flow_check::nearest(asked, files.iter().map(|module| stem(split(module).1)))?;
        files.into_iter().filter(|module| stem(split(module).1) == near).min()
    };
    let found = same
        .first()
        .copied()
        .or_else(|| similar(&mut beside.clone()))
        .or_else(|| similar(&mut others.clone()))?;
    Some(SmolStr::from(flow_check::path_to(here, found)))
}

/// Returns the module that a path would name: `lib/review.flow` for `../lib/review.flow` in `parts/a.flow`.
fn joined(here: &str, import: &str) -> String {
    let mut parts: Vec<&str> = here.split('/').collect();
    parts.pop();
    for part in import.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{file, written};

    #[test]
    fn a_path_is_written_from_the_file_and_with_its_ending() {
        for import in [
            "lib/review.flow",
            "./lib/review",
            "lib/review",
            "/lib/review.flow",
            "lib\\review",
            "@/lib/review",
        ] {
            assert_eq!(written(import).as_deref(), Some("./lib/review.flow"), "{import}");
        }
        assert_eq!(written("./lib/review.flow"), None);
        assert_eq!(written("../lib/review").as_deref(), Some("../lib/review.flow"));
    }

    #[test]
    fn the_nearest_file() {
        let modules = ["main.flow", "lib/review.flow", "lib/draft.flow", "parts/notes.flow"];
        let near = |here, import| file(here, import, modules.into_iter());
        assert_eq!(near("main.flow", "./review.flow").as_deref(), Some("./lib/review.flow"));
        assert_eq!(near("main.flow", "./lib/reveiw.flow").as_deref(), Some("./lib/review.flow"));
        assert_eq!(near("parts/notes.flow", "./draft.flow").as_deref(), Some("../lib/draft.flow"));
        assert_eq!(near("parts/notes.flow", "../lib/drafts.flow").as_deref(), Some("../lib/draft.flow"));
        assert_eq!(near("main.flow", "./lib/billing.flow"), None);
        assert_eq!(near("main.flow", "./mani.flow"), None, "not itself");
    }
}
