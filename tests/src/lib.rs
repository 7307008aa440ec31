//! What the tests of the workspace share: cases in Markdown, a run without a clock, a built `flowc`, servers and peers.
//!
//! In: Markdown files and programs. Out: what the compiler and the engine make of them, as text to compare. It must not
//! know how any room does its work: it sees what users and the other rooms see.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

pub mod case;
pub mod compile;
pub mod cpu;
pub mod drive;
pub mod forms;
pub mod generate;
pub mod kept;
pub mod models;
pub mod peers;
mod pieces;
pub mod program;
pub mod programs;
pub mod questions;
pub mod script;
pub mod server;
pub mod sim;
pub mod unparse;
