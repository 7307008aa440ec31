//! Answers made up: deterministic, offline, of the asked type. Nothing leaves the machine.
//!
//! The same seed, step and question give the same answer; a repair gives another. Who calls marks what comes of it as
//! simulated; the usage is an estimate, about four bytes to a token.

mod calls;

pub use calls::Offered;

use flow_answer::{Longest, generate, longest, takes_text};
use flow_ir::json::{Rules, encode};
use flow_ir::types::Size;
use flow_ir::{Type, TypeDefs, TypeName};
use flow_runtime_api::{
    Answer, Call, Delta, Deltas, Failure, FinishReason, Kind, Message, Part, Role, Usage,
};
use sha2::{Digest, Sha256};

/// Of English text. Counting exactly costs the first call 50 to 90 ms to load a vocabulary, and is true of few models.
const BYTES_PER_TOKEN: u64 = 4;
/// A message has a head.
const TOKENS_PER_MESSAGE: u64 = 4;
/// A piece of a streamed answer has about so many characters.
const DELTA_CHARS: usize = 12;
/// Of a question so much is read for words.
const SOURCE_BYTES_MAX: usize = 64 * 1024;

/// What a made-up answer is made of.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// `--seed`.
    pub seed: u64,
    /// The coordinate of the step.
    pub step: &'a str,
    /// The name of the node: it makes answers look like one.
    pub node: &'a str,
    /// Number of the repair: each has another answer, and an attempt after a fault the same again.
    pub repair: u32,
    /// What the node returns.
    pub returns: &'a Type,
    /// The named types of the plan.
    pub types: &'a TypeDefs,
    /// Evaluates the rules of types.
    pub rules: &'a dyn Rules,
    /// What may be called before there is an answer.
    pub tools: &'a [Offered],
    /// Of the worst case: how it is made.
    pub worst: Option<Worst<'a>>,
}

/// How the worst case answers: as long as type and limits allow, calling tools as often as it may.
#[derive(Clone, Copy)]
pub struct Worst<'a> {
    /// Which member a union has that is reached by these fields of the answer.
    pub member: &'a dyn Fn(&[u32]) -> Option<TypeName>,
    /// Which of the tools are called, by their index, the dearest first, each with its calls at most.
    pub calls: &'a [(usize, u64)],
    /// How many of them in the first turn; one in each further one.
    pub first: u64,
}

/// An answer of a model whose limit isn't known has so many tokens at most.
const TOKENS_MAX: u64 = 4_096;
/// And no answer more characters than that.
const CHARS_MAX: u64 = 1 << 20;

/// Answers in a model's place, with an estimate of usage; the pieces go to `deltas`. Fails with `bad_answer` if the type
/// has no value that can be made up.
pub fn answer(question: &Question<'_>, call: &Call, deltas: &mut dyn Deltas) -> Result<Answer, Failure> {
    let tool_calls = calls::calls(question, call);
    if !tool_calls.is_empty() {
        let written: u64 = tool_calls.iter().map(|call| tokens(&call.name) + tokens(&call.arguments)).sum();
        let usage =
            Usage { input_tokens: input_tokens(call), output_tokens: written.max(1), ..Usage::default() };
        return Ok(Answer {
            tool_calls,
            finish: FinishReason::ToolCalls,
            usage: Some(usage),
            ..Answer::default()
        });
    }
    let source = words_of(&call.messages);
    let seed = seed(question, &serde_json::to_string(&call.messages).unwrap_or_default());
    let plain = question.worst.is_none().then(|| plain_text(question, call, &source, seed)).flatten();
    let text = match plain {
        Some(text) => text,
        None => written(question, seed, call.sampling.max_tokens)?,
    };
    for piece in pieces(&text) {
        deltas.delta(Delta::Text(piece.to_owned()));
    }
    let usage =
        Usage { input_tokens: input_tokens(call), output_tokens: tokens(&text).max(1), ..Usage::default() };
    Ok(Answer { text, finish: FinishReason::Stop, usage: Some(usage), ..Answer::default() })
}

/// Returns what a tool might have returned, as JSON of the node's type; `asked` is its rendered request. Fails with
/// `tool_failed` if the type has no value that can be made up.
pub fn tool(question: &Question<'_>, asked: &str) -> Result<serde_json::Value, Failure> {
    value(question, seed(question, asked), TOKENS_MAX * BYTES_PER_TOKEN)
        .map_err(|failure| Failure::new(Kind::ToolFailed, failure.message))
}

fn seed(question: &Question<'_>, asked: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(question.seed.to_le_bytes());
    hash.update(question.repair.to_le_bytes());
    hash.update((question.step.len() as u64).to_le_bytes());
    hash.update(question.step);
    hash.update(asked);
    let bytes = hash.finalize();
    bytes.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

/// Writes the answer as a model would, within its limit.
fn written(question: &Question<'_>, seed: u64, tokens_max: Option<u64>) -> Result<String, Failure> {
    let limit = tokens_max.unwrap_or(TOKENS_MAX).saturating_mul(BYTES_PER_TOKEN).clamp(1, CHARS_MAX);
    let mut chars = limit;
    loop {
        let text = match value(question, seed, chars)? {
            serde_json::Value::String(text) if takes_text(question.returns, question.types) => text,
            json => json.to_string(),
        };
        if question.worst.is_none() || text.len() as u64 <= limit || chars == 1 {
            return Ok(text);
        }
        // The texts of a record share the limit.
        chars = (chars / 2).max(1);
    }
}

fn value(question: &Question<'_>, seed: u64, chars: u64) -> Result<serde_json::Value, Failure> {
    let none = || {
        let message = format!(
            "no value of type `{}` could be made up for `{}`: its rules are too hard to meet by chance",
            question.returns, question.node
        );
        Failure::new(Kind::BadAnswer, message)
    };
    let Question { returns, types, rules, node, .. } = *question;
    let made = match question.worst {
        Some(worst) => longest(returns, types, rules, seed, node, Longest { chars, member: worst.member }),
        None => generate(returns, types, rules, seed, node),
    };
    let value = made.ok_or_else(none)?;
    encode(&value, question.returns, question.types).map_err(|_| none())
}

/// Returns sentences about the question, for a text without a rule; `None` where they don't fit.
fn plain_text(question: &Question<'_>, call: &Call, words: &[String], seed: u64) -> Option<String> {
    let Type::String(Size { min, max }) = question.returns else { return None };
    let tokens_max = call.sampling.max_tokens.unwrap_or(u64::MAX);
    let chars_max = max.unwrap_or(u64::MAX).min(tokens_max.saturating_mul(BYTES_PER_TOKEN));
    let chars_min = min.unwrap_or(0);
    if words.is_empty() || chars_max < 160 || chars_min > 400 {
        return None;
    }
    let text = sentences(words, seed, usize::try_from(chars_max).unwrap_or(usize::MAX));
    (text.chars().count() as u64 >= chars_min).then_some(text)
}

/// With places for words of the question.
const SENTENCES: &[&str] = &[
    "The question of {a} comes down to {b}.",
    "What is said about {a} holds for {b} as well.",
    "Most of it turns on {a}, and only then on {b}.",
    "A good start is {a}: it makes {b} plain.",
    "Without {a} there would be little to say about {b}.",
    "Two things stand out, {a} and {b}.",
    "Those who know {a} will ask about {b} first.",
    "In practice {a} matters more than {b}.",
    "The next step is to hold {a} against {b}.",
    "So far {a} is well understood, {b} less so.",
];

fn sentences(words: &[String], seed: u64, chars_max: usize) -> String {
    let count = 3 + (seed % 3) as usize;
    let mut text = String::new();
    for index in 0..count {
        // A stride that shares no factor with the table's length, so that no sentence comes twice.
        let template = SENTENCES[(seed as usize % SENTENCES.len() + index * 3) % SENTENCES.len()];
        let first = &words[(seed as usize / 7 + 2 * index) % words.len()];
        let second = &words[(seed as usize / 7 + 2 * index + 1) % words.len()];
        let sentence = template.replace("{a}", first).replace("{b}", second);
        if text.chars().count() + sentence.chars().count() + 1 > chars_max {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&sentence);
    }
    text
}

/// Words that say nothing about a question.
const COMMON: &[&str] = &[
    "about", "after", "again", "also", "answer", "been", "before", "below", "could", "does", "each", "every",
    "exactly", "from", "have", "here", "into", "just", "least", "like", "line", "lines", "make", "more",
    "most", "must", "never", "only", "other", "over", "please", "said", "same", "says", "should", "some",
    "such", "than", "that", "their", "them", "then", "there", "these", "they", "this", "those", "very",
    "well", "were", "what", "when", "where", "which", "will", "with", "word", "words", "would", "write",
    "your", "you", "the", "and", "for", "are", "know", "name", "give", "tell",
];

/// Returns the words of a question that are about something, in their order, each once.
fn words_of(messages: &[Message]) -> Vec<String> {
    let mut left = SOURCE_BYTES_MAX;
    let mut words: Vec<String> = Vec::new();
    let asked =
        messages.iter().filter(|message| message.role == Role::User).flat_map(|message| &message.parts);
    for part in asked {
        let Part::Text(text) = part else { continue };
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '-').map(|word| word.trim_matches('-'))
        {
            left = left.saturating_sub(word.len() + 1);
            if left == 0 || words.len() == 24 {
                return words;
            }
            let lower = word.to_lowercase();
            let says_something = (3..=24).contains(&word.chars().count())
                && word.chars().any(char::is_alphabetic)
                && !COMMON.contains(&lower.as_str());
            if says_something && !words.iter().any(|known| known.to_lowercase() == lower) {
                words.push(word.to_owned());
            }
        }
    }
    words
}

/// Cuts a text into pieces as a stream has them, at the beginnings of words.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut chars) = (0, 0);
    for (at, c) in text.char_indices() {
        if chars >= DELTA_CHARS && (c == ' ' || chars >= 4 * DELTA_CHARS) {
            pieces.push(&text[start..at]);
            (start, chars) = (at, 0);
        }
        chars += 1;
    }
    pieces.push(&text[start..]);
    pieces
}

fn tokens(text: &str) -> u64 {
    (text.len() as u64).div_ceil(BYTES_PER_TOKEN)
}

fn input_tokens(call: &Call) -> u64 {
    let said = |part: &Part| match part {
        Part::Text(text) | Part::ToolResult { content: text, .. } => tokens(text),
        Part::ToolCall(call) => tokens(&call.arguments) + tokens(&call.name),
        // What a provider counts for these depends on it; a small image is a few hundred.
        Part::Media { .. } => 256,
        Part::Opaque { json, .. } => tokens(&json.to_string()),
    };
    let messages = call.messages.iter();
    let said: u64 = messages.map(|m| TOKENS_PER_MESSAGE + m.parts.iter().map(said).sum::<u64>()).sum();
    let schema = call.schema.as_ref().map_or(0, |schema| tokens(&schema.json.to_string()));
    let tools: u64 =
        call.tools.iter().map(|tool| tokens(&tool.description) + tokens(&tool.parameters.to_string())).sum();
    said + schema + tools
}

#[cfg(test)]
mod tests;
