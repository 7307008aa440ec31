//! Which edits a front outlives, and that it is then the one that would be made anew.

use std::sync::Arc;

use flow_source::FileId;
use flow_source::Sources;
use smol_str::SmolStr;

use super::{Front, Kept};
use crate::program::Unit;

const LIB: &str = "\
/// What is judged.
type Note { text: string  score: int }

allow [net(\"api.example.com\")]

prompt judge(text: string) -> Note {
  user: \"Judge ${text}\"
}

code better(a: int) -> bool = a > 1

flow work(text: string, text: string) -> int {
  let note = judge(text)
  return note.score
}

test \"works\" {
  let n = work(\"a\")
  expect n == 1
}

test \"works\" {
  let n = work(\"a\")
  expect n == 2
}

type Late = Missing | Note
";

const MAIN: &str = "\
import { Note, work as other } from \"./lib.flow\"

flow main(note: Note) -> int {
  let n = other(note.text)
  return n
}
";

fn units(files: [FileId; 2], lib: &str, main: &str, before: &[Unit]) -> Vec<Unit> {
    let texts = [("lib.flow", lib), ("main.flow", main)];
    let parsed = texts.iter().zip(files).map(|((name, text), file)| {
        let known = before.iter().find(|unit| unit.name == *name && *unit.tree.text == **text);
        if let Some(known) = known {
            return known.clone();
        }
        let (tree, _) = flow_syntax::parse(file, text);
        let broken = tree.items.iter().enumerate().filter(|(_, item)| item.broken).map(|(index, _)| index);
        Unit {
            name: SmolStr::from(*name),
            broken: broken.collect(),
            imports: [("./lib.flow".into(), Ok("lib.flow".into()))].into_iter().collect(),
            tree: Arc::new(tree),
        }
    });
    parsed.collect()
}

fn shown(front: &Front) -> String {
    let mut places: Vec<_> = front.program.type_places.iter().collect();
    places.sort();
    let modules = front.program.modules.values().map(|module| {
        let imported: Vec<_> = module.imported.iter().map(|one| (&one.local, one.span, one.whole)).collect();
        format!("{imported:?} {:?} {:?} {:?}\n", module.requires, module.allow, module.allow_at)
    });
    let modules: String = modules.collect();
    let mut found = front.diagnostics.clone();
    found.sort_by_key(|one| (one.primary.at, one.code));
    format!("{places:?}\n{modules}{found:#?}")
}

/// Whether the front outlives an edit of the library; if so, it must be the one that would be made anew.
fn outlives(from: &str, to: &str) -> bool {
    assert!(LIB.contains(from), "{from}");
    let mut sources = Sources::new();
    let files = [sources.add("lib.flow", LIB), sources.add("main.flow", MAIN)];
    let before = units(files, LIB, MAIN, &[]);
    let kept = Kept::new(Front::of(&before), &before);
    assert!(kept.front().diagnostics.len() >= 3, "{:#?}", kept.front().diagnostics);
    let now = units(files, &LIB.replacen(from, to, 1), MAIN, &before);
    let Some((renewed, changed)) = kept.renewed(&now) else { return false };
    assert_eq!(changed, [0]);
    assert_eq!(shown(renewed.front()), shown(&Front::of(&now)), "{from} → {to}");
    true
}

#[test]
fn an_edit_in_a_body_changes_nothing_but_places() {
    for (from, to) in [
        ("Judge ${text}", "Please judge ${text} now"),
        ("a > 1", "a > 10 && a < 100"),
        ("let note = judge(text)", "// Here.\n  let first = 1\n  let note = judge(text)"),
        ("expect n == 1", "expect n > 1\n  expect n < 9"),
        ("type Late", "// Further down.\n\n\ntype Late"),
        ("/// What is", "\n\n/// What is"),
    ] {
        assert!(outlives(from, to), "{from} → {to}");
    }
}

#[test]
fn whatever_else_changes_is_read_anew() {
    for (from, to) in [
        ("judged.", "judged here."),
        ("score: int", "score: float"),
        ("api.example", "www.example"),
        ("judge(text: string)", "judge(text: int)"),
        ("  user:", "  model: \"a/b\"\n  user:"),
        ("prompt judge", "agent judge"),
        ("a: int", "a: float"),
        ("-> bool", "-> int"),
        ("text: string) -> int", "other: string) -> int"),
        ("test \"works\"", "test \"differs\""),
        ("flow work", "/// Works.\nflow work"),
        ("\ntype Late", "const late = 1\n\ntype Late"),
    ] {
        assert!(!outlives(from, to), "{from} → {to}");
    }
}

#[test]
fn what_breaks_a_body_leaves_a_right_front() {
    for (from, to) in [
        ("return note.score\n}", "return note.score\n"),
        ("return note.score\n}", "return note.(\n}"),
        ("return note.score\n}", "return note.score }}\n}"),
        ("user: \"Judge ${text}\"", "user: \"Judge ${text\""),
        ("a > 1", "a >"),
    ] {
        outlives(from, to);
    }
}
