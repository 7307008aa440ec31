//! Types, values, typed expressions and plans.
