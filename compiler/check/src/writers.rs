//! Calls that must not write twice or by halves: what races, and what compensates. A flow or an agent writes what it calls
//! writes, so this takes the whole program.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::Type;
use flow_source::Span;

use crate::cx::Use;
use crate::hash::HashMap;
use crate::items::Items;
use crate::program::{CallSig, Program, Sig, Symbol};

/// A call that is unsafe if what it calls writes and isn't declared idempotent.
#[derive(Clone, Debug)]
pub struct WriterCall {
    /// What is called.
    pub symbol: Symbol,
    /// Where, in its item.
    pub span: Span,
    /// What may go wrong.
    pub danger: Danger,
}

/// Why a writer is unsafe at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger {
    /// It races, and may be cut off (S11).
    Race,
    /// It compensates, and a crash may cut it off (S12).
    Compensation,
}

/// Reports writers that race, and warns of compensations that aren't idempotent.
pub(crate) fn unsafe_calls(program: &Program, items: &Items, diagnostics: &mut Vec<Diagnostic>) {
    if items.values().all(|checked| checked.writer_calls.is_empty()) {
        return;
    }
    let writes = writers(program, items);
    for (caller, checked) in items {
        let Some((module, item)) = program.item(caller) else { continue };
        for call in &checked.writer_calls {
            let Some(writer) = writes.get(&call.symbol) else { continue };
            let name = &call.symbol.name;
            let by = idempotent_by(match program.sig(writer) {
                Some(Sig::Call(sig)) => Some(sig.as_ref()),
                _ => None,
            });
            let at = item.locate(module.file, call.span);
            let mut diagnostic = match call.danger {
                Danger::Race => {
                    Diagnostic::new(Code::RaceOfUnsafeWriter, at, format!("`{name}` cannot be in a race"))
                        .here("may be cut off half-way when another arm wins")
                        .help(format!("say in `{}` what makes a call unique, {by}, so that it may be sent again; or call it after the race", writer.name))
                }
                Danger::Compensation => Diagnostic::new(
                    Code::UnsafeCompensation,
                    at,
                    format!("the compensation `{name}` is not idempotent"),
                )
                .here("cut by a crash, it ends uncertain instead of being tried again")
                .help(format!("say in `{}` what makes a call unique, so that it may be sent again: {by}", writer.name)),
            };
            if let Some((home, tool)) = program.item(writer) {
                let place = tool.kind.name().map_or(tool.span, |name| name.span);
                let text = match *writer == &call.symbol {
                    true => String::from("writes, and isn't declared idempotent"),
                    false => format!("`{name}` calls this, which writes and isn't declared idempotent"),
                };
                diagnostic = diagnostic.label(tool.locate(home.file, place), text);
            }
            diagnostics.push(diagnostic);
        }
    }
}

/// Writes `idempotent: by id`, with a parameter of the tool: a text or a number, an `id` before others.
pub(crate) fn idempotent_by(sig: Option<&CallSig>) -> String {
    let keys: Vec<&str> = sig
        .into_iter()
        .flat_map(|sig| &sig.params)
        .filter(|param| matches!(param.ty.base(), Type::String(_) | Type::Int(_)))
        .map(|param| param.name.as_str())
        .collect();
    match keys.iter().find(|name| name.contains("id") || name.contains("key")).or(keys.first()) {
        Some(key) => format!("`idempotent: by {key}`"),
        None => "`idempotent: by key`, of a new parameter `key: string`".to_string(),
    }
}

/// Returns what writes, by itself or through what it calls, with the tool that does: the first by name.
fn writers<'a>(program: &'a Program, items: &'a Items) -> HashMap<&'a Symbol, &'a Symbol> {
    let mut callers: HashMap<&Symbol, Vec<&Symbol>> = HashMap::default();
    for (caller, checked) in items {
        for (what, _) in &checked.uses {
            if let Use::Node(called) | Use::Flow(called) = what {
                callers.entry(called).or_default().push(caller);
            }
        }
    }
    let is_unsafe =
        |symbol: &Symbol| matches!(program.sig(symbol), Some(Sig::Call(sig)) if sig.unsafe_writer);
    let mut tools: Vec<&Symbol> = items.keys().filter(|symbol| is_unsafe(symbol)).collect();
    tools.sort();
    let mut writes: HashMap<&Symbol, &Symbol> = HashMap::default();
    for tool in tools {
        let mut open = vec![tool];
        while let Some(symbol) = open.pop() {
            if writes.contains_key(symbol) {
                continue;
            }
            writes.insert(symbol, tool);
            open.extend(callers.get(symbol).into_iter().flatten());
        }
    }
    writes
}
