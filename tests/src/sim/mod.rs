//! The deterministic simulation: generated programs, run by the engine under a seeded scheduler.
//!
//! A [`program::Program`] is made from a seed and checked by the real checker. A [`schedule`] of it, made from another
//! seed, says what happens when: how long each call takes, which fail and how, where the process dies, is fenced off by
//! another, is interrupted or cancelled, when the clock jumps. [`checks`] say what must hold of every run, whatever
//! happened. Both seeds together replay a run exactly.

pub mod checks;
pub mod faults;
pub mod program;
pub mod schedule;
pub mod world;
mod writer;
