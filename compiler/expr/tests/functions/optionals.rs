use super::{ERROR, table};

#[test]
fn present_or_absent() {
    table(&[
        ("optional.of(1).hasValue() && !optional.none().hasValue() && optional.of(null).hasValue()", "true"),
        ("optional.of(1).value()", "1"),
        ("optional.none().value()", ERROR),
        ("optional.of(null).value()", "null"),
        ("optional.of(optional.none()).value().hasValue()", "false"),
        (
            "[null, false, 0, 0u, 0.0, -0.0, '', b'', [], {}, 0s, optional.none()].exists(x, optional.ofNonZeroValue(x).hasValue())",
            "false",
        ),
        (
            "[true, 1, 1u, 0.5, 'a', b'a', [0], {'a': 0}, 1s, timestamp(1), type(1), optional.of(0)].all(x, optional.ofNonZeroValue(x).hasValue())",
            "true",
        ),
        ("optional.none().or(optional.of(2)).value()", "2"),
        ("optional.of(1).or(optional.of(2)).value()", "1"),
        ("optional.none().or(optional.none()).hasValue()", "false"),
        ("optional.none().orValue(3) + optional.of(4).orValue(3)", "7"),
        ("optional.of(null).orValue(1)", "null"),
        // The right side is left alone where the left one is present.
        ("optional.of(1).orValue(1 / 0)", "1"),
        ("optional.of(1).or(1 / 0).value()", "1"),
        ("optional.none().orValue(1 / 0)", ERROR),
        ("optional.none().or(3)", ERROR),
        ("1.or(optional.of(2))", ERROR),
        ("1.orValue(2)", ERROR),
        ("optional.unwrap([optional.of(1), optional.none(), optional.of('a')])", "[1,\"a\"]"),
        ("[optional.of(1), optional.none()].unwrapOpt() + [].unwrapOpt()", "[1]"),
        ("optional.unwrap([optional.of(1), 2])", ERROR),
    ]);
}

#[test]
fn made_of_the_value() {
    table(&[
        ("optional.of(2).optMap(x, x * 2).value()", "4"),
        ("optional.none().optMap(x, x * 2).hasValue()", "false"),
        ("optional.none().optMap(x, 1 / 0).hasValue()", "false"),
        ("optional.of(0).optMap(x, 1 / x)", ERROR),
        ("optional.of(1).optMap(x, optional.none()).value().hasValue()", "false"),
        ("optional.of(2).optFlatMap(x, optional.of(x + 1)).value()", "3"),
        ("optional.of(2).optFlatMap(x, optional.none()).hasValue()", "false"),
        ("optional.none().optFlatMap(x, 1 / 0).hasValue()", "false"),
        ("optional.of(2).optFlatMap(x, x)", ERROR),
        ("{'key': {'subkey': 'v'}}.?key.optFlatMap(k, k.?subkey).value()", "\"v\""),
        ("{'key': {}}.?key.optFlatMap(k, k.?subkey).hasValue()", "false"),
        ("'a'.optMap(x, x)", ERROR),
        ("[1, 2].first().optMap(x, [3].first().optMap(y, x + y).value()).value()", "4"),
    ]);
}

#[test]
fn chains_and_equality() {
    table(&[
        ("{'c': {'d': 'e'}}.?c.d.orValue('x') + {}.?c.d.orValue('x')", "\"ex\""),
        ("{'c': {}}.?c.d", "none"),
        ("[1][?0].value() + [1][?5].orValue(7)", "8"),
        ("optional.of([1, 2])[1].value() + optional.of({'a': 3})['a'].value()", "5"),
        ("optional.none()[0].hasValue() || optional.none().a.b.hasValue()", "false"),
        (
            "optional.of(1) == optional.of(1.0) && optional.of(1) != optional.none() && optional.none() == optional.none()",
            "true",
        ),
        ("optional.of(1) == 1", "false"),
        ("[?optional.of(1), ?optional.none(), 2]", "[1,2]"),
        ("{?'a': optional.of(1), ?'b': optional.none()}", "{\"a\":1}"),
        ("[?1]", ERROR),
        ("has({'a': optional.none()}.a)", "true"),
        ("cel.bind(x, 2, x * x) + cel.bind(x, cel.bind(x, 1, x + 1), x)", "6"),
        ("[1].first() ?? 5", "1"),
        ("optional.of(null) ?? 5", "null"),
    ]);
}
