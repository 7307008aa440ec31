use super::{ERROR, table};

#[test]
fn sizes_and_parts() {
    table(&[
        ("'👪ä\u{301}x'.size()", "4"),
        ("size('') + size(b'') + size([]) + size({})", "0"),
        ("b'äö'.size()", "4"),
        ("'tacocat'.charAt(0) + 'tacocat'.charAt(6) + 'tacocat'.charAt(7)", "\"tt\""),
        ("'ta©o'.charAt(2)", "\"©\""),
        ("'tacocat'.charAt(8)", ERROR),
        ("'tacocat'.charAt(-1)", ERROR),
        ("''.charAt(0)", "\"\""),
        ("''.charAt(1)", ERROR),
        ("'abc'.charAt(9223372036854775807)", ERROR),
        ("'tacocat'.substring(4)", "\"cat\""),
        ("'tacocat'.substring(7)", "\"\""),
        ("'tacocat'.substring(0, 4)", "\"taco\""),
        ("'tacocat'.substring(4, 4)", "\"\""),
        ("'ta©o©αT'.substring(3, 6)", "\"o©α\""),
        ("'ta©o©αT'.substring(7)", "\"\""),
        ("'ta©o©αT'.substring(8)", ERROR),
        ("'tacocat'.substring(-1)", ERROR),
        ("'tacocat'.substring(2, 1)", ERROR),
        ("'tacocat'.substring(40)", ERROR),
        ("'tacocat'.substring(0, 40)", ERROR),
        ("'tacocat'.substring(-1, 2)", ERROR),
    ]);
}

#[test]
fn searches_count_code_points() {
    table(&[
        ("'hello mellow'.indexOf('')", "0"),
        ("'hello mellow'.indexOf('ello')", "1"),
        ("'hello mellow'.indexOf('jello')", "-1"),
        ("'hello mellow'.indexOf('', 2)", "2"),
        ("'hello mellow'.indexOf('ello', 2)", "7"),
        ("'hello mellow'.indexOf('ello', 12)", "-1"),
        ("'hello mellow'.indexOf('ello', 20)", ERROR),
        ("'hello mellow'.indexOf('ello', -1)", ERROR),
        ("''.indexOf('') == 0 && ''.lastIndexOf('') == 0", "true"),
        ("''.indexOf('a')", "-1"),
        ("'hello mellow'.lastIndexOf('')", "12"),
        ("'hello mellow'.lastIndexOf('ello')", "7"),
        ("'hello mellow'.lastIndexOf('jello')", "-1"),
        ("'hello mellow'.lastIndexOf('ello', 6)", "1"),
        ("'hello mellow'.lastIndexOf('ello', 7)", "7"),
        ("'hello mellow'.lastIndexOf('h', 0)", "0"),
        ("'hello mellow'.lastIndexOf('e', 0)", "-1"),
        ("'hello mellow'.lastIndexOf('ello', -1)", ERROR),
        ("'hello mellow'.lastIndexOf('ello', 20)", ERROR),
        ("'ab'.lastIndexOf('abc')", "-1"),
        ("'ta©o©αT'.lastIndexOf('©', 3)", "2"),
        // The occurrence at the index ends within what follows it.
        ("'aéaé'.lastIndexOf('aé', 2)", "2"),
        ("'éa'.lastIndexOf('b', 0)", "-1"),
        ("'ta©o©αT'.contains('©α') && !'ta©'.contains('α') && 'x'.contains('')", "true"),
        ("'©a'.startsWith('©') && 'a©'.endsWith('©') && ''.startsWith('') && !''.endsWith('a')", "true"),
    ]);
}

#[test]
fn changes() {
    table(&[
        ("'TacoCÆt Xii'.lowerAscii()", "\"tacocÆt xii\""),
        ("'tacoCæt Xii'.upperAscii()", "\"TACOCæT XII\""),
        ("'hello hello'.replace('he', 'we')", "\"wello wello\""),
        ("'hello hello'.replace('he', 'we', -1)", "\"wello wello\""),
        ("'hello hello'.replace('he', 'we', 1)", "\"wello hello\""),
        ("'hello hello'.replace('he', 'we', 0)", "\"hello hello\""),
        ("'hé'.replace('', '_')", "\"_h_é_\""),
        ("'hello'.replace('', '_', 2)", "\"_h_ello\""),
        ("'hello hello'.replace('h', '')", "\"ello ello\""),
        ("'aaa'.replace('aa', 'b')", "\"ba\""),
        ("'hello hello hello'.split(' ')", "[\"hello\",\"hello\",\"hello\"]"),
        ("'hello hello hello'.split(' ', 0)", "[]"),
        ("'hello hello hello'.split(' ', 1)", "[\"hello hello hello\"]"),
        ("'hello hello hello'.split(' ', 2)", "[\"hello\",\"hello hello\"]"),
        ("'hello hello hello'.split(' ', -1)", "[\"hello\",\"hello\",\"hello\"]"),
        ("'hello'.split(' ', 9)", "[\"hello\"]"),
        ("''.split(',') + ''.split('')", "[\"\"]"),
        ("',a,'.split(',')", "[\"\",\"a\",\"\"]"),
        ("'añb'.split('')", "[\"a\",\"ñ\",\"b\"]"),
        ("'añb'.split('', 2)", "[\"a\",\"ñb\"]"),
        ("['hello', 'mellow'].join()", "\"hellomellow\""),
        ("['hello', 'mellow'].join(' ')", "\"hello mellow\""),
        ("[].join() + [].join('/') + ['a'].join('/')", "\"a\""),
        ("'  \\ttrim\\n    '.trim()", "\"trim\""),
        // White space as Unicode has it, without what has no width.
        ("'\\u0085\\u00a0\\u1680\\u2000\\u2028\\u202f\\u205f\\u3000x\\u3000'.trim()", "\"x\""),
        ("'\\u180e\\u200b\\u2060\\ufeffx'.trim().size()", "5"),
        ("'gums'.reverse() + ''.reverse() + 'Ta©oCαt'.reverse()", "\"smugtαCo©aT\""),
        (
            "strings.quote('a\\a\\b\\f\\n\\r\\t\\v\\\\\"') == '\"a\\\\a\\\\b\\\\f\\\\n\\\\r\\\\t\\\\v\\\\\\\\\\\\\"\"'",
            "true",
        ),
        ("strings.quote('')", "\"\\\"\\\"\""),
    ]);
}

#[test]
fn bytes_and_base64() {
    table(&[
        ("base64.encode(b'hello')", "\"aGVsbG8=\""),
        ("base64.encode(b'')", "\"\""),
        ("base64.decode('aGVsbG8=') == b'hello'", "true"),
        ("base64.decode('aGVsbG8') == b'hello'", "true"),
        ("base64.decode('aGVs\\r\\nbG8=\\n') == b'hello'", "true"),
        ("base64.decode('') == b''", "true"),
        ("base64.decode('aGVsbG8==')", ERROR),
        ("base64.decode('a')", ERROR),
        ("base64.decode('a-_b')", ERROR),
        ("base64.decode(base64.encode(b'\\x00\\xff')) == b'\\x00\\xff'", "true"),
        ("b'abc' + b'\\xff' == b'abc\\xff'", "true"),
        ("b'a' < b'b' && b'a' < b'aa' && b'\\x7f' < b'\\xff' && b'' < b'\\x00'", "true"),
    ]);
}
