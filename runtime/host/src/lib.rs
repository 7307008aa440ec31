//! Reads settings, picks the parts, runs the engine.
//!
//! In: [`HostSettings`] as plain data, plans, inputs. Out: runs that are carried out ([`RunHandle`]: events as they
//! happen, then a result or a [`HostError`] shaped by exit code), and what is on record of them. Only this crate names a
//! concrete provider, tool or store. It must not know how a program is written, a terminal, or a command line.

#![allow(
    clippy::disallowed_methods,
    reason = "it stands outside: files, environment and clock are let in here"
)]

mod cancel;
mod draw;
mod due;
mod environment;
mod error;
mod executor;
mod facts;
mod handle;
mod host;
mod known;
mod lease;
mod models;
mod outside;
mod programs;
mod queue;
mod recording;
mod reply;
mod secrets;
mod servers;
mod settings;
mod simulated;
mod time;

pub use cancel::Cancelling;
pub use due::{Due, DueRuns};
pub use environment::Environment;
pub use error::HostError;
pub use facts::{Fact, FactStatus};
pub use flow_engine::{DEFAULT_MODEL, Inspection};
pub use flow_providers::tape;
pub use handle::{Interrupter, Outcome, RunHandle};
pub use host::{Host, RunLine};
pub use known::{Known, KnownModel, KnownServer, Reach};
pub use settings::{
    HostSettings, OnFailure, OnWait, ProviderLimit, ReplayOptions, ResumeOptions, RunOptions, Settle,
    StoreUrl, Synchronous, store_url,
};
