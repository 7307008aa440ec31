//! From text to a tree.
//!
//! In goes the text of one file; out come its [`tree`] and the diagnostics of its syntax. Parsing can't fail: what could not
//! be read is an error node. This crate must not know names, types or other files, and it opens none.
//!
//! A lexical pre-scan finds the items and counts what could exhaust the parser; pest reads one item at a time; where it
//! refuses, the element to blame is reported once, covered, and the rest read again.

mod balance;
mod build;
mod explain;
mod lexer;
mod outline;
mod parse;
mod patch;
mod scan;
pub mod tree;

pub use lexer::{Token, TokenKind, tokens};
pub use parse::{decode, parse, parse_expression};
pub use scan::{ELSE_IFS_MAX, EXPRESSION_BYTES_MAX, FILE_BYTES_MAX, NESTING_MAX, OPERATORS_MAX};
