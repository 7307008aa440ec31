//! Entries of `allow` that allow nothing, and what was meant.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::plan::Grant;
use flow_source::{FileId, FileSpan, Span};
use flow_syntax::tree::{self, ExprKind, Literal};

use super::allow::{grant_text, is_host};
use crate::suggest::nearest;

const FORMS: &str = "entries are `net(\"host\")`, `secret(\"NAME\")`, `fs.read(\"path\")`, `fs.write(\"path\")`, `exec(\"program\")` and `mcp(\"server\")`";

/// What an entry is called.
const NAMES: [&str; 6] = ["net", "secret", "fs.read", "fs.write", "exec", "mcp"];

/// Reports `mcp("jira/create_issue")` and entries of an empty text.
pub(crate) fn names_nothing(grant: &Grant, at: FileSpan) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::BadSetting, at, "this allows nothing");
    match grant {
        Grant::Mcp(path) if path.contains('/') => {
            let server = path.split('/').next().unwrap_or_default();
            let entry = grant_text(&Grant::Mcp(server.to_string()));
            diagnostic.here("a server's name has no `/`").help("name the server alone").fix(
                format!("write `{entry}`"),
                at,
                entry,
            )
        }
        _ => diagnostic.here("matches nothing that is reached").help(FORMS),
    }
}

/// Reports what is no entry.
pub(crate) fn no_grant(file: FileId, item: &tree::Item, entry: &tree::Expr) -> Diagnostic {
    let at = |span: Span| item.locate(file, span);
    let diagnostic = Diagnostic::new(Code::BadSetting, at(entry.span), "this allows nothing").help(FORMS);
    match &entry.kind {
        ExprKind::Literal(Literal::String(text)) if is_host(text) && text.contains(['.', ':']) => {
            let whole = grant_text(&Grant::Net(text.to_string()));
            diagnostic.here("a text alone").fix(format!("write `{whole}`"), at(entry.span), whole)
        }
        ExprKind::Member(member) if matches!(&member.object.kind, ExprKind::Name(name) if name == "secret") =>
        {
            let whole = grant_text(&Grant::Secret(member.name.text.to_string()));
            diagnostic.here("the secret itself").fix(format!("write `{whole}`"), at(entry.span), whole)
        }
        ExprKind::Call(call) => {
            let name = call.name.text.as_str();
            called(diagnostic, item, file, (name, call.name.span), &call.args)
        }
        ExprKind::Method(method) => match &method.receiver.kind {
            ExprKind::Name(receiver) => {
                let name = format!("{receiver}.{}", method.name.text);
                let span = method.receiver.span.to(method.name.span);
                called(diagnostic, item, file, (&name, span), &method.args)
            }
            _ => diagnostic,
        },
        _ => diagnostic,
    }
}

fn called(
    diagnostic: Diagnostic,
    item: &tree::Item,
    file: FileId,
    (name, span): (&str, Span),
    args: &[tree::Arg],
) -> Diagnostic {
    let at = |span: Span| item.locate(file, span);
    let value = match args {
        [tree::Arg { name: None, value }] => Some(value),
        _ => None,
    };
    if NAMES.contains(&name) {
        return match value.map(|value| (&value.kind, value.span)) {
            Some((ExprKind::Name(word), place)) => diagnostic
                .here("a name, not a text")
                .help("what is allowed is written out, so that a reader sees it")
                .fix(format!("write `\"{word}\"`"), at(place), format!("\"{word}\"")),
            Some((ExprKind::Template(_), _)) => diagnostic
                .here("known in a run only")
                .help("what is allowed is written out, so that a reader sees it"),
            _ => diagnostic
                .here("takes one text")
                .help(format!("write `{name}(\"…\")`; give each its own entry")),
        };
    }
    let habit = match name {
        "network" | "http" | "https" | "host" | "url" | "fetch" | "internet" => Some("net"),
        "env" | "secrets" | "key" => Some("secret"),
        "run" | "program" | "shell" | "command" | "process" | "spawn" => Some("exec"),
        "read" | "file" | "fs" | "file.read" | "files.read" => Some("fs.read"),
        "write" | "file.write" | "files.write" => Some("fs.write"),
        "tool" | "server" => Some("mcp"),
        _ => None,
    };
    let constant = matches!(
        value,
        Some(tree::Expr { kind: ExprKind::Literal(Literal::String(text)), .. }) if !text.trim().is_empty()
    );
    match habit.or_else(|| nearest(name, NAMES)) {
        Some(near) if constant => diagnostic.here(format!("there is no `{name}`")).fix(
            format!("replace `{name}` by `{near}`"),
            at(span),
            near,
        ),
        _ => diagnostic,
    }
}
