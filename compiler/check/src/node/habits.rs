//! Words that other systems have for settings, and values as they are written there.

use super::settings::Kind;

/// Returns the setting that a word of another system stands for.
pub(crate) fn setting(kind: Kind, word: &str) -> Option<&'static str> {
    let name = match (kind, word) {
        (Kind::Human, "prompt" | "question" | "text" | "content" | "user" | "title") => "message",
        (Kind::Human | Kind::Event, "channel" | "source" | "on" | "endpoint") => "via",
        (Kind::Event, "where" | "when" | "filter" | "condition" | "if") => "match",
        (Kind::Event | Kind::Trigger, "secret" | "signature" | "hmac") => "verify",
        (Kind::Human | Kind::Event, "deadline" | "wait" | "expires") => "timeout",
        (Kind::Memory, "expires" | "expire" | "expiry" | "lifetime" | "max_age") => "ttl",
        (Kind::Memory, "embedding" | "embedder" | "model" | "embedding_model") => "embed",
        (Kind::Memory, "shared" | "level") => "scope",
        (Kind::Budget, "cost" | "dollars" | "money" | "max_usd" | "max_cost" | "price") => "usd",
        (Kind::Budget, "timeout" | "duration" | "max_time") => "time",
        (Kind::Budget, "max_tokens") => "tokens",
        (Kind::Tool, "url" | "http") => "get",
        (Kind::Tool, "command" | "cmd" | "exec" | "shell" | "program" | "args") => "run",
        (Kind::Tool, "params" | "parameters") => "query",
        (Kind::Tool, "json" | "data" | "payload") => "body",
        (Kind::Tool, "format" | "response" | "parse" | "output") => "decode",
        (Kind::Tool, "input") => "stdin",
        (Kind::Tool, "directory" | "dir" | "workdir" | "working_directory") => "cwd",
        (Kind::Tool, "max_size" | "max_bytes" | "size") => "limit",
        (Kind::Tool, "script" | "code") => "python",
        (Kind::Tool | Kind::Server, "environment") => "env",
        (Kind::Model, "url" | "endpoint" | "host" | "api_base") => "base_url",
        (Kind::Model, "key" | "token") => "api_key",
        (Kind::Agent, "max_iterations" | "max_steps" | "iterations" | "steps" | "turns" | "max_loops") => {
            "max_turns"
        }
        (Kind::Agent, "functions" | "skills" | "actions") => "tools",
        (Kind::Prompt | Kind::Agent, "prompt" | "message" | "content" | "question" | "input" | "goal") => {
            "user"
        }
        (
            Kind::Prompt | Kind::Agent,
            "system_prompt" | "instructions" | "instruction" | "role" | "persona",
        ) => "system",
        (Kind::Prompt | Kind::Agent | Kind::WithModel, "llm" | "engine") => "model",
        (_, "max_output_tokens" | "max_completion_tokens" | "num_predict") => "max_tokens",
        (_, "stop_sequences") => "stop",
        (_, "reasoning" | "reasoning_effort") => "thinking",
        (_, "retries" | "max_retries" | "attempts") => "retry",
        (_, "timeout_ms" | "timeout_s" | "timeout_seconds") => "timeout",
        _ => return None,
    };
    Some(name)
}

/// Whether a text is a duration without its quotes: `1h30m`.
pub(crate) fn is_duration(text: &str) -> bool {
    let mut rest = text;
    let mut units = ["d", "h", "m", "s", "ms", "us"].as_slice();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let word = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = &rest[digits..digits + word];
        let Some(at) = units.iter().position(|own| *own == unit).filter(|_| digits > 0 && digits < 9) else {
            return false;
        };
        units = &units[at + 1..];
        rest = &rest[digits + word..];
    }
    text.bytes().any(|b| b.is_ascii_digit() && b != b'0')
}

/// Whether a text is a size without its quotes: `64KB`.
pub(crate) fn is_size(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = &text[digits..];
    (1..9).contains(&digits)
        && matches!(unit, "" | "B" | "KB" | "MB" | "GB")
        && text.bytes().any(|b| (b'1'..=b'9').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::{is_duration, is_size};

    #[test]
    fn sizes_are_told_from_other_texts() {
        for text in ["64KB", "1GB", "20", "5B"] {
            assert!(is_size(text), "{text}");
        }
        for text in ["", "KB", "0MB", "64 KB", "64kb", "1TB", "1.5MB", "é"] {
            assert!(!is_size(text), "{text}");
        }
    }

    #[test]
    fn durations_are_told_from_other_texts() {
        for text in ["30s", "1h30m", "250ms", "3d"] {
            assert!(is_duration(text), "{text}");
        }
        for text in ["", "30", "s", "0s", "30 s", "30sec", "1m1h", "1.5h", "é1s"] {
            assert!(!is_duration(text), "{text}");
        }
    }
}
