//! What differs between the generations of Gemini, told from a model's name.
//!
//! Sources: ai.google.dev, "Gemini thinking", "Thought signatures" and "OpenAI compatibility" (which says how many tokens
//! an effort is), read in November 2026.

use flow_ir::plan::{Effort, Thinking};
use serde_json::{Value, json};

/// A model's generation, as far as requests depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// 2.5 and before: thinks by a number of tokens, from `least` to `most`.
    Tokens { least: u32, most: u32 },
    /// 3 and later: thinks by levels, of which `least` is the lowest.
    Levels { least: &'static str },
}

/// Returns the family of a model; one that nobody knows is a new one.
pub(super) fn of(model: &str) -> Family {
    let name = model.rsplit('/').next().unwrap_or(model);
    let old = ["gemini-1", "gemini-2", "gemini-robotics-er-1", "learnlm", "gemini-exp"];
    if old.iter().any(|start| name.starts_with(start)) {
        // Only the large ones can't do without, and can more.
        return match name.contains("-pro") {
            true => Family::Tokens { least: 128, most: 32_768 },
            false => Family::Tokens { least: 0, most: 24_576 },
        };
    }
    Family::Levels { least: if knows_minimal(name) { "MINIMAL" } else { "LOW" } }
}

/// Whether a model has the level below `LOW`: Gemma, the Lite models, and Flash up to 3.6.
fn knows_minimal(name: &str) -> bool {
    if name.starts_with("gemma") || name.contains("flash-lite") {
        return true;
    }
    let Some(version) = name.strip_prefix("gemini-3").filter(|rest| rest.contains("-flash")) else {
        return false;
    };
    match version.strip_prefix('.').and_then(|rest| rest.split('-').next()) {
        Some(minor) => minor.parse::<u32>().is_ok_and(|minor| minor < 7),
        None => version.starts_with('-'),
    }
}

impl Family {
    /// Whether tools and a schema of the answer go together.
    pub(super) fn has_tools_beside_schema(self) -> bool {
        matches!(self, Family::Levels { .. })
    }

    /// Whether a call of a tool is refused in the history without a signature of its thought.
    pub(super) fn wants_signatures(self) -> bool {
        matches!(self, Family::Levels { .. })
    }

    /// Returns the `thinkingConfig` of a wish. Thoughts are shown where they are asked for.
    pub(super) fn thinking(self, thinking: Thinking) -> Value {
        let shown = thinking != Thinking::Off;
        match self {
            Family::Tokens { least, most } => {
                let tokens = match thinking {
                    Thinking::Off => i64::from(least),
                    // As many as the model likes.
                    Thinking::On => -1,
                    Thinking::Effort(Effort::Minimal) => 512,
                    Thinking::Effort(Effort::Low) => 1_024,
                    Thinking::Effort(Effort::Medium) => 8_192,
                    Thinking::Effort(Effort::High) => 24_576,
                    Thinking::Effort(Effort::Max) => i64::from(most),
                    Thinking::Tokens(tokens) => i64::try_from(tokens).unwrap_or(i64::MAX),
                };
                json!({"thinkingBudget": tokens, "includeThoughts": shown})
            }
            Family::Levels { least } => {
                let level = match thinking {
                    Thinking::On => return json!({"includeThoughts": true}),
                    Thinking::Off | Thinking::Effort(Effort::Minimal) => least,
                    Thinking::Effort(Effort::Low) => "LOW",
                    Thinking::Effort(Effort::Medium) => "MEDIUM",
                    Thinking::Effort(Effort::High | Effort::Max) => "HIGH",
                    // The highest level that is no more than these tokens.
                    Thinking::Tokens(..8_192) => "LOW",
                    Thinking::Tokens(8_192..24_576) => "MEDIUM",
                    Thinking::Tokens(_) => "HIGH",
                };
                json!({"thinkingLevel": level, "includeThoughts": shown})
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLASH: Family = Family::Tokens { least: 0, most: 24_576 };

    #[test]
    fn a_family_is_told_from_the_name() {
        for (model, family) in [
            ("gemini-2.5-flash", FLASH),
            ("gemini-2.5-pro", Family::Tokens { least: 128, most: 32_768 }),
            ("models/gemini-2.5-flash-lite", FLASH),
            ("gemini-robotics-er-1.5-preview", FLASH),
            ("gemini-3-flash-preview", Family::Levels { least: "MINIMAL" }),
            ("gemini-3.1-flash-lite", Family::Levels { least: "MINIMAL" }),
            ("gemini-3.6-flash", Family::Levels { least: "MINIMAL" }),
            ("gemini-3.7-flash", Family::Levels { least: "LOW" }),
            ("gemini-3.8-flash", Family::Levels { least: "LOW" }),
            ("gemini-3.1-pro-preview", Family::Levels { least: "LOW" }),
            ("gemini-4-argon", Family::Levels { least: "LOW" }),
            ("gemini-flash-latest", Family::Levels { least: "LOW" }),
            ("gemini-flash-lite-latest", Family::Levels { least: "MINIMAL" }),
            ("gemma-4-31b-it", Family::Levels { least: "MINIMAL" }),
            ("house", Family::Levels { least: "LOW" }),
        ] {
            assert_eq!(of(model), family, "{model}");
        }
    }

    #[test]
    fn each_wish_to_think_is_another_request() {
        let flash = of("gemini-2.5-flash");
        assert_eq!(flash.thinking(Thinking::Off), json!({"thinkingBudget": 0, "includeThoughts": false}));
        let pro = of("gemini-2.5-pro");
        assert_eq!(pro.thinking(Thinking::Off), json!({"thinkingBudget": 128, "includeThoughts": false}));
        let newer = of("gemini-3.8-flash");
        for (effort, tokens, level) in
            [(Effort::Low, 1_024, "LOW"), (Effort::Medium, 8_192, "MEDIUM"), (Effort::High, 24_576, "HIGH")]
        {
            let wish = Thinking::Effort(effort);
            assert_eq!(flash.thinking(wish), json!({"thinkingBudget": tokens, "includeThoughts": true}));
            assert_eq!(newer.thinking(wish), json!({"thinkingLevel": level, "includeThoughts": true}));
            assert_eq!(newer.thinking(Thinking::Tokens(tokens))["thinkingLevel"], level);
        }
        assert_eq!(flash.thinking(Thinking::Tokens(77))["thinkingBudget"], 77);
        assert_eq!(flash.thinking(Thinking::On), json!({"thinkingBudget": -1, "includeThoughts": true}));
        assert_eq!(newer.thinking(Thinking::On), json!({"includeThoughts": true}));
        assert_eq!(flash.thinking(Thinking::Effort(Effort::Minimal))["thinkingBudget"], 512);
        assert_eq!(newer.thinking(Thinking::Effort(Effort::Minimal))["thinkingLevel"], "LOW");
        assert_eq!(pro.thinking(Thinking::Effort(Effort::Max))["thinkingBudget"], 32_768);
        assert_eq!(newer.thinking(Thinking::Effort(Effort::Max))["thinkingLevel"], "HIGH");
        let lite = of("gemini-3.1-flash-lite");
        assert_eq!(
            lite.thinking(Thinking::Off),
            json!({"thinkingLevel": "MINIMAL", "includeThoughts": false})
        );
    }
}
