//! Suite, architecture and end-to-end tests.

pub mod peers;
