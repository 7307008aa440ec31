//! Flows, agents and code that call themselves, and models made of themselves.

use flow_diagnostics::{Code, Diagnostic};
use flow_source::Span;
use flow_syntax::tree::ItemKind;

use crate::cx::Use;
use crate::graph::circle;
use crate::hash::HashMap;
use crate::items::Items;
use crate::program::{Program, Symbol};

/// Reports flows, agents and code that call themselves, and models made of themselves: once per circle.
pub(crate) fn circles(program: &Program, items: &Items, diagnostics: &mut Vec<Diagnostic>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        /// Its place in the path.
        Open(usize),
        Done,
    }
    let calls = |symbol: &Symbol| -> Vec<(&Symbol, Span)> {
        let Some(checked) = items.get(symbol) else { return Vec::new() };
        checked
            .uses
            .iter()
            .filter_map(|(what, span)| match what {
                Use::Node(called) | Use::Flow(called) | Use::Code(called) | Use::Model(called) => {
                    Some((called, *span))
                }
                Use::Inline(_) | Use::CodeTool(_) | Use::BuiltIn(_) => None,
            })
            .collect()
    };
    let mut roots: Vec<&Symbol> = items.keys().collect();
    roots.sort();
    let mut marks: HashMap<&Symbol, Mark> = HashMap::default();
    for root in roots {
        if marks.contains_key(root) {
            continue;
        }
        marks.insert(root, Mark::Open(0));
        let mut path = vec![(root, calls(root), 0_usize)];
        while let Some((at, callees, next)) = path.last_mut() {
            let Some((called, span)) = callees.get(*next).copied() else {
                marks.insert(at, Mark::Done);
                path.pop();
                continue;
            };
            *next += 1;
            match marks.get(called) {
                None => {
                    marks.insert(called, Mark::Open(path.len()));
                    path.push((called, calls(called), 0));
                }
                Some(Mark::Open(from)) => {
                    let caller = *at;
                    let Some((module, item)) = program.item(caller) else { continue };
                    let ring = circle(path[*from..].iter().map(|(symbol, ..)| symbol.name.as_str()));
                    let (code, message, help) = match &item.kind {
                        ItemKind::Model(_) => (
                            Code::BadSetting,
                            format!("`{}` is made of itself: {ring}", called.name),
                            "name models that lead to a provider, such as `\"ollama/llama3.2\"`".to_owned(),
                        ),
                        kind => (
                            Code::RecursiveFlow,
                            format!("`{}` calls itself: {ring}", called.name),
                            way_out(kind, &called.name, &caller.name),
                        ),
                    };
                    let diagnostic = Diagnostic::new(code, item.locate(module.file, span), message);
                    diagnostics.push(diagnostic.here("closes the circle").help(help));
                }
                Some(Mark::Done) => {}
            }
        }
    }
}

/// How a call that closes a circle is avoided.
fn way_out(caller: &ItemKind, called: &str, name: &str) -> String {
    match caller {
        ItemKind::Node(_) => format!("take `{called}` out of this list of tools"),
        ItemKind::Code(_) => format!(
            "take the call of `{called}` out of `{name}`: code walks a list with `map`, `filter` or `sum`"
        ),
        _ => format!(
            "take the call of `{called}` out of `{name}`; what is to be repeated stands in a loop: `loop max 10 {{ … }}`, or `for x in xs max 50 {{ … }}`"
        ),
    }
}
