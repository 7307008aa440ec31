//! The programs that there are: of the suite, the examples and the grammar's corpus.

use std::path::Path;

use crate::case;

/// The text of every `.flow` file of the suite and the examples; those that aren't UTF-8 or longer than 64 KiB are left out.
///
/// # Panics
/// The suite can't be read.
pub fn all() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = case::read_all(&root.join("suite")).expect("the suite is of the form");
    let mut texts: Vec<String> = cases
        .iter()
        .flat_map(case::Case::files)
        .filter(|(name, bytes)| name.ends_with(".flow") && bytes.len() < 64 << 10)
        .filter_map(|(_, bytes)| String::from_utf8(bytes).ok())
        .collect();
    let mut folders = vec![root.join("../examples")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "flow") {
                texts.extend(std::fs::read_to_string(&path));
            }
        }
    }
    texts.sort();
    texts.dedup();
    texts
}
