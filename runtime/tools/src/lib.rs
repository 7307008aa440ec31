//! Tools that reach outside: HTTP.
//!
//! In: a rendered request with the hosts that it may reach, and the values of its secrets. Out: the answer's body, or one
//! failure whose kind says what to do next. It must not know flows, runs or plans: retries and timeouts belong to those
//! who call.

#![allow(clippy::disallowed_methods, reason = "it stands outside: servers are asked here")]

mod client;
mod guard;
mod http;

pub use guard::is_allowed;
pub use http::HttpTool;
