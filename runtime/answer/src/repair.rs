//! What a model is told: the shape it is to answer in, and what was wrong with its answer.

use std::fmt::Write;

use serde_json::Value as Json;

use flow_ir::value::Violation;
use flow_ir::{Type, TypeDefs};

use crate::takes_text;

/// So many violations are told; the rest follow once these are mended.
const TOLD_MAX: usize = 10;

/// A path, rule or value is cut after so many characters.
const CHARS_MAX: usize = 300;

/// Returns the text that asks for an answer of a schema, for providers that can't be given one.
pub fn schema_prompt(schema: &Json) -> String {
    format!(
        "Answer with one JSON document and nothing else: no explanation, no code fence. It must satisfy this JSON \
         Schema:\n{schema}"
    )
}

/// Returns the message that asks for a better answer: each place, the rule and what stood there. The model sees its own
/// answer before it.
pub fn repair_message(ty: &Type, types: &TypeDefs, violations: &[Violation], answer: &str) -> String {
    let mut out = String::from(if answer.trim().is_empty() {
        "Your answer was empty."
    } else {
        "Your answer can't be used as it is:"
    });
    for violation in violations.iter().take(TOLD_MAX) {
        let (path, rule, got) = (cut(&violation.path), cut(&violation.rule), cut(&violation.got));
        if path == "$" {
            let _ = write!(out, "\n- it {rule}, but it is {got}");
        } else {
            let _ = write!(out, "\n- {path} {rule}, but it is {got}");
        }
    }
    if violations.len() > TOLD_MAX {
        let _ = write!(out, "\n- and {} more", violations.len() - TOLD_MAX);
    }
    out.push_str(if takes_text(ty, types) {
        "\nAnswer again, with the whole corrected text and nothing else."
    } else {
        "\nAnswer again, with the whole corrected JSON and nothing else."
    });
    out
}

fn cut(text: &str) -> String {
    let mut out: String = text.chars().take(CHARS_MAX).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}
