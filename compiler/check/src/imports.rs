//! Imports: what a file brings in, from where, and in which circles.

use std::cell::OnceCell;

use flow_diagnostics::{Code, Diagnostic};
use flow_source::{FileSpan, Span};
use flow_syntax::tree::{self, ItemKind};
use smol_str::SmolStr;

use crate::graph::circle;
use crate::hash::HashMap;
use crate::program::{Entry, ImportedName, LostImport, Module, NoModule, Program, Unit, duplicate};
use crate::suggest::nearest;

/// The modules that declare each name that can be imported: made when a name isn't found, in the order of files.
#[derive(Default)]
pub(crate) struct Declared {
    by_name: OnceCell<HashMap<SmolStr, Vec<SmolStr>>>,
}

impl Declared {
    /// Returns the modules that declare a name.
    fn of(&self, name: &str, program: &Program) -> &[SmolStr] {
        let all = self.by_name.get_or_init(|| {
            let mut all: HashMap<SmolStr, Vec<SmolStr>> = HashMap::default();
            for module in program.modules.values() {
                for (name, index) in &module.items {
                    if importable(&module.tree.items[*index].kind) {
                        all.entry(name.clone()).or_default().push(module.name.clone());
                    }
                }
            }
            all
        });
        all.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Whether others may import it: everything but tests, evals, triggers and `allow`.
fn importable(kind: &ItemKind) -> bool {
    !matches!(kind, ItemKind::Trigger(_) | ItemKind::Eval(_))
}

/// What the imports of a module bring in.
#[derive(Default)]
pub(crate) struct Links {
    /// By the name that it has there.
    pub scope: HashMap<SmolStr, Entry>,
    /// The names, and where they stand.
    pub imported: Vec<ImportedName>,
    /// What should have come in and didn't.
    pub lost: Vec<LostImport>,
    /// The modules that it is from, and where they are named.
    pub requires: Vec<(SmolStr, FileSpan)>,
}

impl Links {
    /// Takes every name of an import that can't be read for one that it brings in: nothing more is said of it.
    fn lose(&mut self, text: &str) {
        // Between quotes stands the path.
        for piece in text.split('"').step_by(2) {
            let words = piece.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            for word in words.filter(|word| !matches!(*word, "" | "import" | "from" | "as")) {
                self.scope.entry(SmolStr::from(word)).or_insert(Entry::Error);
            }
        }
        self.lost.push(LostImport { name: SmolStr::default(), module: None });
    }
}

/// A name as it was first brought in: where, from which module, and its name there.
type First = (FileSpan, Option<SmolStr>, SmolStr);

/// Resolves the imports of a module.
pub(crate) fn resolve(
    unit: &Unit,
    program: &Program,
    declared: &Declared,
    diagnostics: &mut Vec<Diagnostic>,
) -> Links {
    let file = unit.tree.file;
    let mut links = Links::default();
    let own = &program.modules[&unit.name];
    let mut first: HashMap<SmolStr, First> = HashMap::default();
    for item in &unit.tree.items {
        let import = match &item.kind {
            ItemKind::Import(import) => import,
            ItemKind::Error(error) if error.keyword.as_ref().is_some_and(|word| word.text == "import") => {
                links.lose(&item.text);
                continue;
            }
            _ => continue,
        };
        let from = item.locate(file, import.from.span);
        let whole = item.locate(file, item.span);
        let target = match unit.imports.get(&import.from.text) {
            Some(Ok(name)) => program.modules.get(name),
            Some(Err(reason)) => {
                diagnostics.push(no_module(&import.from.text, from, reason));
                None
            }
            None => None,
        };
        if let Some(target) = target {
            links.requires.push((target.name.clone(), from));
        }
        let itself = target.is_some_and(|target| target.name == unit.name);
        for name in &import.names {
            let local = name.alias.as_ref().unwrap_or(&name.name);
            let at = item.locate(file, local.span);
            let span = item.locate(file, name.name.span.to(local.span));
            if let Some(&own_item) = own.items.get(&local.text) {
                // A file that imports itself is reported as that.
                if !itself {
                    let other = &unit.tree.items[own_item];
                    let place = other.kind.name().map_or(other.span, |declared| declared.span);
                    diagnostics.push(duplicate(&local.text, other.locate(file, place), at));
                    links.lost.extend(target.map(|target| LostImport::of(&name.name, Some(target))));
                }
                continue;
            }
            let home = target.map(|target| target.name.clone());
            if let Some((before, other, wanted)) = first.get(&local.text) {
                let same = *other == home && *wanted == name.name.text && home.is_some();
                diagnostics.push(match same {
                    true => again(&local.text, at, *before, (import.names.len() == 1).then_some(whole)),
                    false => duplicate(&local.text, at, *before)
                        .help(format!("give one another name: `{} as other`", name.name.text)),
                });
                if !same {
                    links.lost.push(LostImport::of(&name.name, target));
                }
                continue;
            }
            first.insert(local.text.clone(), (at, home, name.name.text.clone()));
            let entry = match target {
                None => Entry::Error,
                Some(target) => {
                    let wanted = Wanted { unit, import, name, item, declared };
                    wanted.from(target, program, diagnostics)
                }
            };
            if matches!(entry, Entry::Error) {
                links.lost.push(LostImport::of(&name.name, target));
                // What isn't there may be another file's.
                if target.is_some_and(|target| !target.items.contains_key(&name.name.text)) {
                    links.lost.push(LostImport::of(&name.name, None));
                }
            } else {
                links.imported.push(ImportedName {
                    local: local.text.clone(),
                    declared: name.name.text.clone(),
                    span,
                    whole,
                    alone: import.names.len() == 1,
                });
            }
            links.scope.insert(local.text.clone(), entry);
        }
    }
    links
}

/// A name that is imported twice from the same place.
fn again(name: &str, at: FileSpan, first: FileSpan, whole: Option<FileSpan>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::DuplicateName, at, format!("`{name}` is imported twice"))
        .here("imported again here")
        .label(first, "first imported here")
        .help("remove one of the two");
    match whole {
        Some(whole) => diagnostic.fix("remove this import", whole, ""),
        None => diagnostic,
    }
}

fn no_module(path: &str, at: FileSpan, reason: &NoModule) -> Diagnostic {
    let mut diagnostic =
        Diagnostic::new(Code::BadImport, at, format!("cannot import from `{path}`")).here(reason.why.clone());
    diagnostic = match (&reason.help, &reason.meant) {
        (Some(help), _) => diagnostic.help(help.clone()),
        (None, Some(meant)) => diagnostic.help(format!("did you mean `{meant}`?")),
        (None, None) => diagnostic.help(
            "paths start with `./` or `../`, end with `.flow` and stay inside the project; `std/…` is the standard library",
        ),
    };
    match &reason.meant {
        Some(meant) => diagnostic.fix(format!("import from `{meant}`"), at, format!("\"{meant}\"")),
        None => diagnostic,
    }
}

/// A name that an import asks for.
struct Wanted<'a> {
    unit: &'a Unit,
    import: &'a tree::Import,
    name: &'a tree::Imported,
    item: &'a tree::Item,
    declared: &'a Declared,
}

impl Wanted<'_> {
    fn at(&self, span: Span) -> FileSpan {
        self.item.locate(self.unit.tree.file, span)
    }

    /// Returns what the name stands for.
    fn from(&self, target: &Module, program: &Program, diagnostics: &mut Vec<Diagnostic>) -> Entry {
        let wanted = &self.name.name.text;
        let at = self.at(self.name.name.span);
        // Only a module's own declarations can be imported, so its scope is looked up through its items.
        let Some(&index) = target.items.get(wanted) else {
            diagnostics.push(self.missing(target, program));
            return Entry::Error;
        };
        let item = &target.tree.items[index];
        if !importable(&item.kind) {
            diagnostics.push(
                Diagnostic::new(Code::BadImport, at, format!("`{wanted}` cannot be imported"))
                    .here("a trigger or an eval")
                    .label(item.locate(target.file, item.span), "declared here")
                    .help("import the flow instead"),
            );
            return Entry::Error;
        }
        let Some(entry) = target.scope.get(wanted) else { return Entry::Error };
        if let Some(diagnostic) = self.case_of_alias(entry) {
            diagnostics.push(diagnostic);
            return Entry::Error;
        }
        entry.clone()
    }

    fn missing(&self, target: &Module, program: &Program) -> Diagnostic {
        let wanted = &self.name.name.text;
        let at = self.at(self.name.name.span);
        let diagnostic = Diagnostic::new(Code::BadImport, at, format!("`{}` has no `{wanted}`", target.name))
            .here("not declared there");
        // An import there leads to where it is declared; else any file that has it.
        let homes = self.declared.of(wanted, program);
        let passed_on = match target.scope.get(wanted) {
            Some(Entry::Value(symbol)) if symbol.name == *wanted => Some(&symbol.module),
            _ => None,
        };
        let home = passed_on.or_else(|| homes.iter().find(|home| **home != self.unit.name));
        let near = nearest(wanted, target.declared_like(wanted));
        match (home, near) {
            (Some(home), _) => {
                let path = path_to(&self.unit.name, home);
                let diagnostic =
                    diagnostic.help(format!("it is declared in `{home}`: import it from `\"{path}\"`"));
                match self.import.names.len() {
                    1 => diagnostic.fix(
                        format!("import from `{path}`"),
                        self.at(self.import.from.span),
                        format!("\"{path}\""),
                    ),
                    _ => diagnostic,
                }
            }
            (None, Some(near)) => diagnostic.help(format!("a similar name is declared there: `{near}`")).fix(
                format!("import `{near}`"),
                at,
                near,
            ),
            (None, None) => {
                let mut names: Vec<&str> = target
                    .items
                    .iter()
                    .filter(|(_, index)| importable(&target.tree.items[**index].kind))
                    .map(|(name, _)| name.as_str())
                    .collect();
                names.sort_unstable();
                match names.as_slice() {
                    [] => diagnostic.help(format!("`{}` declares nothing", target.name)),
                    [..] => {
                        let more = if names.len() > 8 { ", …" } else { "" };
                        names.truncate(8);
                        diagnostic.help(format!("it declares `{}`{more}", names.join("`, `")))
                    }
                }
            }
        }
    }

    /// Case tells types from all else, under another name too.
    fn case_of_alias(&self, entry: &Entry) -> Option<Diagnostic> {
        let alias = self.name.alias.as_ref()?;
        let upper = alias.text.starts_with(|c: char| c.is_ascii_uppercase());
        let (what, mended) = match entry {
            Entry::Type(_) if !upper => ("a type starts with a capital letter", upper_camel(&alias.text)),
            Entry::Value(_) if upper => ("only types start with a capital letter", lower_snake(&alias.text)),
            _ => return None,
        };
        let at = self.at(alias.span);
        Some(
            Diagnostic::new(
                Code::BadImport,
                at,
                format!("`{}` can't be called `{}`", self.name.name.text, alias.text),
            )
            .here(what)
            .help(format!("write `as {mended}`"))
            .fix(format!("write `{mended}`"), at, mended),
        )
    }
}

fn upper_camel(name: &str) -> String {
    name.split('_')
        .map(|part| {
            let mut letters = part.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        })
        .collect()
}

fn lower_snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (index, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 && !text.ends_with('_') {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// Returns what an import writes to reach a module: `../lib/review.flow`.
pub fn path_to(from: &str, to: &str) -> String {
    // A module of the standard library is reached by its name.
    if !to.ends_with(".flow") {
        return to.to_string();
    }
    let folders: Vec<&str> = from.split('/').collect();
    let wanted: Vec<&str> = to.split('/').collect();
    let (folders, rest) = (&folders[..folders.len() - 1], &wanted[..wanted.len() - 1]);
    let common = folders.iter().zip(rest).take_while(|(a, b)| a == b).count();
    let up = folders.len() - common;
    let start = if up == 0 { "./".to_string() } else { "../".repeat(up) };
    start + &wanted[common..].join("/")
}

/// Reports each circle of imports once, at the import that closes it.
pub(crate) fn cycles(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        /// Its place in the path.
        Open(usize),
        Done,
    }
    let count = program.modules.len();
    let mut marks = vec![Mark::New; count];
    for start in 0..count {
        if marks[start] != Mark::New {
            continue;
        }
        marks[start] = Mark::Open(0);
        let mut path = vec![(start, 0_usize)];
        while let Some((at, next)) = path.last_mut() {
            let module = &program.modules[*at];
            let Some((name, span)) = module.requires.get(*next) else {
                marks[*at] = Mark::Done;
                path.pop();
                continue;
            };
            *next += 1;
            let Some(to) = program.modules.get_index_of(name) else { continue };
            match marks[to] {
                Mark::New => {
                    marks[to] = Mark::Open(path.len());
                    path.push((to, 0));
                }
                Mark::Open(from) => {
                    let ring = &path[from..];
                    if ring.len() == 1 {
                        diagnostics.push(
                            Diagnostic::new(Code::ImportCycle, *span, "this file imports itself")
                                .here("the file that this stands in")
                                .help("remove the import: what a file declares it sees by itself"),
                        );
                        continue;
                    }
                    let names = ring.iter().map(|(index, _)| program.modules[*index].name.as_str());
                    diagnostics.push(
                        Diagnostic::new(
                            Code::ImportCycle,
                            *span,
                            format!("files import each other in a circle: {}", circle(names)),
                        )
                        .here("closes the circle")
                        .help("move what both need into a file of its own"),
                    );
                }
                Mark::Done => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{lower_snake, path_to, upper_camel};

    #[test]
    fn paths_are_relative_to_the_file_that_imports() {
        assert_eq!(path_to("main.flow", "b.flow"), "./b.flow");
        assert_eq!(path_to("main.flow", "lib/b.flow"), "./lib/b.flow");
        assert_eq!(path_to("lib/a.flow", "b.flow"), "../b.flow");
        assert_eq!(path_to("lib/in/a.flow", "lib/out/b.flow"), "../out/b.flow");
        assert_eq!(path_to("lib/a.flow", "std/words"), "std/words");
    }

    #[test]
    fn names_in_the_other_case() {
        assert_eq!(upper_camel("short_note"), "ShortNote");
        assert_eq!(lower_snake("ShortNote"), "short_note");
    }
}
