//! The picture of a condition that does not hold.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

mod support;

use flow_expr::assertion::{draw, sub_values};
use flow_expr::{Env, Meter, Slots};
use flow_ir::{TypeDefs, Value};

fn slots() -> Vec<(&'static str, Value)> {
    let json = serde_json::json!({
        "review": {"score": 2, "tags": ["slow", "big"], "note": null, "author": {"name": "日本太郎"}},
        "scores": [3, 5, 1, 4],
        "long": "a text that is much longer than a line of a terminal would like it to be, and goes on",
        "n": 0,
    });
    let types = TypeDefs::new();
    let rules = flow_expr::WhereRules::new(&types, &[]);
    let read = |value: &serde_json::Value| {
        flow_ir::json::decode(value, &flow_ir::Type::Json, &types, &rules).unwrap()
    };
    ["review", "scores", "long", "n"].map(|name| (name, read(&json[name]))).into()
}

fn picture(text: &str, columns: usize) -> String {
    let (names, values): (Vec<&str>, Vec<Value>) = slots().into_iter().unzip();
    let condition = support::condition(text, &names);
    let (types, meter) = (TypeDefs::new(), Meter::default());
    let found = sub_values(&condition, &Env { frame: &Slots(&values), ..Env::bare(&types, &meter) });
    draw(text, &found, columns)
}

#[track_caller]
fn check(text: &str, columns: usize, expected: &str) {
    let found = picture(text, columns);
    assert_eq!(found.trim_end(), expected.trim_matches('\n').trim_end(), "\n{found}");
    for line in found.lines() {
        assert!(line.chars().count() <= columns, "wider than {columns}: {line}");
    }
}

#[test]
fn values_stand_under_what_they_are_of() {
    check(
        "n + 1 > 1 && scores.size() == 9",
        120,
        "
n + 1 > 1 && scores.size() == 9
| |   |   |
| |   |   false
0 1   false
",
    );
    check(
        "scores.size() == n",
        120,
        "
scores.size() == n
|      |      |  |
|      |      |  0
|      4      false
[3,5,1,4]
",
    );
}

#[test]
fn the_element_that_failed_is_shown() {
    check(
        "scores.all(s, s > 2)",
        120,
        "
scores.all(s, s > 2)
|      |      | |
|      false  1 false
[3,5,1,4]
",
    );
}

#[test]
fn what_was_not_evaluated_is_not_shown() {
    let found = picture("n == 1 && review.score > 3 || n / n == 1", 120);
    assert!(!found.contains("\"score\"") && found.contains("error: division by zero"), "{found}");
    let found = picture("(review.note ?? \"none\") == \"yes\"", 120);
    assert!(found.contains("null") && found.contains("\"none\""), "{found}");
    assert!(!picture("n == 0 ? n > 1 : scores.size() > 9", 120).contains("[3,5"), "only one branch");
}

#[test]
fn errors_are_values_too() {
    let found = picture("review.missing.size() > 1", 120);
    assert!(found.contains("error: no such key: \"missing\""), "{found}");
}

#[test]
fn a_narrow_place_lists_what_has_no_room() {
    let found = picture("review.author.name == long && scores.exists(s, s > 9)", 40);
    assert!(found.lines().all(|line| line.chars().count() <= 40), "{found}");
    assert!(found.contains("日本太郎"), "{found}");
    let wide = picture("review.author.name == long", 120);
    assert!(wide.contains("…") && wide.contains("characters)"), "{wide}");
}

#[test]
fn lines_have_their_own_values() {
    let found = picture("scores.size() == 4\n  && n == 1", 120);
    let first = found.find("scores").unwrap();
    let second = found.find("&& n").unwrap();
    assert!(found[first..second].contains("4") && found[second..].contains("false"), "{found}");
}

#[test]
fn wide_characters_take_two_columns() {
    let found = picture("\"日本\" == review.author.name", 120);
    let bars = found.lines().nth(1).unwrap();
    assert_eq!(bars, "       |  |      |      |", "{found}");
}
