//! Modules, settings and the façade of the compiler.
