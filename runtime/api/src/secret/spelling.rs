//! Finding a value in a text however each of its characters is spelled.

use std::fmt::Write;

use super::Found;

/// Adds where `value` stands in `text`, and where a beginning of it ends the text. `escaped` says whether the text holds
/// a character that begins an escape.
pub(super) fn find(value: &str, text: &str, escaped: bool, found: &mut Found) {
    let bytes = text.as_bytes();
    let first = value.as_bytes()[0];
    let may_begin = |byte: u8| byte == first || byte == b'\\' || byte == b'%' || byte == b'+';
    // Without escapes only the end of the text needs a closer look.
    let mut at = match escaped || text.contains(value) || value.contains(' ') {
        true => 0,
        false => bytes.len().saturating_sub(value.len()),
    };
    let mut ends = Vec::new();
    while at < bytes.len() {
        if !may_begin(bytes[at]) {
            at += 1;
            continue;
        }
        match read(value, bytes, at, &mut ends) {
            Read::Whole(end) => {
                found.values.push((at, end));
                at = end;
            }
            Read::Beginning => {
                found.cut = found.cut.min(at);
                at += 1;
            }
            Read::Other => at += 1,
        }
    }
}

enum Read {
    /// The value ends here.
    Whole(usize),
    /// The text ends inside the value.
    Beginning,
    Other,
}

/// Reads `value` at a place. A character may be spelled in ways of different length, so all ends so far are followed.
fn read(value: &str, text: &[u8], at: usize, ends: &mut Vec<usize>) -> Read {
    ends.clear();
    ends.push(at);
    let mut is_cut = false;
    for character in value.chars() {
        let mut next = Vec::new();
        for &at in ends.iter() {
            each_spelling(character, text.get(at).copied(), |spelling, fold| {
                let rest = &text[at..];
                let length = spelling.len().min(rest.len());
                let is_same = match fold {
                    true => spelling[..length].eq_ignore_ascii_case(&rest[..length]),
                    false => spelling[..length] == rest[..length],
                };
                if is_same && length < spelling.len() {
                    is_cut = true;
                } else if is_same && !next.contains(&(at + length)) {
                    next.push(at + length);
                }
            });
        }
        *ends = next;
        if ends.is_empty() {
            return if is_cut { Read::Beginning } else { Read::Other };
        }
    }
    Read::Whole(ends.iter().copied().max().unwrap_or(at))
}

/// Hands on the spellings of a character that may begin with the byte `first`; the flag says that case doesn't matter.
fn each_spelling(character: char, first: Option<u8>, mut each: impl FnMut(&[u8], bool)) {
    let mut buffer = [0; 4];
    let raw = character.encode_utf8(&mut buffer).as_bytes();
    each(raw, false);
    match first {
        Some(b'+') if character == ' ' => each(b"+", false),
        Some(b'%') => {
            let mut percent = String::new();
            for byte in raw {
                // Writing to a string can't fail.
                let _ = write!(percent, "%{byte:02X}");
            }
            each(percent.as_bytes(), true);
        }
        Some(b'\\') => {
            let mut units = [0; 2];
            for slash in ["\\", "\\\\"] {
                let mut unicode = String::new();
                for unit in character.encode_utf16(&mut units) {
                    let _ = write!(unicode, "{slash}u{unit:04X}");
                }
                each(unicode.as_bytes(), true);
            }
            let (once, twice): (&[u8], &[u8]) = match character {
                '"' => (br#"\""#, br#"\\\""#),
                '\\' => (br"\\", br"\\\\"),
                '/' => (br"\/", br"\\/"),
                '\n' => (br"\n", br"\\n"),
                '\r' => (br"\r", br"\\r"),
                '\t' => (br"\t", br"\\t"),
                '\u{8}' => (br"\b", br"\\b"),
                '\u{c}' => (br"\f", br"\\f"),
                _ => return,
            };
            each(once, false);
            each(twice, false);
        }
        _ => {}
    }
}
