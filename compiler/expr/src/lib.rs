//! Evaluates typed expressions.
