//! Authority: what a file's tools reach is held against its `allow`.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::plan::Grant;
use flow_source::{FileSpan, Span};
use flow_syntax::tree::{self, ExprKind, ItemKind, Literal};
use indexmap::IndexSet;

use crate::cx::Use;
use crate::graph::gathered;
use crate::hash::{HashMap, HashSet};
use crate::items::{Checked, Items};
use crate::program::{Module, Program, Symbol};

/// Reads the `allow` of every module.
pub(crate) fn collect(program: &mut Program, diagnostics: &mut Vec<Diagnostic>) {
    for module in program.modules.values_mut() {
        let tree = module.tree.clone();
        for item in &tree.items {
            let ItemKind::Allow(allow) = &item.kind else { continue };
            let at = item.locate(module.file, allow.list_span);
            if let Some(first) = module.allow_at {
                diagnostics.push(
                    Diagnostic::new(Code::DuplicateName, at, "a file has one `allow`")
                        .label(first, "the first one")
                        .help("put all entries into one list"),
                );
            }
            module.allow_at.get_or_insert(at);
            for entry in &allow.entries {
                match grant(entry) {
                    Some(Grant::Net(text)) if !is_host(&text) => {
                        module.allow_broken = true;
                        let at = item.locate(module.file, entry.span);
                        let diagnostic =
                            Diagnostic::new(Code::BadSetting, at, format!("`{text}` is no host"))
                                .here("matches nothing that is reached");
                        diagnostics.push(match host_of(&text) {
                            Some(host) => {
                                let entry = grant_text(&Grant::Net(host.to_string()));
                                diagnostic.help("name the host alone").fix(format!("write `{entry}`"), at, entry)
                            }
                            None => diagnostic.help("write `net(\"api.example.com\")`, `net(\"*.example.com\")` or `net(\"localhost:8080\")`"),
                        });
                    }
                    Some(grant) if names_nothing(&grant) => {
                        module.allow_broken = true;
                        let at = item.locate(module.file, entry.span);
                        diagnostics.push(super::grants::names_nothing(&grant, at));
                    }
                    Some(grant) => module.allow.push((grant, item.locate(module.file, entry.span))),
                    None => {
                        module.allow_broken = true;
                        if !matches!(entry.kind, ExprKind::Error) {
                            diagnostics.push(super::grants::no_grant(module.file, item, entry));
                        }
                    }
                }
            }
        }
    }
}

/// Whether an entry has the form of one and no text that could match.
fn names_nothing(grant: &Grant) -> bool {
    match grant {
        Grant::Net(_) => false,
        Grant::Secret(text) => text.is_empty() || text.contains(char::is_whitespace),
        Grant::Read(text) | Grant::Write(text) | Grant::Exec(text) => text.trim().is_empty(),
        Grant::Mcp(text) => text.is_empty() || text.contains(['/', ' ']),
    }
}

fn grant(entry: &tree::Expr) -> Option<Grant> {
    let text = |args: &[tree::Arg]| match args {
        [
            tree::Arg {
                name: None,
                value: tree::Expr { kind: ExprKind::Literal(Literal::String(text)), .. },
            },
        ] => Some(text.to_string()),
        _ => None,
    };
    match &entry.kind {
        ExprKind::Call(call) => {
            let text = text(&call.args)?;
            Some(match call.name.as_str() {
                "net" => Grant::Net(text.to_ascii_lowercase()),
                "secret" => Grant::Secret(text),
                "exec" => Grant::Exec(text),
                "mcp" => Grant::Mcp(text),
                _ => return None,
            })
        }
        ExprKind::Method(method) => {
            let text = text(&method.args)?;
            match (&method.receiver.kind, method.name.as_str()) {
                (ExprKind::Name(name), "read") if name == "fs" => Some(Grant::Read(text)),
                (ExprKind::Name(name), "write") if name == "fs" => Some(Grant::Write(text)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Writes an entry as in `allow`.
pub fn grant_text(grant: &Grant) -> String {
    match grant {
        Grant::Net(host) => format!("net({host:?})"),
        Grant::Secret(name) => format!("secret({name:?})"),
        Grant::Read(path) => format!("fs.read({path:?})"),
        Grant::Write(path) => format!("fs.write({path:?})"),
        Grant::Exec(program) => format!("exec({program:?})"),
        Grant::Mcp(server) => format!("mcp({server:?})"),
    }
}

/// Whether an entry of `allow` covers a need. A host without a port covers all of its ports.
pub fn covers(grant: &Grant, need: &Grant) -> bool {
    match (grant, need) {
        // A host that is known in a run only is held against the list then.
        (Grant::Net(_), Grant::Net(host)) if host == "*" => true,
        (Grant::Net(allowed), Grant::Net(host)) => {
            let bare = match host.rsplit_once(':') {
                Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) => bare,
                _ => host,
            };
            let beneath = |pattern: &str, host: &str| {
                pattern.strip_prefix("*.").is_some_and(|suffix| {
                    host.strip_suffix(suffix).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
                })
            };
            allowed == "*"
                || allowed == host
                || allowed == bare
                || beneath(allowed, host)
                || beneath(allowed, bare)
        }
        (grant, need) => grant == need,
    }
}

/// Reports what the declarations of each module need and its `allow` doesn't list. One edit mends all of a module.
pub(crate) fn missing(program: &Program, items: &Items, diagnostics: &mut Vec<Diagnostic>) {
    let below = Below::new(items);
    let elsewhere = reached_elsewhere(program, items);
    for module in program.modules.values().filter(|module| !module.allow_broken) {
        let mut needs: Vec<(&tree::Item, &Grant, Span)> = Vec::new();
        for (index, item) in module.tree.items.iter().enumerate() {
            let Some(name) = item.kind.name() else { continue };
            if module.items.get(&name.text) != Some(&index) {
                continue;
            }
            let symbol = Symbol { module: module.name.clone(), name: name.text.clone() };
            if module.allow_at.is_none() && elsewhere.contains(&symbol) {
                continue;
            }
            let of_item = items.get(&symbol).into_iter().flat_map(|checked| &checked.needs);
            needs.extend(
                of_item
                    .filter(|(need, _)| !module.allow.iter().any(|(grant, _)| covers(grant, need)))
                    .map(|(need, span)| (item, need, *span)),
            );
        }
        let mut listed: IndexSet<String> = IndexSet::new();
        let mut found = Vec::new();
        for (item, need, span) in needs {
            listed.insert(grant_text(need));
            found.push(unmet(module, item, need, span));
        }
        // Where all is allowed nobody has to be told of the way there.
        let reached = if below.is_allowed(items, module) {
            Vec::new()
        } else {
            reached(program, items, module, &elsewhere)
        };
        for (symbol, need, at, call) in reached {
            let text = grant_text(need);
            if !listed.contains(&text) && !module.allow.iter().any(|(grant, _)| covers(grant, need)) {
                found.push(unmet_elsewhere(module, &symbol.name, &text, at, call));
                listed.insert(text);
            }
        }
        let entries = listed.into_iter().collect::<Vec<_>>().join(", ");
        let mut found = found.into_iter();
        diagnostics.extend(found.next().map(|first| with_fix(module, first, &entries)));
        diagnostics.extend(found);
    }
}

/// What declarations need, together with all that they use.
struct Below<'a> {
    grants: Vec<&'a Grant>,
    /// Of each item, numbers of `grants`.
    of: Vec<Arc<BTreeSet<usize>>>,
}

impl<'a> Below<'a> {
    fn new(items: &'a Items) -> Below<'a> {
        let mut grants: Vec<&Grant> = Vec::new();
        let mut numbers: HashMap<String, usize> = HashMap::default();
        let mut number = |need: &'a Grant| {
            *numbers.entry(grant_text(need)).or_insert_with(|| {
                grants.push(need);
                grants.len() - 1
            })
        };
        let own: Vec<BTreeSet<usize>> = items
            .values()
            .map(|checked| checked.needs.iter().map(|(need, _)| number(need)).collect())
            .collect();
        let edges = |checked: &Arc<Checked>| -> Vec<usize> {
            let used = checked.uses.iter().filter_map(|(what, _)| match what {
                Use::Node(next) | Use::Flow(next) | Use::Code(next) | Use::Model(next) => {
                    items.get_index_of(next)
                }
                _ => None,
            });
            used.collect()
        };
        let of = match grants.is_empty() {
            true => Vec::new(),
            false => gathered(&items.values().map(edges).collect::<Vec<_>>(), &own),
        };
        Below { grants, of }
    }

    /// Whether a module's `allow` covers all that its flows lead to.
    fn is_allowed(&self, items: &Items, module: &Module) -> bool {
        if self.grants.is_empty() {
            return true;
        }
        let flows = module.tree.items.iter().filter(|item| matches!(item.kind, ItemKind::Flow(_)));
        let mut sets = flows.filter_map(|item| {
            let name = item.kind.name()?.text.clone();
            self.of.get(items.get_index_of(&Symbol { module: module.name.clone(), name })?)
        });
        sets.all(|set| {
            set.iter().all(|need| module.allow.iter().any(|(grant, _)| covers(grant, self.grants[*need])))
        })
    }
}

/// Returns what flows of another file lead to: those files rule over it, unless its own says what it needs.
fn reached_elsewhere<'a>(program: &Program, items: &'a Items) -> HashSet<&'a Symbol> {
    let uses = |symbol: &'a Symbol| {
        items.get(symbol).into_iter().flat_map(|checked| &checked.uses).filter_map(|(what, _)| match what {
            Use::Node(next) | Use::Flow(next) | Use::Code(next) | Use::Model(next) => Some(next),
            _ => None,
        })
    };
    let closure = |mut open: Vec<&'a Symbol>| {
        let mut seen: HashSet<&'a Symbol> = HashSet::default();
        while let Some(symbol) = open.pop() {
            if seen.insert(symbol) {
                open.extend(uses(symbol));
            }
        }
        seen
    };
    let is_flow = |symbol: &Symbol| {
        program.item(symbol).is_some_and(|(_, item)| matches!(item.kind, ItemKind::Flow(_)))
    };
    let led_to = closure(items.keys().filter(|symbol| is_flow(symbol)).collect());
    let crossed = led_to.iter().flat_map(|symbol| uses(symbol).filter(|next| next.module != symbol.module));
    closure(crossed.collect())
}

/// Something of another file that a flow reaches: what it is, what it needs, where it says so, and where the flow's file
/// calls what leads there.
type Reached<'a> = (&'a Symbol, &'a Grant, FileSpan, FileSpan);

/// Returns the needs of other files that the flows of a module reach: where a flow is started its own file's `allow` rules.
fn reached<'a>(
    program: &'a Program,
    items: &'a Items,
    module: &'a Module,
    elsewhere: &HashSet<&Symbol>,
) -> Vec<Reached<'a>> {
    let mut found = Vec::new();
    let mut seen: HashSet<&Symbol> = HashSet::default();
    let mut open: Vec<(&Symbol, Option<FileSpan>)> = Vec::new();
    for item in module.tree.items.iter().rev() {
        let ItemKind::Flow(flow) = &item.kind else { continue };
        let symbol = Symbol { module: module.name.clone(), name: flow.name.text.clone() };
        if module.allow_at.is_none() && elsewhere.contains(&symbol) {
            continue;
        }
        open.extend(items.get_key_value(&symbol).map(|(symbol, _)| (symbol, None)));
    }
    while let Some((symbol, call)) = open.pop() {
        if !seen.insert(symbol) {
            continue;
        }
        let (Some(checked), Some((home, item))) = (items.get(symbol), program.item(symbol)) else { continue };
        let at = |span: Span| item.locate(home.file, span);
        if let Some(call) = call {
            found.extend(checked.needs.iter().map(|(need, span)| (symbol, need, at(*span), call)));
        }
        for (what, span) in checked.uses.iter().rev() {
            let (Use::Node(next) | Use::Flow(next) | Use::Code(next) | Use::Model(next)) = what else {
                continue;
            };
            let leaves = (next.module != module.name).then(|| call.unwrap_or_else(|| at(*span)));
            open.push((next, leaves));
        }
    }
    found
}

/// Returns what a reader is told of another file's need that no entry of this file covers.
fn unmet_elsewhere(module: &Module, name: &str, text: &str, at: FileSpan, call: FileSpan) -> Diagnostic {
    Diagnostic::new(
        Code::MissingAuthority,
        call,
        format!("`{name}` needs `{text}`, which `allow` of this file does not list"),
    )
    .here("leads there")
    .label(at, "needed here")
    .help(match module.allow_at {
        Some(_) => format!("add `{text}` to `allow`: the file that is started rules, an import's `allow` only states its need"),
        None => format!("allow it at the head of the file: `allow [{text}]`; an import's `allow` only states its need"),
    })
}

/// Adds the edit that lists `grants` in the file's `allow`.
fn with_fix(module: &Module, diagnostic: Diagnostic, grants: &str) -> Diagnostic {
    let at = |offset: u32| FileSpan { file: module.file, span: Span::at(offset) };
    let Some(list) = module.allow_at else {
        let first = module.tree.items.iter().find(|item| !matches!(item.kind, ItemKind::Import(_)));
        let insert = at(first.map_or(0, |item| item.start));
        return diagnostic.fix(format!("add `allow [{grants}]`"), insert, format!("allow [{grants}]\n\n"));
    };
    let title = format!("add `{grants}` to `allow`");
    // Right behind the last entry: a comma that follows it stays the last one, and so does a comment.
    let last = module.tree.items.iter().find_map(|item| match &item.kind {
        ItemKind::Allow(allow) => allow.entries.last().map(|entry| item.locate(module.file, entry.span)),
        _ => None,
    });
    match last {
        Some(last) => diagnostic.fix(title, at(last.span.end), format!(", {grants}")),
        None => diagnostic.fix(title, at(list.span.start + 1), grants),
    }
}

/// Returns what a reader is told of a need that no entry covers.
fn unmet(module: &Module, item: &tree::Item, need: &Grant, span: Span) -> Diagnostic {
    let at = item.locate(module.file, span);
    let what = match need {
        Grant::Net(host) if host == "*" => "reaches a host that a parameter names".to_string(),
        Grant::Net(host) => format!("reaches `{host}`"),
        Grant::Secret(name) => format!("uses the secret `{name}`"),
        Grant::Exec(program) => format!("runs `{program}`"),
        Grant::Mcp(server) => format!("calls the server `{server}`"),
        Grant::Read(path) => format!("reads `{path}`"),
        Grant::Write(path) => format!("writes `{path}`"),
    };
    let text = grant_text(need);
    let declared = item.kind.name().map(|name| name.text.to_string()).unwrap_or_default();
    let help = match module.allow_at {
        Some(_) => format!("add `{text}` to `allow`"),
        None => format!("allow it at the head of the file: `allow [{text}]`"),
    };
    Diagnostic::new(Code::MissingAuthority, at, format!("`{declared}` {what}, which `allow` does not list"))
        .here("not allowed")
        .help(help)
}

/// Whether a text is what `net` takes: a host, `*.` and a host, or `*`; with a port or without.
pub(crate) fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !host.is_empty() && !port.ends_with(']') => {
            (host, Some(port))
        }
        _ => (text, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return false;
    }
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    let label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    host == "*" || name.split('.').all(label)
}

/// Returns the host of something that has more than that: `https://api.example.com/v1`.
fn host_of(text: &str) -> Option<&str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    is_host(host).then_some(host)
}
