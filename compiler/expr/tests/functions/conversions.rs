use super::{ERROR, table};

#[test]
fn to_whole_numbers() {
    table(&[
        ("int(1.9) == 1 && int(-1.9) == -1 && int(42u) == 42 && int('-42') == -42 && int('+7') == 7", "true"),
        ("int('9223372036854775807') == 9223372036854775807 && int('-9223372036854775808') < 0", "true"),
        ("int('9223372036854775808')", ERROR),
        ("int(9223372036854775808u)", ERROR),
        ("int(9223372036854775807u)", "9223372036854775807"),
        // Both ends are refused as floats, which may have been rounded to them.
        ("int(9223372036854775808.0)", ERROR),
        ("int(-9223372036854775808.0)", ERROR),
        ("int(9223372036854774784.0) == 9223372036854774784 && int(-9223372036854774784.0) < 0", "true"),
        ("int(double('NaN'))", ERROR),
        ("int(double('Infinity'))", ERROR),
        ("int('1.5')", ERROR),
        ("int('0x1F')", ERROR),
        ("int('')", ERROR),
        ("int(' 1')", ERROR),
        ("int('1_000')", ERROR),
        ("int(true)", ERROR),
        ("int(null)", ERROR),
        ("uint(1.9) == 1u && uint(0) == 0u && uint('18446744073709551615') == 18446744073709551615u", "true"),
        ("uint(-1)", ERROR),
        ("uint(-0.5)", ERROR),
        ("uint(-0.0)", "0u"),
        ("uint(18446744073709551616.0)", ERROR),
        ("uint(18446744073709549568.0)", "18446744073709549568u"),
        ("uint('-1')", ERROR),
        ("uint('+1')", ERROR),
        ("uint('18446744073709551616')", ERROR),
        ("uint(double('NaN'))", ERROR),
    ]);
}

#[test]
fn to_floats_and_bools() {
    table(&[
        (
            "double('1.5') == 1.5 && double('-2e3') == -2000.0 && double('.5') == 0.5 && double(1u) == 1.0",
            "true",
        ),
        ("double(9223372036854775807) == 9223372036854775808.0 && double('-0.0') == 0.0", "true"),
        ("math.isNaN(double('NaN')) && math.isInf(double('-Infinity')) && math.isInf(double('inf'))", "true"),
        ("double('1e999')", ERROR),
        ("double('-1e999')", ERROR),
        ("double('1e-999')", "0.0"),
        ("double('')", ERROR),
        ("double('1,5')", ERROR),
        ("double(' 1')", ERROR),
        ("double(true)", ERROR),
        ("bool('true') && bool('TRUE') && bool('True') && bool('t') && bool('1') && bool(true)", "true"),
        ("bool('false') || bool('FALSE') || bool('False') || bool('f') || bool('0')", "false"),
        ("bool('yes')", ERROR),
        ("bool('TrUe')", ERROR),
        ("bool('')", ERROR),
        ("bool(1)", ERROR),
    ]);
}

#[test]
fn to_texts_and_bytes() {
    table(&[
        ("string(123) + string(123u) + string(true) + string('a')", "\"123123truea\""),
        (
            "[string(3.14), string(1.0), string(-4.5e-3), string(1e30), string(1e-10), string(0.1 + 0.2)]",
            "[\"3.14\",\"1\",\"-0.0045\",\"1e+30\",\"1e-10\",\"0.30000000000000004\"]",
        ),
        (
            "string(double('NaN')) + string(double('Infinity')) + string(double('-Infinity'))",
            "\"NaN+Inf-Inf\"",
        ),
        ("string(b'hello') + string(b'\\xf0\\x9f\\xa4\\xaa')", "\"hello🤪\""),
        ("string(b'\\xff')", ERROR),
        ("string(b'\\xed\\xa0\\x80')", ERROR),
        ("string(duration('1m1ms')) + ' ' + string(duration('-1.5h'))", "\"60.001s -5400s\""),
        (
            "string(timestamp('2023-08-26T12:39:00-07:00')) + ' ' + string(timestamp(0))",
            "\"2023-08-26T19:39:00Z 1970-01-01T00:00:00Z\"",
        ),
        (
            "string(timestamp('0001-01-01T00:00:00Z')) + string(timestamp('9999-12-30T22:00:00.999999999Z'))",
            "\"0001-01-01T00:00:00Z9999-12-30T22:00:00.999999999Z\"",
        ),
        ("string(null)", ERROR),
        ("string([])", ERROR),
        ("string({})", ERROR),
        ("bytes('🤪') == b'\\xf0\\x9f\\xa4\\xaa' && bytes(b'a') == b'a' && bytes('') == b''", "true"),
        ("bytes(1)", ERROR),
    ]);
}

#[test]
fn types() {
    table(&[
        (
            "[type(1), type(1u), type(1.0), type(''), type(b''), type(true), type([]), type({})] == [int, uint, double, string, bytes, bool, list, map]",
            "true",
        ),
        (
            "type(null) == null_type && type(type(1)) == type && type(optional.none()) == optional_type",
            "true",
        ),
        (
            "'%s'.format([type(timestamp(0))]) + ' ' + '%s'.format([type(1s)])",
            "\"google.protobuf.Timestamp google.protobuf.Duration\"",
        ),
        ("type(dyn(1)) == int && dyn([1, 'a'])[1] == 'a'", "true"),
    ]);
}
