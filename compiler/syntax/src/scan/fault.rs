//! What the pre-scan itself reports.

use flow_source::Span;

/// Something that the pre-scan itself reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    OpenString {
        block: bool,
    },
    OpenSplice,
    /// The bracket at the span isn't closed; the closing one at `found` belongs further out, or the text ends there.
    OpenBracket {
        found: u32,
    },
    /// An item starts at `next` while the bracket at the span is open.
    OpenItem {
        next: u32,
    },
    StrayClose,
    TooDeep,
    TooLong,
    TooManyOperators,
    TooManyElseIfs,
    /// A control character or a character that the language doesn't use.
    Unknown,
    /// `a // 2`
    Division,
    /// `await f(x)`: the word, and the blank space after it.
    Await,
    /// `for (let i = 0; i < n; i++) { … }`: the word `for`.
    CountingFor,
    /// `- a` and `- b` on lines of their own: all of them.
    Dashes,
}

impl Fault {
    /// The same fault in a text that starts `by` bytes further on.
    pub(crate) fn before(self, by: u32) -> Fault {
        let kind = match self.kind {
            FaultKind::OpenBracket { found } => FaultKind::OpenBracket { found: found.saturating_sub(by) },
            FaultKind::OpenItem { next } => FaultKind::OpenItem { next: next.saturating_sub(by) },
            kind => kind,
        };
        let span = Span::new(self.span.start.saturating_sub(by), self.span.end.saturating_sub(by));
        Fault { kind, span }
    }
}

impl FaultKind {
    /// Whether something isn't closed of which the layout tells where it was to be.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::OpenBracket { .. } | Self::OpenItem { .. } | Self::OpenString { block: true })
    }

    /// Whether a limit was passed.
    pub(crate) fn is_limit(self) -> bool {
        matches!(self, Self::TooDeep | Self::TooLong | Self::TooManyOperators | Self::TooManyElseIfs)
    }

    /// Whether the item isn't worth parsing.
    pub(crate) fn is_fatal(self) -> bool {
        matches!(
            self,
            Self::TooDeep
                | Self::TooLong
                | Self::TooManyOperators
                | Self::TooManyElseIfs
                | Self::OpenItem { .. }
                | Self::OpenString { block: true }
        )
    }
}
