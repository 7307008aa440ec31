//! Plans made by hand, and a world that is played to the engine: answers, timers, crashes, in an order that a seed
//! decides.
#![allow(dead_code, missing_docs)]

pub mod build;
pub mod world;
