//! Authority: what a file's tools reach is held against its `allow`.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::plan::Grant;
use flow_source::{FileSpan, Span};
use flow_syntax::tree::{self, ExprKind, ItemKind, Literal};

use crate::program::{Module, Program};

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
                    Some(grant) => module.allow.push((grant, item.locate(module.file, entry.span))),
                    None => {
                        module.allow_broken = true;
                        if !matches!(entry.kind, ExprKind::Error) {
                            diagnostics.push(
                                Diagnostic::new(Code::BadSetting, item.locate(module.file, entry.span), "this allows nothing")
                                    .help("entries are `net(\"host\")`, `secret(\"NAME\")`, `fs.read(\"path\")`, `fs.write(\"path\")`, `exec(\"program\")` and `mcp(\"server\")`"),
                            );
                        }
                    }
                }
            }
        }
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

/// Returns what a reader is told of a need that no entry covers.
pub(crate) fn missing(module: &Module, item: &tree::Item, need: &Grant, span: Span) -> Diagnostic {
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
    let diagnostic = Diagnostic::new(
        Code::MissingAuthority,
        at,
        format!("`{declared}` {what}, which `allow` does not list"),
    )
    .here("not allowed");
    match module.allow_at {
        Some(list) => {
            let source = &module.tree.text;
            let inner = source.get(list.span.start as usize + 1..list.span.end as usize - 1).unwrap_or("");
            let trimmed = inner.trim_end();
            let insert = list.span.start + 1 + trimmed.len() as u32;
            let comma = if trimmed.is_empty() || trimmed.ends_with(',') { "" } else { ", " };
            let space = if trimmed.ends_with(',') { " " } else { "" };
            diagnostic.help(format!("add `{text}` to `allow`")).fix(
                format!("add `{text}` to `allow`"),
                FileSpan { file: module.file, span: Span::at(insert) },
                format!("{comma}{space}{text}"),
            )
        }
        None => {
            let first = module.tree.items.iter().find(|item| !matches!(item.kind, ItemKind::Import(_)));
            let insert = first.map_or(0, |item| item.start);
            diagnostic.help(format!("allow it at the head of the file: `allow [{text}]`")).fix(
                format!("add `allow [{text}]`"),
                FileSpan { file: module.file, span: Span::at(insert) },
                format!("allow [{text}]\n\n"),
            )
        }
    }
}
