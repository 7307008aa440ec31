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
            let rest = text.get(at..).unwrap_or_default();
            each_spelling(character, rest, |spelling, fold| {
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

/// Backslashes before a character at most: of a text that was put into JSON three times.
const SLASHES: &str = r"\\\\\\\\";

/// Hands on the spellings of a character that `rest` may begin with; the flag says that case doesn't matter.
fn each_spelling(character: char, rest: &[u8], mut each: impl FnMut(&[u8], bool)) {
    let mut buffer = [0; 4];
    let raw = character.encode_utf8(&mut buffer).as_bytes();
    each(raw, false);
    match rest.first() {
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
            // Each time that a text is put into JSON its backslashes double, and it may get one more.
            let run = rest.iter().take(SLASHES.len() + 1).take_while(|byte| **byte == b'\\').count();
            let Some(slashes) = SLASHES.get(..run) else { return };
            let mut units = [0; 2];
            let mut unicode = String::new();
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(unicode, "{slashes}u{unit:04X}");
            }
            each(unicode.as_bytes(), true);
            let letter = match character {
                '"' | '/' => character,
                '\n' => 'n',
                '\r' => 'r',
                '\t' => 't',
                '\u{8}' => 'b',
                '\u{c}' => 'f',
                '\\' => {
                    for times in [2, 4, 8].into_iter().filter(|times| *times <= run) {
                        each(&SLASHES.as_bytes()[..times], false);
                    }
                    return;
                }
                _ => return,
            };
            each(format!("{slashes}{letter}").as_bytes(), false);
        }
        _ => {}
    }
}
