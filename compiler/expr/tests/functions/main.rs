//! Every function of CEL and of its extensions, and those the language adds, at the edges of what they take: a table per
//! family, the expression and its result in JSON.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

#[path = "../support/mod.rs"]
mod support;

mod comparisons;
mod conversions;
mod format;
mod lists;
mod math;
mod optionals;
mod patterns;
mod strings;
mod times;

use std::collections::BTreeSet;

use flow_expr::functions::{MACROS, Style, names, overloads};
use support::shown;

/// An error of any message.
const ERROR: &str = "error";

fn table(rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|(text, expected)| {
            let found = shown(text);
            let is_error = found.starts_with("bad_value: ") && !found.contains("unreadable");
            let fine = if *expected == ERROR { is_error } else { found == *expected };
            (!fine).then(|| format!("{text}\n     expected {expected}\n     found    {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// No name of CEL's is missing. What stands here is the list of standard definitions of the language's definition and of
/// cel-go's extensions, without protocol buffers and network addresses.
#[test]
fn every_name_of_cel_is_there() {
    let functions: BTreeSet<&str> = names().collect();
    for name in [
        "size contains endsWith startsWith matches bool bytes double duration int string timestamp type uint",
        "getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear getHours getMilliseconds getMinutes getMonth getSeconds",
        "charAt indexOf lastIndexOf join lowerAscii upperAscii strings.quote replace reverse split substring trim format",
        "math.greatest math.least math.ceil math.floor math.round math.trunc math.abs math.sign math.isNaN math.isInf",
        "math.isFinite math.bitAnd math.bitOr math.bitXor math.bitNot math.bitShiftLeft math.bitShiftRight math.sqrt",
        "distinct flatten lists.range slice sort first last sets.contains sets.equivalent sets.intersects",
        "optional.of optional.none optional.ofNonZeroValue hasValue value or orValue optional.unwrap unwrapOpt",
        "base64.encode base64.decode regex.extract regex.extractAll regex.replace",
    ]
    .iter()
    .flat_map(|line| line.split(' '))
    {
        assert!(functions.contains(name), "{name}");
    }
    let macros: BTreeSet<&str> = MACROS.iter().map(|row| row.name).collect();
    for name in
        "all exists exists_one existsOne map filter transformList transformMap transformMapEntry sortBy"
            .split(' ')
    {
        assert!(macros.contains(name), "{name}");
    }
    let operators: BTreeSet<&str> =
        overloads().filter(|row| row.style == Style::Operator).map(|row| row.name).collect();
    for name in "_+_ _-_ _*_ _/_ _%_ -_ !_ _==_ _!=_ _<_ _<=_ _>_ _>=_ _in_ _[_]_".split(' ') {
        assert!(operators.contains(name), "{name}");
    }
}

/// Values without a fitting overload are an error, and one that the logic absorbs.
#[test]
fn no_overload_is_an_error_that_logic_absorbs() {
    for call in [
        "size(1)",
        "1.contains('a')",
        "'a'.contains(1)",
        "'a' + 1",
        "1 + 1u",
        "1.0 * 2",
        "-'a'",
        "-1u",
        "!1",
        "[1] < [2]",
        "'a'.format(1)",
        "math.abs('a')",
        "math.bitAnd(1, 1u)",
        "[1].join(1)",
        "1.sort()",
        "sets.contains([1], 1)",
        "timestamp(0) + timestamp(0)",
        "1.value()",
        "optional.none().or(1)",
        "1.optMap(x, x)",
        "'a'.split(1)",
        "1 in 2",
        "int([1])",
        "base64.encode('a')",
        "null + null",
        "'a'.charAt('0')",
        "{} - {}",
        "b'a' + 'a'",
        "true + true",
        "duration('1s') * 2",
        "timestamp(0).getHours(1)",
        "regex.extract(1, 'a')",
        "1.substring(1)",
        "'a'.replace('a')",
        "lists.range('a')",
        "1.first()",
        "optional.unwrap([1])",
        "'a' < 1",
        "timestamp(0) < 1s",
        "1.getHours()",
    ] {
        let found = shown(call);
        assert!(found.starts_with("bad_value: "), "{call}: {found}");
        assert_eq!(shown(&format!("true || ({call}) == 1")), "true", "{call}");
        assert_eq!(shown(&format!("({call}) == 1 || true")), "true", "{call}");
        assert_eq!(shown(&format!("({call}) == 1 && false")), "false", "{call}");
        assert_eq!(shown(&format!("[0, 1].exists(i, i == 1 || ({call}) == 2)")), "true", "{call}");
        assert!(
            shown(&format!("[0, 1].exists_one(i, i == 1 ? true : ({call}) == 2)")).starts_with("bad_value"),
            "{call}"
        );
    }
}
