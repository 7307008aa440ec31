//! Answers of models: from a type to a provider's schema, and from text back to a value of the type.

pub mod ollama;
pub mod openai;
mod rewrite;
