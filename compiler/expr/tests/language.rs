//! What expressions compute, as tables: the expression and its result in JSON.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

mod support;

use flow_ir::Value;
use support::{run, shown};

fn table(rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        assert_eq!(shown(text), *expected, "{text}");
    }
}

#[test]
fn arithmetic_is_strict_and_checked() {
    table(&[
        ("1 + 2 * 3 - 4 / 3", "6"),
        ("-7 / 2", "-3"),
        ("-7 % 2", "-1"),
        ("1.5 * 2.0", "3.0"),
        ("2u + 3u", "5u"),
        ("2u - 3u", "bad_value: integer overflow"),
        ("9223372036854775807 + 1", "bad_value: integer overflow"),
        ("-9223372036854775808 / -1", "bad_value: integer overflow"),
        ("-9223372036854775808 % -1", "bad_value: integer overflow"),
        ("1 / 0", "bad_value: division by zero"),
        ("1 % 0", "bad_value: division by zero"),
        ("1.0 / 0.0", "inf"),
        ("0.0 / 0.0 == 0.0 / 0.0", "false"),
        ("1 + 1.0", "bad_value: no such overload for (int, float)"),
        ("\"a\" + \"b\"", "\"ab\""),
        ("[1] + [2, 3]", "[1,2,3]"),
        ("1h30m + 30m == 2h", "true"),
        ("timestamp(\"2026-01-31T00:00:00Z\") + 1d", "\"2026-02-01T00:00:00Z\""),
        ("timestamp(\"2026-02-01T00:00:00Z\") - timestamp(\"2026-01-31T00:00:00Z\")", "\"86400s\""),
        ("timestamp(\"0001-01-01T00:00:00Z\") - 1s", "bad_value: a timestamp outside of the years 1 to 9999"),
    ]);
}

#[test]
fn comparisons_may_mix_numbers() {
    table(&[
        ("1 == 1.0 && 1u == 1 && 1.0 == 1u", "true"),
        ("1 < 1.5 && 2u > 1.5 && -1 < 1u", "true"),
        ("1 == \"1\"", "false"),
        ("[1, 2.0] == [1.0, 2]", "true"),
        ("{\"a\": 1, \"b\": 2} == {\"b\": 2.0, \"a\": 1u}", "true"),
        ("\"a\" < \"b\" && \"Z\" < \"a\" && \"ä\" > \"z\"", "true"),
        ("false < true", "true"),
        ("0.0 / 0.0 < 1.0 || 0.0 / 0.0 >= 1.0", "false"),
        ("[1] < [2]", "bad_value: no such overload for (list, list)"),
        ("2 in [1, 2.0] && !(3 in [1]) && \"a\" in {\"a\": null} && 1.0 in {[1]: 2}", "true"),
    ]);
}

#[test]
fn logic_absorbs_errors() {
    table(&[
        ("1 / 0 == 0 || true", "true"),
        ("true || 1 / 0 == 0", "true"),
        ("1 / 0 == 0 && false", "false"),
        ("1 / 0 == 0 || false", "bad_value: division by zero"),
        ("1 / 0 == 0 && true", "bad_value: division by zero"),
        ("1 || true", "true"),
        ("1 && true", "bad_value: 1 is no bool"),
        ("[0, 1].exists(x, 1 / x == 1)", "true"),
        ("[0, 1].all(x, 1 / x == 2)", "false"),
        ("[0, 1].all(x, 1 / x == 1)", "bad_value: division by zero"),
        ("[0, 1].exists_one(x, 1 / x == 1)", "bad_value: division by zero"),
        ("true ? 1 : 1 / 0", "1"),
        ("null ?? 1 / 1 ?? 2", "1"),
        ("[].first() ?? null ?? 3", "3"),
    ]);
}

#[test]
fn exhausted_is_never_absorbed() {
    let wide = "lists.range(2000).exists(x, lists.range(2000).all(y, y >= 0) && x < 0)";
    table(&[
        (
            &format!("{wide} || true"),
            "exhausted: the expression does more work than its limit of 1000000 units",
        ),
        (
            &format!("true && ({wide} || false)"),
            "exhausted: the expression does more work than its limit of 1000000 units",
        ),
        ("lists.range(20000000).size()", "exhausted: a value of more than 16 MiB"),
        ("[1].all(x, lists.range(20000000).size() > 0)", "exhausted: a value of more than 16 MiB"),
    ]);
    // Doubling outgrows every limit without making much work for the one who writes it.
    let doubled = (0..40)
        .fold(String::from("\"0123456789abcdef\""), |text, n| format!("cel.bind(v{n}, {text}, v{n} + v{n})"));
    assert_eq!(shown(&doubled), "exhausted: a value of more than 16 MiB");
    let shared = (0..40).fold(String::from("[1]"), |text, n| format!("cel.bind(v{n}, {text}, [v{n}, v{n}])"));
    assert_eq!(shown(&shared), "exhausted: a value of more than 16 MiB");
    assert!(shown(&format!("{shared} == {shared}")).starts_with("exhausted"));
    assert!(shown(&format!("({shared}).to_json()")).starts_with("exhausted"));
}

#[test]
fn macros() {
    table(&[
        ("[1, 2, 3].map(x, x * x)", "[1,4,9]"),
        ("[1, 2, 3].map(x, x > 1, x * x)", "[4,9]"),
        ("[1, 2, 3].filter(x, x != 2)", "[1,3]"),
        ("{\"a\": 1, \"b\": 2}.map(k, k)", "[\"a\",\"b\"]"),
        ("{\"a\": 1, \"b\": 2}.filter(k, k != \"a\")", "[\"b\"]"),
        ("{\"a\": 1, \"b\": 2}.exists(k, v, k == \"b\" && v == 2)", "true"),
        ("[5, 6].transformList(i, x, i * x)", "[0,6]"),
        ("{\"a\": 1}.transformMap(k, v, v + 1)", "{\"a\":2}"),
        ("{\"a\": 1}.transformMapEntry(k, v, {[string(v)]: k})", "{\"1\":\"a\"}"),
        ("[1, 2].transformMapEntry(i, v, {\"a\": v})", "bad_value: a key occurs twice: \"a\""),
        ("[3, 1, 2].sort_by(x, -x)", "[3,2,1]"),
        ("[\"bb\", \"a\", \"cc\"].sort_by(s, s.size())", "[\"a\",\"bb\",\"cc\"]"),
        ("[1, 2, 3, 4].group_by(x, x % 2)", "{\"1\":[1,3],\"0\":[2,4]}"),
        ("[1, 2, 3, 4].distinct_by(x, x % 2)", "[1,2]"),
        ("[1, 2, 3].find(x, x > 1) ?? 0", "2"),
        ("[1, 2, 3].find(x, x > 5) ?? 0", "0"),
        ("[1, 3, 2].max_by(x, x).value()", "3"),
        ("[].min_by(x, x)", "none"),
        ("[[1, 2], [3]].map(xs, xs.map(x, x + 1))", "[[2,3],[4]]"),
        ("[1, \"a\"].sort_by(x, x)", "bad_value: \"a\" and 1 have no order"),
        ("5.map(x, x)", "bad_value: 5 is no list or map"),
    ]);
}

#[test]
fn texts_count_code_points() {
    table(&[
        ("\"äöü\".size()", "3"),
        ("size(\"🙂\")", "1"),
        ("b\"äö\".size()", "4"),
        ("\"hello\".substring(1, 3)", "\"el\""),
        ("\"äöü\".substring(1)", "\"öü\""),
        ("\"abc\".substring(4)", "bad_value: index 4 outside of the text"),
        ("\"abc\".substring(2, 1)", "bad_value: a substring from 2 to 1"),
        ("\"äöüö\".indexOf(\"ö\") + \"äöüö\".lastIndexOf(\"ö\")", "4"),
        ("\"äöüö\".indexOf(\"ö\", 2)", "3"),
        ("\"äöüö\".lastIndexOf(\"ö\", 2)", "1"),
        ("\"abc\".indexOf(\"x\")", "-1"),
        ("\"äb\".charAt(1) + \"äb\".charAt(2)", "\"b\""),
        ("\"a,b,,c\".split(\",\")", "[\"a\",\"b\",\"\",\"c\"]"),
        ("\"a,b,c\".split(\",\", 2)", "[\"a\",\"b,c\"]"),
        ("\"äb\".split(\"\")", "[\"ä\",\"b\"]"),
        ("\"aaa\".replace(\"a\", \"bb\", 2)", "\"bbbba\""),
        ("[\"a\", \"b\"].join(\", \")", "\"a, b\""),
        ("[1, 2].join(\"-\")", "\"1-2\""),
        ("\"  x\\n\".trim() + \"É\".lowerAscii() + \"abC\".upperAscii()", "\"xÉABC\""),
        ("\"abc\".reverse()", "\"cba\""),
        ("\"abc-12\".matches(\"^[a-z]+-[0-9]+$\")", "true"),
        ("\"a\".matches(\"(\")", "bad_value: no regular expression: \"(\""),
        ("\"abc\".contains(\"b\") && \"abc\".startsWith(\"a\") && \"abc\".endsWith(\"c\")", "true"),
        ("strings.quote(\"a\\\"b\\n\")", "\"\\\"a\\\\\\\"b\\\\n\\\"\""),
        ("base64.encode(b\"hello\") + string(base64.decode(\"aGk\"))", "\"aGVsbG8=hi\""),
    ]);
}

#[test]
fn conversions() {
    table(&[
        ("int(\"-12\") + int(2.9) + int(3u)", "-7"),
        ("int(1e99)", "bad_value: a number outside of the range of int"),
        ("int(\"1.5\")", "bad_value: \"1.5\" is no int"),
        ("uint(-1)", "bad_value: a number outside of the range of uint"),
        ("float(\"1.5\") + double(2)", "3.5"),
        (
            "string(1.0) + string(0.1) + string(1e30) + string(1500000.0) + string(1.5e-9)",
            "\"10.11e+3015000001.5e-09\"",
        ),
        ("string(true) + string(90s) + string(timestamp(0))", "\"true90s1970-01-01T00:00:00Z\""),
        ("string(b\"\\xff\")", "bad_value: bytes that are no UTF-8"),
        ("bool(\"True\") && !bool(\"0\")", "true"),
        ("duration(\"1h30m\") == 90m", "true"),
        ("int(timestamp(\"1970-01-01T00:01:00Z\"))", "60"),
        ("type(1) == int && type([]) == list && type(1.5) == double", "true"),
        ("string(null)", "bad_value: no such overload for (null)"),
    ]);
}

#[test]
fn lists_and_numbers() {
    table(&[
        ("[3, 1, 2].sort().reverse()", "[3,2,1]"),
        ("[1, 2.0, 1.0, \"a\", \"a\", [1], [1.0]].distinct()", "[1,2.0,\"a\",[1]]"),
        ("[[1], [2, 3]].flatten()", "[1,2,3]"),
        ("[1, 2, 3].slice(1, 3) + lists.range(2)", "[2,3,0,1]"),
        ("[1].slice(0, 2)", "bad_value: a slice from 0 to 2 of 1 elements"),
        ("[1, 2, 3].take(2) + [1, 2, 3].skip(2) + [1].take(-1)", "[1,2,3]"),
        ("[1, null, 2].compact()", "[1,2]"),
        ("[1, 2, 3].groups(2)", "[[1,2],[3]]"),
        ("[1, 2].sum() + [].sum()", "3"),
        ("[1.5, 2.5].sum() + [1, 2].mean()", "5.5"),
        ("[9223372036854775807, 1].sum()", "bad_value: integer overflow"),
        ("[].mean()", "bad_value: an empty list"),
        ("[3, 1, 2].min() + [3, 1, 2].max()", "4"),
        ("[1, 2].first().value() + [1, 2].last().orValue(0) + [].first().orValue(7)", "10"),
        ("[][0]", "bad_value: index 0 outside of 0 elements"),
        ("[1][-1]", "bad_value: index -1 outside of 1 elements"),
        ("{\"a\": 1}.b", "bad_value: no such key: \"b\""),
        ("{\"a\": 1}.?b", "none"),
        ("{\"a\": 1, ?\"b\": {\"c\": 2}.?c, ?\"d\": {}.?e}", "{\"a\":1,\"b\":2}"),
        ("[1, ?[].first(), ?[2].first()]", "[1,2]"),
        ("{\"a\": 1, \"a\": 2}", "bad_value: a key occurs twice in a map"),
        ("{...{\"a\": 1, \"b\": 2}, a: 3}", "{\"a\":3,\"b\":2}"),
        ("has({\"a\": null}.a) && !has({}.a)", "true"),
        ("math.greatest(1, 2.5, 2) == 2.5 && math.least([3, 1]) == 1", "true"),
        ("math.round(-2.5) + math.ceil(1.2) + math.floor(-1.2) + math.trunc(1.9)", "-2.0"),
        ("math.abs(-9223372036854775808)", "bad_value: integer overflow"),
        ("math.bitShiftRight(-1, 63) + math.bitAnd(6, 3) + math.bitShiftLeft(1, 64)", "3"),
    ]);
}

#[test]
fn the_data_library() {
    table(&[
        (
            "{\"a\": [1, 2.0, null, true], \"b\": 90s}.to_json()",
            r#""{\"a\":[1,2.0,null,true],\"b\":\"90s\"}""#,
        ),
        ("\"Hello, World! It's ÄÖ 2\".slug()", "\"hello-world-its-2\""),
        ("\"a\\r\\nb\\n\".lines()", "[\"a\",\"b\"]"),
        ("\" a  b\\nc \".words()", "[\"a\",\"b\",\"c\"]"),
        ("\"hello world\".truncate(6) + \"abc\".truncate(3)", "\"hello…abc\""),
        ("\"one two three\".pieces(8)", "[\"one two\",\"three\"]"),
        ("\"abcdefgh\".pieces(3)", "[\"abc\",\"def\",\"gh\"]"),
        ("\"a\\n\\nb c\".pieces(5)", "[\"a\",\"b c\"]"),
        ("\"a\".pieces(0)", "bad_value: pieces of less than 1 character"),
        ("timestamp(\"2026-01-31T12:30:00Z\").format_time(\"%Y-%m-%d %H:%M\")", "\"2026-01-31 12:30\""),
        ("format_time(timestamp(\"2026-01-31T12:30:00Z\"), \"%Y-%m-%d %H:%M\")", "\"2026-01-31 12:30\""),
        ("timestamp(\"2026-01-31T23:30:00Z\").format_time(\"%a %d\", \"Europe/Berlin\")", "\"Sun 01\""),
        ("timestamp(0).format_time(\"%Q%\")", "bad_value: no time pattern: \"%Q%\""),
        ("timestamp(\"2026-01-31T12:30:00Z\").getHours(\"+02:00\")", "14"),
        ("timestamp(\"2026-01-31T12:30:00Z\").getDayOfWeek()", "6"),
        ("timestamp(0).getHours(\"Nowhere/Here\")", "bad_value: no such time zone: \"Nowhere/Here\""),
        ("(90m).getHours() + (90m).getMinutes() + (1500ms).getMilliseconds()", "591"),
        ("\"${[1, 2].map(x, \"<${x}>\").join(\"\")} ${1.50} ${{\"a\": 1}}\"", "\"<1><2> 1.5 {\\\"a\\\":1}\""),
    ]);
}

#[test]
fn json_is_read_by_path() {
    let json: serde_json::Value = serde_json::json!({"a": {"b": [10, {"c": "x"}]}});
    let value = flow_ir::json::decode(
        &json,
        &flow_ir::Type::Json,
        &flow_ir::TypeDefs::new(),
        &flow_expr::WhereRules::new(&flow_ir::TypeDefs::new(), &[]),
    )
    .unwrap();
    for (text, expected) in [
        ("j.a.b[1].c", Ok(Value::string("x"))),
        ("j.a.b.size()", Ok(Value::Int(2))),
        ("j.a.?x.orValue(1)", Ok(Value::Int(1))),
        ("has(j.a.b) && !has(j.z)", Ok(Value::Bool(true))),
        ("j.a.b == [10, {\"c\": \"x\"}]", Ok(Value::Bool(true))),
    ] {
        assert_eq!(run(text, &[("j", value.clone())]), expected, "{text}");
    }
}
