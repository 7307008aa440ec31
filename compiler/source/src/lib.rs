//! Source texts by name, byte spans in them, and the way from a byte to the line and column that people read.
//!
//! In go texts that somebody else has read and decoded; out come [`FileId`]s, slices and positions. This crate must not
//! know what the texts mean, and it opens no file.

mod sources;
mod span;

pub use sources::{Position, Sources};
pub use span::{FileId, FileSpan, Span};
