use flow_source::FileId;

use crate::diagnostic::{Edit, Fix};

impl Fix {
    /// Returns `text`, which is the text of `file`, with this fix's edits of that file made. An edit that lies outside of
    /// the text, cuts a character or overlaps an earlier one is left out, so a stale fix never panics.
    pub fn apply(&self, file: FileId, text: &str) -> String {
        let mut edits: Vec<&Edit> = self.edits.iter().filter(|edit| edit.at.file == file).collect();
        // Stable: insertions at one place keep their written order.
        edits.sort_by_key(|edit| (edit.at.span.start, edit.at.span.end));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for edit in edits {
            let range = edit.at.span.range();
            if range.start < done {
                continue;
            }
            let (Some(kept), Some(_)) = (text.get(done..range.start), text.get(range.clone())) else {
                continue;
            };
            out.push_str(kept);
            out.push_str(&edit.text);
            done = range.end;
        }
        out.push_str(&text[done..]);
        out
    }
}

#[cfg(test)]
mod tests {
    use flow_source::{FileId, FileSpan, Span};

    use super::*;

    fn apply(text: &str, edits: &[(u32, u32, &str)]) -> String {
        let edit = |&(start, end, text): &(u32, u32, &str)| Edit {
            at: FileSpan::new(FileId(0), Span::new(start, end)),
            text: text.into(),
        };
        Fix { title: "mend".into(), edits: edits.iter().map(edit).collect() }.apply(FileId(0), text)
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
    fn only_the_edits_of_the_file_are_made() {
        let other = Edit { at: FileSpan::new(FileId(1), Span::new(0, 1)), text: "x".into() };
        let fix = Fix { title: "mend".into(), edits: vec![other] };
        assert_eq!(fix.apply(FileId(0), "ab"), "ab");
        assert_eq!(fix.apply(FileId(1), "ab"), "xb");
    }
}
