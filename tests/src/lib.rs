//! Suite, architecture and end-to-end tests.
