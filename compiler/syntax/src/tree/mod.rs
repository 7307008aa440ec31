//! The tree of a file: owned, typed, one node per thing that the language names.
//!
//! Spans count from the start of the item they are in ([`Item::start`] makes them spans of the file), so an item whose
//! own text didn't change is an equal value wherever it has moved to. What could not be read is an `Error` node of its
//! kind: the diagnostic is already given, so later phases stay silent about it and about what hangs on it.

mod expr;
mod file;
mod item;
mod spans;
mod step;
mod types;

pub use expr::*;
pub use file::*;
pub use item::*;
pub use step::*;
pub use types::*;

pub(crate) use spans::{map_item, map_spans};
