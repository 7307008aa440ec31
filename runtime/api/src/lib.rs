//! The contract of the runtime.
