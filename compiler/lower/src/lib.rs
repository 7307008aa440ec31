//! From checked programs to plans.

mod print;

pub use print::print;
