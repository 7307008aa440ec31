use std::path::{Path, PathBuf};

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// A file: `sqlite:PATH`, `sqlite://PATH`.
    Sqlite(PathBuf),
    /// In this process, and gone with it: `memory:`.
    Memory,
}

impl StoreUrl {
    /// Reads a URL; a relative path is relative to `base`. The error says what is wrong.
    pub fn parse(text: &str, base: Option<&Path>) -> Result<StoreUrl, String> {
        match text.split_once(':') {
            Some(("memory", "" | "//")) => Ok(StoreUrl::Memory),
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                if path.is_empty() || path.contains('\0') {
                    return Err(format!("the store URL `{text}` names no file"));
                }
                Ok(StoreUrl::Sqlite(base.map_or_else(|| PathBuf::from(path), |base| base.join(path))))
            }
            Some((scheme @ ("postgres" | "postgresql" | "redis"), _)) => {
                Err(format!("this build has no `{scheme}:` stores"))
            }
            // The rest may hold a password: only what it isn't is said.
            _ => Err(String::from("the store URL has no known scheme")),
        }
    }
}

impl std::fmt::Display for StoreUrl {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreUrl::Sqlite(path) => write!(out, "sqlite:{}", path.display()),
            StoreUrl::Memory => out.write_str("memory:"),
        }
    }
}
