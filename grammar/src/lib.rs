//! The grammar of `.flow`, `flow.pest`, and the parser that pest makes of it.
//!
//! In goes the text of a file, an item or an expression; out come pest's pairs. Nothing else lives here, because this crate
//! compiles slowly. It must not know the tree.

#![allow(missing_docs)]

/// The generated parser and its rules. `Rule::file`, `Rule::one_item` and `Rule::one_expression` are the entries.
#[derive(pest_derive::Parser)]
#[grammar = "../flow.pest"]
pub struct FlowParser;
