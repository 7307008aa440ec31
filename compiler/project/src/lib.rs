//! A project: its settings, its files, and the façade of the compiler.
//!
//! In: a [`World`] that reads files, and a path. Out: [`Settings`], diagnostics and plans. It must not know the disk,
//! the environment, or anything of the runtime.

pub mod discover;
pub mod expression;
pub mod library;
mod lint;
mod near;
mod project;
mod read;
mod session;
pub mod settings;
pub mod world;

pub use flow_check::bounds;
pub use library::Library;
pub use project::{PlanError, Project, TestAt};
pub use session::Session;
pub use settings::Settings;
pub use world::{MemoryWorld, Stamp, World, WorldError};
