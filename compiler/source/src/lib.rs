//! Files, spans and line indexes.
