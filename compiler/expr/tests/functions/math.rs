use super::{ERROR, table};

#[test]
fn least_and_greatest() {
    table(&[
        ("math.greatest(1) + math.least(2)", "3"),
        ("math.greatest(1, 1.0)", "1"),
        ("math.greatest(1.0, 1)", "1.0"),
        ("math.least(1u, 1, 1.0)", "1u"),
        ("math.greatest(-1, 3u, 2.5)", "3u"),
        ("math.least([3, 1.5, 2u]) == 1.5", "true"),
        ("math.greatest(9223372036854775807, 18446744073709551615u)", "18446744073709551615u"),
        ("math.greatest(5.4, 10, 3u, -5.0, 9223372036854775807)", "9223372036854775807"),
        ("math.greatest([])", ERROR),
        ("math.least(1, 'a')", ERROR),
        ("math.least(1.0, double('NaN'))", ERROR),
        ("math.greatest(double('-Infinity'), -1e308)", "-1e+308"),
        ("math.greatest()", ERROR),
    ]);
}

#[test]
fn rounding_and_signs() {
    table(&[
        ("[math.ceil(1.2), math.ceil(-1.2), math.floor(1.2), math.floor(-1.2)]", "[2.0,-1.0,1.0,-2.0]"),
        (
            "[math.round(1.2), math.round(1.5), math.round(-1.5), math.round(-1.2), math.round(2.5)]",
            "[1.0,2.0,-2.0,-1.0,3.0]",
        ),
        ("[math.trunc(-1.3), math.trunc(1.9)]", "[-1.0,1.0]"),
        ("math.isNaN(math.round(double('NaN'))) && math.isInf(math.ceil(double('-Infinity')))", "true"),
        ("math.ceil(1)", ERROR),
        ("math.abs(-1) + math.abs(1)", "2"),
        ("math.abs(-234.5) == 234.5 && math.abs(1u) == 1u", "true"),
        ("math.abs(-9223372036854775808)", ERROR),
        ("math.abs(-9223372036854775807)", "9223372036854775807"),
        ("[math.sign(-42), math.sign(0), math.sign(42)]", "[-1,0,1]"),
        ("[math.sign(-0.3), math.sign(0.0), math.sign(0.3)]", "[-1.0,0.0,1.0]"),
        ("math.sign(7u)", "1u"),
        ("math.isNaN(math.sign(double('NaN')))", "true"),
        ("math.isInf(1.0 / 0.0) && !math.isInf(1.2) && math.isNaN(0.0 / 0.0) && !math.isNaN(1.2)", "true"),
        ("math.isFinite(1.2) && !math.isFinite(0.0 / 0.0) && !math.isFinite(-1.0 / 0.0)", "true"),
        ("math.isNaN(1)", ERROR),
        ("[math.sqrt(81), math.sqrt(985.25), math.sqrt(4u)]", "[9.0,31.388692231439016,2.0]"),
        ("math.isNaN(math.sqrt(-15))", "true"),
    ]);
}

#[test]
fn bits() {
    table(&[
        (
            "[math.bitAnd(3, 5), math.bitOr(1, 2), math.bitXor(1, 3), math.bitNot(1), math.bitNot(-1)]",
            "[1,3,2,-2,0]",
        ),
        ("math.bitNot(0u)", "18446744073709551615u"),
        ("math.bitOr(1u, 2u) == 3u && math.bitXor(3u, 5u) == 6u && math.bitAnd(3u, 2u) == 2u", "true"),
        (
            "[math.bitShiftLeft(1, 2), math.bitShiftLeft(-1, 2), math.bitShiftLeft(1, 63), math.bitShiftLeft(1, 64)]",
            "[4,-4,-9223372036854775808,0]",
        ),
        ("math.bitShiftLeft(1u, 63)", "9223372036854775808u"),
        ("math.bitShiftLeft(1, 9223372036854775807)", "0"),
        ("math.bitShiftLeft(1, -1)", ERROR),
        (
            "[math.bitShiftRight(1024, 2), math.bitShiftRight(-1024, 3), math.bitShiftRight(-1, 63)]",
            "[256,2305843009213693824,1]",
        ),
        ("math.bitShiftRight(1024u, 2)", "256u"),
        ("math.bitShiftRight(1u, -1)", ERROR),
        ("math.bitShiftRight(1, 1u)", ERROR),
        ("math.bitAnd(1.0, 1)", ERROR),
    ]);
}

#[test]
fn overflow_and_division() {
    table(&[
        ("9223372036854775807 * 2", ERROR),
        ("-9223372036854775808 - 1", ERROR),
        ("-(-9223372036854775808)", ERROR),
        ("18446744073709551615u + 1u", ERROR),
        ("0u - 1u", ERROR),
        ("18446744073709551615u * 2u", ERROR),
        ("1u / 0u", ERROR),
        ("1u % 0u", ERROR),
        ("-9223372036854775808 / -1", ERROR),
        ("-9223372036854775808 % -1", ERROR),
        ("[-7 / 2, 7 / -2, -7 % 3, 7 % -3]", "[-3,-3,-1,1]"),
        ("1.0 / 0.0 > 1e308 && -1.0 / 0.0 < -1e308", "true"),
        ("1e308 * 10.0 == 1.0 / 0.0", "true"),
        ("0.1 + 0.2 == 0.30000000000000004", "true"),
        ("-0.0 == 0.0", "true"),
    ]);
}
