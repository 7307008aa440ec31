use super::{ERROR, shown, table};

#[test]
fn matches_is_re2() {
    table(&[
        (
            "'hubba'.matches('ubb') && !'hubba'.matches('^ubb') && 'hubba'.matches('^h.*a$') && matches('a', '')",
            "true",
        ),
        (
            "'cows'.matches('(c|d)ows?') && ''.matches('^$') && 'a\\nb'.matches('(?m)^b$') && !'a\\nb'.matches('^b$')",
            "true",
        ),
        ("'a\\nb'.matches('a.b') || 'é'.matches('^..$')", "false"),
        ("'a\\nb'.matches('(?s)a.b') && 'É'.matches('(?i)é') && 'mañana'.matches('a+ñ+a+n+a+')", "true"),
        // Perl's classes and words are those of ASCII.
        ("'٣'.matches('\\\\d') || 'é'.matches('\\\\w') || '\\u00a0'.matches('\\\\s')", "false"),
        (
            "'é b'.matches('\\\\bb') && 'xé'.matches('x\\\\b') && '٣'.matches('\\\\D') && 'é'.matches('[\\\\W]')",
            "true",
        ),
        ("'α'.matches('\\\\p{Greek}') && 'α'.matches('\\\\pL') && !'a'.matches('\\\\p{^L}')", "true"),
        (
            "'['.matches('^[[]$') && '&'.matches('^[a&&b]$') && '-'.matches('^[+--]$') && 'x'.matches('^[[:alpha:]]$')",
            "true",
        ),
        (
            "'a.b'.matches('^\\\\Qa.b\\\\E$') && !'axb'.matches('^\\\\Qa.b\\\\E$') && 'A'.matches('^\\\\101$')",
            "true",
        ),
        ("'a{x}'.matches('^a{x}$') && 'aa'.matches('^a{2}$') && 'a'.matches('^a{0,1}$')", "true"),
        ("'a'.matches('(')", ERROR),
        ("'a'.matches('a**')", ERROR),
        ("'aa'.matches('(a)\\\\1')", ERROR),
        ("'a'.matches('a(?=b)')", ERROR),
        ("'a'.matches('(?<!b)a')", ERROR),
        ("'a'.matches('a{1001}')", ERROR),
        ("'a'.matches('\\\\C')", ERROR),
        ("'a'.matches('((((a{1000}){1000}){1000}){1000})')", ERROR),
    ]);
}

#[test]
fn the_regex_extension() {
    table(&[
        ("regex.replace('hello world hello', 'hello', 'hi')", "\"hi world hi\""),
        ("regex.replace('banana', 'a', 'x', 0)", "\"banana\""),
        ("regex.replace('banana', 'a', 'x', 1)", "\"bxnana\""),
        ("regex.replace('banana', 'a', 'x', 2)", "\"bxnxna\""),
        ("regex.replace('banana', 'a', 'x', 100)", "\"bxnxnx\""),
        ("regex.replace('banana', 'a', 'x', -12)", "\"bxnxnx\""),
        ("regex.replace('foo bar', '(fo)o (ba)r', r'\\2 \\1')", "\"ba fo\""),
        ("regex.replace('foo bar', '(o)', r'[\\0\\\\]')", "\"f[o\\\\][o\\\\] bar\""),
        ("regex.replace('abc', '(x)?b', r'<\\1>')", "\"a<>c\""),
        ("regex.replace('ab', '', '-')", "\"-a-b-\""),
        ("regex.replace('test', '(.)', r'\\2')", ERROR),
        ("regex.replace('test', '(.)', r'\\x')", ERROR),
        ("regex.replace('test', '.', r'\\')", ERROR),
        ("regex.replace('foo bar', '(', '$2 $1')", ERROR),
        ("regex.replace('a$1', 'a', '$1')", "\"$1$1\""),
        ("regex.extract('hello world', 'hello(.*)').value()", "\" world\""),
        ("regex.extract('item-A, item-B', r'item-(\\w+)').value()", "\"A\""),
        ("regex.extract('item-A', 'item').value()", "\"item\""),
        ("regex.extract('HELLO', 'hello').hasValue() || regex.extract('a', 'a(b)?').hasValue()", "false"),
        ("regex.extract('testuser@testdomain', '(.*)@([^.]*)')", ERROR),
        ("regex.extractAll('id:123, id:456', r'id:\\d+')", "[\"id:123\",\"id:456\"]"),
        ("regex.extractAll('id:123, id:456', r'id:(\\d+)')", "[\"123\",\"456\"]"),
        ("regex.extractAll('id:123', 'assa') + regex.extractAll('', 'a')", "[]"),
        ("regex.extractAll('testuser@testdomain', '(.*)@([^.]*)')", ERROR),
        ("regex.extractAll('aab', 'a*')", "[\"aa\",\"\"]"),
    ]);
}

/// What would take long is charged as much: a large pattern over a large text runs out.
#[test]
fn a_search_is_charged_by_text_and_pattern() {
    let text = "cel.bind(t, lists.range(20000).map(i, 'ab').join(), ";
    assert_eq!(shown(&format!("{text}t.matches('(a|b)*c$'))")), "false");
    let wide = format!("{text}t.matches('(a|b)*a((a|b){{900}}){{4}}c$'))");
    assert_eq!(shown(&wide), "exhausted: the expression does more work than its limit of 1000000 units");
    assert_eq!(shown("'a'.matches('((a{100}){100}){100}') || true"), "true");
    let grown =
        "regex.replace(lists.range(20000).map(i, 'a').join(), 'a', lists.range(2000).map(i, 'b').join())";
    assert!(shown(grown).starts_with("exhausted"), "{}", shown(grown));
}
