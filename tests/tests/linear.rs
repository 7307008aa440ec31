//! Nothing is slower than linear in the size of a file: hostile shapes at n and at 4n, by the CPU time of this process.

#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_methods, reason = "a test reads files")]

use std::path::Path;
use std::time::Duration;

use flow_project::{MemoryWorld, Project};
use flow_source::FileId;
use flow_tests::cpu::spent;

/// Four times the size may take this many times as long: 4 is linear, 16 quadratic.
const FACTOR_MAX: f64 = 8.0;
/// Times below this say nothing about growth.
const LEAST: Duration = Duration::from_millis(60);
/// How often both sizes are measured before a shape counts as slow.
const TRIES: usize = 5;

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

const SHAPES: [Shape; 49] = [
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
    ("branches", |n| {
        flow("", format!("  parallel {{\n{}  }}\n", lines(n, |i| format!("    let a{i} = n + {i}\n"))))
    }),
    ("branches that each write", |n| {
        let slots = lines(n, |i| format!("    s{i}: int = 0\n"));
        let steps = lines(n, |i| format!("    s{i} = n\n"));
        flow("", format!("  state {{\n{slots}  }}\n  parallel {{\n{steps}  }}\n"))
    }),
    ("branches that write one state", |n| {
        flow(
            "",
            format!("  state {{ s: int = 0 }}\n  parallel {{\n{}  }}\n", lines(n, |_| "    s = n\n".into())),
        )
    }),
    ("a route over an enum", |n| {
        let arms = lines(n, |i| format!("    when v{i} => wait 1s\n"));
        format!(
            "enum E {{ {}}}\nflow main(e: E) -> int {{\n  route e {{\n{arms}  }}\n  return 1\n}}\n",
            lines(n, |i| format!("v{i} "))
        )
    }),
    ("a route over a union", |n| {
        let arms = lines(n, |i| format!("    when V{i}{{a}} => return a\n"));
        format!(
            "type U = {}\nflow main(u: U) -> int {{\n  route u {{\n{arms}  }}\n}}\n",
            lines(n, |i| format!("{} V{i} {{ a: int }}", if i == 0 { "" } else { " |" }))
        )
    }),
    ("members asked for", |n| {
        let tests = lines(n, |i| format!("  if u is V{i} {{ return {i} }}\n"));
        format!(
            "type U = {}\nflow main(u: U) -> int {{\n{tests}  return 0\n}}\n",
            lines(n, |i| format!("{} V{i} {{ a: int }}", if i == 0 { "" } else { " |" }))
        )
    }),
    ("a route over texts", |n| {
        let arms = lines(n, |i| format!("    when \"v{i}\" => wait 1s\n"));
        format!(
            "type T = {}\nflow main(t: T) -> int {{\n  route t {{\n{arms}  }}\n  return 1\n}}\n",
            lines(n, |i| format!("{} \"v{i}\"", if i == 0 { "" } else { " |" }))
        )
    }),
    ("unknown nodes in many flows", |n| lines(n, |i| format!("flow f{i}() {{ g{i}(1) }}\n"))),
    ("unknown types in many items", |n| lines(n, |i| format!("type T{i} {{ a: S{i} }}\n"))),
    ("stages", |n| {
        let stages = lines(n, |i| format!("    stage s{i}(x: int) {{ goto s{}(x + 1) }}\n", (i + 1) % n));
        flow(
            "",
            format!(
                "  graph g max 9 {{\n    stage s {{\n      break if n > 1\n      goto s0(n)\n    }}\n{stages}  }}\n"
            ),
        )
    }),
    ("gotos to one stage", |n| {
        let jumps = lines(n, |i| format!("      goto last(x + {i}) if x > {i}\n"));
        flow(
            "",
            format!(
                "  graph g max 9 {{\n    stage one {{\n      let x = n\n{jumps}      break\n    }}\n    stage last(x: int) {{ return x }}\n  }}\n"
            ),
        )
    }),
    ("stages that write state", |n| {
        let slots = lines(n, |i| format!("    v{i}: int\n"));
        let stages =
            lines(n, |i| format!("    stage s{i} {{\n      v{i} = n\n      goto s{}\n    }}\n", (i + 1) % n));
        flow("", format!("  state {{\n{slots}  }}\n  graph g max 9 {{\n{stages}  }}\n"))
    }),
    ("arms of a race", |n| {
        flow(
            "",
            format!(
                "  race {{\n{}  }}\n",
                lines(n, |i| format!("    when wait {}s as w{i} => {{}}\n", i + 1))
            ),
        )
    }),
    ("undos of a saga", |n| {
        let head = "allow [net(\"a.b\")]\ntool t(x: int) -> int { post: \"https://a.b/x\" body: {x: x} idempotent: by x }\n";
        let steps = lines(n, |i| format!("    let a{i} = t({i}) undo t({i})\n"));
        flow(head, format!("  saga {{\n{steps}  }}\n"))
    }),
    ("arms of a catch", |n| {
        let head = "code t(x: int) -> int = x\nflow g(n: int) -> int { fail k0(\"x\") }\n";
        let arms = lines(n, |i| format!("    when k{i} => {i}\n"));
        flow(head, format!("  let a = g(n) catch {{\n{arms}    else => 1\n  }}\n"))
    }),
    ("tools of an agent", |n| {
        let tools = lines(n, |i| {
            format!("tool t{i}(x: int) -> int {{ get: \"https://a.b/x\" query: {{x: \"${{x}}\"}} }}\n")
        });
        let names = lines(n, |i| format!("t{i}, "));
        format!(
            "allow [net(\"a.b\")]\n{tools}agent a(x: string) -> string {{\n  model: \"ollama/llama3.2\"\n  user: x\n  tools: [{names}]\n  max_turns: 3\n}}\n"
        )
    }),
    ("mocks and expectations", |n| {
        let mocks = lines(n, |i| format!("  mock t(x: {i}) => {i}\n  expect calls(t) == {i}\n"));
        format!(
            "allow [net(\"a.b\")]\ntool t(x: int) -> int {{ get: \"https://a.b/x\" query: {{x: \"${{x}}\"}} }}\nflow main(n: int) -> int {{ let a = t(n)  return a }}\ntest \"t\" {{\n{mocks}  main(1)\n}}\n"
        )
    }),
    ("measures and gates", |n| {
        let rows =
            lines(n, |i| format!("  measure m{i} = out + {i}\n  gate \"g{i}\" m{i}.mean > 1.0 else warn\n"));
        format!(
            "flow main(n: int) -> int {{ return n }}\neval e of main {{\n  cases: \"cases.jsonl\"\n{rows}}}\n"
        )
    }),
    ("fields of a record", |n| {
        let fields = lines(n, |i| format!("  f{i}: int\n"));
        let values = lines(n, |i| format!("f{i}: n, "));
        format!(
            "type R {{\n{fields}}}\n{}",
            flow("", format!("  let r = R{{{values}}}\n  let s = {{...r, {values}}}\n  let t = s.f0\n"))
        )
    }),
    ("steps of one name", |n| {
        let head = "prompt t(x: int) -> int { model: \"ollama/llama3.2\" user: \"${x}\" }\n";
        flow(head, lines(n, |i| format!("  t({i})\n")))
    }),
    ("names declared again", |n| flow("", lines(n, |_| "  let a = n\n".into()))),
    ("parameters and arguments", |n| {
        let params = lines(n, |i| format!("p{i}: int, "));
        let args = lines(n, |i| format!("p{i}: n, "));
        let sum = lines(n.min(50), |i| format!("p{i} + "));
        format!("code c({params}) -> int = {sum}1\n{}", flow("", format!("  let a = c({args})\n")))
    }),
    ("calls of each other", |n| {
        lines(n, |i| match i {
            0 => "flow f0(x: int) -> int { return x }\n".into(),
            _ => format!("flow f{i}(x: int) -> int {{ let a = f{}(x)  return a }}\n", i - 1),
        })
    }),
    ("arguments that no parameter takes", |n| {
        let params = lines(n, |i| format!("p{i}: int, "));
        let args = lines(n, |i| format!("q{i}x: n, "));
        format!("code c({params}) -> int = 1\n{}", flow("", format!("  let a = c({args})\n")))
    }),
    ("members that there are none of", |n| {
        let members = lines(n, |i| format!(" | M{i} {{ a: int }}"));
        let asked = lines(n, |i| format!("  if u is N{i}x {{ wait 1s }}\n"));
        format!("type U ={members}\nflow main(u: U) {{\n{asked}}}\n")
    }),
    ("gotos to nowhere", |n| {
        let stages = lines(n, |i| format!("    stage s{i} {{ goto t{i}x }}\n"));
        flow("", format!("  graph g max 10 {{\n{stages}  }}\n"))
    }),
    ("unknown models in many prompts", |n| {
        let models = lines(2 * n, |i| format!("model m{i} = \"openai/gpt-4.1-mini\"\n"));
        let asks = |i: usize| format!("prompt p{i}() -> string {{ model: n{i}x user: \"a\" }}\n");
        format!("{models}{}", lines(2 * n, asks))
    }),
    ("what nothing allows", |n| {
        let tools = lines(2 * n, |i| format!("tool t{i}() -> string {{ get: \"https://h{i}.a.b/\" }}\n"));
        format!("allow []\n{tools}")
    }),
    ("flows in circles", |n| {
        let next = |i: usize| if i + 1 < 4 * n { format!("f{}() ", i + 1) } else { String::new() };
        lines(4 * n, |i| format!("flow f{i}() {{ {}f0() }}\n", next(i)))
    }),
    ("fields of a bare record", |n| {
        let values = lines(n, |i| format!("f{i}: n, "));
        flow("", format!("  let r = {{{values}}}\n  let t = r.f0\n"))
    }),
    ("else ifs", |n| {
        let n = n.min(400);
        flow(
            "",
            format!("  if n > 0 {{ wait 1s }}{}\n", lines(n, |i| format!(" else if n > {i} {{ wait 1s }}"))),
        )
    }),
    ("unknown names in a broken flow", |n| {
        flow("", format!("  let x = = 1\n{}", lines(n, |i| format!("  let a{i} = b{i}\n"))))
    }),
    ("records", |n| {
        flow("", lines(n / 4, |i| format!("  let a{i} = {{a: [1, 2, {{b: n}}], c: \"x${{n}}\"}}\n")))
    }),
];

#[test]
fn four_times_the_size_takes_four_times_as_long() {
    let size: usize = std::env::var("LINEAR_SIZE").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let mut slow = Vec::new();
    let only = std::env::var("LINEAR_SHAPE").ok();
    for (name, shape) in SHAPES.into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| name == only))
    {
        for (what, run) in [
            ("parse", (|text: &str| drop(flow_syntax::parse(FileId(0), text))) as fn(&str)),
            ("check", check as fn(&str)),
        ] {
            let (small, large) = (shape(size), shape(size * 4));
            let growth = large.len() as f64 / small.len() as f64;
            // Others on the machine only ever add: the least of some tries comes nearest to what the work itself takes.
            let (mut least, mut most) = (Duration::MAX, Duration::MAX);
            for _ in 0..TRIES {
                least = least.min(spent(|| run(&small)).0);
                most = most.min(spent(|| run(&large)).0);
                if most <= LEAST || most.as_secs_f64() / least.as_secs_f64() * 4.0 / growth <= FACTOR_MAX {
                    break;
                }
            }
            let factor = most.as_secs_f64() / least.as_secs_f64() * 4.0 / growth;
            println!("{what} {name}: {least:.1?} and {most:.1?}, {factor:.1}");
            if most > LEAST && factor > FACTOR_MAX {
                slow.push(format!("{what} {name}: {least:.1?} and {most:.1?}"));
            }
        }
    }
    assert!(slow.is_empty(), "slower than linear:\n{}", slow.join("\n"));
}
