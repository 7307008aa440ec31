//! Evaluates typed expressions.
//!
//! In: an [`Expr`](flow_ir::Expr), a frame and a meter. Out: a value, or an error of the language. The same rows that the
//! interpreter runs are the table that the checker resolves overloads by ([`functions`]). It must not know text, trees,
//! steps, clocks or randomness: the same frame gives the same value, and the same charge.

pub mod assertion;
mod cost;
mod env;
mod error;
mod fold;
mod hot;
mod interpreter;
mod rules;
mod values;

pub mod compiled;
pub mod functions;

pub use cost::{Cost, cost, cost_for};
pub use env::{Env, Frame, FrameSlots, Meter, NoFrame, Slots, VALUE_BYTES_MAX};
pub use error::{Error, ErrorKind};
pub use fold::{constant, fold};
pub use hot::{Counter, Hot};
pub use interpreter::{Said, eval, say};
pub use rules::WhereRules;
