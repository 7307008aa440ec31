//! Files, items, names and docs.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use flow_source::{FileId, FileSpan, Span};
use smol_str::SmolStr;

use super::ItemKind;

/// A file: its items in written order. What stands between them (blank space and comments) is in [`File::text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Which file it is.
    pub file: FileId,
    /// All of its text, as given.
    pub text: Arc<str>,
    /// Its items, in written order.
    pub items: Vec<Item>,
}

/// One declaration at the top level of a file. Two items are equal if their texts are, wherever they stand: all the rest
/// is a function of the text.
#[derive(Clone, Debug)]
pub struct Item {
    /// The byte of the file at which the item's text starts: its first `///` line, else its keyword.
    pub start: u32,
    /// The item's own text, from its first `///` line to its last token.
    pub text: Arc<str>,
    /// The `///` lines before it.
    pub docs: Option<Docs>,
    /// What it declares.
    pub kind: ItemKind,
    /// The keyword to the last token.
    pub span: Span,
    /// What could not be read, in written order.
    pub lost: Vec<Span>,
    /// Whether some of that has left no node: what the item declares isn't all known.
    pub broken: bool,
}

impl Item {
    /// A span of this item as a span of its file.
    pub fn locate(&self, file: FileId, span: Span) -> FileSpan {
        FileSpan { file, span: span.shift(self.start) }
    }

    /// The text under a span of this item; empty if there is no such span.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Item {}

impl Hash for Item {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// A word of the program where it stands: `fixes` in `review.fixes`. Quoted names come without their quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The word.
    pub text: SmolStr,
    /// Where it stands.
    pub span: Span,
}

impl Name {
    /// The word as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// `///` lines, joined by line breaks, without the slashes and one space after them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Docs {
    /// The text.
    pub text: SmolStr,
    /// The first slash to the end of the last line.
    pub span: Span,
}

/// A string where only a constant one may stand: `"./review.flow"`. Escapes are resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    /// The text it denotes.
    pub text: SmolStr,
    /// The quotes included.
    pub span: Span,
}
