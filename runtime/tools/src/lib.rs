//! Tools: HTTP.
