//! Nothing is slower than linear in the size of a file: hostile shapes at n and at 4n, by the CPU time of this process.

#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods, reason = "a test reads files")]

use std::path::Path;

use flow_project::{MemoryWorld, Project};
use flow_source::FileId;

/// Four times the size may take this many times as long: 4 is linear, 16 quadratic.
const FACTOR_MAX: f64 = 8.0;
/// Times below this say nothing about growth, in hundredths of a second.
const LEAST: u64 = 12;

/// The CPU time of this process so far, of all its threads, in hundredths of a second; `None` where the system doesn't tell.
fn cpu() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

fn spent(run: impl FnOnce()) -> Option<u64> {
    let before = cpu()?;
    run();
    Some(cpu()? - before)
}

fn check(text: &str) {
    let world = MemoryWorld::new([(Path::new("/project").join("main.flow"), text.as_bytes().to_vec())]);
    let project = Project::open(&world, Path::new("/project")).expect("the file is there");
    std::hint::black_box(project.check().len());
}

/// Flow-shaped text: what each shape is, and its text at a size.
type Shape = (&'static str, fn(usize) -> String);

fn flow(head: &str, body: String) -> String {
    format!("{head}\nflow main(n: int, xs: [int](..9)) -> int {{\n{body}  return n\n}}\n")
}

fn lines(n: usize, line: impl Fn(usize) -> String) -> String {
    (0..n).map(line).collect()
}

const SHAPES: [Shape; 17] = [
    ("lets", |n| flow("", lines(n, |i| format!("  let a{i} = n + {i}\n")))),
    ("lets that read each other", |n| {
        flow(
            "",
            lines(
                n,
                |i| if i == 0 { "  let a0 = n\n".into() } else { format!("  let a{i} = a{} + 1\n", i - 1) },
            ),
        )
    }),
    ("unknown names", |n| flow("", lines(n, |i| format!("  let a{i} = b{i}\n")))),
    ("state fields", |n| {
        let slots = lines(n, |i| format!("    s{i}: int\n"));
        flow("", format!("  state {{\n{slots}  }}\n{}", lines(n, |i| format!("  s{i} = n\n"))))
    }),
    ("arms", |n| {
        flow(
            "",
            format!(
                "  route n {{\n{}    else => wait 1s\n  }}\n",
                lines(n, |i| format!("    when {i} => wait 1s\n"))
            ),
        )
    }),
    ("conditions", |n| {
        flow(
            "",
            format!(
                "  route {{\n{}    else => wait 1s\n  }}\n",
                lines(n, |i| format!("    when n > {i} => wait 1s\n"))
            ),
        )
    }),
    ("ifs", |n| flow("", lines(n, |i| format!("  if n > {i} {{ wait 1s }}\n")))),
    ("narrowing ifs", |n| {
        let steps = lines(n, |_| "  if m == null { return 1 }\n".to_owned());
        format!("flow main(m: int?) -> int {{\n{steps}  return 1\n}}\n")
    }),
    ("items", |n| {
        lines(n, |i| format!("code f{i}(n: int) -> int = n + {i}\n"))
            + "flow main(n: int) -> int { return n }\n"
    }),
    ("types", |n| lines(n, |i| format!("type T{i} {{ a: int  b: T{}? }}\n", (i + 1) % n))),
    ("many errors", |n| flow("", lines(n, |_| "  let a = = 1\n".to_owned()))),
    ("errors in many items", |n| lines(n, |i| format!("flow f{i}() {{ let a = = 1 }}\n"))),
    ("a long string", |n| flow("", format!("  let a = \"{}\"\n", "word ".repeat(n.min(12_000))))),
    ("a long block of text", |n| {
        format!(
            "prompt p(x: string) -> string {{\n  model: \"ollama/llama3.2\"\n  user: \"\"\"\n{}    \"\"\"\n}}\n",
            "    line ${x}\n".repeat(n.min(4_000))
        )
    }),
    ("comments", |n| "// a comment with \"quotes\" and {braces\n".repeat(n * 4)),
    ("deep blocks beside each other", |n| {
        let one = format!("{}wait 1s{}", "if n > 1 { ".repeat(40), " }".repeat(40));
        flow("", lines(n / 20, |_| format!("  {one}\n")))
    }),
    ("records", |n| {
        flow("", lines(n / 4, |i| format!("  let a{i} = {{a: [1, 2, {{b: n}}], c: \"x${{n}}\"}}\n")))
    }),
];

#[test]
fn four_times_the_size_takes_four_times_as_long() {
    if cpu().is_none() {
        println!("SKIPPED: this system doesn't tell the CPU time of a process");
        return;
    }
    let size: usize = std::env::var("LINEAR_SIZE").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let mut slow = Vec::new();
    for (name, shape) in SHAPES {
        for (what, run) in [
            ("parse", (|text: &str| drop(flow_syntax::parse(FileId(0), text))) as fn(&str)),
            ("check", check as fn(&str)),
        ] {
            let (small, large) = (shape(size), shape(size * 4));
            let growth = large.len() as f64 / small.len() as f64;
            let once = |text: &str| spent(|| run(text)).unwrap_or(0);
            let (a, b) = (once(&small), once(&large));
            let factor = b as f64 / a.max(1) as f64 * 4.0 / growth;
            println!("{what} {name}: {a} and {b} hundredths");
            // A second look before a word is said: the clock is coarse.
            if b > LEAST && factor > FACTOR_MAX {
                let least = |text: &str| (0..3).map(|_| once(text)).min().unwrap_or(0);
                let (a, b) = (least(&small), least(&large));
                if b > LEAST && b as f64 / a.max(1) as f64 * 4.0 / growth > FACTOR_MAX {
                    slow.push(format!("{what} {name}: {a} and {b} hundredths of a second"));
                }
            }
        }
    }
    assert!(slow.is_empty(), "slower than linear:\n{}", slow.join("\n"));
}
