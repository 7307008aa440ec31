use std::borrow::Cow;
use std::sync::{Arc, RwLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

mod spelling;

/// A secret value. It can't be printed; [`Secret::expose`] is for the one place that sends it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<Arc<str>>) -> Secret {
        Secret(value.into())
    }

    /// Returns the value, to be sent.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secret(…)")
    }
}

/// Where secrets come from: the environment, else a folder of files.
pub trait SecretSource: Send + Sync {
    /// Returns a secret by its name.
    fn secret(&self, name: &str) -> Option<Secret>;
}

/// Masks every known secret value in texts, since servers echo keys. Shared by all that write: events, errors, logs,
/// journals, tapes. A value is found as it is, escaped as in JSON (up to three times), percent-encoded, and whole in base64.
#[derive(Clone, Debug, Default)]
pub struct Scrubber(Arc<RwLock<Vec<Secret>>>);

impl Scrubber {
    /// Values shorter than this would mask ordinary text; they are left.
    const LENGTH_MIN: usize = 6;

    /// Makes a value known.
    pub fn learn(&self, secret: &Secret) {
        let value = secret.expose();
        if value.len() < Self::LENGTH_MIN {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(|poison| poison.into_inner());
        if !known.contains(secret) {
            let encoded = [STANDARD_NO_PAD.encode(value), URL_SAFE_NO_PAD.encode(value)];
            known.push(secret.clone());
            known.extend(encoded.map(Secret::new));
        }
    }

    /// Whether no value is known, so that nothing can be masked.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(|poison| poison.into_inner()).is_empty()
    }

    /// Returns the text with every known value replaced by `***`.
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let found = self.find(text);
        match found.values.is_empty() {
            true => Cow::Borrowed(text),
            false => Cow::Owned(mask(text, &found.values)),
        }
    }

    /// Begins a text that comes in pieces.
    pub fn stream(&self) -> ScrubbedStream {
        ScrubbedStream { scrubber: self.clone(), held: String::new() }
    }

    fn find(&self, text: &str) -> Found {
        let known = self.0.read().unwrap_or_else(|poison| poison.into_inner());
        let mut found = Found { values: Vec::new(), cut: text.len() };
        let escaped = text.contains(['\\', '%']);
        for secret in known.iter() {
            spelling::find(secret.expose(), text, escaped, &mut found);
        }
        found.values.sort_unstable();
        // What overlaps is one: no part of either is left.
        found.values.dedup_by(|next, kept| {
            let overlaps = next.0 < kept.1;
            if overlaps {
                kept.1 = kept.1.max(next.1);
            }
            overlaps
        });
        found
    }

    /// Scrubs every string of a document, keys included.
    pub fn scrub_json(&self, json: &mut serde_json::Value) {
        match json {
            serde_json::Value::String(text) => {
                if let Cow::Owned(clean) = self.scrub(text) {
                    *text = clean;
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.scrub_json(item)),
            serde_json::Value::Object(map) => {
                for (key, mut value) in std::mem::take(map) {
                    self.scrub_json(&mut value);
                    map.insert(self.scrub(&key).into_owned(), value);
                }
            }
            _ => {}
        }
    }
}

/// Where values stand in a text, in bytes.
struct Found {
    values: Vec<(usize, usize)>,
    /// From here on the text may be the beginning of a value; its length if it isn't.
    cut: usize,
}

fn mask(text: &str, values: &[(usize, usize)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for &(start, end) in values {
        out.push_str(&text[from..start]);
        out.push_str("***");
        from = end;
    }
    out.push_str(&text[from..]);
    out
}

/// A text in pieces, scrubbed as a whole: what may be the beginning of a secret is held back until it is known.
#[derive(Debug)]
pub struct ScrubbedStream {
    scrubber: Scrubber,
    held: String,
}

impl ScrubbedStream {
    /// Takes a piece, and returns what can be shown; it may be empty.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let mut found = self.scrubber.find(&self.held);
        let mut safe = found.cut;
        // A value that reaches into what is held back is held back with it.
        while let Some(&(start, end)) = found.values.last()
            && end > safe
        {
            safe = safe.min(start);
            found.values.pop();
        }
        let rest = self.held.split_off(safe);
        let shown = std::mem::replace(&mut self.held, rest);
        mask(&shown, &found.values)
    }

    /// Returns what was held back, at the end of the text.
    pub fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        self.scrubber.scrub(&held).into_owned()
    }
}

/// Parts of names of parameters that hold keys.
const KEY_NAMES: [&str; 8] = ["key", "token", "secret", "pass", "auth", "sig", "cred", "pw"];

/// Returns a URL as it may be shown: without user and password, and without the values of parameters that are called
/// like keys. `http://me:pw@host/v1?api_key=x` is shown as `http://***@host/v1?api_key=***`.
pub fn public_url(url: &str) -> String {
    let mut out = url.to_owned();
    // From the end, so that what comes before stays where it is.
    for (start, end) in private_parts(url).into_iter().rev() {
        out.replace_range(start..end, "***");
    }
    out
}

/// Returns what [`public_url`] leaves out: user and password together, the password, values of parameters.
pub fn url_secrets(url: &str) -> Vec<Secret> {
    let parts = private_parts(url).into_iter().map(|(start, end)| &url[start..end]);
    parts
        .flat_map(|part| std::iter::once(part).chain(part.split_once(':').map(|(_, password)| password)))
        .map(Secret::new)
        .collect()
}

fn private_parts(url: &str) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    if let Some(at) = url[host..end].rfind('@') {
        parts.push((host, host + at));
    }
    let Some(question) = url.find('?') else { return parts };
    let mut start = question + 1;
    for parameter in url[start..].split(['&', ';', '#']) {
        if let Some((name, value)) = parameter.split_once('=') {
            let lower = name.to_ascii_lowercase();
            if !value.is_empty() && KEY_NAMES.iter().any(|part| lower.contains(part)) {
                parts.push((start + name.len() + 1, start + parameter.len()));
            }
        }
        start += parameter.len() + 1;
    }
    parts
}

#[cfg(test)]
mod tests;
