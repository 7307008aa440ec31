use super::{ERROR, table};

#[test]
fn the_list_extension() {
    table(&[
        ("[1, 2, 2, 3, 3, 3].distinct()", "[1,2,3]"),
        ("['b', 'b', 'c', 'a', 'c'].distinct()", "[\"b\",\"c\",\"a\"]"),
        ("[1, 'b', 2, 'b', 1.0, 1u].distinct()", "[1,\"b\",2]"),
        ("[[1], [1.0], [2], {'a': 1}, {'a': 1u}].distinct().size()", "3"),
        ("[double('NaN'), double('NaN')].distinct().size()", "2"),
        // Equal across kinds up to the last number.
        (
            "[18446744073709549568u, 18446744073709549568.0, 9223372036854774784, 9223372036854774784.0].distinct().size()",
            "2",
        ),
        ("[1, [2, 3], [4]].flatten()", "[1,2,3,4]"),
        ("[1, [2, [3, 4]]].flatten()", "[1,2,[3,4]]"),
        ("[1, 2, [], [], [3, 4]].flatten()", "[1,2,3,4]"),
        ("[1, [2, [3, [4]]]].flatten(2)", "[1,2,3,[4]]"),
        ("[1, [2, [3, [4]]]].flatten(0)", "[1,[2,[3,[4]]]]"),
        ("[1, [2, [3, [4]]]].flatten(9223372036854775807)", "[1,2,3,4]"),
        ("[1, [2]].flatten(-1)", ERROR),
        ("[].flatten() + [[]].flatten() + [[[]]].flatten(2)", "[]"),
        ("lists.range(5)", "[0,1,2,3,4]"),
        ("lists.range(0) + lists.range(-3)", "[]"),
        ("[5, 3, 1, 2].reverse() + [].reverse()", "[2,1,3,5]"),
        ("[1, 2, 3, 4].slice(1, 3)", "[2,3]"),
        ("[1, 2, 3, 4].slice(2, 4) + [1].slice(1, 1) + [].slice(0, 0)", "[3,4]"),
        ("[1, 2, 3, 4].slice(2, 5)", ERROR),
        ("[1, 2, 3, 4].slice(3, 2)", ERROR),
        ("[1, 2, 3, 4].slice(-1, 2)", ERROR),
        ("[1, 2, 3, 4].slice(0, -1)", ERROR),
        ("[3, 2, 1].sort()", "[1,2,3]"),
        ("['b', 'c', 'a', 'ä', 'B'].sort()", "[\"B\",\"a\",\"b\",\"c\",\"ä\"]"),
        (
            "[true, false].sort() == [false, true] && [2u, 1u].sort() == [1u, 2u] && [b'b', b'a'].sort()[0] == b'a'",
            "true",
        ),
        ("[2s, 1s].sort() == [1s, 2s] && [timestamp(2), timestamp(1)].sort()[0] == timestamp(1)", "true"),
        ("[1, 'b'].sort()", ERROR),
        ("[1, 2.5].sort()", ERROR),
        ("[[1, 2, 3]].sort()", ERROR),
        ("[null].sort()", ERROR),
        ("[1.0, double('NaN')].sort()", ERROR),
        ("lists.range(40).map(i, i == 7 ? double('NaN') : double(i * 17 % 40)).sort()", ERROR),
        ("lists.range(40).map(i, i * 17 % 40).sort() == lists.range(40)", "true"),
        (
            "lists.range(33).map(i, [i, i * 7 % 5]).sortBy(p, p[1]).map(p, p[0]).take(8)",
            "[0,5,10,15,20,25,30,3]",
        ),
        ("[].sort() + [1].sort()", "[1]"),
        ("['foo', 'a', 'quux'].sortBy(e, -e.size())", "[\"quux\",\"foo\",\"a\"]"),
        ("[1, 2].sortBy(e, [e])", ERROR),
        ("[1, 2].sortBy(e, e == 1 ? e : 2.5)", ERROR),
        ("[1, 2, 3].last().value() + [1, 2, 3].first().value()", "4"),
        ("[].first().hasValue() || [].last().hasValue()", "false"),
    ]);
}

#[test]
fn sets() {
    table(&[
        ("sets.contains([], []) && sets.contains([1], []) && !sets.contains([], [1])", "true"),
        ("sets.contains([1, 2, 3, 4], [2, 3]) && !sets.contains([1, 2], [3])", "true"),
        ("sets.contains([1, 2.0, 3u], [1.0, 2u, 3])", "true"),
        ("sets.contains([[1], {'a': 1}], [[1.0]])", "true"),
        (
            "sets.equivalent([], []) && sets.equivalent([1], [1, 1]) && sets.equivalent([1], [1u, 1.0])",
            "true",
        ),
        ("sets.equivalent([1, 2, 3], [3u, 2.0, 1]) && !sets.equivalent([1], [1, 2])", "true"),
        ("!sets.intersects([1], []) && sets.intersects([1], [1, 2]) && !sets.intersects([1], [2])", "true"),
        ("sets.intersects([[1], [2, 3]], [[1, 2], [2, 3.0]])", "true"),
        ("sets.contains([double('NaN')], [double('NaN')])", "false"),
    ]);
}

#[test]
fn membership_and_indices() {
    table(&[
        ("1 in [1.0] && 1u in [1] && !('1' in [1]) && null in [null] && !(1 in [])", "true"),
        (
            "1 in {1u: 'a'} && 1.0 in {1: 'a'} && 'a' in {'a': null} && !(1.5 in {1: 2}) && !('1' in {1: 2})",
            "true",
        ),
        ("[1] in [[1.0]] && {'a': 1} in [{'a': 1u}]", "true"),
        ("[7, 8][1.0] + [7, 8][0u]", "15"),
        ("[7][0.1]", ERROR),
        ("[7]['0']", ERROR),
        ("[7][true]", ERROR),
        ("[7][9223372036854775807]", ERROR),
        ("{'a': 1}['b']", ERROR),
        ("{1: 'a'}[1.0] + {1u: 'b'}[1]", "\"ab\""),
        ("{0: 1, 0u: 2}", ERROR),
        ("{'a': 1, 'a': 2}", ERROR),
        ("{1.5: 1}", ERROR),
        ("{[null]: 1}", ERROR),
        ("[1] + [] + ['a']", "[1,\"a\"]"),
    ]);
}

#[test]
fn two_variable_macros() {
    table(&[
        ("[1, 2, 3].all(i, v, i < v) && [].all(i, v, false) && !{'a': 1}.all(k, v, v == 2)", "true"),
        ("[1, 2].exists(i, v, i == 1 && v == 2) && !{}.exists(k, v, true)", "true"),
        ("[1, 2, 3].existsOne(i, v, v % 2 == 0) && !{'a': 1, 'b': 1}.exists_one(k, v, v == 1)", "true"),
        ("[1, 2, 3].transformList(i, v, i > 0, v * i)", "[2,6]"),
        ("{'a': 1, 'b': 2}.transformList(k, v, k + string(v))", "[\"a1\",\"b2\"]"),
        ("[5, 6].transformMap(i, v, v + i)", "{\"0\":5,\"1\":7}"),
        ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, v * 10)", "{\"b\":20}"),
        ("{'a': 1}.transformMapEntry(k, v, {[v]: k})", "{\"1\":\"a\"}"),
        ("['a', 'b'].transformMapEntry(i, v, {[v]: i})", "{\"a\":0,\"b\":1}"),
        ("['a', 'a'].transformMapEntry(i, v, {[v]: i})", ERROR),
        ("[1].transformMapEntry(i, v, v)", ERROR),
        ("[0, 1].all(i, v, 1 / v == 1)", ERROR),
        ("[0, 2].all(i, v, 1 / v == 1)", "false"),
        ("[0, 1].exists(i, v, 1 / v == 1)", "true"),
        ("[0, 1].exists_one(v, 1 / v == 1)", ERROR),
        ("[1, 2, 3, 4].map(x, x % 2 == 0, x * x)", "[4,16]"),
        ("[[1, 2], [3]].exists(x, x.all(y, y > 2))", "true"),
        ("[1, 'a'].filter(x, x == 'a')", "[\"a\"]"),
        ("[1, 'a'].filter(x, x > 0)", ERROR),
        ("[1].filter(x, x)", ERROR),
        ("[1].all(x, x)", ERROR),
        ("{'x': 1}.map(k, k)", "[\"x\"]"),
        ("1.all(x, true)", ERROR),
        ("null.exists(x, true)", ERROR),
    ]);
}
