use std::sync::{Arc, RwLock};

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
/// journals, tapes.
#[derive(Clone, Debug, Default)]
pub struct Scrubber(Arc<RwLock<Vec<Secret>>>);

impl Scrubber {
    /// Values shorter than this would mask ordinary text; they are left.
    const LENGTH_MIN: usize = 6;

    /// Makes a value known.
    pub fn learn(&self, secret: &Secret) {
        if secret.expose().len() < Self::LENGTH_MIN {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(|poison| poison.into_inner());
        if !known.contains(secret) {
            known.push(secret.clone());
            // The longest first, so that a secret within another leaves nothing of it.
            known.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        }
    }

    /// Whether no value is known, so that nothing can be masked.
    pub fn is_empty(&self) -> bool {
        self.0.read().unwrap_or_else(|poison| poison.into_inner()).is_empty()
    }

    /// Returns the text with every known value replaced by `***`.
    pub fn scrub<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        let known = self.0.read().unwrap_or_else(|poison| poison.into_inner());
        let mut out = std::borrow::Cow::Borrowed(text);
        for secret in known.iter() {
            if out.contains(secret.expose()) {
                out = std::borrow::Cow::Owned(out.replace(secret.expose(), "***"));
            }
        }
        out
    }

    /// Scrubs every string of a document, keys included.
    pub fn scrub_json(&self, json: &mut serde_json::Value) {
        match json {
            serde_json::Value::String(text) => {
                if let std::borrow::Cow::Owned(clean) = self.scrub(text) {
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
