//! How a model is told to think, and how its answer may be drawn beside that.

use flow_ir::catalogue::{Claude, ClaudeSilence, ClaudeThinking};
use flow_ir::plan::{Effort, Thinking};
use flow_runtime_api::{Failure, Kind, Sampling};
use serde_json::{Value, json};

use crate::peer::Peer;

/// A model thinks in so many tokens at least.
const BUDGET_MIN: u64 = 1_024;
/// What models take `top_p` to be where it isn't set.
const TOP_P: f64 = 0.99;
/// Of `top_p`, while a model thinks.
const TOP_P_THINKING_MIN: f64 = 0.95;

/// What a request says of thinking.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Thought {
    pub thinking: Option<Value>,
    pub effort: Option<&'static str>,
    /// Whether the program asks for it.
    pub is_on: bool,
    /// Whether the turn that a tool's result belongs to must begin with a thought.
    pub needs_thoughts: bool,
}

/// Writes how much a model is to think, in the way that it understands.
pub(super) fn thinking(
    peer: &Peer<'_>,
    claude: Option<Claude>,
    wanted: Option<Thinking>,
    max_tokens: u64,
) -> Result<Thought, Failure> {
    let Some(wanted) = wanted else { return Ok(Thought::default()) };
    let name = &peer.model.model;
    // Other servers of the wire have the oldest form.
    let way = claude.map_or(ClaudeThinking::Budget, Claude::thinking);
    let effort = match wanted {
        Thinking::Off => return Ok(silence(claude)),
        Thinking::On => None,
        Thinking::Effort(effort) => Some(effort),
        Thinking::Tokens(_) if way == ClaudeThinking::Effort => {
            return Err(refused(format!(
                "`{name}` takes no number of tokens for its thinking: write `low`, `medium` or `high`"
            )));
        }
        Thinking::Tokens(tokens) if way != ClaudeThinking::None => return budget(tokens, max_tokens, name),
        Thinking::Tokens(_) => None,
    };
    match way {
        ClaudeThinking::None => Err(refused(format!("`{name}` can't think before it answers"))),
        ClaudeThinking::Budget => {
            let wanted = match effort {
                Some(Effort::Minimal) => BUDGET_MIN,
                Some(Effort::Low) => 4_096,
                None | Some(Effort::Medium) => 12_288,
                Some(Effort::High) => 24_576,
                Some(Effort::Max) => u64::MAX,
            };
            // Room is left for the answer, since both count towards one limit.
            budget(wanted.min(max_tokens / 4 * 3).max(BUDGET_MIN), max_tokens, name)
        }
        ClaudeThinking::Both | ClaudeThinking::Effort => {
            let mut thinking = json!({"type": "adaptive"});
            if way == ClaudeThinking::Effort {
                // These show nothing of it unless they are asked to.
                thinking["display"] = json!("summarized");
            }
            let effort = effort.map(|effort| match effort {
                Effort::Minimal | Effort::Low => "low",
                Effort::Medium => "medium",
                Effort::High => "high",
                Effort::Max => "max",
            });
            Ok(Thought { thinking: Some(thinking), effort, is_on: true, needs_thoughts: false })
        }
    }
}

fn budget(tokens: u64, max_tokens: u64, name: &str) -> Result<Thought, Failure> {
    if tokens < BUDGET_MIN {
        return Err(refused(format!("`{name}` thinks in {BUDGET_MIN} tokens at least, and not in {tokens}")));
    }
    if tokens >= max_tokens {
        return Err(refused(format!(
            "`{name}` can't think in {tokens} tokens and answer: `max_tokens`, which is for both, is {max_tokens}"
        )));
    }
    let thinking = json!({"type": "enabled", "budget_tokens": tokens});
    Ok(Thought { thinking: Some(thinking), effort: None, is_on: true, needs_thoughts: true })
}

/// Writes that a model isn't to think, or as little as it can.
fn silence(claude: Option<Claude>) -> Thought {
    let (thinking, effort) = match claude.map_or(ClaudeSilence::Disabled, Claude::silence) {
        ClaudeSilence::Default => (None, None),
        ClaudeSilence::Disabled => (Some(json!({"type": "disabled"})), None),
        ClaudeSilence::BetweenTools => (Some(json!({"type": "between_tools"})), None),
        ClaudeSilence::Never => (None, Some("low")),
    };
    Thought { thinking, effort, ..Thought::default() }
}

/// What a request says of how the answer is drawn.
#[derive(Debug, PartialEq)]
pub(super) struct Sampled {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
}

/// Writes how the answer is drawn; what the model doesn't take is a failure, unless it is what the model does anyway.
pub(super) fn sampling(
    peer: &Peer<'_>,
    claude: Option<Claude>,
    wanted: &Sampling,
    thought: &Thought,
) -> Result<Sampled, Failure> {
    let name = &peer.model.model;
    if wanted.seed.is_some() {
        return Err(refused(format!("{} has no `seed`", peer.info.title)));
    }
    let Sampling { mut temperature, mut top_p, .. } = *wanted;
    if let Some(temperature) = temperature.filter(|temperature| *temperature > 1.0) {
        return Err(refused(format!(
            "{} takes a `temperature` of 0 to 1, and not {temperature}",
            peer.info.title
        )));
    }
    if claude.is_some_and(Claude::refuses_sampling) {
        temperature = temperature.filter(|temperature| *temperature < 1.0);
        top_p = top_p.filter(|top_p| *top_p < TOP_P);
        return match (temperature, top_p) {
            (None, None) => Ok(Sampled { temperature, top_p }),
            (Some(_), _) => Err(refused(format!("`{name}` takes no `temperature`"))),
            (None, Some(_)) => Err(refused(format!("`{name}` takes no `top_p`"))),
        };
    }
    if thought.is_on {
        temperature = temperature.filter(|temperature| *temperature < 1.0);
        if temperature.is_some() {
            return Err(refused(format!("`{name}` takes no `temperature` while it thinks")));
        }
        if let Some(top_p) = top_p.filter(|top_p| *top_p < TOP_P_THINKING_MIN) {
            return Err(refused(format!(
                "`{name}` takes a `top_p` of {TOP_P_THINKING_MIN} to 1 while it thinks, and not {top_p}"
            )));
        }
    }
    Ok(Sampled { temperature, top_p })
}

fn refused(message: String) -> Failure {
    Failure::new(Kind::Refused, message)
}
