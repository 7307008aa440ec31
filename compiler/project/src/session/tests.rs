//! A session shows what a fresh look shows, whatever was changed in between.

use std::path::{Path, PathBuf};

use flow_check::{Checked, CheckedProgram, Checker};
use flow_diagnostics::{Diagnostic, render};
use flow_source::Sources;

use super::Session;
use crate::discover::discover;
use crate::read::Files;
use crate::{MemoryWorld, Project};

/// Declarations that a file may have. `$n` is the file's number, `$m` another file's, `$k` a small number.
const POOL: &[&str] = &[
    "type Review$n {\n  score: int(1..$k)\n  fixes: [string(..200)](..6)\n}",
    "type Long$n = string(..$k00) where it.size() > $k",
    "enum Kind$n { billing bug spam$k }",
    "enum Kind$n { billing bug }",
    "type Action$n = Reply$n { text: string } | Stop$n {}",
    "type Both$n = Review$n | Review$m",
    "type Holder$n { inner: Review$m  kind: Kind$n }",
    "const limit$n: int = $k",
    "const limit$n = limit$m + $k",
    "const topic = \"a$k\"",
    "model fast$n = \"ollama/llama3.$k\"",
    "prompt judge$n(text: string) -> Review$n {\n  user: \"Judge ${text} $k\"\n}",
    "prompt judge$n(text: string, strict: bool = true) -> Review$n {\n  user: \"Judge ${text} ${strict}\"\n}",
    "prompt sort$n(text: string) -> Kind$n {\n  model: fast$n\n  user: \"\"\"\n    Sort ${text}.\n    \"\"\"\n}",
    "tool post$n(id: string) -> json {\n  post: \"https://api$k.example.com/${id}\"\n}",
    "tool get$n(id: string) -> json {\n  get: \"https://api.example.com/${id}\"\n  headers: { \"x\": \"${secret.KEY$k}\" }\n}",
    "allow [net(\"api.example.com\"), secret(\"KEY$k\")]",
    "code better$n(a: int, b: int) -> bool = a > b + $k",
    "code better$n(a: int, b: float) -> bool = a > $k && b > 0.5",
    "code twice$n(a: int) -> int = better$m(a, $k) ? a : twice$n(a)",
    "flow work$n(text: string) -> int {\n  let review = judge$n(text)\n  return review.score + $k\n}",
    "flow work$n(text: string, topic: int = limit$n) -> int {\n  let unused = judge$m(text)\n  return topic\n}",
    "flow lead$n(text: string) -> int {\n  let first = work$m(text)\n  let other = work$n(text) as first\n  return first\n}",
    "flow lead$n(text: string) -> string {\n  let kind = sort$n(text)\n  route kind {\n    when billing => return \"a\"\n    when bug | spam$k => return \"b\"\n  }\n  return \"c\"\n}",
    "flow loops$n(xs: [string](..9)) -> int {\n  state { sum: int = 0 }\n  for x in xs {\n    sum += work$n(x)\n  }\n  loop turns max limit$n {\n    sum += $k\n  }\n  return sum\n}",
    "flow lone$n(h: Holder$m) -> int {\n  if h.kind == billing { return h.inner.score }\n  post$n(\"$k\")\n  return Unknown$k\n}",
    "flow unions$n(a: Action$m) -> string {\n  route a {\n    when Reply$m => return a.text\n    when Stop$m => return \"$k\"\n  }\n}",
    "flow unions$n(a: Both$m) -> string {\n  let b = a is Review$n ? \"x\" : \"y$k\"\n  return b\n}",
    "agent helper$n(task: string) -> string {\n  user: task\n  tools: [get$n, post$m max $k]\n  max_turns: $k\n}",
    "memory seen$n: [string: int] = kv { scope: project }",
    "human ask$n(text: string) -> bool {\n  message: \"Is ${text} right?\"\n  timeout: $kh\n}",
    "test \"works $k\" {\n  mock judge$n => {score: 1, fixes: []}\n  let n = work$n(\"a\")\n  expect n == $k\n}",
    "test \"steps $k\" {\n  mock \"work$m/judge$m\" => {score: 1, fixes: []}\n  mock \"lead$n/first/judge$k\" => {score: $k, fixes: []}\n  let n = work$m(\"a\")\n  expect n == $k\n}",
    "tool send$n(id: string) -> json {\n  post: \"https://api.example.com/${id}\"\n}\n\nflow races$n(text: string) -> int {\n  try {\n    let a = work$m(text)\n    return a\n  } catch (refused | bad$k) as e {\n    return $k\n  }\n  let b = send$n(text)\n  return $k\n}",
    "flow fails$n(text: string) -> int {\n  if text == \"$k\" {\n    fail bad$k(\"No.\")\n  }\n  let done = fails$m(text)\n  return done\n}",
    "eval quality$n of work$m {\n  cases: \"cases$k.jsonl\"\n}",
    "trigger nightly$n = cron(\"0 $k * * *\") => work$n(\"x\")",
    "// A comment with a number: $k.",
];

/// What a file may import from another one.
const IMPORTS: &[&str] = &[
    "import { Review$m, judge$m } from \"./f$m.flow\"",
    "import { work$m, limit$m } from \"./f$m.flow\"",
    "import { Kind$m, better$m as better } from \"./f$m.flow\"",
    "import { Action$m, Both$m, Holder$m } from \"./f$m.flow\"",
    "import { work$m } from \"./none$k.flow\"",
    "import { fails$m, lead$m } from \"./f$m.flow\"",
    "import { work$m as judge$n, limit$m as topic } from \"./f$m.flow\"",
    "import { Kind$m as Review$n, better$m as twice$n } from \"./f$m.flow\"",
    "import { post$m } from \"./f$n.flow\"",
];

/// A generator of numbers that gives the same ones everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn filled(&mut self, template: &str, file: usize, files: usize) -> String {
        let (other, small) = (self.below(files), 1 + self.below(4));
        template
            .replace("$n", &file.to_string())
            .replace("$m", &other.to_string())
            .replace("$k", &small.to_string())
    }
}

/// The files of a project, as pieces that edits move about.
struct Edited {
    numbers: Numbers,
    files: Vec<Option<Vec<String>>>,
}

impl Edited {
    fn new(seed: u64, files: usize) -> Edited {
        let mut edited = Edited { numbers: Numbers(seed), files: vec![None; files] };
        for file in 0..files {
            edited.fresh(file);
        }
        edited
    }

    fn fresh(&mut self, file: usize) {
        let count = self.files.len();
        let imports = self.numbers.below(3);
        let mut pieces: Vec<String> = Vec::new();
        for _ in 0..imports {
            let template = *self.numbers.of(IMPORTS);
            pieces.push(self.numbers.filled(template, file, count));
        }
        for _ in 0..4 + self.numbers.below(8) {
            let template = *self.numbers.of(POOL);
            pieces.push(self.numbers.filled(template, file, count));
        }
        self.files[file] = Some(pieces);
    }

    fn edit(&mut self) {
        let count = self.files.len();
        let file = self.numbers.below(count);
        let what = self.numbers.below(18);
        let (pool, import) = (*self.numbers.of(POOL), *self.numbers.of(IMPORTS));
        let (added, import) =
            (self.numbers.filled(pool, file, count), self.numbers.filled(import, file, count));
        let Some(pieces) = &mut self.files[file] else { return self.fresh(file) };
        if pieces.is_empty() {
            pieces.push(added);
            return;
        }
        let (at, other, small) =
            (self.numbers.below(pieces.len()), self.numbers.below(pieces.len()), self.numbers.below(10));
        let piece = &mut pieces[at];
        match what {
            // A body, a limit, a name: whatever has a digit.
            0..=3 => {
                let digits: Vec<usize> =
                    piece.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
                if !digits.is_empty() {
                    let digit = digits[self.numbers.below(digits.len())];
                    piece.replace_range(digit..=digit, &small.to_string());
                }
            }
            4 => *piece = piece.replacen("text: string", "text: int", 1),
            5 => *piece = piece.replacen("-> int", "-> string", 1),
            6 => *piece = piece.replacen("billing", "billing refund", 1),
            // Broken, or mended if it is a bracket too many.
            7 => {
                let cut = piece.char_indices().nth(self.numbers.below(piece.chars().count()));
                if let Some((cut, _)) = cut {
                    piece.remove(cut);
                }
            }
            8 => *piece = added,
            9 => pieces.insert(at, added),
            10 => drop(pieces.remove(at)),
            11 => pieces.swap(at, other),
            12 => pieces.insert(0, import),
            // Nothing but places: in a body, before a declaration, between two.
            13 => *piece = piece.replacen("\n  ", "\n\n    // Room.\n  ", 1),
            14 => *piece = format!("/// Says {small}.\n{piece}"),
            15 => *piece = format!("{}{piece}", "\n".repeat(small)),
            // A body grows by what is wrong in it.
            16 => *piece = piece.replacen("return ", "let more = judge0(\"x\")\n  return nothing + ", 1),
            _ => match self.numbers.below(3) {
                0 => self.files[file] = None,
                1 => pieces.insert(0, "// Everything moves.".into()),
                _ => {
                    let again = pieces[at].clone();
                    pieces.push(again);
                }
            },
        }
    }

    fn world(&self) -> MemoryWorld {
        let text = |pieces: &[String]| pieces.join("\n\n") + "\n";
        let files = self.files.iter().enumerate().filter_map(|(number, pieces)| {
            Some((format!("/p/f{number}.flow"), text(pieces.as_ref()?).into_bytes()))
        });
        MemoryWorld::new(files.chain([("/p/flow.toml".to_string(), Vec::new())]))
    }
}

fn listed(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let mut all = diagnostics.to_vec();
    render::sort(&mut all, sources);
    render::json(&all, sources)
}

/// Compares what two looks found, by file name, since ids of files differ.
fn assert_same(one: &Project, other: &Project, after: &str) {
    let (left, right) = (listed(&one.diagnostics, &one.sources), listed(&other.diagnostics, &other.sources));
    pretty(&left, &right, after);
    pretty(&items(&one.checked), &items(&other.checked), after);
}

fn pretty(left: &str, right: &str, after: &str) {
    let differs = left.lines().zip(right.lines()).find(|(left, right)| left != right);
    assert!(left == right, "{after}: the session's first, then the fresh one's:\n{differs:#?}");
}

fn items(checked: &CheckedProgram) -> String {
    let line = |checked: &Checked| {
        let mut used: Vec<_> = checked.used.iter().collect();
        used.sort();
        format!("{used:?} {:?}", Checked { used: Default::default(), ..checked.clone() })
    };
    checked.items.iter().map(|(symbol, item)| format!("{symbol:?} {}\n", line(item))).collect()
}

#[test]
fn a_session_shows_what_a_fresh_look_shows() {
    let root = Path::new("/p");
    for seed in 0..16 {
        let mut edited = Edited::new(seed * 7 + 1, 4 + seed as usize % 4);
        let mut session = Session::new(root, seed % 2 == 0);
        for step in 0..25 {
            let world = edited.world();
            let seen = session.look(&world).expect("the folder is there");
            let fresh = Project::open_for(&world, root, seed % 2 == 0).expect("the folder is there");
            assert_same(&seen, &fresh, &format!("seed {seed}, step {step}"));
            // Several at once every now and then, as when a branch is checked out.
            for _ in 0..if step % 10 == 9 { 6 } else { 1 } {
                edited.edit();
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let world = Edited::new(5, 30).world();
    let layout = discover(&world, Path::new("/p")).expect("the folder is there");
    let read = Files::default().read(&world, &layout, PathBuf::new()).expect("read");
    let checked = |threads: usize| {
        let checked = Checker::once().with_threads(threads).check(&read.units, false);
        (format!("{:?}", checked.diagnostics), items(&checked))
    };
    let alone = checked(1);
    assert!(read.units.iter().map(|unit| unit.tree.items.len()).sum::<usize>() > 200);
    for threads in [2, 3, 8] {
        assert_eq!(checked(threads), alone);
    }
}

/// A project of three files, of which each imports the one before.
fn chain() -> MemoryWorld {
    MemoryWorld::new([
        ("/p/flow.toml", "[models]\ndefault = \"ollama/llama3.2\"\n"),
        (
            "/p/a.flow",
            "prompt ask(text: string) -> string {\n  user: text\n}\n\nflow a(text: string) -> string {\n  return ask(text)\n}\n",
        ),
        (
            "/p/b.flow",
            "import { a } from \"./a.flow\"\n\nflow b(text: string) -> string {\n  return a(text)\n}\n",
        ),
        (
            "/p/c.flow",
            "import { b } from \"./b.flow\"\n\nflow c(text: string) -> string {\n  let unused = 1\n  return b(text)\n}\n",
        ),
    ])
}

fn edit(world: &mut MemoryWorld, file: &str, from: &str, to: &str) {
    let bytes = world.files.get_mut(Path::new(file)).expect("there");
    let text = String::from_utf8(bytes.clone()).expect("text");
    assert!(text.contains(from), "{text}");
    *bytes = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn only_what_a_change_can_touch_is_checked_again() {
    let mut world = chain();
    let mut session = Session::new(Path::new("/p"), false);
    let mut looked = |world: &MemoryWorld| {
        let project = session.look(world).expect("read");
        let lines: Vec<u32> = project
            .check()
            .iter()
            .map(|one| project.sources().position(one.primary.at.file, one.primary.at.span.start).line)
            .collect();
        (session.checked_anew(), lines)
    };
    assert_eq!(looked(&world), (6, vec![4]), "everything at first, imports too");
    assert_eq!(looked(&world), (0, vec![4]));
    edit(&mut world, "/p/a.flow", "user: text", "user: \"Say ${text}\"");
    assert_eq!(looked(&world), (1, vec![4]), "a body");
    edit(&mut world, "/p/c.flow", "import", "// Moved.\n\nimport");
    assert_eq!(looked(&world), (0, vec![6]), "a place moves with its declaration");
    edit(&mut world, "/p/b.flow", "text: string", "text: string = \"x\"");
    assert_eq!(looked(&world), (4, vec![6]), "a signature, for its file and those that lead to it");
}

#[test]
fn a_session_knows_what_has_changed() {
    let mut world = chain();
    world.files.remove(Path::new("/p/flow.toml"));
    let mut session = Session::new(Path::new("/p/c.flow"), true);
    assert!(session.has_changed(&world), "nothing was looked at yet");
    assert!(session.look(&world).expect("read").check().len() == 1);
    assert!(!session.has_changed(&world));
    edit(&mut world, "/p/a.flow", "user: text", "user: \"${text}!\"");
    assert!(session.has_changed(&world), "an imported file");
    session.look(&world).expect("read");
    assert!(!session.has_changed(&world));
    let removed = world.files.remove(Path::new("/p/b.flow")).expect("there");
    assert!(session.has_changed(&world), "a file that is gone");
    session.look(&world).expect("read");
    assert!(!session.has_changed(&world));
    world.files.insert(PathBuf::from("/p/b.flow"), removed);
    assert!(session.has_changed(&world), "a file that an import had looked for");
    let c = world.files.remove(Path::new("/p/c.flow")).expect("there");
    assert!(session.look(&world).is_err());
    assert!(session.has_changed(&world));
    world.files.insert(PathBuf::from("/p/c.flow"), c);
    assert!(session.look(&world).expect("read").check().len() == 1);
}
