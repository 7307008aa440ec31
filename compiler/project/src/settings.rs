//! `flow.toml` and `FLOW_*`: one table of keys, read from either place.
//!
//! Order: a flag goes before the environment, the environment before `flow.toml`, that before the default.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::catalogue::{LongPrice, Price};
use flow_source::{FileId, FileSpan, Span};
use indexmap::IndexMap;
use smol_str::SmolStr;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Everything that `flow.toml` and the environment can say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `[project] name`.
    pub name: Option<String>,
    /// `[project] version`.
    pub version: Option<String>,
    /// `[project] entry`: relative to the project's folder.
    pub entry: Option<String>,
    /// `[models] default`: `provider/model`.
    pub default_model: Option<String>,
    /// `[models.limits.PROVIDER]`.
    pub limits: IndexMap<SmolStr, Limits>,
    /// `[storage] url`.
    pub storage_url: Option<String>,
    /// `[storage] synchronous`.
    pub synchronous: Option<Synchronous>,
    /// `[storage] on_failure`.
    pub on_failure: Option<OnFailure>,
    /// `[storage] lease_s`.
    pub lease_s: Option<u32>,
    /// `[run] clean_up_s`.
    pub clean_up_s: Option<u32>,
    /// `[secrets] dir`: relative to the project's folder.
    pub secrets_dir: Option<String>,
    /// `[prices."provider/model"]`: these stand instead of what is known of the model.
    pub prices: IndexMap<SmolStr, Price>,
}

/// How much of a provider may be used at once, over all runs of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls in flight.
    pub concurrency: Option<u32>,
    /// Calls that begin within any minute.
    pub requests_per_minute: Option<u32>,
}

/// When SQLite's commits reach the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// They survive a crash of the process.
    Normal,
    /// They survive a crash of the machine.
    Full,
}

/// What becomes of a run whose store fails while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// It stops.
    Stop,
    /// It goes on without a record.
    Continue,
}

/// A row of the table of settings.
#[derive(Clone, Copy)]
pub struct Key {
    /// The section: `storage`; `*` in it stands for a name: `models.limits.*`.
    pub section: &'static str,
    /// The key in it.
    pub key: &'static str,
    /// What it takes, for messages.
    pub takes: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// Puts it in its place; the name is what `*` stands for. `None`: it doesn't take this.
    set: fn(&mut Settings, &str, &Given) -> Option<()>,
}

/// A value as given, by either place.
enum Given<'a> {
    Text(&'a str),
    Number(f64),
    Other,
}

impl Given<'_> {
    fn text(&self) -> Option<String> {
        match self {
            Given::Text(text) if !text.is_empty() => Some((*text).to_owned()),
            _ => None,
        }
    }

    fn count(&self) -> Option<u32> {
        match self {
            Given::Number(n) if n.fract() == 0.0 && (1.0..=65_536.0).contains(n) => Some(*n as u32),
            _ => None,
        }
    }

    /// US dollars a million tokens, in nano-dollars.
    fn dollars(&self) -> Option<u64> {
        match self {
            Given::Number(n) if (0.0..=1e6).contains(n) => Some((n * 1e9).round() as u64),
            _ => None,
        }
    }

    fn tokens(&self) -> Option<u64> {
        match self {
            Given::Number(n) if n.fract() == 0.0 && (1.0..=1e12).contains(n) => Some(*n as u64),
            _ => None,
        }
    }

    fn model(&self) -> Option<String> {
        self.text().filter(|text| text.split_once('/').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()))
    }
}

const TEXT: &str = "a string";
const DOLLARS: &str = "US dollars per million tokens, a number from 0 to 1,000,000";
const TOKENS: &str = "a number of tokens, from 1";

/// The rates of long calls of a model that is given a price.
fn long<'a>(settings: &'a mut Settings, name: &str) -> &'a mut LongPrice {
    settings.prices.entry(name.into()).or_default().long.get_or_insert_default()
}

/// The table: every key, where it stands and what it does.
pub const KEYS: &[Key] = &[
    Key {
        section: "project",
        key: "name",
        takes: TEXT,
        doc: "The project's name.",
        set: |s, _, v| {
            s.name = Some(v.text()?);
            Some(())
        },
    },
    Key {
        section: "project",
        key: "version",
        takes: TEXT,
        doc: "The project's version.",
        set: |s, _, v| {
            s.version = Some(v.text()?);
            Some(())
        },
    },
    Key {
        section: "project",
        key: "entry",
        takes: "the path of a `.flow` file in the project",
        doc: "The file that is run; without it `main.flow`.",
        set: |s, _, v| {
            s.entry = Some(v.text().filter(|text| text.ends_with(".flow"))?);
            Some(())
        },
    },
    Key {
        section: "models",
        key: "default",
        takes: "a model, \"provider/model\"",
        doc: "The model of prompts that name none.",
        set: |s, _, v| {
            s.default_model = Some(v.model()?);
            Some(())
        },
    },
    Key {
        section: "models.limits.*",
        key: "concurrency",
        takes: "a whole number from 1 to 65,536",
        doc: "Calls of this provider in flight at once.",
        set: |s, name, v| {
            s.limits.entry(name.into()).or_default().concurrency = Some(v.count()?);
            Some(())
        },
    },
    Key {
        section: "models.limits.*",
        key: "requests_per_minute",
        takes: "a whole number from 1 to 65,536",
        doc: "Calls of this provider that begin within any minute; further ones wait their turn.",
        set: |s, name, v| {
            s.limits.entry(name.into()).or_default().requests_per_minute = Some(v.count()?);
            Some(())
        },
    },
    Key {
        section: "storage",
        key: "url",
        takes: "a store, \"sqlite:PATH\" or \"memory:\"",
        doc: "Where runs are on record; without it `.flow/flow.db` beside `flow.toml`.",
        set: |s, _, v| {
            s.storage_url = Some(v.text()?);
            Some(())
        },
    },
    Key {
        section: "storage",
        key: "synchronous",
        takes: "\"normal\" or \"full\"",
        doc: "`normal`: commits survive a crash of the process; `full`: of the machine.",
        set: |s, _, v| {
            s.synchronous = Some(match v.text()?.as_str() {
                "normal" => Synchronous::Normal,
                "full" => Synchronous::Full,
                _ => return None,
            });
            Some(())
        },
    },
    Key {
        section: "storage",
        key: "on_failure",
        takes: "\"stop\" or \"continue\"",
        doc: "A run whose store fails: `stop`: it stops before anything more is done; `continue`: it goes on without a record, says so, and can't be resumed.",
        set: |s, _, v| {
            s.on_failure = Some(match v.text()?.as_str() {
                "stop" => OnFailure::Stop,
                "continue" => OnFailure::Continue,
                _ => return None,
            });
            Some(())
        },
    },
    Key {
        section: "storage",
        key: "lease_s",
        takes: "a whole number from 1 to 65,536",
        doc: "Seconds after which another machine may take over a run whose process has gone silent; without it 15.",
        set: |s, _, v| {
            s.lease_s = Some(v.count()?);
            Some(())
        },
    },
    Key {
        section: "run",
        key: "clean_up_s",
        takes: "a whole number from 1 to 60",
        doc: "Seconds that the clean-up of a cancelled run may take; without it 10.",
        set: |s, _, v| {
            s.clean_up_s = Some(v.count().filter(|count| *count <= 60)?);
            Some(())
        },
    },
    Key {
        section: "secrets",
        key: "dir",
        takes: "the path of a folder",
        doc: "A file of the secret's name holds its value, unless the environment has it.",
        set: |s, _, v| {
            s.secrets_dir = Some(v.text()?);
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "input",
        takes: DOLLARS,
        doc: "Price of what this model reads.",
        set: |s, name, v| {
            s.prices.entry(name.into()).or_default().input = v.dollars()?;
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "output",
        takes: DOLLARS,
        doc: "Price of what this model writes.",
        set: |s, name, v| {
            s.prices.entry(name.into()).or_default().output = v.dollars()?;
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "cached_input",
        takes: DOLLARS,
        doc: "Price of what this model reads from the provider's cache; without it as `input`.",
        set: |s, name, v| {
            s.prices.entry(name.into()).or_default().cached = Some(v.dollars()?);
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "cache_write",
        takes: DOLLARS,
        doc: "Price of what is written to the provider's cache; without it as `input`.",
        set: |s, name, v| {
            s.prices.entry(name.into()).or_default().cache_write = Some(v.dollars()?);
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "cache_write_1h",
        takes: DOLLARS,
        doc: "Price of what is written to the provider's cache for an hour; without it as `cache_write`.",
        set: |s, name, v| {
            s.prices.entry(name.into()).or_default().cache_write_1h = Some(v.dollars()?);
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "reasoning",
        takes: DOLLARS,
        doc: "Price of what this model writes while it reasons; without it as `output`.",
        set: |s, name, v| {
            s.prices.entry(name.into()).or_default().reasoning = Some(v.dollars()?);
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "long_above",
        takes: TOKENS,
        doc: "A call that reads more tokens than these has the prices `long_input` and `long_output`, for all of its tokens.",
        set: |s, name, v| {
            long(s, name).above = v.tokens()?;
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "long_input",
        takes: DOLLARS,
        doc: "Price of what a long call reads.",
        set: |s, name, v| {
            long(s, name).input = v.dollars()?;
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "long_cached_input",
        takes: DOLLARS,
        doc: "Price of what a long call reads from the provider's cache; without it as `cached_input`.",
        set: |s, name, v| {
            long(s, name).cached = Some(v.dollars()?);
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "long_cache_write",
        takes: DOLLARS,
        doc: "Price of what a long call writes to the provider's cache; without it as `cache_write`.",
        set: |s, name, v| {
            long(s, name).cache_write = Some(v.dollars()?);
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "long_cache_write_1h",
        takes: DOLLARS,
        doc: "Price of what a long call writes to the provider's cache for an hour; without it as `long_cache_write`, else `cache_write_1h`.",
        set: |s, name, v| {
            long(s, name).cache_write_1h = Some(v.dollars()?);
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "long_output",
        takes: DOLLARS,
        doc: "Price of what a long call writes.",
        set: |s, name, v| {
            long(s, name).output = v.dollars()?;
            Some(())
        },
    },
    Key {
        section: "prices.*",
        key: "long_reasoning",
        takes: DOLLARS,
        doc: "Price of what a long call writes while the model reasons; without it as `long_output`.",
        set: |s, name, v| {
            long(s, name).reasoning = Some(v.dollars()?);
            Some(())
        },
    },
];

impl Settings {
    /// Reads a `flow.toml`. What is wrong in it is reported, and left out.
    pub fn parse(file: FileId, text: &str) -> (Settings, Vec<Diagnostic>) {
        let mut reader = Reader { file, text, settings: Settings::default(), problems: Vec::new() };
        match DeTable::parse(text) {
            Ok(table) => reader.table("", table.get_ref()),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                let message =
                    format!("this is no TOML: {}", error.message().trim_end_matches('.').replace('\n', ", "));
                reader.problem(span, message, None);
            }
        }
        (reader.settings, reader.problems)
    }

    /// Takes what the environment says: `FLOW_STORAGE_URL` is `[storage] url`. Goes before what stands in `flow.toml`.
    ///
    /// # Errors
    /// A line for each variable that has a value that its key doesn't take.
    pub fn apply_environment<'a>(
        &mut self,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Vec<String>> {
        let mut problems = Vec::new();
        for (name, value) in variables {
            let Some(key) = KEYS.iter().find(|key| key.variable().is_some_and(|own| own == name)) else {
                continue;
            };
            let given = value.trim().parse().map_or(Given::Text(value), Given::Number);
            let fits = (key.set)(self, "", &given).or_else(|| (key.set)(self, "", &Given::Text(value)));
            if fits.is_none() {
                problems.push(format!("{name} takes {}", key.takes));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

impl Key {
    /// Returns a value that it takes, as it is written.
    fn example(&self) -> &'static str {
        match (self.key, self.takes) {
            ("version", _) => "\"1.0\"",
            ("name", _) => "\"my-project\"",
            ("url", _) => "\"sqlite:.flow/flow.db\"",
            ("synchronous", _) => "\"normal\"",
            ("on_failure", _) => "\"stop\"",
            ("lease_s", _) => "15",
            ("dir", _) => "\"./secrets\"",
            ("entry", _) => "\"main.flow\"",
            (_, DOLLARS) => "0.25",
            (_, TOKENS) => "200000",
            (_, takes) if takes.starts_with("a whole number") => "8",
            (_, takes) if takes.starts_with("a model") => "\"openai/gpt-4.1-mini\"",
            _ => "\"…\"",
        }
    }

    /// Returns the environment's variable for it; keys of sections with a name have none.
    pub fn variable(&self) -> Option<String> {
        (!self.section.contains('*')).then(|| format!("FLOW_{}_{}", self.section, self.key).to_uppercase())
    }
}

struct Reader<'t> {
    file: FileId,
    text: &'t str,
    settings: Settings,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Walks a table; `path` is the dotted name of its section with names in it replaced by `*`.
    fn table(&mut self, path: &str, table: &DeTable) {
        self.section(path, "", table);
    }

    fn section(&mut self, path: &str, name: &str, table: &DeTable) {
        for (key, value) in table.iter() {
            let word: &str = key.get_ref();
            let below = |part: &str| if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") };
            if let Some(row) = KEYS.iter().find(|row| row.section == path && row.key == word) {
                if (row.set)(&mut self.settings, name, &given(value.get_ref())).is_none() {
                    self.bad_value(row, value.span());
                }
            } else if let Some(inner) = self.inner(&below(word), &below("*"), word) {
                match value.get_ref() {
                    DeValue::Table(table) => {
                        self.section(&inner.0, inner.1, table);
                        if inner.0 == "prices.*" {
                            self.whole_price(key, table);
                        }
                    }
                    _ => self.problem(
                        value.span(),
                        format!("`{word}` is a section"),
                        Some(format!("write `[{}]` above its keys", below(word))),
                    ),
                }
            } else {
                self.unknown(path, key);
            }
        }
    }

    /// A value that its key doesn't take: what to write instead, made of the value where it only lacks its quotes.
    fn bad_value(&mut self, row: &Key, span: std::ops::Range<usize>) {
        let written = self.text.get(span.clone()).unwrap_or_default();
        let is_bare = row.takes == TEXT
            && !written.is_empty()
            && written.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        let instead = if is_bare { format!("\"{written}\"") } else { row.example().to_owned() };
        let help = format!("write `{} = {instead}`: {}", row.key, first_lower(row.doc));
        self.problem(span.clone(), format!("`{}` takes {}", row.key, row.takes), Some(help));
        if let Some(problem) = self.problems.last_mut().filter(|_| is_bare) {
            let at = problem.primary.at;
            *problem = problem.clone().fix("add the quotes", at, instead);
        }
    }

    /// A price of which half is missing would make that half free: it is none. So it is with the prices of long calls.
    fn whole_price(&mut self, key: &Spanned<std::borrow::Cow<str>>, table: &DeTable) {
        let name: &str = key.get_ref();
        let of_long = table.keys().any(|word| word.get_ref().starts_with("long_"));
        let needed = ["input", "output"]
            .into_iter()
            .chain(of_long.then_some(["long_above", "long_input", "long_output"]).into_iter().flatten());
        if let Some(missing) = needed.into_iter().find(|word| !table.contains_key(*word)) {
            self.settings.prices.shift_remove(name);
            let message = format!("the price of `{name}` has no `{missing}`");
            let help = match missing {
                "long_above" => format!("add `{missing} = 200000`, {TOKENS}"),
                _ => format!("add `{missing} = 0.25`, in {DOLLARS}; 0.0 is free"),
            };
            self.problem(key.span(), message, Some(help));
        } else if !name.contains('/') {
            self.problem(
                key.span(),
                format!("`{name}` is no model"),
                Some(format!("a model has its provider before it: write `[prices.\"openai/{name}\"]`")),
            );
        }
    }

    /// Finds the section that a word opens: by its own name, or where a name is asked for.
    fn inner<'a>(&self, own: &str, any: &str, word: &'a str) -> Option<(String, &'a str)> {
        let exists = |path: &str| {
            KEYS.iter().any(|row| row.section == path || row.section.starts_with(&format!("{path}.")))
        };
        if exists(own) {
            return Some((own.to_owned(), ""));
        }
        exists(any).then(|| (any.to_owned(), word))
    }

    fn unknown(&mut self, path: &str, key: &Spanned<std::borrow::Cow<str>>) {
        let word: &str = key.get_ref();
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        let mut known: Vec<&str> = KEYS
            .iter()
            .filter_map(|row| {
                if row.section == path {
                    Some(row.key)
                } else {
                    row.section.strip_prefix(&prefix)?.split('.').next()
                }
            })
            .filter(|known| *known != "*")
            .collect();
        known.dedup();
        let place = if path.is_empty() {
            String::from("flow.toml")
        } else {
            format!("[{}]", path.replace('*', "…"))
        };
        let list = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let near = flow_check::nearest(word, known.iter().copied());
        let help = match near {
            Some(near) => format!("did you mean `{near}`? It knows {list}"),
            None => format!("take it out; it knows {list}"),
        };
        self.problem(key.span(), format!("{place} has no key `{word}`"), Some(help));
        if let (Some(near), Some(problem)) = (near, self.problems.last_mut()) {
            let at = problem.primary.at;
            *problem = problem.clone().fix(format!("replace `{word}` by `{near}`"), at, near);
        }
    }

    fn problem(&mut self, span: std::ops::Range<usize>, message: String, help: Option<String>) {
        let at = FileSpan { file: self.file, span: Span::new(span.start as u32, span.end as u32) };
        let mut diagnostic = Diagnostic::new(Code::BadProjectFile, at, message);
        diagnostic.help = help;
        self.problems.push(diagnostic);
    }
}

/// A sentence as it goes on after a colon.
fn first_lower(sentence: &str) -> String {
    let mut chars = sentence.trim_end_matches('.').chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

fn given<'a>(value: &'a DeValue) -> Given<'a> {
    match value {
        DeValue::String(text) => Given::Text(text),
        DeValue::Integer(number) if number.radix() == 10 => {
            number.as_str().replace('_', "").parse().map_or(Given::Other, Given::Number)
        }
        DeValue::Float(number) => {
            number.as_str().replace('_', "").parse().map_or(Given::Other, Given::Number)
        }
        _ => Given::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Settings, Vec<String>) {
        let (settings, problems) = Settings::parse(FileId(0), text);
        (settings, problems.into_iter().map(|problem| problem.message).collect())
    }

    /// A value of a key that it takes, and one that it doesn't.
    fn samples(key: &Key) -> (&'static str, &'static str) {
        match key.takes {
            TEXT => ("\"x\"", "3"),
            DOLLARS => ("0.25", "\"free\""),
            TOKENS => ("3", "0.5"),
            "\"normal\" or \"full\"" => ("\"full\"", "\"off\""),
            "\"stop\" or \"continue\"" => ("\"continue\"", "\"off\""),
            takes if takes.starts_with("a whole number") => ("3", "0"),
            takes if takes.starts_with("a model") => ("\"ollama/x\"", "\"x\""),
            takes if takes.contains(".flow") => ("\"a.flow\"", "\"a.txt\""),
            _ => ("\"x\"", "true"),
        }
    }

    #[test]
    fn each_key_changes_the_settings_and_refuses_what_it_does_not_take() {
        for key in KEYS {
            let section = key.section.replace('*', "\"openai/m\"");
            let (right, wrong) = samples(key);
            // A price is given whole.
            let others: String = ["input", "output", "long_above", "long_input", "long_output"]
                .into_iter()
                .filter(|other| key.section == "prices.*" && *other != key.key)
                .map(|other| format!("{other} = 1\n"))
                .collect();
            let empty = read(&format!("[{section}]\n{others}")).0;
            let (settings, problems) = read(&format!("[{section}]\n{others}{} = {right}\n", key.key));
            assert_eq!(problems, [""; 0], "{} {}", key.section, key.key);
            assert_ne!(settings, empty, "{} {}", key.section, key.key);
            let (_, problems) = read(&format!("[{section}]\n{others}{} = {wrong}\n", key.key));
            assert_eq!(problems, [format!("`{}` takes {}", key.key, key.takes)]);
        }
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let (mut settings, _) = read("[storage]\nurl = \"sqlite:a.db\"\n");
        settings
            .apply_environment([
                ("FLOW_STORAGE_URL", "memory:"),
                ("FLOW_MODELS_DEFAULT", "ollama/x"),
                ("HOME", "/"),
            ])
            .unwrap();
        assert_eq!(settings.storage_url.as_deref(), Some("memory:"));
        assert_eq!(settings.default_model.as_deref(), Some("ollama/x"));
        let wrong = settings.apply_environment([("FLOW_STORAGE_SYNCHRONOUS", "off")]).unwrap_err();
        assert_eq!(wrong, ["FLOW_STORAGE_SYNCHRONOUS takes \"normal\" or \"full\""]);
    }

    #[test]
    fn each_unknown_key_is_reported_and_the_rest_is_read() {
        let (settings, problems) = read(
            "nam = 1\n[project]\nname = \"a\"\nnmae = \"b\"\n[storage.x]\ny = 1\n[models.limits.openai]\nburst = 2\nconcurrency = 4\nrequests_per_minute = 90\n",
        );
        assert_eq!(
            problems,
            [
                "flow.toml has no key `nam`",
                "[project] has no key `nmae`",
                "[storage] has no key `x`",
                "[models.limits.…] has no key `burst`"
            ]
        );
        assert_eq!(settings.name.as_deref(), Some("a"));
        assert_eq!(settings.limits["openai"], Limits { concurrency: Some(4), requests_per_minute: Some(90) });
    }

    #[test]
    fn half_a_price_is_none() {
        let (settings, problems) =
            read("[prices.\"openai/m\"]\ninput = 1.0\n[prices.local]\ninput = 0.0\noutput = 0.0\n");
        assert_eq!(problems, ["the price of `openai/m` has no `output`", "`local` is no model"]);
        assert!(!settings.prices.contains_key("openai/m"));
        let whole = "[prices.\"openai/m\"]\ninput = 1\noutput = 1\n";
        let (settings, problems) = read(&format!("{whole}long_reasoning = 2\n"));
        assert_eq!(problems, ["the price of `openai/m` has no `long_above`"]);
        assert!(settings.prices.is_empty());
        assert_eq!(read(whole).0.prices["openai/m"].long, None);
    }

    #[test]
    fn broken_toml_is_one_problem() {
        assert_eq!(read("[project\nname = ").1.len(), 1);
    }
}
