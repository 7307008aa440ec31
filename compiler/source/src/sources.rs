//! The texts of one compilation.

use std::ops::Range;
use std::sync::Arc;

use codespan_reporting::files::{Error, Files};

use crate::{FileId, Span};

/// The texts of one compilation, each under a name. codespan-reporting's [`Files`] is implemented for it.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

#[derive(Clone, Debug)]
struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// The byte at which each line starts; the first is 0.
    lines: Arc<[u32]>,
}

/// A place as people count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters (code points), from 1.
    pub column: u32,
}

impl Sources {
    /// No texts yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text under the name that diagnostics show, usually a path.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let text = text.into();
        let lines = line_starts(&text);
        self.files.push(Source { name: name.into(), text, lines });
        FileId(self.files.len() as u32 - 1)
    }

    /// Replaces a text, as an editor does at each change. An unknown id changes nothing.
    pub fn replace(&mut self, file: FileId, text: impl Into<Arc<str>>) {
        if let Some(source) = self.files.get_mut(file.0 as usize) {
            source.text = text.into();
            source.lines = line_starts(&source.text);
        }
    }

    /// All ids, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..self.files.len() as u32).map(FileId)
    }

    /// The id of the text with this name.
    pub fn find(&self, name: &str) -> Option<FileId> {
        self.files.iter().position(|f| &*f.name == name).map(|i| FileId(i as u32))
    }

    /// The name of a text; empty for an unknown id.
    pub fn name(&self, file: FileId) -> &str {
        self.get(file).map_or("", |f| &f.name)
    }

    /// A text; empty for an unknown id.
    pub fn text(&self, file: FileId) -> &str {
        self.get(file).map_or("", |f| &f.text)
    }

    /// A text that can be kept.
    pub fn shared_text(&self, file: FileId) -> Arc<str> {
        self.get(file).map_or_else(|| Arc::from(""), |f| f.text.clone())
    }

    /// The bytes of a span as text; cut to the text's length and to whole characters, so that no span can panic.
    pub fn slice(&self, file: FileId, span: Span) -> &str {
        let text = self.text(file);
        let start = text.floor_char_boundary(span.start as usize);
        let end = text.floor_char_boundary(span.end as usize).max(start);
        &text[start..end]
    }

    /// The line and column of a byte; past the end it is the end.
    pub fn position(&self, file: FileId, offset: u32) -> Position {
        let Some(source) = self.get(file) else { return Position { line: 1, column: 1 } };
        let offset = source.text.floor_char_boundary(offset as usize);
        let line = source.lines.partition_point(|&start| start as usize <= offset) - 1;
        let before = &source.text[source.lines[line] as usize..offset];
        Position { line: line as u32 + 1, column: before.chars().count() as u32 + 1 }
    }

    /// The byte of a line and column; past the line's end it is the line's end.
    pub fn offset(&self, file: FileId, position: Position) -> u32 {
        let Some(source) = self.get(file) else { return 0 };
        let line = (position.line.max(1) as usize - 1).min(source.lines.len() - 1);
        let span = self.line_span(file, line);
        let text = self.slice(file, span);
        let within =
            text.char_indices().nth(position.column.max(1) as usize - 1).map_or(text.len(), |(at, _)| at);
        span.start + within as u32
    }

    /// The number of lines; an empty text has one.
    pub fn line_count(&self, file: FileId) -> usize {
        self.get(file).map_or(0, |f| f.lines.len())
    }

    /// The bytes of a line, counted from 0, without its line break.
    pub fn line_span(&self, file: FileId, line: usize) -> Span {
        let Some(source) = self.get(file) else { return Span::default() };
        let start = source.lines.get(line).map_or(source.text.len(), |&s| s as usize);
        let end = source.lines.get(line + 1).map_or(source.text.len(), |&s| s as usize);
        let text = source.text[start..end].trim_end_matches('\n').trim_end_matches('\r');
        Span::from(start..start + text.len())
    }

    fn get(&self, file: FileId) -> Option<&Source> {
        self.files.get(file.0 as usize)
    }
}

fn line_starts(text: &str) -> Arc<[u32]> {
    let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at as u32 + 1);
    std::iter::once(0).chain(breaks).collect()
}

impl<'a> Files<'a> for Sources {
    type FileId = FileId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: FileId) -> Result<&'a str, Error> {
        self.get(id).map(|f| &*f.name).ok_or(Error::FileMissing)
    }

    fn source(&'a self, id: FileId) -> Result<&'a str, Error> {
        self.get(id).map(|f| &*f.text).ok_or(Error::FileMissing)
    }

    fn line_index(&'a self, id: FileId, byte_index: usize) -> Result<usize, Error> {
        let source = self.get(id).ok_or(Error::FileMissing)?;
        Ok(source.lines.partition_point(|&start| start as usize <= byte_index).saturating_sub(1))
    }

    fn line_range(&'a self, id: FileId, line_index: usize) -> Result<Range<usize>, Error> {
        let source = self.get(id).ok_or(Error::FileMissing)?;
        let missing = Error::LineTooLarge { given: line_index, max: source.lines.len().saturating_sub(1) };
        let start = *source.lines.get(line_index).ok_or(missing)? as usize;
        let end = source.lines.get(line_index + 1).map_or(source.text.len(), |&s| s as usize);
        Ok(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str, offset: u32) -> (u32, u32) {
        let mut sources = Sources::new();
        let file = sources.add("a.flow", text);
        let at = sources.position(file, offset);
        assert_eq!(sources.offset(file, at).min(offset), sources.offset(file, at));
        (at.line, at.column)
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(position("äb\nc", 2), (1, 2));
        assert_eq!(position("äb\nc", 1), (1, 1), "inside a character is its start");
        assert_eq!(position("äb\nc", 4), (2, 1));
        assert_eq!(position("a\r\nb", 3), (2, 1));
        assert_eq!(position("", 9), (1, 1));
        assert_eq!(position("a\n", 2), (2, 1));
    }

    #[test]
    fn lines_have_no_break() {
        let mut sources = Sources::new();
        let file = sources.add("a.flow", "one\r\ntwo");
        assert_eq!(sources.slice(file, sources.line_span(file, 0)), "one");
        assert_eq!(sources.slice(file, sources.line_span(file, 1)), "two");
        assert!(sources.line_span(file, 7).is_empty());
    }
}
