//! Calls of tools, made up: now and then, with arguments of their types.

use flow_answer::generate;
use flow_ir::Type;
use flow_ir::json::encode;
use flow_ir::types::{Field, Record};
use flow_runtime_api::{Call, Part, Role, ToolCall, ToolChoice};

use super::{Question, Worst, seed};

/// A tool that may be called.
#[derive(Clone, Debug)]
pub struct Offered {
    /// What the model calls it by.
    pub name: String,
    /// The arguments that the model gives.
    pub fields: Vec<Field>,
}

/// Returns the tools that are called before there is an answer, if any: most often once, rarely twice in a row. Each call
/// has an id of its own.
pub(super) fn calls(question: &Question<'_>, call: &Call) -> Vec<ToolCall> {
    if question.tools.is_empty() || call.tool_choice == ToolChoice::None {
        return Vec::new();
    }
    let turns = call.messages.iter().filter(|message| message.role == Role::Tool).count();
    let mut draws = Draws(seed(question, &format!("calls {}", words(call))));
    if let Some(worst) = question.worst {
        return worst_calls(question, worst, call, turns, &mut draws);
    }
    // In four.
    let chance = match turns {
        0 => 3,
        1 => 1,
        _ => 0,
    };
    if draws.next(4) >= chance {
        return Vec::new();
    }
    let count = 1 + draws.next(2);
    let made = (0..count).filter_map(|at| {
        let tool = question.tools.get(draws.next(question.tools.len() as u64) as usize)?;
        made(question, tool, &mut draws, format!("call_{turns}_{at}"))
    });
    made.collect()
}

fn made(question: &Question<'_>, tool: &Offered, draws: &mut Draws, id: String) -> Option<ToolCall> {
    let ty = Type::Record(std::sync::Arc::new(Record { fields: tool.fields.clone() }));
    let value = generate(&ty, question.types, question.rules, draws.next(u64::MAX), &tool.name)?;
    let arguments = encode(&value, &ty, question.types).ok()?;
    Some(ToolCall { id, name: tool.name.clone(), arguments: arguments.to_string() })
}

/// Calls the dearest tool that may be called again.
fn worst_calls(
    question: &Question<'_>,
    worst: Worst<'_>,
    call: &Call,
    turns: usize,
    draws: &mut Draws,
) -> Vec<ToolCall> {
    let mut used = vec![0_u64; question.tools.len()];
    for part in call.messages.iter().flat_map(|message| &message.parts) {
        if let Part::ToolCall(before) = part
            && let Some(at) = question.tools.iter().position(|tool| tool.name == before.name)
        {
            used[at] += 1;
        }
    }
    let mut all = Vec::new();
    for at in 0..if turns == 0 { worst.first } else { 1 } {
        // One that is asked for too often is refused, yet its turn is taken.
        let free = worst.calls.iter().find(|(tool, most)| used.get(*tool).is_some_and(|used| used < most));
        let Some((tool, _)) = free.or(worst.calls.first()) else { break };
        used[*tool] += 1;
        all.extend(made(question, &question.tools[*tool], draws, format!("call_{turns}_{at}")));
    }
    all
}

fn words(call: &Call) -> String {
    serde_json::to_string(&call.messages).unwrap_or_default()
}

/// Numbers that follow from a first one.
struct Draws(u64);

impl Draws {
    /// Returns a number below another, which is at least 1.
    fn next(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }
}
