//! What is wrong with a program, as data, and how it is drawn.
//!
//! In: facts found by the syntax and check crates. Out: [`Diagnostic`]s, the one table of codes with a page
//! each, and three renderings (drawn, short, JSON). It must not know what a tree or a type is.

mod codes;
mod diagnostic;
mod escape;
mod fix;
mod page;
pub mod render;

pub use codes::{Code, CodeInfo, Severity};
pub use diagnostic::{Diagnostic, Edit, Fix, Label};
pub use escape::escape;
pub use page::{Page, PageFile};
