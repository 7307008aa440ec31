//! The one table of what can be asked by each wire.

use super::table::{self, Capability};
use super::{Claude, ClaudeThinking};

/// Something that a call may ask of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Tools that the model may call.
    Tools,
    /// An answer by a JSON Schema.
    Schema,
    /// Images in a message.
    Images,
    /// Recordings in a message.
    Audio,
    /// Files in a message, PDF at least.
    Files,
    /// `temperature`.
    Temperature,
    /// `top_p`.
    TopP,
    /// `max_tokens`.
    MaxTokens,
    /// `seed`.
    Seed,
    /// `stop`.
    Stop,
    /// `thinking` as off, or an effort.
    Thinking,
    /// `thinking` as a number of tokens.
    ThinkingTokens,
    /// `cache: true`.
    Cache,
    /// `cache` with a time.
    CacheTime,
    /// Texts to vectors.
    Embeddings,
}

impl Feature {
    /// Every feature, in the order of the table's columns.
    pub const ALL: [Feature; 15] = [
        Feature::Tools,
        Feature::Schema,
        Feature::Images,
        Feature::Audio,
        Feature::Files,
        Feature::Temperature,
        Feature::TopP,
        Feature::MaxTokens,
        Feature::Seed,
        Feature::Stop,
        Feature::Thinking,
        Feature::ThinkingTokens,
        Feature::Cache,
        Feature::CacheTime,
        Feature::Embeddings,
    ];

    /// How a message calls it: `` `openai` has no … ``.
    pub const fn title(self) -> &'static str {
        match self {
            Feature::Tools => "tools",
            Feature::Schema => "answers by schema",
            Feature::Images => "images",
            Feature::Audio => "audio",
            Feature::Files => "files",
            Feature::Temperature => "`temperature`",
            Feature::TopP => "`top_p`",
            Feature::MaxTokens => "`max_tokens`",
            Feature::Seed => "`seed`",
            Feature::Stop => "`stop`",
            Feature::Thinking => "`thinking`",
            Feature::ThinkingTokens => "`thinking` by tokens",
            Feature::Cache => "`cache`",
            Feature::CacheTime => "`cache` with a time",
            Feature::Embeddings => "vectors of texts",
        }
    }

    /// What of a model it needs; a model that the table of prices doesn't know is asked all the same.
    const fn needs(self) -> Option<Capability> {
        match self {
            Feature::Tools => Some(Capability::Tools),
            Feature::Images => Some(Capability::Images),
            Feature::Audio => Some(Capability::Audio),
            Feature::Files => Some(Capability::Pdf),
            _ => None,
        }
    }
}

/// What a wire does with a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It has no place for it: asking is an error.
    Lacks,
    /// The request says it.
    Asked,
    /// The server does it by itself: the request is the same with and without.
    Unasked,
}

/// A wire: an API of a provider.
#[derive(Debug, PartialEq, Eq)]
pub struct Wire {
    /// The provider's name.
    pub provider: &'static str,
    /// The provider's name for the API, as `api` of a model says it; none where there is only one.
    pub api: Option<&'static str>,
    cells: [Support; Feature::ALL.len()],
}

use Support::{Asked as YES, Lacks as NO, Unasked as SELF};

const fn wire(
    provider: &'static str,
    api: Option<&'static str>,
    cells: [Support; Feature::ALL.len()],
) -> Wire {
    Wire { provider, api, cells }
}

/// Every wire. What OpenAI's responses lack goes to chat completions unless the model says otherwise.
#[rustfmt::skip]
pub const WIRES: &[Wire] = &[
    //                                tools schema images audio files temp. top_p max_t seed stop think tokens cache c_time embed
    wire("openai", Some("responses"), [YES,  YES,   YES,   NO,   YES,  YES,  YES,  YES,  NO,  NO,  YES,  NO,    YES,  YES,   YES]),
    wire("openai", Some("chat"),      [YES,  YES,   YES,   YES,  YES,  YES,  YES,  YES,  YES, YES, YES,  NO,    YES,  YES,   YES]),
    wire("anthropic", None,           [YES,  YES,   YES,   NO,   YES,  YES,  YES,  YES,  NO,  YES, YES,  YES,   YES,  YES,   NO]),
    wire("gemini", None,              [YES,  YES,   YES,   YES,  YES,  YES,  YES,  YES,  YES, YES, YES,  YES,   SELF, NO,    YES]),
    wire("ollama", None,              [YES,  YES,   YES,   NO,   NO,   YES,  YES,  YES,  YES, YES, YES,  NO,    SELF, YES,   YES]),
];

impl Wire {
    /// Returns what the wire does with a feature.
    pub fn support(&self, feature: Feature) -> Support {
        let at = Feature::ALL.iter().position(|own| *own == feature);
        at.map_or(Support::Lacks, |at| self.cells[at])
    }
}

/// Why a feature can't be had of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The provider's wire has no place for it.
    Wire,
    /// The wire has, the model can't.
    Model,
}

/// Tells whether something can be had of a model, and why not. `api` is what the model says; `model` is its name where it
/// is asked at its vendor, since a compatible server is judged by its wire only. What the table doesn't know may be asked.
///
/// ```
/// use flow_ir::catalogue::{Feature, Lack, lacks};
/// assert_eq!(lacks("openai", None, Some("gpt-4.1"), Feature::Seed), None);
/// assert_eq!(lacks("openai", Some("responses"), None, Feature::Seed), Some(Lack::Wire));
/// assert_eq!(lacks("openai", None, Some("o3"), Feature::Temperature), Some(Lack::Model));
/// ```
pub fn lacks(provider: &str, api: Option<&str>, model: Option<&str>, feature: Feature) -> Option<Lack> {
    let mut wires = WIRES.iter().filter(|wire| wire.provider == provider).peekable();
    wires.peek()?;
    let is_meant = |wire: &Wire| api.is_none() || wire.api.is_none() || wire.api == api;
    if !wires.any(|wire| is_meant(wire) && wire.support(feature) != Support::Lacks) {
        return Some(Lack::Wire);
    }
    let model = model?;
    let known = table::model(provider, model);
    let claude = (provider == "anthropic").then(|| Claude::of(model)).flatten();
    let can = match feature {
        Feature::Temperature | Feature::TopP if claude.is_some_and(Claude::refuses_sampling) => false,
        Feature::ThinkingTokens
            if claude.is_some_and(|claude| claude.thinking() == ClaudeThinking::Effort) =>
        {
            false
        }
        Feature::Thinking | Feature::ThinkingTokens => {
            known.is_none_or(|known| known.can(Capability::Reasoning))
        }
        Feature::Temperature | Feature::TopP | Feature::Stop => {
            !(provider == "openai" && always_thinks(provider, model))
        }
        feature => feature.needs().is_none_or(|needed| known.is_none_or(|known| known.can(needed))),
    };
    (!can).then_some(Lack::Model)
}

/// Whether a model can't be told not to think: OpenAI's o-series, and the first generation of GPT-5. They refuse sampling
/// and stop texts, too.
pub fn always_thinks(provider: &str, model: &str) -> bool {
    let first_gpt_5 = model == "gpt-5" || model.starts_with("gpt-5-") && !model.starts_with("gpt-5-chat");
    let known = table::model(provider, model).is_none_or(|known| known.can(Capability::Reasoning));
    provider == "openai" && known && (first_gpt_5 || is_o_series(model))
}

/// Whether a model thinks, as far as its name tells: what comes out after the table was made is named as before.
pub fn thinks_by_its_name(provider: &str, model: &str) -> bool {
    provider == "openai" && (is_o_series(model) || model.starts_with("gpt-5") && !model.contains("-chat"))
}

fn is_o_series(model: &str) -> bool {
    let mut letters = model.chars();
    letters.next() == Some('o') && letters.next().is_some_and(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::PROVIDERS;

    #[test]
    fn every_provider_that_answers_has_a_wire() {
        for provider in PROVIDERS.iter().filter(|provider| !provider.simulated) {
            let mut wires = WIRES.iter().filter(|wire| wire.provider == provider.name);
            assert!(wires.clone().next().is_some(), "{}", provider.name);
            assert!(wires.all(|wire| wire.api.is_none_or(|api| provider.apis.contains(&api))));
        }
        assert!(WIRES.iter().all(|wire| PROVIDERS.iter().any(|provider| provider.name == wire.provider)));
    }

    #[test]
    fn a_model_is_judged_where_it_is_known() {
        let asked = |model: &str, feature| lacks("openai", None, Some(model), feature);
        assert_eq!(asked("gpt-4.1", Feature::Thinking), Some(Lack::Model));
        assert_eq!(asked("gpt-5", Feature::Thinking), None);
        assert_eq!(asked("gpt-5", Feature::ThinkingTokens), Some(Lack::Wire));
        assert_eq!(asked("gpt-4.1", Feature::Audio), Some(Lack::Model));
        assert_eq!(asked("brand-new", Feature::Audio), None);
        assert_eq!(lacks("openai", None, None, Feature::Audio), None);
        assert_eq!(lacks("anthropic", None, Some("brand-new"), Feature::Seed), Some(Lack::Wire));
        let asked = |model: &str, feature| lacks("anthropic", None, Some(model), feature);
        assert_eq!(asked("claude-opus-5", Feature::Temperature), Some(Lack::Model));
        assert_eq!(asked("claude-opus-5", Feature::ThinkingTokens), Some(Lack::Model));
        assert_eq!(asked("claude-opus-5", Feature::Thinking), None);
        assert_eq!(asked("claude-haiku-4-5", Feature::TopP), None);
        assert_eq!(asked("claude-haiku-4-5", Feature::ThinkingTokens), None);
        assert_eq!(lacks("simulate", None, Some("x"), Feature::Seed), None);
        assert!(always_thinks("openai", "o4-mini") && always_thinks("openai", "gpt-5-mini"));
        assert!(!always_thinks("openai", "gpt-5.1") && !always_thinks("openai", "gpt-5-chat-latest"));
        assert!(thinks_by_its_name("openai", "gpt-5.9") && !thinks_by_its_name("openai", "omni"));
    }
}
