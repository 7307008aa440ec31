//! From checked programs to plans.
