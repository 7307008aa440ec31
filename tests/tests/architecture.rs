//! The arrows of ARCHITECTURE.md, as tables that the workspace is held against.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A crate of the workspace: its name, its folder, and the crates of the workspace that it may use.
struct Room {
    name: &'static str,
    folder: &'static str,
    sees: &'static [&'static str],
}

const fn room(name: &'static str, folder: &'static str, sees: &'static [&'static str]) -> Room {
    Room { name, folder, sees }
}

/// Every crate there is. `*` sees all.
const ROOMS: &[Room] = &[
    room("flow-source", "compiler/source", &[]),
    room("flow-diagnostics", "compiler/diagnostics", &["flow-source"]),
    room("flow-grammar", "grammar", &[]),
    room("flow-syntax", "compiler/syntax", &["flow-source", "flow-diagnostics", "flow-grammar"]),
    room("flow-ir", "compiler/ir", &["flow-source"]),
    room("flow-expr", "compiler/expr", &["flow-ir"]),
    room(
        "flow-check",
        "compiler/check",
        &["flow-source", "flow-diagnostics", "flow-syntax", "flow-ir", "flow-expr"],
    ),
    room(
        "flow-lower",
        "compiler/lower",
        &["flow-source", "flow-diagnostics", "flow-syntax", "flow-ir", "flow-expr", "flow-check"],
    ),
    room(
        "flow-project",
        "compiler/project",
        &[
            "flow-source",
            "flow-diagnostics",
            "flow-syntax",
            "flow-ir",
            "flow-expr",
            "flow-check",
            "flow-lower",
            "flow-stdlib",
        ],
    ),
    room(
        "flowc",
        "compiler/flowc",
        &[
            "flow-source",
            "flow-diagnostics",
            "flow-ir",
            "flow-expr",
            "flow-project",
            "flow-runtime-api",
            "flow-host",
            "flow-testing",
            "flow-trace",
        ],
    ),
    room("flow-runtime-api", "runtime/api", &["flow-source", "flow-ir"]),
    room("flow-answer", "runtime/answer", &["flow-source", "flow-ir", "flow-expr"]),
    room("flow-engine", "runtime/engine", &["flow-runtime-api", "flow-ir", "flow-expr", "flow-answer"]),
    room("flow-providers", "runtime/providers", &["flow-runtime-api", "flow-ir", "flow-answer"]),
    room("flow-tools", "runtime/tools", &["flow-runtime-api", "flow-ir"]),
    room("flow-storage", "runtime/storage", &["flow-runtime-api", "flow-ir"]),
    room("flow-trace", "runtime/trace", &["flow-runtime-api", "flow-ir"]),
    room(
        "flow-host",
        "runtime/host",
        &[
            "flow-runtime-api",
            "flow-ir",
            "flow-expr",
            "flow-answer",
            "flow-engine",
            "flow-providers",
            "flow-tools",
            "flow-storage",
            "flow-trace",
        ],
    ),
    room(
        "flow-testing",
        "runtime/testing",
        &["flow-source", "flow-runtime-api", "flow-ir", "flow-expr", "flow-engine", "flow-providers"],
    ),
    room("flow-tests", "tests", &["*"]),
];

/// What the tests of a crate may use besides: those of expressions read them from text.
const SEEN_BY_TESTS: &[(&str, &str)] = &[("flow-expr", "flow-syntax")];

/// Outside libraries and the crates that may use them; a name that ends in `*` stands for all that begin so.
const HOMES: &[(&str, &[&str])] = &[
    ("pest", &["flow-grammar", "flow-syntax"]),
    ("pest_derive", &["flow-grammar"]),
    ("miette", &["flow-diagnostics"]),
    ("codespan-reporting", &["flow-source", "flow-diagnostics"]),
    ("cranelift*", &["flow-expr"]),
    ("lsp-server", &["flow-lsp"]),
    ("gen-lsp-types", &["flow-lsp"]),
    ("axum*", &["flow-server"]),
    ("tower-http", &["flow-server"]),
    ("maud", &["flow-server"]),
    ("rusqlite", &["flow-storage", "flow-tools"]),
    ("refinery", &["flow-storage"]),
    ("tokio-postgres", &["flow-storage", "flow-tools"]),
    ("deadpool-postgres", &["flow-storage"]),
    ("redis", &["flow-storage"]),
    ("reqwest", &["flow-providers", "flow-tools", "flow-trace"]),
    ("rmcp", &["flow-tools"]),
    ("jsonschema", &["flow-answer"]),
    ("llm_json", &["flow-answer"]),
    ("monty*", &["flow-sandbox"]),
    ("hakoniwa", &["flow-sandbox"]),
    ("clap*", &["flowc"]),
    ("indicatif", &["flowc"]),
    ("comfy-table", &["flowc"]),
    ("anstream", &["flowc"]),
    ("anyhow", &["flowc", "flow-tests"]),
    ("toml", &["flow-project", "flow-host"]),
    (
        "tokio",
        &["flow-providers", "flow-tools", "flow-storage", "flow-trace", "flow-host", "flowc", "flow-tests"],
    ),
];

/// The fixed top level, and the files that every repository has.
const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "compiler",
    "runtime",
    "lsp",
    "grammar",
    "stdlib",
    "examples",
    "tests",
    "editors",
    "docs",
    ".ci",
    ".cargo",
    ".config",
    ".editorconfig",
    ".gitattributes",
    ".github",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "LICENSE",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "deny.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

/// Folders of crates that know neither files, environment, clock nor network.
const PURE: &[&str] = &[
    "grammar",
    "compiler/source",
    "compiler/diagnostics",
    "compiler/syntax",
    "compiler/ir",
    "compiler/expr",
    "compiler/check",
    "compiler/lower",
    "compiler/project",
    "runtime/api",
    "runtime/answer",
    "runtime/engine",
];

/// What a pure crate doesn't name.
const OUTSIDE: &[&str] = &[
    "std::fs",
    "std::env",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::process",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "tokio::",
    "reqwest::",
    "thread::sleep",
];

/// A crate as `cargo metadata` tells it.
#[derive(Debug)]
struct Package {
    name: String,
    folder: String,
    /// Names, and whether only tests use it.
    uses: Vec<(String, bool)>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").to_owned()
}

fn packages() -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo"));
    let out = Command::new(cargo)
        .args(["metadata", "--offline", "--format-version", "1", "--no-deps"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&out.stdout).expect("metadata is JSON");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let root = metadata["workspace_root"].as_str().expect("a workspace has a root");
    metadata["packages"]
        .as_array()
        .expect("packages are listed")
        .iter()
        .map(|package| Package {
            name: text(&package["name"]),
            folder: text(&package["manifest_path"])
                .strip_prefix(root)
                .and_then(|path| path.trim_start_matches(['/', '\\']).strip_suffix("Cargo.toml"))
                .map(|path| path.trim_end_matches(['/', '\\']).replace('\\', "/"))
                .unwrap_or_default(),
            uses: package["dependencies"]
                .as_array()
                .expect("dependencies are listed")
                .iter()
                .map(|used| (text(&used["name"]), used["kind"] == "dev"))
                .collect(),
        })
        .collect()
}

/// Rules 1 to 3: every crate is in the table, in its folder, and uses only what the table gives it, in its tests too.
fn wrong_arrows(packages: &[Package]) -> Vec<String> {
    let members: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in packages {
        let Some(room) = ROOMS.iter().find(|room| room.name == package.name) else {
            wrong.push(format!("`{}` isn't in the table of rooms", package.name));
            continue;
        };
        if room.folder != package.folder {
            wrong.push(format!("`{}` lies in {}, not in {}", package.name, package.folder, room.folder));
        }
        for (used, of_tests) in &package.uses {
            if *of_tests && SEEN_BY_TESTS.contains(&(package.name.as_str(), used.as_str())) {
                continue;
            }
            let inside = members.contains(used.as_str()) || ROOMS.iter().any(|room| room.name == used);
            if inside && !room.sees.contains(&"*") && !room.sees.contains(&used.as_str()) {
                wrong.push(format!("`{}` must not use `{used}`", package.name));
            }
        }
    }
    wrong
}

/// Rule 4: each outside library has few homes. What only tests use may be at home anywhere.
fn homeless(packages: &[Package]) -> Vec<String> {
    let covers = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    let mut wrong = Vec::new();
    for package in packages {
        for (used, _) in package.uses.iter().filter(|used| !used.1) {
            let home = HOMES.iter().find(|home| covers(home.0, used));
            if home.is_some_and(|home| !home.1.contains(&package.name.as_str())) {
                wrong.push(format!("`{used}` isn't at home in `{}`", package.name));
            }
        }
    }
    wrong
}

/// The top level is fixed.
fn strangers<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let unknown = names.into_iter().filter(|name| !TOP_LEVEL.contains(name));
    unknown.map(|name| format!("`{name}` has no place at the top level")).collect()
}

/// Rule 5: blanks comments, texts and what is compiled for tests only, then looks for the names of the outside.
fn reaches_outside(source: &str) -> Vec<(usize, &'static str)> {
    let code = without_tests(&code_only(source));
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        // `use std::{env, fs}` names them in a group.
        let grouped = line.trim_start().strip_prefix("use std::{").unwrap_or_default();
        for &name in OUTSIDE {
            let in_group = name.strip_prefix("std::").is_some_and(|last| {
                grouped.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == last)
            });
            // Memory that was written over is no state to go on in; giving up reaches nobody.
            let gives_up = name == "std::process" && line.contains("std::process::abort()");
            if in_group || mentions(line, name) && !gives_up {
                found.push((number + 1, name));
            }
        }
    }
    found
}

/// Whether a line holds a path as whole words: `std::env` isn't in `std::environment` and `env!` isn't `std::env`.
fn mentions(line: &str, path: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        !before.is_some_and(is_word) && (path.ends_with(':') || !after.is_some_and(is_word))
    })
}

/// Blanks comments, strings and characters, line ends kept.
fn code_only(source: &str) -> String {
    let bytes: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    let blank = |out: &mut String, c: char| out.push(if c == '\n' { '\n' } else { ' ' });
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => (2..rest.len())
                .find(|&end| rest[end - 1] == '*' && rest[end] == '/' && end > 2)
                .map_or(rest.len(), |end| end + 1),
            ['r', '"' | '#', ..] if !out.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
                if rest.get(1 + hashes) == Some(&'"') {
                    let close: Vec<char> =
                        std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                    (2 + hashes..rest.len())
                        .find(|&end| rest[end..].starts_with(&close))
                        .map_or(rest.len(), |end| end + close.len())
                } else {
                    0
                }
            }
            ['"', ..] => {
                let mut end = 1;
                while end < rest.len() && rest[end] != '"' {
                    end += if rest[end] == '\\' { 2 } else { 1 };
                }
                (end + 1).min(rest.len())
            }
            ['\'', '\\', ..] => rest[2..].iter().position(|c| *c == '\'').map_or(rest.len(), |end| {
                // `'\''` closes one later.
                if end == 0 { 4 } else { end + 3 }
            }),
            ['\'', _, '\'', ..] => 3,
            _ => 0,
        };
        if end == 0 {
            out.push(bytes[at]);
            at += 1;
        } else {
            let end = end.min(rest.len());
            rest[..end].iter().for_each(|c| blank(&mut out, *c));
            at += end;
        }
    }
    out
}

/// Blanks each item under `#[cfg(test)]`, up to its `;` or the brace that closes it.
fn without_tests(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..start]);
        let item = &rest[start..];
        let mut depth = 0usize;
        let end = item
            .char_indices()
            .find(|&(_, c)| match c {
                '{' => {
                    depth += 1;
                    false
                }
                '}' => {
                    depth = depth.saturating_sub(1);
                    depth == 0
                }
                c => c == ';' && depth == 0,
            })
            .map_or(item.len(), |(at, _)| at + 1);
        out.extend(item[..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

/// The workspace speaks of itself alone: of no machine, no plan and no talk.
fn speaks_of_others(text: &str) -> Vec<(usize, &'static str)> {
    const FOREIGN: &[&str] = &[
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/user"),
        concat!("iss", "ue #"),
        concat!("Iss", "ue #"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("this ses", "sion"),
    ];
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        found.extend(FOREIGN.iter().filter(|word| line.contains(**word)).map(|word| (number + 1, *word)));
    }
    found
}

/// Every file of the repository; without git, every file but hidden ones and build output.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    match listed {
        Ok(out) if out.status.success() && !out.stdout.is_empty() => out
            .stdout
            .split(|byte| *byte == 0)
            .filter(|name| !name.is_empty())
            .map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()))
            .filter(|name| root().join(name).exists())
            .collect(),
        _ => {
            let mut found = Vec::new();
            walk(&root(), Path::new(""), &mut found);
            found
        }
    }
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root.join(folder)).expect("a folder can be read").flatten() {
        let path = folder.join(entry.file_name());
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                if name != "target" && name != ".git" && name != ".flow" {
                    walk(root, &path, found);
                }
            }
            Ok(_) => found.push(path),
            Err(_) => {}
        }
    }
}

fn none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn crates_use_only_what_the_arrows_allow() {
    none(wrong_arrows(&packages()));
}

#[test]
fn outside_libraries_are_at_home() {
    none(homeless(&packages()));
}

#[test]
fn the_top_level_is_fixed() {
    let names: BTreeSet<String> = files()
        .iter()
        .filter_map(|file| file.components().next())
        .map(|first| first.as_os_str().to_string_lossy().into_owned())
        .collect();
    none(strangers(names.iter().map(String::as_str)));
}

#[test]
fn compiler_and_engine_reach_nothing_outside() {
    let mut wrong = Vec::new();
    let mut read = BTreeMap::<&str, usize>::new();
    for file in files() {
        let Some(folder) = PURE.iter().find(|folder| file.starts_with(Path::new(folder).join("src"))) else {
            continue;
        };
        let of_tests = file.components().any(|part| {
            let name =
                Path::new(part.as_os_str()).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            name == "tests" || name.ends_with("_tests")
        });
        if of_tests || file.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        *read.entry(folder).or_default() += 1;
        let source = std::fs::read_to_string(root().join(&file)).expect("sources are text");
        let found = reaches_outside(&source);
        wrong.extend(found.iter().map(|(line, name)| format!("{}:{line} names `{name}`", file.display())));
    }
    let unread = PURE.iter().filter(|folder| !read.contains_key(**folder));
    wrong.extend(unread.map(|folder| format!("{folder} has no sources")));
    none(wrong);
}

#[test]
fn the_workspace_speaks_of_itself_alone() {
    let mut wrong = Vec::new();
    for file in files() {
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else { continue };
        let found = speaks_of_others(&text);
        wrong.extend(found.iter().map(|(line, word)| format!("{}:{line} says `{word}`", file.display())));
    }
    none(wrong);
}

mod the_rules_can_fail {
    use super::*;

    fn package(name: &str, folder: &str, uses: &[&str]) -> Package {
        let uses = uses.iter().map(|used| ((*used).to_owned(), false)).collect();
        Package { name: name.to_owned(), folder: folder.to_owned(), uses }
    }

    #[test]
    fn an_arrow_that_points_back() {
        let back = package("flow-source", "compiler/source", &["flow-check"]);
        assert_eq!(wrong_arrows(&[back]), ["`flow-source` must not use `flow-check`"]);
    }

    #[test]
    fn an_arrow_that_only_tests_use() {
        let mut engine = package("flow-engine", "runtime/engine", &["flow-project"]);
        engine.uses[0].1 = true;
        assert_eq!(wrong_arrows(&[engine]), ["`flow-engine` must not use `flow-project`"]);
    }

    #[test]
    fn the_runtime_that_sees_the_compiler() {
        let trace = package("flow-trace", "runtime/trace", &["flow-ir", "flow-syntax"]);
        assert_eq!(wrong_arrows(&[trace]), ["`flow-trace` must not use `flow-syntax`"]);
    }

    #[test]
    fn a_concrete_part_outside_of_the_host() {
        let flowc = package("flowc", "compiler/flowc", &["flow-storage"]);
        assert_eq!(wrong_arrows(&[flowc]), ["`flowc` must not use `flow-storage`"]);
    }

    #[test]
    fn a_crate_without_a_room() {
        let unknown = package("flow-utils", "runtime/utils", &[]);
        assert_eq!(wrong_arrows(&[unknown]), ["`flow-utils` isn't in the table of rooms"]);
        let moved = package("flow-ir", "runtime/ir", &[]);
        assert_eq!(wrong_arrows(&[moved]), ["`flow-ir` lies in runtime/ir, not in compiler/ir"]);
    }

    #[test]
    fn a_library_away_from_home() {
        let host = package("flow-host", "runtime/host", &["rusqlite", "axum-extra", "serde"]);
        assert_eq!(
            homeless(&[host]),
            ["`rusqlite` isn't at home in `flow-host`", "`axum-extra` isn't at home in `flow-host`"]
        );
    }

    #[test]
    fn a_stranger_at_the_top_level() {
        assert_eq!(strangers(["compiler", "utils"]), ["`utils` has no place at the top level"]);
    }

    #[test]
    fn a_pure_crate_that_looks_at_the_clock() {
        let source = "fn now() -> u64 {\n    std::time::Instant::now();\n    0\n}\n";
        assert_eq!(reaches_outside(source), [(2, "Instant")]);
        assert_eq!(reaches_outside("use std::fs;"), [(1, "std::fs")]);
        assert_eq!(reaches_outside("use std::{collections::BTreeMap, env};"), [(1, "std::env")]);
        assert_eq!(
            reaches_outside("#[cfg(test)]\nmod tests { }\nuse std::net::TcpStream;"),
            [(3, "TcpStream")]
        );
    }

    #[test]
    fn an_address_is_no_network() {
        assert_eq!(
            reaches_outside("fn ip(text: &str) -> Option<std::net::IpAddr> { text.parse().ok() }"),
            []
        );
    }

    #[test]
    fn what_isnt_code_is_allowed() {
        let source = r##"
            //! Knows no `std::fs`.
            const KEY: &str = env!("CARGO_PKG_NAME");
            const TEXT: &str = "std::env \" std::fs";
            const RAW: &str = r#"std::net "quoted" "#;
            const QUOTE: char = '"'; /* SystemTime */
            fn f<'a>(instant: &'a str) -> &'a str { instant }
            #[cfg(test)]
            use std::fs;
            #[cfg(test)]
            mod tests {
                fn read() { if true { std::fs::read("x"); } }
            }
        "##;
        assert_eq!(reaches_outside(source), []);
    }

    #[test]
    fn a_text_about_a_machine() {
        let text = format!("fine\nsee {}notes\n", concat!("/wo", "rk/"));
        assert_eq!(speaks_of_others(&text), [(2, concat!("/wo", "rk/"))]);
        assert_eq!(speaks_of_others("closes nothing\nwork/notes"), []);
    }
}
