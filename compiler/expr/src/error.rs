//! What can go wrong in an expression.

use std::fmt;

/// An error of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind.
    pub kind: ErrorKind,
    /// What happened: one short phrase, lower case.
    pub message: String,
}

/// The kinds of a pure error (S7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A division by zero, an overflow, a missing key, an index outside.
    BadValue,
    /// A failed `as`.
    BadShape,
    /// The meter ran out, or a value grew too large. Nothing absorbs it.
    Exhausted,
}

impl ErrorKind {
    /// Returns the kind as a `catch` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadValue => "bad_value",
            Self::BadShape => "bad_shape",
            Self::Exhausted => "exhausted",
        }
    }
}

impl Error {
    /// Returns a `bad_value`.
    #[cold]
    pub fn value(message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::BadValue, message: message.into() }
    }

    /// Returns a `bad_shape`.
    #[cold]
    pub fn shape(message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::BadShape, message: message.into() }
    }

    /// Returns an `exhausted`.
    #[cold]
    pub fn exhausted(message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Exhausted, message: message.into() }
    }

    /// Whether `&&`, `||`, `all` and `exists` may absorb it.
    pub fn is_absorbed(&self) -> bool {
        self.kind != ErrorKind::Exhausted
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for Error {}
