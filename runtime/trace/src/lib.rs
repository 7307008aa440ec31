//! From events to traces.
