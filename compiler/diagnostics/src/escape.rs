use std::borrow::Cow;
use std::fmt::Write;

/// Returns `text` with every character that could move the cursor, colour the terminal or reorder what is read replaced
/// by its escape: an ANSI sequence becomes `\u{1b}[31m`. Tabs become a space, line breaks `\n`, so the result is one line.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c == '\t' || is_hostile(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c == '\t' { out.push(' ') } else { push(&mut out, c) }
    }
    Cow::Owned(out)
}

/// Appends a character, escaped if a terminal would act on it.
pub(crate) fn push(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        c if is_hostile(c) => {
            // Writing to a string can't fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// Control characters (C0, DEL, C1), and the marks that reorder or hide text. A tab isn't one of them.
pub(crate) fn is_hostile(c: char) -> bool {
    match c {
        '\t' => false,
        c if c.is_control() => true,
        '\u{61c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => true,
        '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_terminal_acts_on_nothing_that_is_left() {
        assert_eq!(escape("\u{1b}[31mred\u{7}\r\n\u{9b}2J"), "\\u{1b}[31mred\\u{7}\\r\\n\\u{9b}2J");
        assert_eq!(escape("user\u{202e}nimda"), "user\\u{202e}nimda");
        assert_eq!(escape("a\tb"), "a b");
    }

    #[test]
    fn plain_text_is_left_alone() {
        assert!(matches!(escape("grüße, 世界 👋"), std::borrow::Cow::Borrowed(_)));
    }
}
