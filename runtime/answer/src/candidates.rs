//! Finds what may be JSON in a text.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value as Json;

/// So many documents of one answer are tried.
const CANDIDATES_MAX: usize = 16;

/// A text that is longer is not repaired.
const REPAIR_BYTES_MAX: usize = 1 << 20;

/// Brackets of a text that is repaired nest at most so deep.
const DEPTH_MAX: usize = 100;

/// Returns the documents of a text: the whole, those in fences, those in prose (the last first), a list of all of these
/// where there are several, and what repairing makes of it.
pub(crate) fn of(text: &str) -> Vec<Json> {
    let mut found = whole(text);
    let text = trimmed(text);
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        found.extend(fences(text).iter().rev().take(2).filter_map(|inner| repaired(inner)));
        found.extend(from_bracket(text).and_then(repaired));
    }
    found
}

/// Returns the documents of a text that need no repair.
pub(crate) fn whole(text: &str) -> Vec<Json> {
    let text = trimmed(text);
    if let Ok(json) = serde_json::from_str::<Json>(text) {
        return vec![unquoted(json)];
    }
    let mut found: Vec<Json> = Vec::new();
    found.extend(fences(text).iter().rev().filter_map(|inner| serde_json::from_str(inner).ok()));
    let documents = documents(text);
    if documents.len() > 1 {
        let all = Json::Array(documents.clone());
        found.extend(documents.into_iter().rev());
        found.push(all);
    } else {
        found.extend(documents);
    }
    found
}

fn trimmed(text: &str) -> &str {
    text.trim_start_matches('\u{feff}').trim()
}

/// A document that was written as a string of JSON.
fn unquoted(json: Json) -> Json {
    match &json {
        Json::String(inner) if inner.trim_start().starts_with(['{', '[']) => {
            serde_json::from_str(inner).unwrap_or(json)
        }
        _ => json,
    }
}

/// Returns a text without what people and models put around a word: quotes, emphasis, a full stop.
pub(crate) fn bare(text: &str) -> &str {
    let trimmed = text.trim().trim_end_matches(['.', '!']);
    trimmed.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '*' | '_'))
}

/// Returns what stands in fences of three backticks or tildes; the last may be open.
fn fences(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while out.len() < CANDIDATES_MAX {
        let Some((mark, start)) = ["```", "~~~"]
            .iter()
            .filter_map(|mark| rest.find(mark).map(|at| (*mark, at + mark.len())))
            .min_by_key(|found| found.1)
        else {
            break;
        };
        let after = &rest[start..];
        // The rest of the fence's line names a language, unless the content begins in it.
        let begin = match after.find('\n') {
            Some(end) if !after[..end].contains(['{', '[', '`']) => end + 1,
            _ => 0,
        };
        let body = &after[begin..];
        let end = body.find(mark).unwrap_or(body.len());
        out.push(body[..end].trim());
        rest = body.get(end + mark.len()..).unwrap_or_default();
    }
    out
}

/// Returns the objects and lists that stand in a text, each read strictly.
fn documents(text: &str) -> Vec<Json> {
    let mut out = Vec::new();
    let mut at = 0;
    // Each failed start costs a scan, so that their number is bounded too.
    let mut failures = 0;
    while let Some(start) = text[at..].find(['{', '[']).map(|offset| at + offset) {
        let mut stream = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Json>();
        match stream.next() {
            Some(Ok(json)) => {
                at = start + stream.byte_offset().max(1);
                // `[1]` in prose is a footnote more often than a list, but it is tried all the same.
                out.push(json);
            }
            // Open to the end of the text: what stands in it is a part of a document, not one.
            Some(Err(error)) if error.is_eof() => break,
            _ => {
                at = start + 1;
                failures += 1;
            }
        }
        if out.len() == CANDIDATES_MAX - 4 || failures == 64 {
            break;
        }
    }
    out
}

/// Returns a text from its first bracket on.
fn from_bracket(text: &str) -> Option<&str> {
    text.find(['{', '[']).map(|start| &text[start..])
}

/// Repairs what isn't quite JSON: single quotes, trailing commas, comments, a missing end.
fn repaired(text: &str) -> Option<Json> {
    let starts = text.starts_with(['{', '[']);
    if !starts || text.len() > REPAIR_BYTES_MAX || depth(text) > DEPTH_MAX {
        return None;
    }
    let json = llm_json::loads(&without_comments(text), &llm_json::RepairOptions::default()).ok()?;
    // The library makes something of everything; an empty object or a text of prose is no document.
    match &json {
        Json::Object(map) if !map.is_empty() => Some(json),
        Json::Array(items) if !items.is_empty() => Some(json),
        _ => None,
    }
}

/// Returns a text without `// …` and `/* … */` outside of strings.
fn without_comments(text: &str) -> Cow<'_, str> {
    if !text.contains("//") && !text.contains("/*") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut taken = c.len_utf8();
        match quote {
            Some(_) if c == '\\' => taken += rest[taken..].chars().next().map_or(0, char::len_utf8),
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if rest.starts_with("//") => {
                rest = rest.find('\n').map_or("", |end| &rest[end..]);
                continue;
            }
            None if rest.starts_with("/*") => {
                rest = rest.find("*/").map_or("", |end| &rest[end + 2..]);
                continue;
            }
            None => {}
        }
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    Cow::Owned(out)
}

/// Returns how deep the brackets of a text nest, strings not told apart.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
