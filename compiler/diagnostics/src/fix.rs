use flow_source::FileId;

use crate::diagnostic::{Edit, Fix};

impl Fix {
    /// Returns `text`, which is the text of `file`, with this fix's edits of that file made. An edit that lies outside of
    /// the text, cuts a character or overlaps an earlier one is left out, so a stale fix never panics.
    pub fn apply(&self, file: FileId, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for edit in self.made(file, text) {
            out.push_str(&text[done..edit.at.span.start as usize]);
            out.push_str(&edit.text);
            done = edit.at.span.end as usize;
        }
        out.push_str(&text[done..]);
        out
    }

    /// Returns whether it changes a text, of those that `text_of` knows by their files. Only what stands between its first and
    /// its last edit is looked at, up to the first byte that differs.
    pub fn changes<'t>(&self, text_of: impl Fn(FileId) -> &'t str) -> bool {
        self.edits.iter().any(|edit| self.changes_file(edit.at.file, text_of(edit.at.file)))
    }

    fn changes_file(&self, file: FileId, text: &str) -> bool {
        // How much of the text is done, and where what is made of it ends: the same up to here.
        let (mut done, mut end) = (0, 0);
        for edit in self.made(file, text) {
            let kept = &text[done..edit.at.span.start as usize];
            for (piece, moved) in [(kept, end != done), (edit.text.as_str(), true)] {
                let stands = || text.as_bytes()[end..].starts_with(piece.as_bytes());
                if moved && !stands() {
                    return true;
                }
                end += piece.len();
            }
            done = edit.at.span.end as usize;
        }
        end != done
    }

    /// The edits of a file that are made, in order.
    fn made(&self, file: FileId, text: &str) -> impl Iterator<Item = &Edit> {
        let mut edits: Vec<&Edit> = self.edits.iter().filter(|edit| edit.at.file == file).collect();
        // Stable: insertions at one place keep their written order.
        edits.sort_by_key(|edit| (edit.at.span.start, edit.at.span.end));
        let mut done = 0;
        edits.into_iter().filter(move |edit| {
            let range = edit.at.span.range();
            let fits = text.get(done..range.start).is_some() && text.get(range.clone()).is_some();
            if fits {
                done = range.end;
            }
            fits
        })
    }
}

#[cfg(test)]
mod tests {
    use flow_source::{FileId, FileSpan, Span};

    use super::*;

    fn fix(edits: &[(u32, u32, &str)]) -> Fix {
        let edit = |&(start, end, text): &(u32, u32, &str)| Edit {
            at: FileSpan::new(FileId(0), Span::new(start, end)),
            text: text.into(),
        };
        Fix { title: "mend".into(), edits: edits.iter().map(edit).collect() }
    }

    fn apply(text: &str, edits: &[(u32, u32, &str)]) -> String {
        fix(edits).apply(FileId(0), text)
    }

    #[test]
    fn edits_are_made_from_left_to_right() {
        assert_eq!(apply("a = b", &[(4, 5, "c"), (2, 3, "==")]), "a == c");
        assert_eq!(apply("ab", &[(1, 1, "x"), (1, 1, "y")]), "axyb");
        assert_eq!(apply("", &[(0, 0, "x")]), "x");
    }

    #[test]
    fn an_edit_that_fits_no_more_is_left_out() {
        assert_eq!(apply("abc", &[(2, 9, "x")]), "abc");
        assert_eq!(apply("äb", &[(1, 2, "x")]), "äb", "inside a character");
        assert_eq!(apply("abcd", &[(0, 3, "x"), (2, 4, "y")]), "xd", "overlapping");
        assert_eq!(apply("abcd", &[(3, 1, "y")]), "abcd", "turned round");
    }

    #[test]
    fn a_fix_changes_the_text_or_it_does_not() {
        type Edits = &'static [(u32, u32, &'static str)];
        let cases: &[(&str, Edits, bool)] = &[
            ("abcab", &[], false),
            ("abcab", &[(1, 3, "bc")], false),
            ("abcab", &[(1, 3, "cb")], true),
            ("abcab", &[(5, 5, "")], false),
            ("abcab", &[(5, 5, "c")], true),
            ("abcab", &[(3, 5, "")], true),
            // What is moved to where it stands, and to somewhere else.
            ("abcab", &[(1, 1, "bc"), (1, 3, "")], false),
            ("abcab", &[(0, 2, ""), (5, 5, "ab")], true),
            ("ababab", &[(0, 2, ""), (6, 6, "ab")], false),
            ("ababa", &[(0, 2, ""), (5, 5, "ab")], true),
            ("abc", &[(2, 9, "x")], false),
        ];
        for (text, edits, expected) in cases {
            let fix = fix(edits);
            assert_eq!(fix.changes(|_| text), *expected, "{edits:?}");
            assert_eq!(fix.apply(FileId(0), text) != **text, *expected, "{edits:?}");
        }
    }

    #[test]
    fn only_the_edits_of_the_file_are_made() {
        let other = Edit { at: FileSpan::new(FileId(1), Span::new(0, 1)), text: "x".into() };
        let fix = Fix { title: "mend".into(), edits: vec![other] };
        assert_eq!(fix.apply(FileId(0), "ab"), "ab");
        assert_eq!(fix.apply(FileId(1), "ab"), "xb");
    }
}
