//! Secrets by name: the environment, else a file of that name.

use std::path::PathBuf;

use flow_ir::plan::{Grant, Plan, SecretPiece, SecretText};
use flow_runtime_api::{Scrubber, Secret, SecretSource};

use crate::{Environment, HostError};

/// A secret's file at most, in bytes.
const BYTES_MAX: u64 = 64 * 1024;

/// Finds secrets, and makes each one it hands out known to the scrubber first.
#[derive(Clone)]
pub(crate) struct Secrets {
    environment: Environment,
    dir: Option<PathBuf>,
    scrubber: Scrubber,
}

impl SecretSource for Secrets {
    fn secret(&self, name: &str) -> Option<Secret> {
        let found = self.variable(name).or_else(|| self.file(name))?;
        self.scrubber.learn(&found);
        Some(found)
    }
}

impl Secrets {
    pub(crate) fn new(environment: Environment, dir: Option<PathBuf>, scrubber: Scrubber) -> Secrets {
        Secrets { environment, dir, scrubber }
    }

    /// Masks what is known.
    pub(crate) fn scrub(&self, text: &str) -> String {
        self.scrubber.scrub(text).into_owned()
    }

    /// Returns where a secret that is there comes from: the variable's name, or the file.
    pub(crate) fn place(&self, name: &str) -> String {
        match (self.variable(name), &self.dir) {
            (None, Some(dir)) => format!("the file {}", dir.join(name).display()),
            _ => name.to_owned(),
        }
    }

    fn variable(&self, name: &str) -> Option<Secret> {
        self.environment.get(name).filter(|value| !value.is_empty()).map(Secret::new)
    }

    fn file(&self, name: &str) -> Option<Secret> {
        // A name is one component of a path, whatever a plan says.
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let path = self.dir.as_ref().filter(|_| plain)?.join(name);
        let size = std::fs::metadata(&path).ok()?.len();
        let text = (size <= BYTES_MAX).then(|| std::fs::read_to_string(&path).ok())??;
        // Editors and `echo` end a file with a line break that is no part of the secret.
        let value = text.strip_suffix('\n').unwrap_or(&text);
        let value = value.strip_suffix('\r').unwrap_or(value);
        (!value.is_empty()).then(|| Secret::new(value))
    }

    /// Returns a secret that the program may use; fails with what to do if it is not granted, or isn't there.
    pub(crate) fn granted(&self, plan: &Plan, name: &str) -> Result<Secret, HostError> {
        if !plan.allow.iter().any(|grant| matches!(grant, Grant::Secret(granted) if granted == name)) {
            return Err(HostError::usage(
                format!("the program uses `secret.{name}` without the authority to"),
                format!("add `secret(\"{name}\")` to its `allow`"),
            ));
        }
        self.secret(name).ok_or_else(|| {
            let place = self.dir.as_ref().map_or_else(String::new, |dir| {
                format!(", or put it in the file {}", dir.join(name).display())
            });
            HostError::environment(
                format!("the secret `{name}` is not there"),
                format!("set the environment variable {name}{place}"),
            )
        })
    }

    /// Puts a model's text with secrets together.
    pub(crate) fn text(&self, plan: &Plan, text: &SecretText) -> Result<Secret, HostError> {
        let mut out = String::new();
        for piece in &text.0 {
            match piece {
                SecretPiece::Text(text) => out.push_str(text),
                SecretPiece::Secret(name) => out.push_str(self.granted(plan, name)?.expose()),
                SecretPiece::Expr(_) => {
                    return Err(HostError::usage(
                        "a model's key or header holds an expression, which nothing could give a value",
                        "write text and `secret.NAME` only",
                    ));
                }
            }
        }
        let secret = Secret::new(out);
        if text.0.iter().any(|piece| matches!(piece, SecretPiece::Secret(_))) {
            self.scrubber.learn(&secret);
        }
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_before_the_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("A_KEY"), "from-file\r\n").unwrap();
        std::fs::write(dir.path().join("B_KEY"), "from-file-b\n").unwrap();
        std::fs::write(dir.path().join("EMPTY"), "\n").unwrap();
        let scrubber = Scrubber::default();
        let environment = Environment::of([("A_KEY", "from-env"), ("EMPTY", "")]);
        let secrets = Secrets::new(environment, Some(dir.path().to_owned()), scrubber.clone());
        let get = |name: &str| secrets.secret(name).map(|secret| secret.expose().to_owned());
        assert_eq!(get("A_KEY").as_deref(), Some("from-env"));
        assert_eq!(get("B_KEY").as_deref(), Some("from-file-b"));
        for name in ["EMPTY", "NONE", "../B_KEY", "", "."] {
            assert_eq!(get(name), None, "{name}");
        }
        assert_eq!(scrubber.scrub("key from-file-b!"), "key ***!");
    }
}
