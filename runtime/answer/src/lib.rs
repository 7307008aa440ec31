//! Schemas for models and reading of their answers.
