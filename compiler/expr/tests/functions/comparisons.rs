use super::{ERROR, table};

#[test]
fn numbers_are_one_line() {
    table(&[
        ("1 == 1u && 1u == 1.0 && 1.0 == 1 && -0.0 == 0", "true"),
        ("-1 == 18446744073709551615u || -1 > 0u || 9223372036854775808u < 1", "false"),
        ("1 < 2u && 2u > 1 && 1 <= 1.0 && 1.5 >= 1u && -1 < 0u && 0.5 < 1u", "true"),
        // Equal is what is neither less nor greater, also where a float can't tell numbers apart.
        ("9223372036854775807 == 9223372036854775808.0", "true"),
        (
            "9223372036854775807 < 9223372036854775808.0 || 9223372036854775807 > 9223372036854775808.0",
            "false",
        ),
        (
            "9223372036854774784 == 9223372036854774784.0 && 18446744073709549568u == 18446744073709549568.0",
            "true",
        ),
        (
            "18446744073709551615u < 18446744073709590000.0 && 18446744073709551615u == 18446744073709551616.0",
            "true",
        ),
        (
            "-9223372036854775808 == -9223372036854775808.0 && 9223372036854775807 < 1e30 && -1e30 < -9223372036854775808",
            "true",
        ),
        ("1 == '1' || 1 == true || null == false || [] == {} || '' == b'' || 0 == null", "false"),
        ("null == null && type(1) == type(2) && type(1) != type(1.0) && int == type(1)", "true"),
    ]);
}

#[test]
fn nan_is_nothing() {
    table(&[
        (
            "cel.bind(n, double('NaN'), n == n || n < n || n > n || n <= n || n >= n || n == 1 || n < 1u || 1 > n)",
            "false",
        ),
        (
            "cel.bind(n, double('NaN'), n != n && n != 1 && !(n in [n]) && [n] != [n] && {'a': n} != {'a': n})",
            "true",
        ),
        ("cel.bind(n, [double('NaN')], n == n)", "false"),
        (
            "double('Infinity') > 1.7976931348623157e308 && double('-Infinity') < -1e308 && double('inf') == double('Infinity')",
            "true",
        ),
    ]);
}

#[test]
fn texts_bytes_and_times() {
    table(&[
        ("'a' < 'b' && 'a' < 'aa' && 'Z' < 'a' && '' < 'a' && 'ä' > 'z'", "true"),
        // By code points, not by UTF-16: what lies beyond the basic plane is greatest.
        ("'\\uffff' < '\\U00010000' && '\\ud7ff' < '\\ue000'", "true"),
        ("b'\\xc3' > b'a' && b'ab' < b'b'", "true"),
        ("false < true && !(true < true) && true >= false", "true"),
        ("duration('1m') == duration('60s') && duration('-1s') < duration('0') && 1s <= 1000ms", "true"),
        (
            "timestamp('2023-01-01T00:00:00Z') == timestamp('2023-01-01T01:00:00+01:00') && timestamp(0) < timestamp(1)",
            "true",
        ),
        ("null < 1", ERROR),
        ("'a' < 1", ERROR),
        ("{} < {}", ERROR),
        ("true < 1", ERROR),
        ("type(1) < type(2)", ERROR),
    ]);
}

#[test]
fn lists_and_maps() {
    table(&[
        ("[] == [] && {} == {} && [1, 2] == [1.0, 2u] && [1, 2] != [2, 1] && [1] != [1, 1]", "true"),
        (
            "{'a': 1, 'b': [1]} == {'b': [1.0], 'a': 1u} && {'a': 1} != {'a': 2} && {'a': 1} != {'b': 1}",
            "true",
        ),
        ("{1: 'a'} == {1u: 'a'} && {'a': null} != {'b': null} && {'a': null} != {}", "true"),
        ("[1, 'a'] == [1, 2]", "false"),
        ("[[null], {'a': [true]}] == [[null], {'a': [true]}]", "true"),
    ]);
}
