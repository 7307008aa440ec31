//! What Anthropic's models take, which differs from one to the next and is told by their names.
//!
//! Source: the migration guides of Anthropic's documentation for each model up to Claude Haiku 5.5, October 2026.

/// A model of Anthropic's, as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claude {
    family: Family,
    /// `(4, 7)` for `claude-opus-4-7`.
    version: (u32, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Opus,
    Sonnet,
    Haiku,
    /// Fable and Mythos.
    Fable,
    Other,
}

/// How a model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaudeThinking {
    /// It can't.
    None,
    /// With a number of tokens.
    Budget,
    /// With an effort, or with a number of tokens.
    Both,
    /// With an effort.
    Effort,
}

/// How a model is told not to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaudeSilence {
    /// It doesn't unless it is told to.
    Default,
    /// By `disabled`.
    Disabled,
    /// By `between_tools`, which leaves it short notes between calls of tools.
    BetweenTools,
    /// It always thinks.
    Never,
}

impl Claude {
    /// Reads a name; `None` for one that isn't Anthropic's or has no version. Names of other hosts of these models are
    /// read, too.
    ///
    /// ```
    /// use flow_ir::catalogue::Claude;
    /// assert_eq!(Claude::of("claude-opus-4-7-20260416"), Claude::of("anthropic.claude-opus-4-7"));
    /// assert_eq!(Claude::of("llama3.2"), None);
    /// ```
    pub fn of(name: &str) -> Option<Claude> {
        let name = name.to_ascii_lowercase();
        let words: Vec<&str> =
            name[name.find("claude")?..].split(['-', '.', '@', '_', ':', '/']).skip(1).collect();
        let family = words
            .iter()
            .find_map(|word| match *word {
                "opus" => Some(Family::Opus),
                "sonnet" => Some(Family::Sonnet),
                "haiku" => Some(Family::Haiku),
                "fable" | "mythos" => Some(Family::Fable),
                _ => None,
            })
            .unwrap_or(Family::Other);
        // A date is no version.
        let number = |word: &str| (word.len() <= 2).then(|| word.parse::<u32>().ok()).flatten();
        let version = match words.iter().position(|word| number(word).is_some()) {
            Some(at) => {
                (number(words[at])?, words.get(at + 1).and_then(|word| number(word)).unwrap_or_default())
            }
            None if words.contains(&"preview") && family == Family::Fable => (5, 0),
            None => return None,
        };
        Some(Claude { family, version })
    }

    /// How it is told to think.
    pub fn thinking(self) -> ClaudeThinking {
        match self.version {
            (0..3, _) | (3, 0..7) => ClaudeThinking::None,
            (3, _) | (4, 0..6) => ClaudeThinking::Budget,
            (4, 6) => ClaudeThinking::Both,
            _ => ClaudeThinking::Effort,
        }
    }

    /// How it is told not to think.
    pub fn silence(self) -> ClaudeSilence {
        match (self.family, self.version) {
            (Family::Fable, _) => ClaudeSilence::Never,
            (_, (0..5, _)) => ClaudeSilence::Default,
            (Family::Opus, (5, 5..)) => ClaudeSilence::Never,
            (Family::Sonnet, (5, 5..)) => ClaudeSilence::BetweenTools,
            _ => ClaudeSilence::Disabled,
        }
    }

    /// Whether it is known to refuse `temperature` and `top_p` other than its own.
    pub fn refuses_sampling(self) -> bool {
        ((4, 7)..(6, 0)).contains(&self.version)
    }

    /// Whether it goes on with a beginning of its answer.
    pub fn takes_beginning(self) -> bool {
        self.version < (4, 6)
    }

    /// Whether its answers can be held to a schema.
    pub fn takes_schema(self) -> bool {
        self.version >= (4, 5)
    }

    /// Tokens of an answer that every model of the version can give; a model of the table has its own.
    pub fn output_tokens(self) -> u64 {
        if self.version >= (4, 0) { 32_000 } else { 4_096 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::models;

    #[test]
    fn names_tell_what_a_model_takes() {
        use ClaudeSilence::*;
        use ClaudeThinking as Thinking;
        for (name, thinking, silence, refuses_sampling) in [
            ("claude-3-haiku-20240307", Thinking::None, Default, false),
            ("claude-3-7-sonnet-20250219", Thinking::Budget, Default, false),
            ("claude-sonnet-4-20250514", Thinking::Budget, Default, false),
            ("claude-haiku-4-5-20251001", Thinking::Budget, Default, false),
            ("claude-opus-4-5", Thinking::Budget, Default, false),
            ("claude-opus-4-6", Thinking::Both, Default, false),
            ("us.anthropic.claude-sonnet-4-6-v1:0", Thinking::Both, Default, false),
            ("claude-opus-4.7", Thinking::Effort, Default, true),
            ("claude-opus-4-8", Thinking::Effort, Default, true),
            ("claude-opus-5", Thinking::Effort, Disabled, true),
            ("claude-sonnet-5", Thinking::Effort, Disabled, true),
            ("claude-opus-5-5", Thinking::Effort, Never, true),
            ("claude-sonnet-5-5", Thinking::Effort, BetweenTools, true),
            ("claude-haiku-5-5", Thinking::Effort, Disabled, true),
            ("claude-fable-5-1", Thinking::Effort, Never, true),
            ("claude-mythos-preview", Thinking::Effort, Never, true),
            // What a later one refuses isn't known.
            ("claude-opus-6", Thinking::Effort, Disabled, false),
        ] {
            let claude = Claude::of(name).unwrap();
            let told = (claude.thinking(), claude.silence(), claude.refuses_sampling());
            assert_eq!(told, (thinking, silence, refuses_sampling), "{name}");
        }
        for other in ["llama3.2", "claude", "claude-next", "gpt-4.1", ""] {
            assert_eq!(Claude::of(other), None, "{other}");
        }
    }

    #[test]
    fn every_model_of_the_table_is_one() {
        let all: Vec<_> = models().filter(|model| model.provider == "anthropic").collect();
        assert!(all.len() > 10);
        for model in all {
            let claude = Claude::of(model.name).unwrap();
            assert!(claude.takes_schema() && claude.family != Family::Other, "{}", model.name);
            assert!(model.limits.output_tokens >= Some(claude.output_tokens()), "{}", model.name);
        }
    }
}
