//! Patterns in the syntax of RE2, written anew in that of the `regex` crate: both run in linear time, but `\d`, `\w`, `\s`
//! and `\b` are ASCII in RE2, its classes have no set operators, and it knows `\Q…\E` and octal escapes.

use std::iter::Peekable;
use std::str::Chars;

/// A pattern longer than this is refused, as is a count of repetitions above RE2's own limit.
const PATTERN_BYTES_MAX: usize = 1 << 16;
const REPEAT_MAX: u64 = 1_000;

/// Alternatives that one step of a search may have to look at: what a class and a class of Unicode are reckoned as.
const CLASS_STATES: u64 = 4;
const UNICODE_STATES: u64 = 64;

/// A pattern of the `regex` crate.
pub(super) struct Pattern {
    pub(super) text: String,
    /// At least the number of states that a search may be in at once.
    pub(super) states: u64,
}

/// Rewrites a pattern; `None` if it is none of RE2's. What is wrong but harmless is left to the `regex` crate to refuse.
pub(super) fn translate(pattern: &str) -> Option<Pattern> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return None;
    }
    let mut reader = Reader {
        rest: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len() + 16),
        groups: vec![0],
        last: 0,
        repeated: Repeated::No,
    };
    reader.pattern()?;
    let states = reader.groups.into_iter().fold(0, u64::saturating_add);
    Some(Pattern { text: reader.out, states })
}

/// Whether what stands before is a repetition: `a**` is none of RE2's patterns, `a*?` is.
#[derive(Clone, Copy, PartialEq)]
enum Repeated {
    No,
    Once,
    Lazily,
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    /// States of each open group so far.
    groups: Vec<u64>,
    /// States of what a repetition would repeat.
    last: u64,
    repeated: Repeated,
}

impl Reader<'_> {
    fn pattern(&mut self) -> Option<()> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.open()?,
                ')' => {
                    let inner = self.groups.pop()?;
                    if self.groups.is_empty() {
                        return None;
                    }
                    self.out.push(')');
                    self.atom(inner.saturating_add(1));
                }
                '*' | '+' | '?' => {
                    self.out.push(c);
                    self.repeat(c == '?', 2)?;
                }
                '{' => self.count()?,
                '|' => {
                    self.out.push('|');
                    self.atom(1);
                }
                '^' | '$' => {
                    self.out.push(c);
                    self.atom(1);
                }
                '.' => {
                    self.out.push('.');
                    self.atom(CLASS_STATES);
                }
                other => self.literal(other),
            }
        }
        Some(())
    }

    fn atom(&mut self, states: u64) {
        self.last = states;
        self.repeated = Repeated::No;
        self.add(states);
    }

    fn add(&mut self, states: u64) {
        if let Some(open) = self.groups.last_mut() {
            *open = open.saturating_add(states);
        }
    }

    fn literal(&mut self, c: char) {
        push_literal(c, &mut self.out);
        self.atom(1);
    }

    fn repeat(&mut self, may_be_lazy: bool, times: u64) -> Option<()> {
        self.repeated = match (self.repeated, may_be_lazy) {
            (Repeated::No, _) => Repeated::Once,
            (Repeated::Once, true) => Repeated::Lazily,
            _ => return None,
        };
        if self.repeated == Repeated::Once {
            let more = self.last.saturating_mul(times.max(1) - 1);
            self.last = self.last.saturating_add(more);
            self.add(more);
        }
        Some(())
    }

    /// `{2}`, `{2,}`, `{2,5}`; any other brace stands for itself.
    fn count(&mut self) -> Option<()> {
        let mut ahead = self.rest.clone();
        let mut text = String::from("{");
        while let Some(c) = ahead.next_if(|c| c.is_ascii_digit() || *c == ',') {
            text.push(c);
        }
        let (least, most) = text[1..].split_once(',').unwrap_or((&text[1..], &text[1..]));
        let is_count = ahead.next_if_eq(&'}').is_some() && !least.is_empty() && !most.contains(',');
        if !is_count {
            self.literal('{');
            return Some(());
        }
        let number = |digits: &str| digits.parse::<u64>().ok().filter(|number| *number <= REPEAT_MAX);
        let least = number(least)?;
        let most = if most.is_empty() { least + 1 } else { number(most)? };
        text.push('}');
        self.rest = ahead;
        self.out.push_str(&text);
        self.repeat(false, most.max(least).max(1))
    }

    /// `(`, `(?:`, `(?P<name>`, `(?<name>`, `(?i)`, `(?s-m:`.
    fn open(&mut self) -> Option<()> {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            self.groups.push(0);
            self.atom(0);
            return Some(());
        }
        self.out.push('?');
        loop {
            let c = self.rest.next()?;
            self.out.push(c);
            match c {
                'i' | 'm' | 's' | 'U' | '-' => {}
                ')' => {
                    self.atom(0);
                    return Some(());
                }
                ':' => break,
                'P' if matches!(self.rest.peek(), Some('<')) => {}
                '<' => {
                    // A name, and no look-behind.
                    loop {
                        let c = self.rest.next()?;
                        self.out.push(c);
                        match c {
                            '>' => break,
                            c if c.is_alphanumeric() || c == '_' => {}
                            _ => return None,
                        }
                    }
                    break;
                }
                _ => return None,
            }
        }
        self.groups.push(0);
        self.atom(0);
        Some(())
    }

    fn escape(&mut self) -> Option<()> {
        match self.rest.next()? {
            perl @ ('d' | 'D' | 's' | 'S' | 'w' | 'W') => {
                self.out.push_str(perl_class(perl));
                self.atom(CLASS_STATES);
            }
            'b' => {
                self.out.push_str(r"(?-u:\b)");
                self.atom(1);
            }
            end @ ('B' | 'A' | 'z') => {
                self.out.push('\\');
                self.out.push(end);
                self.atom(1);
            }
            property @ ('p' | 'P') => {
                self.property(property)?;
                self.atom(UNICODE_STATES);
            }
            'Q' => {
                while let Some(c) = self.rest.next() {
                    if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                        break;
                    }
                    self.literal(c);
                }
            }
            other => {
                let c = self.character(other)?;
                self.literal(c);
            }
        }
        Some(())
    }

    /// `\pN`, `\p{Greek}`, `\p{^Greek}`.
    fn property(&mut self, letter: char) -> Option<()> {
        let mut name = String::new();
        match self.rest.next()? {
            '{' => loop {
                match self.rest.next()? {
                    '}' => break,
                    c if c.is_ascii_alphanumeric() || matches!(c, '_' | '^') => name.push(c),
                    _ => return None,
                }
            },
            c if c.is_ascii_alphabetic() => name.push(c),
            _ => return None,
        }
        let (turned, name) = name.strip_prefix('^').map_or((false, name.as_str()), |name| (true, name));
        let letter = if (letter == 'P') != turned { 'P' } else { 'p' };
        self.out.push_str(&format!("\\{letter}{{{name}}}"));
        Some(())
    }

    /// The character that an escape stands for, its first letter read.
    fn character(&mut self, first: char) -> Option<char> {
        Some(match first {
            'a' => '\x07',
            'f' => '\x0c',
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'v' => '\x0b',
            'x' => {
                let mut digits = String::new();
                if self.rest.next_if_eq(&'{').is_some() {
                    loop {
                        match self.rest.next()? {
                            '}' => break,
                            c if c.is_ascii_hexdigit() && digits.len() < 8 => digits.push(c),
                            _ => return None,
                        }
                    }
                } else {
                    for _ in 0..2 {
                        digits.push(self.rest.next_if(char::is_ascii_hexdigit)?);
                    }
                }
                char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
            }
            // A single digit other than 0 would be a back-reference, which takes more than linear time.
            '0'..='7' => {
                let mut code = first.to_digit(8)?;
                let mut digits = 1;
                while digits < 3 {
                    let Some(digit) = self.rest.next_if(|c| ('0'..='7').contains(c)) else { break };
                    code = code * 8 + digit.to_digit(8)?;
                    digits += 1;
                }
                if first != '0' && digits == 1 {
                    return None;
                }
                char::from_u32(code)?
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
            _ => return None,
        })
    }

    /// `[^a-z\d[:alpha:]]`: anything but the end, a range, an escape and a named class stands for itself.
    fn class(&mut self) -> Option<()> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut states = CLASS_STATES;
        let mut first = true;
        loop {
            let c = self.rest.next()?;
            match c {
                ']' if !first => break,
                '[' if matches!(self.rest.peek(), Some(':')) && self.named_class() => {}
                '\\' if matches!(self.rest.peek(), Some('d' | 'D' | 's' | 'S' | 'w' | 'W')) => {
                    self.out.push_str(perl_class(self.rest.next()?));
                }
                '\\' if matches!(self.rest.peek(), Some('p' | 'P')) => {
                    let letter = self.rest.next()?;
                    self.property(letter)?;
                    states = UNICODE_STATES;
                }
                c => {
                    let low = self.class_character(c)?;
                    push_literal(low, &mut self.out);
                    let mut ahead = self.rest.clone();
                    if ahead.next() == Some('-') && !matches!(ahead.peek(), Some(']') | None) {
                        self.rest = ahead;
                        let c = self.rest.next()?;
                        let high = self.class_character(c)?;
                        self.out.push('-');
                        push_literal(high, &mut self.out);
                    }
                }
            }
            first = false;
        }
        self.out.push(']');
        self.atom(states);
        Some(())
    }

    fn class_character(&mut self, c: char) -> Option<char> {
        match c {
            '\\' => {
                let first = self.rest.next()?;
                self.character(first)
            }
            c => Some(c),
        }
    }

    /// Copies `[:alpha:]`, whose first bracket has been read; a bracket that begins no such class stands for itself.
    fn named_class(&mut self) -> bool {
        let mut ahead = self.rest.clone();
        let mut name = String::from("[");
        ahead.next();
        name.push(':');
        while let Some(c) = ahead.next_if(|c| c.is_ascii_lowercase() || *c == '^') {
            name.push(c);
        }
        if ahead.next() != Some(':') || ahead.next() != Some(']') {
            return false;
        }
        self.out.push_str(&name);
        self.out.push_str(":]");
        self.rest = ahead;
        true
    }
}

/// Writes a class of Perl as RE2 has it: over ASCII.
fn perl_class(letter: char) -> &'static str {
    match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => r"[\t\n\x0C\r ]",
        'S' => r"[^\t\n\x0C\r ]",
        'w' => "[0-9A-Za-z_]",
        _ => "[^0-9A-Za-z_]",
    }
}

/// Writes a character that stands for itself, in a class or outside of one.
fn push_literal(c: char, out: &mut String) {
    match c {
        c if c.is_ascii_punctuation() && !matches!(c, '_' | '<' | '>') => {
            out.push('\\');
            out.push(c);
        }
        c if c.is_control() => out.push_str(&format!("\\x{{{:X}}}", u32::from(c))),
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, expected: Option<&str>) {
        let translated = translate(pattern).filter(|pattern| regex::Regex::new(&pattern.text).is_ok());
        assert_eq!(translated.map(|pattern| pattern.text).as_deref(), expected, "{pattern}");
    }

    #[test]
    fn patterns_of_re2() {
        check("^a.b$|c", Some("^a.b$|c"));
        check(r"\d+\s*\w?", Some(r"[0-9]+[\t\n\x0C\r ]*[0-9A-Za-z_]?"));
        check(r"\bé\B\A\z", Some(r"(?-u:\b)é\B\A\z"));
        check(r"[\d\W]", Some("[[0-9][^0-9A-Za-z_]]"));
        check("[[a&&b]", Some(r"[\[a\&\&b]"));
        check("[]a]", Some(r"[\]a]"));
        check("[^]a-]", Some(r"[^\]a\-]"));
        check("[+--]", Some(r"[\+-\-]"));
        check("[[:alpha:]_[:^digit:]]", Some("[[:alpha:]_[:^digit:]]"));
        check(r"[\p{Greek}\pL\PN\p{^Lu}]", Some(r"[\p{Greek}\p{L}\P{N}\P{Lu}]"));
        check(r"\Qa.b\E+", Some(r"a\.b+"));
        check(r"\101\x41\x{1F600}\07", Some(r"AA😀\x{7}"));
        check(r"a{2,3}?b{2}c{1,}", Some("a{2,3}?b{2}c{1,}"));
        check("a{,2}{x}{", Some(r"a\{\,2\}\{x\}\{"));
        check("(?i)a(?P<x>b)(?<y>c)(?s-m:d)(?:e)", Some("(?i)a(?P<x>b)(?<y>c)(?s-m:d)(?:e)"));
        check(r"a\-b\_\<\#", Some(r"a\-b_<\#"));
    }

    #[test]
    fn what_re2_does_not_have() {
        for pattern in [
            "(",
            ")",
            "a**",
            "a*+",
            "a???",
            "[a",
            r"\1",
            r"\8",
            r"\C",
            r"\Z",
            r"\y",
            r"(?=a)",
            "(?<=a)",
            "(?!a)",
            "(?x)a",
            "(?u)a",
            "a{1001}",
            r"\",
            "*a",
            r"[a-\d]",
            r"[z-a]",
            r"\x{110000}",
            r"\é",
        ] {
            check(pattern, None);
        }
    }

    #[test]
    fn states_bound_the_work() {
        for (pattern, least, most) in [
            ("abc", 3, 3),
            ("a{100}", 100, 100),
            ("((a{10}){10}){10}", 1_000, 1_200),
            (r"(a|b)*a(a|b){20}", 40, 120),
            (r"\pL{10}", 640, 640),
            ("", 0, 0),
        ] {
            let states = translate(pattern).map(|pattern| pattern.states).unwrap_or_default();
            assert!((least..=most).contains(&states), "{pattern}: {states}");
        }
        let deep = "(".repeat(30) + "a" + &"{1000})".repeat(30);
        assert!(translate(&deep).is_some_and(|pattern| pattern.states == u64::MAX));
    }
}
