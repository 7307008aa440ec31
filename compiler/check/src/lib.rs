//! From trees to named, typed programs.
