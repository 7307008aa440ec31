//! Programs and values of chance: well-typed, of every node, function, macro and type, each repeatable by its choices.

pub mod campaign;
pub mod cases;
pub mod census;
pub mod hints;
pub mod programs;
pub mod tape;
pub mod universe;
