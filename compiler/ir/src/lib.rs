//! The language between the halves: what a checked program is, as data.
//!
//! In: nothing of text or trees. Out: [`Type`] and [`Value`], the typed expressions ([`Expr`]), the [`Plan`] that a run
//! is pinned to, and its hash, and in [`catalogue`] what is known about models. It must not know how any of
//! them is written in a file, how an expression is evaluated, or how a step is carried out.

pub mod catalogue;
mod chain;
pub mod expr;
pub mod json;
pub mod plan;
pub mod rewrite;
pub mod schema;
pub mod test;
mod text;
pub mod types;
pub mod value;

pub use expr::Expr;
pub use plan::Plan;
pub use types::{Type, TypeDef, TypeDefs, TypeName};
pub use value::Value;

/// A name of the program: of a flow, a field, a model.
pub type Name = smol_str::SmolStr;
