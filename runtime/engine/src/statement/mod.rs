//! The statements, a file per family. Each has an `enter`, called by its block, and an `on`, called with the outcome of
//! what it entered.

pub(crate) mod agent;
mod assign;
mod choose;
mod emit;
mod flow;
mod fork;
mod graph;
mod group;
mod leave;
mod race;
mod repeat;
pub(crate) mod saga;
mod step;
mod wait;
