//! `flowc new NAME`: a project that checks and runs at once.

use std::io::Write;
use std::path::Path;

use flow_diagnostics::escape;

use crate::args::New;
use crate::exit::{Code, Outcome, Stop};
use crate::terminal::{self, BOLD};

/// What a new project holds. `@PROJECT@` stands for its name.
pub const FILES: [(&str, &str); 4] = [
    ("flow.toml", include_str!("flow.toml")),
    ("main.flow", include_str!("main.flow.txt")),
    ("README.md", include_str!("README.md")),
    (".gitignore", "# The store of runs.\n/.flow/\n"),
];

pub fn run(args: &New) -> Outcome {
    let folder = &args.name;
    let name = name_of(folder)?;
    refuse_to_overwrite(folder)?;
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for (file, text) in FILES {
        let path = folder.join(file);
        let written = std::fs::File::create_new(&path)
            .and_then(|mut f| f.write_all(text.replace("@PROJECT@", &name).as_bytes()));
        written.map_err(|error| failed(&path, &error))?;
    }
    let shown = folder.display().to_string();
    let shown = escape(&shown);
    let quoted = if shown.contains(' ') { format!("'{shown}'") } else { shown.into_owned() };
    terminal::err(format!(
        "made {quoted}; try\n\n  {BOLD}flowc check {quoted}{BOLD:#}\n  {BOLD}flowc test {quoted}{BOLD:#}\n  {BOLD}flowc run {quoted} name=Ada --simulate{BOLD:#}\n"
    ));
    Ok(Code::Done)
}

/// The folder's own name is the project's; it stands in a TOML string and in a heading.
fn name_of(folder: &Path) -> Result<String, Stop> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
    if name.is_empty() || name.chars().count() > 100 || !name.chars().all(fits) {
        return Err(Stop::usage(format_args!(
            "`{}` is no name for a project",
            escape(&folder.to_string_lossy())
        ))
        .help("use letters, digits, `-` and `_`"));
    }
    Ok(name.to_owned())
}

fn refuse_to_overwrite(folder: &Path) -> Result<(), Stop> {
    let taken = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(failed(folder, &error)),
    };
    if taken {
        let shown = folder.display().to_string();
        return Err(Stop::usage(format_args!("`{}` exists and isn't empty", escape(&shown)))
            .help("choose another name; nothing was changed"));
    }
    Ok(())
}

fn failed(path: &Path, error: &std::io::Error) -> Stop {
    Stop::usage(format_args!("`{}` can't be made: {error}", escape(&path.to_string_lossy())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_made_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = New { name: folder.path().join("my-flow") };
        assert_eq!(run(&args).expect("made"), Code::Done);
        for (file, _) in FILES {
            let text = std::fs::read_to_string(args.name.join(file)).expect("written");
            assert!(!text.contains("@PROJECT@"), "{file}");
        }
        let toml = std::fs::read_to_string(args.name.join("flow.toml")).expect("written");
        assert!(toml.contains("name = \"my-flow\""));
        std::fs::write(args.name.join("main.flow"), "mine").expect("written");
        assert_eq!(run(&args).expect_err("it exists").code, Code::Usage);
        assert_eq!(std::fs::read_to_string(args.name.join("main.flow")).expect("kept"), "mine");
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        for name in ["", "..", "a\"b", "a\u{1b}b", "a\nb"] {
            assert_eq!(run(&New { name: name.into() }).expect_err("refused").code, Code::Usage, "{name:?}");
        }
    }
}
