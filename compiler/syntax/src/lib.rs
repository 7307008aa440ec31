//! From text to a tree.
//!
//! In goes the text of one file; out come its [`tree`] and the diagnostics of its syntax. Parsing can't fail: what could not
//! be read is an error node. This crate must not know names, types or other files.

pub mod tree;
