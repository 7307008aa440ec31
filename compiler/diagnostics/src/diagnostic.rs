use flow_source::FileSpan;

use crate::codes::{Code, Severity};

/// One problem of a program: a code, the place it is about, and what to do next.
///
/// ```text
/// E0203 (unknown-node): unknown node `sumarize`
///   label  `sumarize` is not declared in this file      at the call
///   help   a node with a similar name exists: `summarize`
///   fix    replace `sumarize` by `summarize`
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The row of the table of codes; it gives name, severity and page.
    pub code: Code,
    /// One short phrase, lower case, names in backticks.
    pub message: String,
    /// The place that the diagnostic is about, and what is there.
    pub primary: Label,
    /// Related places.
    pub labels: Vec<Label>,
    /// What to do next.
    pub help: Option<String>,
    /// Edits that mend it, the likeliest first; each can be applied by a machine as it stands.
    pub fixes: Vec<Fix>,
}

/// A place and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub at: FileSpan,
    /// What is at this place; empty when the message says it already.
    pub text: String,
}

/// A machine-applicable mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an imperative: "add `when`".
    pub title: String,
    /// Byte-exact edits that don't overlap.
    pub edits: Vec<Edit>,
}

/// Replaces the bytes of a span by a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; an empty span inserts.
    pub at: FileSpan,
    /// What stands there afterwards.
    pub text: String,
}

impl Diagnostic {
    /// Returns a diagnostic with nothing but its code, place and message.
    pub fn new(code: Code, at: FileSpan, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            primary: Label { at, text: String::new() },
            labels: Vec::new(),
            help: None,
            fixes: Vec::new(),
        }
    }

    /// Says what is at the primary place.
    pub fn here(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Adds a related place.
    pub fn label(mut self, at: FileSpan, text: impl Into<String>) -> Self {
        self.labels.push(Label { at, text: text.into() });
        self
    }

    /// Says what to do next.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds a mend of one edit.
    pub fn fix(self, title: impl Into<String>, at: FileSpan, text: impl Into<String>) -> Self {
        self.fix_all(title, vec![Edit { at, text: text.into() }])
    }

    /// Adds a mend of several edits.
    pub fn fix_all(mut self, title: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.fixes.push(Fix { title: title.into(), edits });
        self
    }

    /// Says that the name at `at` is near to one that exists, such as a "stage" of this name, and offers that one in its place.
    pub fn similar(self, what: &str, name: &str, near: &str, at: FileSpan) -> Self {
        let help = format!("a {what} with a similar name exists: `{near}`");
        self.help(help).fix(format!("replace `{name}` by `{near}`"), at, near)
    }

    /// Puts another place in the stead of each: its own, its labels' and its edits'.
    pub fn map_places(&mut self, mut to: impl FnMut(FileSpan) -> FileSpan) {
        let labels = std::iter::once(&mut self.primary).chain(&mut self.labels);
        let edits = self.fixes.iter_mut().flat_map(|fix| &mut fix.edits);
        for at in labels.map(|label| &mut label.at).chain(edits.map(|edit| &mut edit.at)) {
            *at = to(*at);
        }
    }

    /// Returns the severity of its code.
    pub fn severity(&self) -> Severity {
        self.code.info().severity
    }
}
