//! Answers of models: from a type to a provider's schema, and from text back to a value of the type.
//!
//! In: types, JSON Schemas and texts. Out: schemas as each provider takes them ([`anthropic`], [`gemini`], [`openai`],
//! [`ollama`]), values or violations ([`read`]), the message that asks for a better answer ([`repair_message`]), and
//! believable values for simulated effects ([`generate`]). It must not know wires, journals or how often something is asked.

pub mod anthropic;
mod candidates;
pub mod gemini;
mod generate;
pub mod ollama;
pub mod openai;
mod read;
mod repair;
mod rewrite;

pub use generate::{Longest, generate, longest};
pub use read::{read, read_cut, takes_text};
pub use repair::{repair_message, schema_prompt};
