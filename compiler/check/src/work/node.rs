//! The work of nodes and models: what each kind of effect may fail with, and how often it is tried.

use flow_syntax::tree::{self, ExprKind, FieldValue, Literal, NodeKind};
use smol_str::SmolStr;

use super::{Agent, BuiltIn, Call, Callee, Model, ModelUse, Node, Sort, With, Work, pure};
use crate::cx::Cx;
use crate::node::prompt::REPAIR;
use crate::program::{Entry, Sig, Symbol};

/// What a step of each kind may fail with, besides what its expressions may (S7). A kind that is missing here makes an
/// arm for it an error, so what isn't sure stays in.
pub(crate) mod table {
    use super::BuiltIn;

    /// A call over a network: no answer in time, a full server, a refused key, no server.
    const WIRE: BuiltIn =
        BuiltIn::TIMEOUT.and(BuiltIn::RATE_LIMITED).and(BuiltIn::REFUSED).and(BuiltIn::UNAVAILABLE);

    /// A model's answer may be cut at the output limit, be none of the type after all repairs, or be larger than a
    /// value may be. It is never `bad_shape`: that is a failed `as`.
    pub const PROMPT: BuiltIn = WIRE.and(BuiltIn::TRUNCATED).and(BuiltIn::BAD_ANSWER).and(BuiltIn::EXHAUSTED);

    /// An agent's turns are prompts. Running out of them is `exhausted` only without `finish` (C3).
    pub const AGENT: BuiltIn = WIRE.and(BuiltIn::TRUNCATED).and(BuiltIn::BAD_ANSWER);

    /// Whatever a tool answers with is read by its type (`bad_shape`), and has a limit (`exhausted`).
    const TOOL: BuiltIn = BuiltIn::TIMEOUT
        .and(BuiltIn::UNAVAILABLE)
        .and(BuiltIn::TOOL_FAILED)
        .and(BuiltIn::BAD_SHAPE)
        .and(BuiltIn::EXHAUSTED);

    /// A status is told apart: 401, 403, 408, 429, 5xx; any other is `tool_failed`. A value may be none that can stand
    /// in a URL or a header.
    pub const HTTP: BuiltIn = TOOL.and(WIRE).and(BuiltIn::BAD_VALUE);

    /// A tool of an MCP server, which stands behind a wire of its own and writes for all we know.
    pub const MCP: BuiltIn = TOOL.and(WIRE).and(BuiltIn::BAD_VALUE).and(BuiltIn::UNCERTAIN);

    /// A program, in the sandbox; a value may be none that can stand among its arguments.
    pub const PROGRAM: BuiltIn = TOOL.and(BuiltIn::CODE_FAILED).and(BuiltIn::BAD_VALUE);

    /// Sandboxed Python.
    pub const PYTHON: BuiltIn = TOOL.and(BuiltIn::CODE_FAILED);

    /// A tool of no sort that is known.
    pub const ANY_TOOL: BuiltIn = HTTP.and(PROGRAM).and(BuiltIn::UNCERTAIN);

    /// A person may refuse or not answer. What is started three times without an end is `unavailable` (C6).
    pub const HUMAN: BuiltIn = BuiltIn::DENIED.and(BuiltIn::TIMEOUT).and(BuiltIn::UNAVAILABLE);

    /// A person behind a channel: what is asked has to get there.
    pub const HUMAN_AWAY: BuiltIn = HUMAN.and(WIRE);

    /// A delivery may not come, or be of another shape than was said.
    pub const EVENT: BuiltIn = BuiltIn::TIMEOUT.and(BuiltIn::UNAVAILABLE).and(BuiltIn::BAD_SHAPE);

    /// The store may be slow, away or full, hold an entry of an older type, and a vector has to be embedded first. A write
    /// that isn't answered may have been done.
    pub const MEMORY: BuiltIn =
        WIRE.and(BuiltIn::BAD_SHAPE).and(BuiltIn::BAD_VALUE).and(BuiltIn::EXHAUSTED).and(BuiltIn::UNCERTAIN);
}

/// Additional tries of a prompt or an agent's turn where neither it nor its model says how many.
pub(crate) const MODEL_RETRY: u64 = 2;

/// Turns of an agent that says nothing about them; that is reported, so no bound is shown.
const TURNS_UNKNOWN: u64 = u64::MAX;

/// Returns the work of a node.
pub(crate) fn node(cx: &Cx, node: &tree::Node) -> Work {
    let field = |name: &str| node.fields.iter().find(|field| field.key.text == name);
    let expr = |name: &str| match &field(name)?.value {
        FieldValue::Expr(expr) => Some(expr),
        _ => None,
    };
    let count = |name: &str| count(cx, expr(name)?);
    let mut raises = BuiltIn::NONE;
    let mut is_read = true;
    for field in &node.fields {
        match &field.value {
            FieldValue::Expr(expr) if is_word(&field.key.text) => {
                is_read &= !matches!(expr.kind, ExprKind::Error);
            }
            FieldValue::Expr(expr) | FieldValue::By(expr) => match pure::raises(expr) {
                Some(more) => raises = raises.and(more),
                None => is_read = false,
            },
            FieldValue::Error => is_read = false,
            FieldValue::Trusted(_) | FieldValue::Python(_) | FieldValue::Tools(_) => {}
        }
    }
    // What could not be read may be of any sort.
    if !is_read || !cx.item.lost.is_empty() {
        return Work::Unknown;
    }
    // Its entries are held against what a message is when the prompt is rendered.
    if field("history").is_some() {
        raises = raises.and(BuiltIn::BAD_VALUE);
    }
    let (kinds, sort) = match node.kind {
        NodeKind::Prompt => {
            let sort = Sort::Prompt {
                model: model_of(cx, expr("model")),
                retry: count("retry"),
                repair: count("repair").unwrap_or(u64::from(REPAIR)),
            };
            (table::PROMPT, sort)
        }
        NodeKind::Tool => {
            let has = |name: &str| field(name).is_some();
            let mut kinds = if ["get", "post", "put", "patch", "delete"].into_iter().any(has) {
                table::HTTP
            } else if has("mcp") {
                table::MCP
            } else if has("run") {
                table::PROGRAM
            } else if has("python") {
                table::PYTHON
            } else {
                table::ANY_TOOL
            };
            // Sent and not answered: whether it was done isn't known.
            if let Some(Sig::Call(sig)) = cx.module.sigs.get(&node.name.text)
                && sig.unsafe_writer
            {
                kinds = kinds.and(BuiltIn::UNCERTAIN);
            }
            (kinds, Sort::Tool { retry: count("retry").unwrap_or(0) })
        }
        NodeKind::Agent => {
            let max_turns = count("max_turns").or_else(|| count("max_steps"));
            let finish = field("finish").is_some();
            let fails_with_tools = expr("on_error").is_some_and(|expr| is_named(expr, "fail"));
            let tools = match field("tools").map(|field| &field.value) {
                Some(FieldValue::Tools(tools)) => {
                    tools.iter().filter_map(|tool| tool_use(cx, tool)).collect()
                }
                _ => Vec::new(),
            };
            let agent = Agent {
                model: model_of(cx, expr("model")),
                retry: count("retry"),
                repair: count("repair").unwrap_or(u64::from(REPAIR)),
                max_turns: max_turns.unwrap_or(TURNS_UNKNOWN),
                finish,
                fails_with_tools,
                tools,
            };
            let kinds = if finish { table::AGENT } else { table::AGENT.and(BuiltIn::EXHAUSTED) };
            (kinds, Sort::Agent(agent))
        }
        NodeKind::Human => {
            let here = match field("via").map(|field| &field.value) {
                None => true,
                Some(FieldValue::Expr(expr) | FieldValue::Trusted(expr)) => is_named(expr, "dashboard"),
                Some(_) => false,
            };
            (if here { table::HUMAN } else { table::HUMAN_AWAY }, Sort::Human)
        }
        NodeKind::Event => (table::EVENT, Sort::Event),
    };
    // Texts that are put together for a message can't get near the limit of a value but by what came in; whether the call
    // itself may be `exhausted` is in the table.
    let fields = BuiltIn(raises.0 & !BuiltIn::EXHAUSTED.0);
    Work::Node(Box::new(Node { raises: fields.and(kinds), sort }))
}

/// Whether it is a word, quoted or not.
fn is_named(expr: &tree::Expr, word: &str) -> bool {
    matches!(&expr.kind, ExprKind::Name(name) | ExprKind::Literal(Literal::String(name)) if name == word)
}

/// Whether a field's value is words or settings, not what is computed when the node is called.
fn is_word(field: &str) -> bool {
    matches!(
        field,
        "model" | "decode" | "via" | "on_error" | "limits" | "runtime" | "exit" | "verify" | "mcp"
    )
}

/// Returns the work of a model.
pub(crate) fn model(cx: &Cx, model: &tree::Model) -> Work {
    let members = |call: &tree::Call| call.args.iter().map(|arg| model_of(cx, Some(&arg.value))).collect();
    Work::Model(match &model.source.kind {
        ExprKind::Call(call) if call.name.text == "fallback" => Model::Fallback(members(call)),
        ExprKind::Call(call) if call.name.text == "round_robin" => Model::RoundRobin(members(call)),
        _ => {
            let retry = model.fields.iter().find(|field| field.key.text == "retry");
            Model::One(retry.and_then(|field| match &field.value {
                FieldValue::Expr(expr) => count(cx, expr),
                _ => None,
            }))
        }
    })
}

/// Returns the model that a field names, else the file's default, else the run's.
pub(super) fn model_of(cx: &Cx, expr: Option<&tree::Expr>) -> ModelUse {
    let name = match expr.map(|expr| &expr.kind) {
        None => "default",
        Some(ExprKind::Name(name)) => name.as_str(),
        Some(_) => return ModelUse::Plain,
    };
    match (cx.module.scope.get(name), cx.sig_of(name)) {
        (Some(Entry::Value(symbol)), Some(Sig::Model(_))) => ModelUse::Declared(symbol.clone()),
        _ => ModelUse::Plain,
    }
}

/// Returns a constant count: as the check has read it, or as it is written.
pub(super) fn count(cx: &Cx, expr: &tree::Expr) -> Option<u64> {
    if let Some(count) = cx.counts.get(&expr.span) {
        return Some(*count);
    }
    let number = match &expr.kind {
        ExprKind::Literal(Literal::Int(number)) => Some(*number),
        ExprKind::Name(name) => match cx.sig_of(name) {
            Some(Sig::Const(_, Some(flow_ir::Value::Int(number)))) => Some(*number),
            _ => None,
        },
        _ => None,
    };
    number.map(|number| u64::try_from(number).unwrap_or(0))
}

/// `refund(charge_id: known_charge) max 2` in the list of an agent's tools.
fn tool_use(cx: &Cx, tool: &tree::ToolUse) -> Option<(Call, Option<u64>)> {
    let most = tool.max.as_ref().map(|max| count(cx, max).unwrap_or(u64::MAX));
    let (callee, name) = match &tool.tool.kind {
        ExprKind::Name(name) => (declared(cx, name)?, name.clone()),
        ExprKind::Call(call) => (declared(cx, &call.name.text)?, call.name.text.clone()),
        ExprKind::Member(_) | ExprKind::Method(_) => {
            let text = cx.text(tool.tool.span);
            (Callee::Server, SmolStr::from(text.split('(').next().unwrap_or(text)))
        }
        _ => return None,
    };
    Some((Call { callee, name, with: With::default() }, most))
}

fn declared(cx: &Cx, name: &str) -> Option<Callee> {
    match (cx.module.scope.get(name), cx.sig_of(name)) {
        (Some(Entry::Value(symbol)), Some(Sig::Call(_))) => Some(Callee::Declared(Symbol::clone(symbol))),
        _ => matches!(name, "now" | "random" | "uuid").then_some(Callee::Ambient),
    }
}
