//! No expression runs on: whatever it is made of, it ends at the limit of the meter, and nothing takes that error for another.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

mod support;

use flow_expr::functions::{Sig, overloads};
use flow_expr::{Env, Error, ErrorKind, Meter, eval};
use flow_ir::expr::Expr;
use flow_ir::{TypeDefs, Value};

/// Evaluates with so many units, and tells how many were left.
fn within(units: u64, text: &str) -> (Result<Value, Error>, u64) {
    let expr = support::dynamic(text, &[]).unwrap();
    let (types, meter) = (TypeDefs::new(), Meter::new(units));
    let result = eval(&expr, &Env::bare(&types, &meter));
    (result, meter.left())
}

#[track_caller]
fn exhausted(units: u64, text: &str) {
    let (result, _) = within(units, text);
    assert_eq!(result.map_err(|error| error.kind), Err(ErrorKind::Exhausted), "{text}");
}

/// Each turn is charged before it is taken: of 20 million turns no more are taken than there are units.
#[test]
fn twenty_million_turns_stop_at_the_limit() {
    for text in [
        "lists.range(4500).all(x, lists.range(4500).all(y, true))",
        "lists.range(4500).map(x, lists.range(4500).filter(y, false).size()).size()",
    ] {
        let (result, left) = within(Meter::UNITS, text);
        assert_eq!((result.unwrap_err().kind, left), (ErrorKind::Exhausted, 0), "{text}");
    }
    // A list of so many elements isn't even made.
    exhausted(Meter::UNITS, "lists.range(20000000).exists(x, x < 0)");
}

#[test]
fn nested_comprehensions_end() {
    for op in [
        "all(VAR, BODY)",
        "exists(VAR, !(BODY))",
        "map(VAR, BODY).size() > 0",
        "filter(VAR, BODY).size() >= 0",
        "exists_one(VAR, BODY)",
        "sortBy(VAR, BODY ? 1 : 2).size() > 0",
        "transformMap(VAR, w, BODY).size() > 0",
        "transformList(VAR, w, BODY).size() > 0",
        "group_by(VAR, BODY).size() > 0",
        "find(VAR, !(BODY)).hasValue()",
    ] {
        let nested = (0..8).fold(String::from("true"), |body, depth| {
            let turn = op.replace("VAR", &format!("v{depth}")).replace("w,", &format!("w{depth},"));
            format!("lists.range(1000).{}", turn.replace("BODY", &body))
        });
        exhausted(200_000, &nested);
    }
}

#[test]
fn doubling_stops_at_16_mebibytes() {
    for (start, double) in [
        ("'0123456789abcdef'", "V + V"),
        ("b'0123456789abcdef'", "V + V"),
        ("[0]", "V + V"),
        ("'0123456789abcdef'", "[V, V].join(V)"),
        ("'0123456789abcdef'", "V.replace('0', V)"),
        ("'0123456789abcdef'", "regex.replace(V, '0', V)"),
        ("'0123456789abcdef'", "'%s%s'.format([V, V])"),
        ("'0123456789abcdef'", "'%x'.format([V])"),
        ("'0123456789abcdef'", "\"${V}${V}\""),
        ("b'0123456789abcdef'", "bytes(base64.encode(V))"),
        ("'\"\"\"\"'", "strings.quote(V)"),
        ("[[0]]", "[V, V].flatten()"),
        ("[0, 0]", "V.map(x, V).flatten()"),
    ] {
        let grown = (0..60).fold(start.to_owned(), |value, n| {
            format!("cel.bind(v{n}, {value}, {})", double.replace('V', &format!("v{n}")))
        });
        exhausted(Meter::UNITS, &format!("{grown}.size() > 0"));
    }
    // What only points to itself many times is as large as it would be written.
    let shared = (0..60).fold("[1]".to_owned(), |value, n| format!("cel.bind(v{n}, {value}, [v{n}, v{n}])"));
    for use_of in ["V", "V == V", "V.to_json()", "'%s'.format([V])", "V in [V]", "[V, V].distinct()"] {
        exhausted(Meter::UNITS, &use_of.replace('V', &format!("({shared})")));
    }
}

#[test]
fn nothing_absorbs_it() {
    let wide = "lists.range(300).all(x, lists.range(300).all(y, y >= 0))";
    let large = "lists.range(20000000).size() > 0";
    for inner in [wide, large] {
        for around in [
            "E || true",
            "true && (E || true)",
            "E && false",
            "false || E",
            "[1].all(x, E)",
            "[1, 2].exists(x, x == 2 || E)",
            "[1].all(x, x == 1 && E)",
            "[1].exists_one(x, E)",
            "[1].filter(x, E)",
            "[1].map(x, E)",
            "E ? 1 : 2",
            "true ? E : 1",
            "null ?? E",
            "(E ? 1 : 2) ?? 3",
            "optional.of(E).orValue(true)",
            "optional.none().orValue(E)",
            "optional.none().or(optional.of(E))",
            "optional.of(1).optMap(x, E)",
            "{'a': E}.?a",
            "[E][?0]",
            "has({'a': E}.b)",
            "[?optional.of(E)]",
            "{'a': E}",
            "\"${E}\"",
            "E == E",
            "cel.bind(x, E, true)",
            "!E",
            "[E].size() > 5 || true",
            "{'a': 1}.exists(k, v, E)",
            "[1].sortBy(x, E)",
            "optional.of(1).optFlatMap(x, optional.of(E))",
            "string(E)",
        ] {
            // Alone it isn't reached; that is a case, too.
            let text = around.replace('E', &format!("({inner})"));
            exhausted(60_000, &text);
        }
    }
}

/// A megabyte is read by no function for nothing: the meter counts each 64 bytes.
#[test]
fn what_is_read_is_charged() {
    let long = Value::string("a".repeat(1 << 20));
    let raw = Value::Bytes(vec![b'a'; 1 << 20].into());
    let items = Value::list(vec![Value::Int(1); 1 << 17]);
    // These look at a size or a beginning, or hand on what they got.
    let free = [
        "string_string",
        "bytes_bytes",
        "bool_string",
        "size_bytes",
        "size_list",
        "size_map",
        "first_list",
        "last_list",
        "type_of",
        "optional_of",
        "optional_of_non_zero",
        "optional_or_value",
        "index_list",
        "index_map",
        "take_list",
        "skip_list",
        "optional_or",
        "split_some",
        "regex_replace_some",
        "slice_list",
    ];
    for row in overloads().filter(|row| !free.contains(&row.id)) {
        for (position, param) in row.params.iter().enumerate() {
            let large = match param {
                Sig::String => &long,
                Sig::Bytes => &raw,
                Sig::List(Sig::Int | Sig::Var(_) | Sig::Ordered(_) | Sig::Any | Sig::Json) => &items,
                _ => continue,
            };
            let args = row.params.iter().enumerate().map(|(index, sig)| {
                Expr::Const(if index == position { large.clone() } else { other(sig, large) })
            });
            let expr = Expr::Call { function: row.id.into(), args: args.collect() };
            let (types, meter) = (TypeDefs::new(), Meter::default());
            let result = eval(&expr, &Env::bare(&types, &meter));
            let used = Meter::UNITS - meter.left();
            // What is refused before it is read costs nothing.
            // Elements that no clause takes aren't looked at.
            let refused = row.id == "format_string" && position == 1
                || matches!(&result, Err(error) if used == 0
                && (error.message.contains("overload") || error.message.contains("16 MiB") || error.message.contains("no regular")));
            assert!(
                used >= 1 << 13 || refused,
                "{} of {position} takes {used} units: {:?}",
                row.id,
                result.err()
            );
        }
    }
}

/// What goes well with a large argument.
fn other(sig: &Sig, large: &Value) -> Value {
    match sig {
        Sig::Int => Value::Int(1),
        Sig::Timestamp => Value::Timestamp(jiff::Timestamp::UNIX_EPOCH),
        Sig::String if matches!(large, Value::String(_)) => Value::string("a".repeat(1 << 20)),
        Sig::String => Value::string("%s"),
        Sig::Bytes => Value::Bytes(vec![b'a'; 1 << 20].into()),
        Sig::List(Sig::Any) => Value::list(vec![Value::Int(1); 4]),
        Sig::List(Sig::String) => Value::list(vec![Value::string("a")]),
        Sig::List(_) => Value::list(vec![Value::Int(2); 1 << 17]),
        Sig::Map(..) => Value::Map(Default::default()),
        _ => Value::Int(7),
    }
}

/// Which row a name means is seen by the elements of a list: that is charged as well.
#[test]
fn choosing_a_row_is_charged() {
    let mixed = "cel.bind(xs, lists.range(20000) + ['a'], ";
    let (result, left) =
        within(100_000_000, &format!("{mixed}lists.range(10).all(i, xs.sum() == 1 || true))"));
    assert_eq!(result, Ok(Value::Bool(true)));
    assert!(100_000_000 - left > 10 * 20_000);
    // What fits any element is not looked for.
    let (_, before) = within(1_000_000, &format!("{mixed}xs.size())"));
    let (_, after) = within(1_000_000, &format!("{mixed}xs.first())"));
    assert!(before.abs_diff(after) < 100, "{before} {after}");
}

/// A key of a megabyte is hashed for its price wherever one is looked up or made.
#[test]
fn keys_are_charged() {
    let long = "cel.bind(k, lists.range(10000).map(i, '0123456789').join(), ";
    for text in [
        "{}[?k]",
        "k in {}",
        "{[k]: 1}",
        "[1].group_by(x, k)",
        "[k].distinct()",
        "[1].distinct_by(x, k)",
        "sets.contains([k], [])",
        "sets.intersects([], [k])",
        "{[k]: 1} == {[k]: 1}",
    ] {
        let used = |text: &str| 1_000_000 - within(1_000_000, &format!("{long}{text})")).1;
        let more = used(text) - used("k");
        assert!(more >= 100_000 / 64, "{text} takes {more} units");
    }
}
