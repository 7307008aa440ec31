//! Flows, agents and code that call themselves, and models made of themselves.

use flow_diagnostics::{Code, Diagnostic};
use flow_source::Span;
use flow_syntax::tree::ItemKind;

use crate::cx::Use;
use crate::hash::HashMap;
use crate::items::Items;
use crate::program::{Program, Symbol};

/// Reports flows, agents and code that call themselves, and models made of themselves: once per circle.
pub(crate) fn circles(program: &Program, items: &Items, diagnostics: &mut Vec<Diagnostic>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        Open,
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
                Use::Inline(_) => None,
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
        marks.insert(root, Mark::Open);
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
                    marks.insert(called, Mark::Open);
                    path.push((called, calls(called), 0));
                }
                Some(Mark::Open) => {
                    let caller = *at;
                    let Some((module, item)) = program.item(caller) else { continue };
                    let from = path.iter().position(|(symbol, ..)| *symbol == called).unwrap_or(0);
                    let mut ring: Vec<&str> =
                        path[from..].iter().map(|(symbol, ..)| symbol.name.as_str()).collect();
                    ring.push(&called.name);
                    if matches!(item.kind, ItemKind::Model(_)) {
                        diagnostics.push(
                            Diagnostic::new(
                                Code::BadSetting,
                                item.locate(module.file, span),
                                format!("`{}` is made of itself: `{}`", called.name, ring.join("` → `")),
                            )
                            .here("closes the circle")
                            .help("name models that lead to a provider, such as `\"ollama/llama3.2\"`"),
                        );
                        continue;
                    }
                    diagnostics.push(
                        Diagnostic::new(
                            Code::RecursiveFlow,
                            item.locate(module.file, span),
                            format!("`{}` calls itself: `{}`", called.name, ring.join("` → `")),
                        )
                        .here("closes the circle")
                        .help(match &item.kind {
                            ItemKind::Node(_) => format!("take `{}` out of this list of tools", called.name),
                            ItemKind::Code(_) => format!(
                                "take the call of `{}` out of `{}`: code walks a list with `map`, `filter` or `sum`",
                                called.name, caller.name
                            ),
                            _ => format!(
                                "take the call of `{}` out of `{}`; what is to be repeated stands in a loop: `loop max 10 {{ … }}`, or `for x in xs max 50 {{ … }}`",
                                called.name, caller.name
                            ),
                        }),
                    );
                }
                Some(Mark::Done) => {}
            }
        }
    }
}
