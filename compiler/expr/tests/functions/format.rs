use super::{ERROR, table};

#[test]
fn every_clause() {
    table(&[
        ("'no substitution'.format([]) + ''.format([])", "\"no substitution\""),
        ("'%% and %s%%'.format(['x'])", "\"% and x%\""),
        ("'%s'.format(['foo']) + '%s'.format([b'foo'])", "\"foofoo\""),
        ("'%d %d %d'.format([1, 2u, -3])", "\"1 2 -3\""),
        ("'%d'.format([3.14])", "\"3.14\""),
        (
            "'%d %d'.format([9223372036854775807, 18446744073709551615u])",
            "\"9223372036854775807 18446744073709551615\"",
        ),
        ("'%f %f %f'.format([1, 1u, 3.14])", "\"1.000000 1.000000 3.140000\""),
        ("'%.1f %.0f %.2f'.format([3.14, 2.5, -0.001])", "\"3.1 2 -0.00\""),
        ("'%.0f %.0f %.0f'.format([0.5, 1.5, 2.5])", "\"0 2 2\""),
        ("'%.3f'.format([123.4999]) + ' ' + '%.3f'.format([123.4994])", "\"123.500 123.499\""),
        ("'%.20f'.format([0.1])", "\"0.10000000000000000555\""),
        ("'%e %e %e'.format([1, 1u, 3.14])", "\"1.000000e+00 1.000000e+00 3.140000e+00\""),
        ("'%.1e %.0e %.3e'.format([-3.14, 12345.0, 1e-300])", "\"-3.1e+00 1e+04 1.000e-300\""),
        ("'%e'.format([0.0])", "\"0.000000e+00\""),
        ("'%x %X %x'.format([26, 30, 500u])", "\"1a 1E 1f4\""),
        ("'%x'.format([-255]) + ' ' + '%o'.format([-8]) + ' ' + '%b'.format([-5])", "\"-ff -10 -101\""),
        ("'%x'.format([-9223372036854775808])", "\"-8000000000000000\""),
        ("'%x %X'.format(['Hello', b'\\xff\\x00'])", "\"48656c6c6f FF00\""),
        ("'%x'.format(['é'])", "\"c3a9\""),
        ("'%o %o'.format([11, 65535u])", "\"13 177777\""),
        ("'%b %b %b %b'.format([5, 64u, true, false])", "\"101 1000000 1 0\""),
        ("'é%sé'.format(['ü'])", "\"éüé\""),
        // Arguments that no clause takes are no error when it runs.
        ("'a'.format([1, 2])", "\"a\""),
    ]);
}

#[test]
fn what_s_writes() {
    table(&[
        ("'%s %s %s'.format([true, null, 999999999999])", "\"true null 999999999999\""),
        ("'%s %s %s %s'.format([1.0, 0.5, 1e21, -0.0])", "\"1 0.5 1000000000000000000000 -0\""),
        (
            "'%s'.format([double('NaN')]) + '%f'.format([double('Infinity')]) + '%e'.format([double('-Infinity')])",
            "\"NaNInfinity-Infinity\"",
        ),
        ("'%d'.format([double('NaN')])", "\"NaN\""),
        ("'%s %s'.format([duration('1h45m47s'), duration('-1.5s')])", "\"6347s -1.5s\""),
        ("'%s'.format([timestamp('2023-02-03T23:31:20.5+01:00')])", "\"2023-02-03T22:31:20.5Z\""),
        ("'%s %s'.format([type(1), type('a')])", "\"int string\""),
        ("'%s'.format([['abc', 3.14, null, [9, 8]]])", "\"[abc, 3.14, null, [9, 8]]\""),
        ("'%s %s'.format([[], {}])", "\"[] {}\""),
        ("'%s'.format([{'b': 1, 'a': [double('NaN')], 'c': {'x': 1u}}])", "\"{a: [NaN], b: 1, c: {x: 1}}\""),
        ("'%s'.format([{1: 'a', true: 'b', 'z': 2}])", "\"{1: a, true: b, z: 2}\""),
        ("'%s'.format([b'a\\xff\\xfeb\\xff'])", "\"a\u{fffd}b\u{fffd}\""),
        ("'%s'.format([[b'x', duration('2h')]])", "\"[x, 7200s]\""),
    ]);
}

#[test]
fn what_is_wrong() {
    table(&[
        ("'%a'.format([1])", ERROR),
        ("'%é'.format([1])", ERROR),
        ("'%'.format([1])", ERROR),
        ("'%.'.format([1])", ERROR),
        ("'%.3'.format([1])", ERROR),
        ("'%.f'.format([1.0])", ERROR),
        ("'%.-1f'.format([1.0])", ERROR),
        ("'%.99999999999f'.format([1.0])", ERROR),
        ("'%10d'.format([1])", ERROR),
        ("'%d %d'.format([1])", ERROR),
        ("'%s'.format([])", ERROR),
        ("'%d'.format(['1'])", ERROR),
        ("'%d'.format([true])", ERROR),
        ("'%f'.format(['NaN'])", ERROR),
        ("'%f'.format([null])", ERROR),
        ("'%e'.format([null])", ERROR),
        ("'%e'.format([true])", ERROR),
        ("'%x'.format([1.0])", ERROR),
        ("'%x'.format([true])", ERROR),
        ("'%X'.format([null])", ERROR),
        ("'%o'.format([true])", ERROR),
        ("'%o'.format(['1'])", ERROR),
        ("'%b'.format(['1'])", ERROR),
        ("'%b'.format([1.5])", ERROR),
        ("'%s'.format([optional.none()])", ERROR),
        ("'%d'.format([[1]])", ERROR),
    ]);
}
