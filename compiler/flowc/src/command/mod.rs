//! The subcommands, one per file.

pub mod bounds;
pub mod check;
pub mod doctor;
pub mod due;
pub mod explain;
pub mod expr;
pub mod models;
pub mod new;
pub mod replay;
pub mod resume;
pub mod run;
pub mod runs;
pub mod test;
