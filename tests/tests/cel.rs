//! The language of expressions against CEL's own tests: values, types, syntax and errors, on both back ends.
//!
//! `conformance.jsonl` and `parsing.jsonl` are Google's, read where they lie; `cases.jsonl` beside this folder holds further
//! cases of the same suites, written down from CEL's definition.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]
#![allow(clippy::print_stderr, reason = "the share of machine code is told, and what was skipped")]

use std::collections::BTreeMap;
use std::path::Path;

use flow_tests::program::{Place, workspace};
use serde_json::{Value as Json, json};

/// A case of the conformance tests that a rule of the language makes another: the rule, and the ids. At most ten rules,
/// at most twenty ids.
const DEVIATIONS: [(&str, &[&str]); 0] = [];

/// Why a case of `parsing.jsonl` reads otherwise here: what its text, or what was said of it, holds; and how many there are.
const DIALECT: [(&str, &[&str], usize); 8] = [
    ("messages of Protocol Buffers", &["TestAllTypes", "google.protobuf.", "proto2", "proto3"], 28),
    ("optionals, which the list was made without", &["unsupported syntax"], 13),
    (
        "macros of two variables, which the list was made without",
        &[
            "undeclared reference to 'all'",
            "undeclared reference to 'exists'",
            "undeclared reference to 'existsOne'",
            "undeclared reference to 'exists_one'",
            "undeclared reference to 'transformList'",
            "undeclared reference to 'transformMap'",
            "undeclared reference to 'transformMapEntry'",
        ],
        49,
    ),
    ("nesting up to 128, chains up to 1,000 (G13)", &["recursion limit exceeded", "max recursion depth"], 3),
    ("a bare key is a text (F1)", &["undeclared reference to 'foo'"], 2),
    ("no name is taken by how macros are carried out", &["overwrites accumulator variable"], 1),
    ("`is` is a word of the language (G7)", &["\"is", "is.fi_s_s"], 2),
    ("numbers compare across kinds (T3)", &["for '_<=_'", "for '_<_'", "for '_>_'", "for '_>=_'"], 6),
];

fn cases(path: &Path) -> Option<Vec<Json>> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a case a line")).collect())
}

/// Google's cases; `None`, and said so, where they aren't.
fn corpus(name: &str) -> Option<Vec<Json>> {
    let folder = workspace().join("../shared/corpus");
    if !folder.exists() {
        eprintln!("SKIPPED: {} is not here", folder.display());
        return None;
    }
    let found = cases(&folder.join("cel").join(name));
    Some(found.unwrap_or_else(|| panic!("{name} is not in {}", folder.display())))
}

/// Answers cases by `flowc expr --jsonl`, and returns what it said of them besides.
fn answers(cases: &[Json], flags: &[&str]) -> (Vec<Json>, String) {
    let place = Place::new();
    let lines: Vec<String> = cases.iter().map(Json::to_string).collect();
    place.file("cases.jsonl", lines.join("\n"));
    let ran = place.run(["expr", "--jsonl", "cases.jsonl"].iter().chain(flags)).expect(0);
    let answers = ran.json_lines();
    assert_eq!(answers.len(), cases.len(), "an answer a case");
    for (case, answer) in cases.iter().zip(&answers) {
        assert_eq!(case["id"], answer["id"], "in the same order");
    }
    (answers, ran.stderr)
}

/// Whether two values are the same: of one kind, NaN like NaN, maps in any order.
fn same(left: &Json, right: &Json) -> bool {
    let double = |json: &Json| json["double"].as_str().and_then(|text| text.parse::<f64>().ok());
    if let (Some(left), Some(right)) = (double(left), double(right)) {
        return left.is_nan() && right.is_nan() || left.to_bits() == right.to_bits();
    }
    let list = |json: &Json, tag: &str| json[tag].as_array().cloned();
    if let (Some(left), Some(right)) = (list(left, "list"), list(right, "list")) {
        return left.len() == right.len() && left.iter().zip(&right).all(|(left, right)| same(left, right));
    }
    if let (Some(left), Some(right)) = (list(left, "map"), list(right, "map")) {
        let has =
            |entry: &Json| right.iter().any(|other| same(&entry[0], &other[0]) && same(&entry[1], &other[1]));
        return left.len() == right.len() && left.iter().all(has);
    }
    left == right
}

/// Returns what is wrong with an answer.
fn wrong(case: &Json, answer: &Json) -> Option<String> {
    let expect = &case["expect"];
    let failed = answer["error"].is_string();
    let fine = match (case["typed"].as_str(), case["check_only"] == true) {
        (Some(ty), true) => answer["type"] == ty,
        _ if !expect["error"].is_null() => failed,
        _ => failed && case["go_error"].is_string() || same(expect, &answer["value"]),
    };
    let expected = if expect.is_null() { &case["typed"] } else { expect };
    (!fine).then(|| format!("{}: {}\n  expected {expected}\n  got      {answer}", case["id"], case["expr"]))
}

/// Answers cases on a back end and fails for each wrong one that no rule explains.
fn conform(cases: &[Json], flags: &[&str]) -> String {
    let (answers, said) = answers(cases, flags);
    let known: Vec<&str> = DEVIATIONS.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    let wrong: Vec<String> = cases
        .iter()
        .zip(&answers)
        .filter(|(case, _)| !known.iter().any(|id| case["id"] == *id))
        .filter_map(|(case, answer)| wrong(case, answer))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    said
}

#[test]
fn every_conformance_case_passes() {
    let count: usize = DEVIATIONS.iter().map(|(_, ids)| ids.len()).sum();
    assert!(DEVIATIONS.len() <= 10 && count <= 20, "too many deviations");
    let Some(cases) = corpus("conformance.jsonl") else { return };
    assert!(cases.len() > 900, "only {} cases", cases.len());
    conform(&cases, &["--interpret"]);
    let said = conform(&cases, &[]);
    // "993 cases, 985 evaluated, 980 of them as machine code"
    let counts: Vec<usize> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [count, evaluated, compiled] = counts[..] else { panic!("no counts: {said}") };
    let percent = compiled as f64 * 100.0 / evaluated as f64;
    eprintln!(
        "{count} cases, {percent:.1} % of the {evaluated} evaluated ones ran as machine code without falling back"
    );
    assert!(percent >= 95.0, "machine code ran {compiled} of {evaluated}");
}

#[test]
fn further_cases_of_the_same_suites_pass() {
    let cases = cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cel/cases.jsonl")).expect("they are here");
    conform(&cases, &["--interpret"]);
    conform(&cases, &[]);
}

#[test]
fn types_are_those_that_cel_infers() {
    let Some(cases) = corpus("conformance.jsonl") else { return };
    let asked: Vec<Json> = cases
        .into_iter()
        .filter(|case| case["disable_check"] != true)
        .filter(|case| case["typed"].is_string() || case["checked_type"].is_string())
        .map(|mut case| {
            if case["typed"].is_null() {
                case["typed"] = case["checked_type"].take();
            }
            case["check_only"] = json!(true);
            case
        })
        .collect();
    assert!(asked.len() > 800, "only {} types", asked.len());
    conform(&asked, &[]);
}

/// A type of CEL's Protocol Buffers as `flowc expr` reads types.
fn type_text(ty: &Json) -> String {
    let Some((kind, of)) = ty.as_object().and_then(|ty| ty.iter().next()) else { return "dyn".into() };
    let list = |of: &Json| -> Vec<String> { of.as_array().into_iter().flatten().map(type_text).collect() };
    let scalar = |of: &Json| match of.as_str() {
        Some("BOOL") => "bool",
        Some("INT64") => "int",
        Some("UINT64") => "uint",
        Some("DOUBLE") => "double",
        Some("STRING") => "string",
        Some("BYTES") => "bytes",
        Some("TIMESTAMP") => "timestamp",
        Some("DURATION") => "duration",
        _ => "dyn",
    };
    match kind.as_str() {
        "primitive" | "wellKnown" => scalar(of).into(),
        "wrapper" => format!("wrapper({})", scalar(of)),
        "listType" => format!("list({})", type_text(&of["elemType"])),
        "mapType" => format!("map({}, {})", type_text(&of["keyType"]), type_text(&of["valueType"])),
        "null" => "null".into(),
        "type" => format!("type({})", type_text(of)),
        "messageType" | "typeParam" => of.as_str().unwrap_or("dyn").into(),
        "abstractType" => match list(&of["parameterTypes"]) {
            parts if parts.is_empty() => of["name"].as_str().unwrap_or("dyn").into(),
            parts => format!("{}({})", of["name"].as_str().unwrap_or("dyn"), parts.join(", ")),
        },
        _ => "dyn".into(),
    }
}

/// What cel-go declares for its checker's tests.
fn declared() -> Vec<Json> {
    let names = ["is string", "ii int", "iu uint", "iz bool", "ib bytes", "id double", "ix null"];
    let variables = names.iter().map(|pair| {
        let (name, ty) = pair.split_once(' ').expect("a name and a type");
        json!({"name": name, "type": ty})
    });
    let global = json!({"name": "fg_s", "function": [{"params": [], "result": "string"}]});
    let member =
        json!({"name": "fi_s_s", "function": [{"params": ["string"], "result": "string", "member": true}]});
    variables.chain([global, member]).collect()
}

/// A case of `parsing.jsonl` as one that asks for its type.
fn asks_type(id: usize, case: &Json) -> Json {
    let original = &case["original"];
    let mut env = if case["suite"] == "checking" { declared() } else { Vec::new() };
    for declaration in original["typeEnv"].as_array().into_iter().flatten() {
        let name = &declaration["name"];
        if declaration["ident"].is_object() {
            env.push(json!({"name": name, "type": type_text(&declaration["ident"]["type"])}));
            continue;
        }
        let overloads =
            declaration["function"]["overloads"].as_array().into_iter().flatten().map(|overload| {
                let params: Vec<String> =
                    overload["params"].as_array().into_iter().flatten().map(type_text).collect();
                let member = overload["isInstanceFunction"] == true;
                json!({"params": params, "result": type_text(&overload["resultType"]), "member": member})
            });
        env.push(json!({"name": name, "function": overloads.collect::<Vec<_>>()}));
    }
    let container = original["container"].as_str().unwrap_or_default();
    json!({"id": id, "expr": original["expr"], "container": container, "type_env": env, "check_only": true})
}

#[test]
fn syntax_types_and_errors_are_those_of_cel_but_for_the_dialect() {
    let Some(cases) = corpus("parsing.jsonl") else { return };
    let asked: Vec<Json> = cases.iter().enumerate().map(|(id, case)| asks_type(id, case)).collect();
    let (answers, _) = answers(&asked, &[]);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        let expected = case["type"].as_str().map(|ty| ty.replace("optional_type(", "optional("));
        if answer["type"].as_str() == expected.as_deref() {
            continue;
        }
        let told = format!("{} {}", case["original"], case["error"]);
        match DIALECT.iter().find(|(_, signs, _)| signs.iter().any(|sign| told.contains(sign))) {
            Some((reason, ..)) => *reasons.entry(reason).or_default() += 1,
            None => wrong.push(format!("{}\n  expected {expected:?}\n  got      {answer}", case["original"])),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let table: BTreeMap<&str, usize> = DIALECT.iter().map(|(reason, _, count)| (*reason, *count)).collect();
    assert_eq!(reasons, table, "the dialect differs in other places");
}

#[test]
fn hostile_lines_end_in_errors() {
    let deep =
        |open: &str, close: &str, count: usize| format!("{}1{}", open.repeat(count), close.repeat(count));
    let expressions = [
        deep("(", ")", 10_000),
        deep("[", "]", 129),
        deep("{'a':", "}", 129),
        deep("-(", ")", 129),
        format!("\"{}", "${\"".repeat(100)),
        format!("'{}'", "a".repeat(1 << 20)),
        vec!["1"; 2_000].join(" + "),
        vec!["a"; 2_000].join("."),
        "!".repeat(2_000),
        "'''".repeat(1_001),
        "\u{1}".into(),
        "\0".into(),
        "\u{202e}x".into(),
        "x".repeat(100_000),
        "9".repeat(10_000),
        "1e".to_owned() + &"9".repeat(1_000),
        "[0,1,2,3,4,5,6,7,8,9]".to_owned() + &".map(x, [0,1,2,3,4,5,6,7,8,9]".repeat(8) + &")".repeat(8),
        "lists.range(5000000).all(x, lists.range(5000000).all(y, true))".into(),
    ];
    let mut cases: Vec<Json> = expressions.iter().map(|expr| json!({"id": 0, "expr": expr})).collect();
    let eight =
        |body: &str| (0..8).fold(body.to_owned(), |body, n| format!("lists.range(20).all(v{n}, {body})"));
    cases.push(json!({"id": 0, "expr": eight("true")}));
    let (answers, interpreted) = (answers(&cases, &[]).0, answers(&cases, &["--interpret"]).0);
    assert_eq!(answers, interpreted, "both back ends say the same");
    for (case, answer) in cases.iter().zip(&answers) {
        let shown: String = case["expr"].to_string().chars().take(60).collect();
        assert!(answer["error"].is_string(), "{shown}: {answer}");
    }
}

#[test]
fn a_line_that_is_no_case_is_told_and_the_rest_answered() {
    let place = Place::new();
    let lines = [
        "{",
        "[]",
        "7",
        r#"{"id":"a"}"#,
        r#"{"id":"b","expr":5}"#,
        r#"{"id":"c","expr":"x","bindings":{"x":5}}"#,
        r#"{"id":"d","expr":"x","bindings":{"x":{"int":"y"}}}"#,
        r#"{"id":"e","expr":"x","type_env":[{"name":"x","type":"list("}]}"#,
        r#"{"id":"f","expr":"x","disable_check":"yes"}"#,
        "",
        r#"{"id":"good","expr":"x + 1","bindings":{"x":{"int":"2"}}}"#,
    ];
    let file = place.file("cases.jsonl", lines.join("\n"));
    let ran = place.run(["expr", "--jsonl", &file.to_string_lossy()]).expect(2);
    let answers = ran.json_lines();
    assert_eq!(answers.len(), 10);
    assert!(
        answers[..9].iter().all(|answer| answer["error"].as_str().is_some_and(|why| why.contains("line ")))
    );
    assert_eq!(answers[9], json!({"id": "good", "value": {"int": "3"}}));
    place.run(["expr", "--jsonl", "absent"]).expect(2).says(&["`absent` can't be read"]);
    place.run(["expr", "--jsonl", "cases.jsonl", "x=1"]).expect(2).says(&["bindings"]);
}

#[test]
fn one_expression_prints_its_value() {
    let place = Place::new();
    let prints = |args: &[&str], expected: &str| {
        let ran = place.run(["expr"].iter().chain(args)).expect(0);
        assert_eq!(ran.stdout, format!("{expected}\n"), "{args:?}");
    };
    prints(&["1 + 2 * 3"], "7");
    prints(&["-1"], "-1");
    prints(&["a + 1", "a=1"], "2");
    prints(&["name + '!'", "name=Ada"], "\"Ada!\"");
    prints(&["xs.map(x, x * 2)", "xs=[1, 2]"], "[2,4]");
    prints(&["a.b.c", "a={\"b\": {\"c\": null}}"], "null");
    prints(&["order.total > 3.5", "order.total=4.5"], "true");
    prints(&["{a: 1u, [1 + 1]: 0.0 / 0.0}"], r#"{"a":1,"2":"NaN"}"#);
    prints(
        &["[duration('90m'), timestamp(0), b'\\xff', type(1)]"],
        r#"["5400s","1970-01-01T00:00:00Z","/w==","int"]"#,
    );
    prints(&["{}.?a"], "null");
    prints(&["1h30m + 1s"], "\"5401s\"");
    prints(&["\"${a} of ${b}\"", "a=1", "b=x"], "\"1 of x\"");
    prints(&["xs.first() ?? 7", "xs=[]"], "7");
    place.file("values.json", r#"{"x": 20, "y": 1}"#);
    prints(&["x + y", "--input", "values.json", "y=22"], "42");
}

#[test]
fn what_is_wrong_with_an_expression_is_drawn_with_its_remedy() {
    let place = Place::new();
    let says = |expr: &str, parts: &[&str]| {
        place.run(["expr", expr, "a=1", "b=true", "t=x"]).expect(1).says(parts);
    };
    says("b and b", &["[expression:1:3]", "`and` is written `&&`", "help: write `&&`"]);
    says("a = 1", &["`=` assigns, it compares nothing", "fix: write `==`"]);
    says("a is None", &["null is compared", "write `== null`"]);
    says("b ? 1 : 'x'", &["chooses between `int` and `string`", "`dyn(…)`"]);
    says("c + 1", &["unknown name `c`", "`c=…` after the expression"]);
    says("t.sice()", &["unknown function `sice`", "`size`"]);
    says("len(t)", &["unknown function `len`", "x.size()"]);
    says("t + 1", &["`+` does not take `string` and `int`", "string(x)"]);
    says("a + 1.5", &["`int` and `double`", "double(n)"]);
    says("a == t", &["`==` does not take `int` and `string`"]);
    says("t.indexOf(1)", &["`indexOf` does not take `int` on `string`", "`string.indexOf(string)`"]);
    says("a.map(x, x)", &["`int` is no list or map"]);
    says("t[0]", &["`string` is not indexed by `int`", "charAt"]);
    says("t.length", &["has no field `length`", "`.size()`"]);
    says("has(a)", &["`has` asks for a field", "has(m.f)"]);
    says("[1].all(x.y, true)", &["takes the name of a variable"]);
    says("var + 1", &["`var` is a reserved word"]);
    says("Review{score: 1}", &["unknown type `Review`"]);
    says("", &["expected"]);
    place.run(["expr"]).expect(2).says(&["there is no expression"]);
    place.run(["expr", "1", "x"]).expect(2).says(&["`x` is no value", "name=value"]);
    place.run(["expr", "a", "a=1", "a=2"]).expect(2).says(&["`a` is given twice"]);
    place.run(["expr", "a", "a b=1"]).expect(2).says(&["is no name"]);
    place.run(["expr", "1 / 0"]).expect(3).says(&["bad_value: division by zero"]);
    place.run(["expr", "[1][5]"]).expect(3).says(&["index 5 outside of 1 elements"]);
}
