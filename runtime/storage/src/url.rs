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
            Some(("memory", "" | "//") | ("sqlite", ":memory:")) => Ok(StoreUrl::Memory),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written() {
        let read = |text: &str| StoreUrl::parse(text, Some(Path::new("/p"))).map(|url| url.to_string());
        for (text, url) in [
            ("sqlite:a/b.db", "sqlite:/p/a/b.db"),
            ("sqlite:/a.db", "sqlite:/a.db"),
            ("sqlite:///a.db", "sqlite:/a.db"),
            ("memory:", "memory:"),
            ("sqlite::memory:", "memory:"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(url));
        }
        assert_eq!(StoreUrl::parse("sqlite:a.db", None), Ok(StoreUrl::Sqlite(PathBuf::from("a.db"))));
    }

    #[test]
    fn what_is_none_is_refused_without_its_password() {
        for text in
            ["", "a.db", "sqlite:", "sqlite://", "sqlite:a\0b", "postgres://u:pass@h/d", "mysql://u:pass@h"]
        {
            let text = text.replace("\\0", "\0");
            let error = StoreUrl::parse(&text, None).unwrap_err();
            assert!(!error.contains("pass"), "{error}");
        }
    }
}
