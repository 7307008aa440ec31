//! Reads settings, picks the parts, runs the engine.
