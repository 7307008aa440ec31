//! Rules of the language, each with a program that breaks it and near misses that don't.

use std::path::Path;

use flow_project::{MemoryWorld, PlanError, Project};

/// What every program may use.
const PRELUDE: &str = r#"
model default = "ollama/llama3.2"
enum Kind { billing bug spam }
type Note { text: string  score: int(1..5)  tag: string? }
type Act = Reply { text: string } | Stop { why: string }
prompt ask(text: string) -> string { user: "${text}" }
prompt note(text: string) -> Note { user: "${text}" }
prompt kind(text: string) -> Kind { user: "${text}" }
prompt act(text: string) -> Act { user: "${text}" }
prompt maybe(text: string) -> string? { user: "${text}" }
prompt list(text: string) -> [string](..9) { user: "${text}" }
prompt long(text: string) -> [string] { user: "${text}" }
tool look(id: string) -> json { get: "https://a.example/${id}" }
tool send(id: string) -> json { post: "https://a.example/${id}" }
allow [net("a.example")]
flow uses(t: string) {
  ask(t)  note(t)  kind(t)  act(t)  maybe(t)  list(t)  long(t)  look(t)  send(t)
}
"#;

/// Checks what follows the prelude: `E0412@7` is the code and the line, counted from the first line of `program`.
fn check(program: &str, expected: &[&str]) {
    let text = format!("{PRELUDE}{program}");
    let world = MemoryWorld::new([("/p/main.flow", text.as_str())]);
    let project = Project::open(&world, Path::new("/p/main.flow")).expect("the file is there");
    let before = PRELUDE.matches('\n').count() as i64;
    let told = |all: &[flow_diagnostics::Diagnostic]| -> Vec<(String, String)> {
        all.iter()
            .map(|one| {
                let at = one.primary.at;
                let line = i64::from(project.sources().position(at.file, at.span.start).line) - before;
                (
                    format!("{}@{line}", one.code.info().code),
                    format!("{} [{}]", one.message, one.primary.text),
                )
            })
            .collect()
    };
    let mut found = told(project.check());
    if found.is_empty() {
        for flow in project.flows() {
            if let Err(PlanError::Problems(problems)) = project.plan(Some(&flow)) {
                found.extend(told(&problems));
            }
        }
        found.sort();
        found.dedup();
    }
    let codes: Vec<&str> = found.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(codes, expected, "\n{program}\n{found:#?}");
    for diagnostic in project.check() {
        for edit in diagnostic.fixes.iter().flat_map(|fix| &fix.edits) {
            let text = project.sources().text(edit.at.file);
            assert!(text.get(edit.at.span.range()).is_some(), "an edit outside of the text: {diagnostic:#?}");
        }
    }
}

/// Checks the body of a flow `f(t: string, n: int, k: Kind, x: Note)`; its first line is line 1.
fn body(steps: &str, expected: &[&str]) {
    check(
        &format!(
            "flow f(t: string, n: int, k: Kind, x: Note) {{ let _a = [t, \"${{n}}${{k}}${{x}}\"]\n{steps}\n}}\n"
        ),
        expected,
    );
}

#[test]
fn names() {
    body("ask(tt)", &["E0201@2"]);
    body("sumarize(t)", &["E0203@2"]);
    body("let a = sumarize(t)", &["E0203@2"]);
    body("let _b = sizze(t)", &["E0203@2"]);
    body("ask(t.trimm())", &["E0212@2"]);
    body("ask(t.trim())", &[]);
    body("ask(x.txt)", &["E0205@2"]);
    body("ask(\"${Kind.bugg}\")", &["E0205@2"]);
    body("let a: Strin = ask(t)", &["E0202@2"]);
    body("let t = ask(t)\nask(t)", &["E0206@2"]);
    body("do { let a = ask(t) as one\nask(a) as two }\ndo { let a = ask(t) as three\nask(a) as four }", &[]);
    body("let a = ask(t)", &["W0210@2"]);
    body("let _b = ask(t)", &[]);
    body("t.size()", &["W0210@2"]);
    check(
        "type A { a: Missing }\nprompt p(a: A) -> string { user: \"${a}\" }\nflow g(a: A) { p(a) }",
        &["E0202@1"],
    );
    check("enum E { a b a }", &["E0206@1"]);
    check("type T { a: int  a: string }", &["E0206@1"]);
    check("prompt ask(t: string) -> string { user: t }", &["E0206@1"]);
    check("const a = 1\nflow g(a: int) -> int { return a }", &["E0206@2"]);
    check("const a = 1\nflow g(b: int) -> int { return a + b }", &[]);
    check("prompt lone(t: string) -> string { user: t }", &["W0211@1"]);
    check("code size(t: string) -> int = t.size()", &["E0206@1"]);
}

#[test]
fn types() {
    check("type A = string | int", &["E0309@1"]);
    check("type A = \"a\" | \"b\"\nflow g(a: A) -> bool { return a == \"a\" }", &[]);
    check("type A = \"a\" | \"b\"\nflow g(a: A) -> bool { return a == 3 }", &["E0301@2"]);
    check("type A { a: A }", &["E0309@1"]);
    check("type A { a: A?  b: [A] }", &[]);
    check("type A = B\ntype B = A", &["E0309@1"]);
    check("type A = R { type: string } | S {}", &["E0309@1"]);
    check("type A { n: int(5..1) }", &["E0308@1"]);
    check("type A { n: int(1.5..2) }", &["E0307@1"]);
    check("type A { n: bool(1..2) }", &["E0307@1"]);
    check("type A { n: int where it > 0 }", &[]);
    check("type A { n: int where it }", &["E0301@1"]);
    check("type A { a: int  b: int } where a < b", &[]);
    check("type A { a: int  b: int } where a < c", &["E0201@1"]);
    check("type A { m: [float: int] }", &["E0309@1"]);
    check("type A { m: [Kind: int] }", &[]);
}

#[test]
fn values() {
    body("let n2: int(1..5) = n\nask(\"${n2}\")", &["E0301@2"]);
    body("let n2: int(1..5) = n as int(1..5)\nask(\"${n2}\")", &[]);
    body("let n2: int(1..5) = 7\nask(\"${n2}\")", &["E0307@2"]);
    body("let n2: int(1..5) = x.score\nask(\"${n2}\")", &[]);
    body("let f: float = 3\nask(\"${f}\")", &[]);
    body("let f: float = n\nask(\"${f}\")", &["E0301@2"]);
    body("let f = 1.5 + n\nask(\"${f}\")", &["E0301@2"]);
    body("let f = 1.5 + 1\nask(\"${f}\")", &["E0301@2"]);
    body("let f = n > 1.5\nask(\"${f}\")", &[]);
    body("let a = k == \"bug\"\nask(\"${a}\")", &["E0301@2"]);
    body("let a = k == Kind.bug\nask(\"${a}\")", &[]);
    body("let a = t == n\nask(\"${a}\")", &["E0301@2"]);
    body("let a = t + n\nask(\"${a}\")", &["E0301@2"]);
    body("ask(n)", &["E0301@2"]);
    body("ask()", &["E0302@2"]);
    body("ask(t, t)", &["E0303@2"]);
    body("ask(txt: t)", &["E0303@2"]);
    body("ask(text: t)", &[]);
    body("let a = Note{text: t, score: 3}\nask(\"${a}\")", &[]);
    body("let a = Note{text: t}\nask(\"${a}\")", &["E0304@2"]);
    body("let a = Note{text: t, score: 9}\nask(\"${a}\")", &["E0307@2"]);
    body("let a = Note{text: t, score: 3, no: 1}\nask(\"${a}\")", &["E0205@2"]);
    body("let a: Note = {text: t, score: 3}\nask(\"${a}\")", &[]);
    body("let a = {...x, score: 4}\nask(\"${a}\")", &[]);
    body("let a = {...x, scor: 4}\nask(\"${a}\")", &["E0205@2"]);
    body("let a = [1, \"b\"]\nask(\"${a}\")", &["E0301@2"]);
    body("let a = null\nask(\"${a}\")", &["E0301@2"]);
    body("let a: string? = null\nask(a ?? \"x\")", &[]);
    body("let a = n > 1 ? \"a\" : \"b\"\nask(a)", &[]);
    body("let a = n > 1 ? \"a\" : 1\nask(\"${a}\")", &["E0301@2"]);
    body("let a = [t].map(y, y.size())\nask(\"${a.sum()}\")", &[]);
    body("let a = [t].first()\nask(a)", &["E0305@3"]);
    body("let a = [t].first() ?? \"\"\nask(a)", &[]);
    body("let j = look(t)\nask(j)", &["E0301@3"]);
    body("let j = look(t)\nask(j.a as string)", &[]);
    body("let j = look(t).a as int\nask(\"${j + 1}\")", &[]);
    body("let c = note(t).text\nask(c)", &[]);
    check("const a: int = 1 / 0", &["E0310@1"]);
    check("const a = b\nconst b = a", &["E0310@1"]);
    check(
        "code c(a: Act) -> string = route a { when Reply{text} => text  when Stop => \"s\" }\nflow g() -> string { let a = act(\"\")  return c(a) }",
        &[],
    );
    check(
        "code c(a: Act) -> string = route a { when Reply{text} => text }\nflow g() -> string { let a = act(\"\")  return c(a) }",
        &["E0412@1"],
    );
}

#[test]
fn nulls() {
    body("ask(x.tag)", &["E0305@2"]);
    body("if x.tag != null { ask(x.tag) }", &[]);
    body("if x.tag == null { ask(t) } else { ask(x.tag) }", &[]);
    body("if has(x.tag) && x.tag.size() > 1 { ask(x.tag) }", &[]);
    body("if x.tag == null || x.tag.size() > 1 { ask(t) }", &[]);
    body("ask(x.tag != null ? x.tag : t)", &[]);
    body("ask(x.tag ?? t)", &[]);
    body("let m = maybe(t)\nif m == null { return }\nask(m)", &[]);
    body("let m = maybe(t)\nask(m)", &["E0305@3"]);
    check("flow g(t: string) { state { x: string? = null }\nx = ask(t)\nask(x) as b }", &[]);
    check("flow g(t: string) { state { x: string? = null }\nx = maybe(t)\nask(x) as b }", &["E0305@3"]);
    body("ask(t ?? \"\")", &["E0301@2"]);
    body("let a = act(t)\nif a is Reply { ask(a.text) }", &[]);
    body("let a = act(t)\nask(a.text)", &["E0205@3"]);
    body("let a = act(t)\nif a is Nope { ask(t) }", &["E0202@3"]);
}

#[test]
fn state() {
    let with = |steps: &str, expected: &[&str]| {
        check(
            &format!(
                "flow f(t: string) {{ state {{ s: string  n: int = 0  l: [string](..5) = []  o: string? }}\n{steps}\n}}\n"
            ),
            expected,
        );
    };
    with("ask(s)\ns = t\nn += 1\nl += [t]\no = t\nask(\"${n}${l}${o}\") as b", &["E0403@2"]);
    with("s = ask(t)\nask(s) as b\nask(\"${n}${l}\") as c\no = t\nask(o) as d", &[]);
    with("if n > 1 { s = t }\nask(s)\nask(\"${l}\") as c\no = t\nask(o) as d", &["E0403@3"]);
    with("if n > 1 { s = t } else { s = \"\" }\nask(s)\nask(\"${l}\") as c\no = t\nask(o) as d", &[]);
    with("loop max 3 { s = t\nbreak if n > 2 }\nask(s)\nask(\"${l}\") as c\no = t\nask(o) as d", &[]);
    with("loop max 3 while n > 2 { s = t }\nask(s)\nask(\"${l}\") as c\no = t\nask(o) as d", &["E0403@3"]);
    with("for i in l { s = i }\nask(s + \"${n}\")\no = t\nask(o) as d", &["E0403@3"]);
    with("ss = t\ns = t\no = s\nask(\"${n}${l}\") as c\nask(o) as d", &["E0404@2"]);
    with("t = \"\"\ns = t\no = s\nask(\"${n}${l}\") as c\nask(o) as d", &["E0405@2"]);
    with(
        "let q = note(t)\nq.text = \"\"\ns = q.text\no = s\nask(\"${n}${l}\") as c\nask(o) as d",
        &["E0405@3"],
    );
    with("n = \"a\"\ns = t\no = s\nask(\"${n}${l}\") as c\nask(o) as d", &["E0301@2"]);
    with("n += \"a\"\ns = t\no = s\nask(\"${n}${l}\") as c\nask(o) as d", &["E0301@2"]);
    with("s = t\no = s\nl = long(t)\nask(\"${n}${l}\") as c\nask(o) as d", &["E0301@4"]);
    with("s = t\no = s\nl = list(t) as [string](..5)\nask(\"${n}${l}\") as c\nask(o) as d", &[]);
    with(
        "try { s = ask(t) } catch { else => n += 1 }\no = t\nask(\"${n}${l}${s}\") as c\nask(o) as d",
        &["E0403@4"],
    );
    with(
        "try { s = ask(t) } catch { else => s = \"\" }\no = t\nask(\"${n}${l}${s}\") as c\nask(o) as d",
        &[],
    );
}

#[test]
fn routes() {
    body("route k { when billing => ask(t)  when bug => ask(t) }", &["E0412@2"]);
    body("route k { when billing => ask(t)  when bug => ask(t)  when spam => {} }", &[]);
    body("route k { when billing | bug => ask(t)  else => {} }", &[]);
    body("route k { when billing => ask(t)  when billing => ask(t) as b  else => {} }", &["E0413@2"]);
    body("route k { when billing if n > 1 => ask(t)  when billing => ask(t) as b  else => {} }", &[]);
    body("route k { when billing | bug | spam => ask(t)  else => {} }", &["E0413@2"]);
    body("route k { when Billing => ask(t)  else => {} }", &["E0205@2"]);
    body("route k { when \"billing\" => ask(t)  else => {} }", &["E0301@2"]);
    body("route n > 1 { when true => ask(t)  when false => {} }", &[]);
    body("route n { when 1 => ask(t) }", &["E0412@2"]);
    body("route n { when 1 => ask(t)  else => {} }", &[]);
    body("route { when n > 1 => ask(t) }", &["E0412@2"]);
    body("route { when n > 1 => ask(t)  else => {} }", &[]);
    body("let a = act(t)\nroute a { when Reply{text} => ask(text)  when Stop{why: w} => ask(w) }", &[]);
    body("let a = act(t)\nroute a { when Reply{txt} => ask(txt)  when Stop => {} }", &["E0205@3"]);
    body("let a = route k { when billing => 1  else => 2 }\nask(\"${a}\")", &[]);
    body("let a = route k { when billing => ask(t)  else => \"b\" }\nask(a) as c", &[]);
    body("let a = route k { when billing => 1  else => \"b\" }\nask(\"${a}\") as c", &["E0301@2"]);
    body("let m = maybe(t)\nroute m { when null => {}  else => ask(m) }", &[]);
}

#[test]
fn effects() {
    body("ask(ask(t))", &["E0406@2"]);
    body("if ask(t) == \"\" { ask(t) as b }", &["E0406@2"]);
    body("let a = [ask(t)]\nask(\"${a}\") as b", &["E0406@2"]);
    check("code c(t: string) -> string = ask(t)\nflow g() -> string { return c(\"\") }", &["E0406@1"]);
    body("ask(t)\nask(t)", &["E0407@3"]);
    body("ask(t)\nask(t) as again", &[]);
    body("if n > 1 { ask(t) } else { ask(t) }", &[]);
    body("let a = ask(t)\nlet b = ask(a)\nask(b)", &[]);
    body("loop max 2 { ask(t)  break if n > 1 }\nask(t)", &[]);
    body("loop max 2 { ask(t)  break if n > 1 }\nloop max 2 { ask(t)  break if n > 1 }", &["E0407@3"]);
    body("let a = n with {retry: 1}\nask(\"${a}\")", &["E0301@2"]);
    body("ask(t) with {retry: 1, timeout: 3s}", &[]);
    body("ask(t) with {retries: 1}", &["E0501@2"]);
    body("send(t) with {retry: 1}", &["E0602@2"]);
    body("look(t) with {retry: 1}", &[]);
}

#[test]
fn loops() {
    body("loop max 0 { ask(t) }", &["E0308@2"]);
    body("loop max n { ask(t)  break if n > 1 }", &["E0401@2"]);
    body("loop max x.score { ask(t)  break if n > 1 }", &[]);
    body("for a in long(t) max 3 { ask(a) }", &["E0406@2"]);
    body("let l = long(t)\nfor a in l { ask(a) }", &["E0401@3"]);
    body("let l = long(t)\nfor a in l max 3 { ask(a) }", &[]);
    body("let l = list(t)\nfor i, a in l { ask(\"${i}${a}\") }", &[]);
    body("for a in n { ask(\"${a}\") }", &["E0306@2"]);
    body("break", &["E0411@2"]);
    body("continue if n > 1", &["E0411@2"]);
    body("yield 1", &["E0411@2"]);
    body("loop max 3 { ask(t) }\nask(t)", &["W0414@3"]);
    body("loop max 3 { ask(t) } else { }\nask(t)", &[]);
    body("loop max 3 until n > 1 { ask(t) }\nask(t)", &[]);
    body("fail no(\"\")\nask(t)", &["W0414@3"]);
    body("let i = loop.index\nask(\"${i}\")", &["E0201@2"]);
    body("loop max 3 { ask(\"${loop.index}${loop.last}\")  break if n > 1 }", &[]);
    body("goto a", &["E0418@2"]);
}

#[test]
fn results() {
    check("flow g(n: int) -> int { return 1 if n > 1 }", &["E0410@1"]);
    check("flow g(n: int) -> int { return 1 if n > 1\nfail no(\"\") }", &[]);
    check("flow g(n: int) -> int { if n > 1 { return 1 } else { return 2 } }", &[]);
    check("flow g(n: int) -> int { return \"a\" if n > 1\nreturn 2 }", &["E0301@1"]);
    check("flow g() { return 1 }", &["E0301@1"]);
    check("flow g(n: int) -> int { let a = do { yield 1 if n > 1 }\nreturn a }", &["E0410@1"]);
    check("flow g(n: int) -> int { let a = do { yield 1 if n > 1\nyield 2 }\nreturn a }", &[]);
    check("flow g() { g() }", &["E0402@1"]);
    check("flow g() { h() }\nflow h() { g() }", &["E0402@2"]);
    check("flow g() { h() }\nflow h() { ask(\"\") }", &[]);
    check("flow g() { fail timeout(\"\") }", &["E0417@1"]);
    check("flow g() { fail e }", &["E0201@1"]);
}

#[test]
fn errors() {
    body("let a = ask(t) catch null\nask(a ?? \"\") as b", &[]);
    body("let a = ask(t) catch 3\nask(\"${a}\") as b", &["E0301@2"]);
    body("let a = ask(t) catch ask(\"b\")\nask(a) as b", &[]);
    body("let a = ask(t) catch { when timeout => \"x\"  else as e => e.message }\nask(a) as b", &[]);
    body("let a = ask(t) catch { when timeot => \"x\" }\nask(a) as b", &["E0413@2"]);
    body("let a = ask(t) catch { when budget => \"x\" }\nask(a) as b", &["E0416@2"]);
    body("let a = ask(t) catch { when timeout => \"x\"  when timeout => \"y\" }\nask(a) as b", &["E0413@2"]);
    body("try { fail mine(\"\") if n > 1 } catch { when mine as e => fail e }", &[]);
    body("try { ask(t) } catch { when mine => ask(t) as b }", &["E0413@2"]);
    body("try { ask(t) } finally { return }", &["E0411@2"]);
    check("flow g() -> int { return 1\non error as e { return 2 if e.kind == \"timeout\" } }", &[]);
    check(
        "flow g() -> int { state { a: int  b: int = 1 }\na = 1\nreturn a + b\non error { return b if a > 1 } }",
        &["E0403@4"],
    );
}

#[test]
fn branches() {
    let with = |steps: &str, expected: &[&str]| {
        check(
            &format!(
                "flow f(t: string) {{ state {{ s: string = \"\"  m: int = 0 merge sum }}\n{steps}\n}}\n"
            ),
            expected,
        );
    };
    with("parallel { let a = ask(t)  let b = ask(t) }\nask(a + b + s + \"${m}\")", &[]);
    with("parallel { s = ask(t)  s = ask(t) as b }\nask(s + \"${m}\")", &["E0408@2"]);
    with("parallel { s = ask(t)  ask(s) }\nask(s + \"${m}\") as c", &["E0409@2"]);
    with("parallel { let a = ask(t)  ask(a) }\nask(a + s + \"${m}\") as c", &["E0409@2"]);
    with("parallel { m += 1  m += 2 }\nask(t + s + \"${m}\")", &[]);
    with("parallel { m = 1  m += 2 }\nask(t + s + \"${m}\")", &["E0415@2"]);
    with("parallel { let a = ask(t)  return }\nask(a + s + \"${m}\")", &["E0411@2"]);
    with(
        "let l = list(t)\nlet r = parallel for a in l { let b = ask(a)  yield b }\nask(\"${r}${s}${m}\")",
        &[],
    );
    with(
        "let l = list(t)\nlet r = parallel for a in l { let b = ask(a) }\nask(\"${r}${s}${m}\")",
        &["W0210@3", "E0410@3"],
    );
    with("let l = list(t)\nparallel for a in l { s = ask(a) }\nask(\"${s}${m}\")", &["E0408@3"]);
    with("let l = list(t)\nparallel for a in l { ask(a)  m += 1 }\nask(\"${s}${m}\")", &[]);
    with("let l = long(t)\nparallel for a in l { ask(a) }\nask(\"${s}${m}\")", &["E0401@3"]);
    with(
        "let l = list(t)\nlet r = parallel for a in l by a collect { let b = ask(a)  yield b }\nask(\"${r.ok}${r.failed}${s}${m}\")",
        &[],
    );
    with("let l = list(t)\nparallel for a in l by 1.5 { ask(a) }\nask(\"${s}${m}\")", &["E0301@3"]);
    check("flow g() { state { a: string = \"\" merge sum }\na = \"x\"\nask(a) }", &["E0415@1"]);
}

#[test]
fn settings() {
    check("prompt p(t: string) -> string { usr: \"${t}\" }\nflow g() { p(\"\") }", &["E0501@1"]);
    check(
        "prompt p(t: string) -> string { user: \"${t}\"  temperature: 3.0 }\nflow g() { p(\"\") }",
        &["E0503@1"],
    );
    check(
        "prompt p(t: string) -> string { user: \"${t}\"  timeout: 30 }\nflow g() { p(\"\") }",
        &["E0301@1"],
    );
    check(
        "prompt p(t: string) -> string { user: \"${t}\"  model: nope }\nflow g() { p(\"\") }",
        &["E0204@1"],
    );
    check("prompt p(t: string) -> string { user: \"${t}\"  model: \"openai/x\" }\nflow g() { p(\"\") }", &[]);
    check("model m = \"opnai/x\"", &["E0204@1"]);
    check("model m = \"gpt\"", &["E0204@1"]);
    check("model m = \"openai/x\" { temprature: 0.1 }", &["E0501@1"]);
    check(
        "model m = fallback(default, \"openai/x\")\nprompt p(t: string) -> string { user: \"${t}\"  model: m }\nflow g() { p(\"\") }",
        &[],
    );
    check("tool q() -> json { get: \"https://b.example/\" }\nflow g() { q() }", &["E0701@1"]);
    check(
        "tool q() -> json { get: \"https://a.example/\" headers: {a: secret.KEY} }\nflow g() { q() }",
        &["E0701@1"],
    );
    check("tool q() -> json { body: 1 }\nflow g() { q() }", &["E0502@1"]);
    check(
        "tool q() -> json { post: \"https://a.example/\"  body: {a: 1}  retry: 2 }\nflow g() { q() }",
        &["E0602@1"],
    );
    check(
        "tool q(i: string) -> json { post: \"https://a.example/\"  body: {a: i}  idempotent: by i  retry: 2 }\nflow g() { q(\"\") }",
        &[],
    );
    check("tool q(i: string) -> json { get: \"${i}/x\" }\nflow g() { q(\"\") }", &["E0503@1"]);
    check("flow g() { budget { usd: 1.0  tme: 3m }\nask(\"\") }", &["E0501@1"]);
    check("flow g(t: string) { ask(t + secret.KEY) }", &["E0703@1"]);
}

#[test]
fn forms_are_planned_or_refused_by_run() {
    check("flow g(t: string) { saga { ask(t) } }", &[]);
    check("flow g(t: string) emits string { emit t }", &[]);
    check(
        "human h(t: string) -> bool { message: t  timeout: 1h }\nflow g(t: string) -> bool { let a = h(t)  return a }",
        &[],
    );
    check(
        "agent h(t: string) -> bool { model: \"ollama/llama3.2\"  user: t  tools: []  max_turns: 3 }\nflow g(t: string) -> bool { let a = h(t)  return a }",
        &[],
    );
    check(
        "tool s = mcp(\"x\")\nagent h(t: string) -> bool { model: \"ollama/llama3.2\"  user: t  tools: [s.find]  max_turns: 3 }\nflow g(t: string) -> bool { let a = h(t)  return a }",
        &["E0902@2"],
    );
    check("flow g(t: string) { graph max 3 { stage a { ask(t)\ngoto b } stage b { break } } }", &[]);
    check(
        "flow g(t: string) { graph max 3 { stage a { ask(t)\ngoto bb } stage b { break } } }",
        &["E0201@2"],
    );
}
