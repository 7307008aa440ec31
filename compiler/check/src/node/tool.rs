//! Tools: what they have in common, and HTTP requests.

use flow_diagnostics::Code;
use flow_ir::expr::Piece;
use flow_ir::plan::{Decode, Grant, Http, Node, NodeKind, SecretPiece, SecretText};
use flow_ir::types::Trust;
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, Entry, ExprKind, FieldValue, Key, Literal};
use smol_str::SmolStr;

use super::settings::{Fields, Kind, setting};
use crate::cx::{Cx, Typed};
use crate::program::Sig;
use crate::types::{docs, trust};

/// The longest answer, unless the tool says otherwise.
pub const LIMIT_BYTES: u64 = 1 << 20;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const KINDS: [&str; 8] = ["get", "post", "put", "patch", "delete", "run", "mcp", "python"];

impl Cx<'_> {
    /// Checks `tool charges(id: string) -> [Charge] { get: "https://…" }`.
    pub fn tool(&mut self, node: &tree::Node) -> Option<Node> {
        let params = self.bind_params(&node.name.text, &node.params, false);
        let returns = self.read_type_again(&node.returns);
        let fields = self.fields(Kind::Tool, &node.fields);
        let mut kinds = fields.iter().filter(|(row, _)| KINDS.contains(&row.name));
        let Some((kind, url)) = kinds.next() else {
            self.missing_setting(
                node.name.span,
                "a tool",
                "get",
                "say what it does: `get`, `post`, `put`, `patch` or `delete` with a URL, `run`, `mcp` or `python`",
            );
            self.use_every_name();
            return None;
        };
        if let Some((other, field)) = kinds.next() {
            let diagnostic = self
                .error(
                    Code::BadSetting,
                    field.key.span,
                    format!("a tool does one thing: `{}` or `{}`", kind.name, other.name),
                )
                .label(self.at(url.key.span), format!("it has `{}` already", kind.name))
                .help("make two tools of it");
            self.report(diagnostic);
        }
        if !METHODS.contains(&kind.name) {
            self.other_tool(node, kind.name, &fields);
            return None;
        }
        let FieldValue::Expr(url) = &url.value else { return None };
        self.http(node, params, returns, kind.name, url, &fields)
    }

    fn http(
        &mut self,
        node: &tree::Node,
        params: Vec<flow_ir::plan::Param>,
        returns: Type,
        method: &str,
        url_expr: &tree::Expr,
        fields: &Fields,
    ) -> Option<Node> {
        let url = self.secret_text(url_expr, method);
        self.url(&url, node, url_expr.span);
        let (query, query_map) = match fields.expr("query") {
            Some(expr) => self.query(expr),
            None => (Vec::new(), None),
        };
        let headers =
            fields.expr("headers").map(|expr| self.secret_texts(expr, "headers")).unwrap_or_default();
        let body = fields.expr("body").map(|expr| {
            let typed = self.expr(expr, Some(&Type::Error).filter(|_| false));
            let (expr, ty) = self.storable(typed);
            (expr, ty)
        });
        if let (Some(field), "get" | "delete") = (fields.get("body"), method)
            && method == "get"
        {
            let diagnostic = self
                .error(Code::BadSetting, field.key.span, "a GET request has no body")
                .help("use `query`, or `post`");
            self.report(diagnostic);
        }
        let decode = self.decode(fields, &returns, node);
        let idempotent = fields.get("idempotent").and_then(|field| self.idempotent(field));
        let limit_bytes = match (fields.expr("limit"), setting(Kind::Tool, "limit")) {
            (Some(expr), Some(row)) => self.size_setting(expr, row).unwrap_or(LIMIT_BYTES),
            _ => LIMIT_BYTES,
        };
        let timeout_ms = fields.expr("timeout").and_then(|expr| self.duration_setting(expr, "timeout"));
        let retry = self.count_field(fields.expr("retry"), "retry");
        let writes = method != "get";
        if writes
            && idempotent.is_none()
            && !crate::sig::says_idempotent(&node.fields)
            && retry.is_some_and(|count| count > 0)
        {
            let span = fields.get("retry").map_or(node.name.span, |field| field.span);
            self.unsafe_retry(&node.name.text, span);
        }
        self.own_fields(method, fields);
        Some(Node {
            name: node.name.text.clone(),
            doc: docs(&self.item.docs),
            params,
            returns,
            timeout_ms,
            retry,
            kind: NodeKind::Http(Http {
                method: SmolStr::from(method.to_uppercase()),
                url,
                query,
                query_map,
                headers,
                body,
                decode,
                idempotent,
                limit_bytes,
            }),
        })
    }

    /// Reports a retry of what must not happen twice.
    pub fn unsafe_retry(&mut self, name: &str, span: Span) {
        let diagnostic = self
            .error(Code::RetryOfUnsafeWriter, span, format!("`{name}` writes, and a retry may write twice"))
            .here("tried again after a failure")
            .help(format!(
                "say in `{name}` what makes a call unique, {}, so that a second one is no second write; or take `retry` out",
                crate::writers::idempotent_by(match self.sig_of(name) {
                    Some(Sig::Call(sig)) => Some(sig.as_ref()),
                    _ => None,
                })
            ));
        self.report(diagnostic);
    }

    /// Reads `decode`; without it the result's type decides.
    pub fn decode(&mut self, fields: &Fields, returns: &Type, node: &tree::Node) -> Decode {
        let base = returns.base();
        let by_type = match base.non_null() {
            Type::String(_) => Decode::Text,
            Type::Bytes => Decode::Bytes,
            _ => Decode::Json,
        };
        let (Some(expr), Some(row)) = (fields.expr("decode"), setting(Kind::Tool, "decode")) else {
            return by_type;
        };
        let decode = match self.word_setting(expr, row) {
            Some("json") => Decode::Json,
            Some("text") => Decode::Text,
            Some("bytes") => Decode::Bytes,
            Some(other) => {
                self.not_runnable.push((expr.span, format!("`decode: {other}`")));
                return by_type;
            }
            None => return by_type,
        };
        let fits = match decode {
            Decode::Json => true,
            Decode::Text => matches!(base, Type::String(_) | Type::Error),
            Decode::Bytes => matches!(base, Type::Bytes | Type::Error),
        };
        if !fits {
            let needed = if decode == Decode::Text { "string" } else { "bytes" };
            let diagnostic = self
                .error(
                    Code::BadSetting,
                    expr.span,
                    format!("this gives `{needed}`, and `{}` returns `{returns}`", node.name.text),
                )
                .help("use `decode: json`, or change the result's type");
            self.report(diagnostic);
        }
        decode
    }

    /// Reads `idempotent: by x`.
    pub fn idempotent(&mut self, field: &tree::Field) -> Option<Expr> {
        match &field.value {
            FieldValue::By(expr) => {
                let typed = self.expr(expr, None);
                let base = typed.ty.base();
                if !matches!(base, Type::String(_) | Type::Int(_) | Type::Named(_) | Type::Error) {
                    let diagnostic = self
                        .error(Code::BadSetting, expr.span, format!("a `{base}` makes no key"))
                        .help("use a text, an int or an enum");
                    self.report(diagnostic);
                }
                Some(text_of(typed))
            }
            FieldValue::Error => None,
            value => {
                let mut diagnostic = self
                    .error(Code::BadSetting, field.span, "`idempotent` says what makes a call unique")
                    .help("name a parameter of the tool: `idempotent: by id`");
                if let FieldValue::Expr(expr) = value {
                    self.use_names(expr);
                    if let ExprKind::Name(name) = &expr.kind {
                        diagnostic = diagnostic.help(format!("write `idempotent: by {name}`")).fix(
                            "add `by`",
                            self.at(Span::at(expr.span.start)),
                            "by ",
                        );
                    }
                }
                self.report(diagnostic);
                None
            }
        }
    }

    /// Finds the host that a URL reaches: written as it is, or given whole by a `trusted` parameter (R7).
    fn url(&mut self, url: &SecretText, node: &tree::Node, span: Span) {
        // R7: scheme and host are constant or trusted. Which host it is shows when it is called; `allow` rules then too.
        if let Some(SecretPiece::Expr(Expr::Slot(slot))) = url.0.first()
            && let Some(param) = node.params.get(*slot as usize)
        {
            let lost = matches!(param.ty.ty.kind, tree::TypeKind::Error);
            if trust(&param.ty.ty) != Some(Trust::Trusted) && !lost {
                let name = &param.name.text;
                let diagnostic = self
                    .error(
                        Code::BadSetting,
                        span,
                        format!("the host of this URL comes from `{name}`, which is not trusted"),
                    )
                    .label(self.at(param.name.span), format!("declare it `{name}: trusted string`"))
                    .help("write scheme and host as they are, or take them from a `trusted` parameter");
                self.report(diagnostic);
            }
            return;
        }
        let prefix = match url.0.first() {
            Some(SecretPiece::Text(text)) => text.as_str(),
            Some(SecretPiece::Expr(Expr::Slot(slot))) if self.is_trusted_param(*slot) => {
                self.needs.push((Grant::Net("*".into()), span));
                return;
            }
            Some(SecretPiece::Expr(Expr::Const(_))) | None => return,
            Some(_) => "",
        };
        let rest = prefix.strip_prefix("https://").or_else(|| prefix.strip_prefix("http://"));
        let authority = rest.map(|rest| {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let whole = end < rest.len() || url.0.len() == 1;
            let authority = rest[..end].rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
            if whole { authority } else { String::new() }
        });
        match authority {
            Some(authority) if !authority.is_empty() => self.needs.push((Grant::Net(authority), span)),
            None if !prefix.is_empty() => {
                let diagnostic = self
                    .error(Code::BadSetting, span, "this is no URL")
                    .help("write a URL that starts with `https://` or `http://`");
                self.report(diagnostic);
            }
            _ => {
                let diagnostic = self
                    .error(Code::BadSetting, span, "this URL has no constant host")
                    .here("anyone could say where it leads")
                    .help("write scheme and host as they are, `\"https://api.example.com/${id}\"`, or take both from a `trusted string` parameter");
                self.report(diagnostic);
            }
        }
    }

    fn is_trusted_param(&self, slot: u32) -> bool {
        let Some(name) = self.item.kind.name() else { return false };
        match self.module.sigs.get(&name.text) {
            Some(Sig::Call(sig)) => {
                sig.params.get(slot as usize).is_some_and(|param| param.trust == Some(Trust::Trusted))
            }
            _ => false,
        }
    }

    fn query(&mut self, expr: &tree::Expr) -> (Vec<(String, SecretText)>, Option<Expr>) {
        let ExprKind::Record(record) = &expr.kind else {
            let typed = self.expr(expr, None);
            if !matches!(typed.ty.base(), Type::Map(..) | Type::Record(_) | Type::Named(_) | Type::Error) {
                let diagnostic = self
                    .error(
                        Code::TypeMismatch,
                        expr.span,
                        format!("`query` takes a record, found `{}`", typed.ty),
                    )
                    .help("write a record: `query: {q: text}`");
                self.report(diagnostic);
            }
            return (Vec::new(), Some(typed.expr));
        };
        let pairs: Option<Vec<(&tree::Name, &tree::Expr)>> = record
            .entries
            .iter()
            .map(|entry| match entry {
                Entry::Pair { optional: false, key: Key::Name(name), value } => Some((name, value)),
                _ => None,
            })
            .collect();
        let Some(pairs) = pairs else {
            let typed = self.expr(expr, None);
            return (Vec::new(), Some(typed.expr));
        };
        // A null is left out and a list repeats its name, which only the whole record can say.
        let found = self.diagnostics.len();
        let scalars = pairs.iter().all(|(_, value)| {
            has_secret(value)
                || !matches!(
                    self.expr(value, None).ty.base(),
                    Type::Nullable(_) | Type::List(..) | Type::Optional(_)
                )
        });
        self.diagnostics.truncate(found);
        // Beside a secret each stands by itself.
        if !scalars && !pairs.iter().any(|(_, value)| has_secret(value)) {
            let typed = self.expr(expr, None);
            return (Vec::new(), Some(typed.expr));
        }
        let texts = pairs
            .into_iter()
            .map(|(name, value)| (name.text.to_string(), self.query_value(value, scalars)))
            .collect();
        (texts, None)
    }

    fn query_value(&mut self, value: &tree::Expr, scalar: bool) -> SecretText {
        if !scalar && !has_secret(value) {
            let found = self.diagnostics.len();
            let typed = self.expr(value, None);
            if matches!(typed.ty.base(), Type::Nullable(_) | Type::List(..) | Type::Optional(_)) {
                let (expr, _) = self.stored(typed, value.span);
                return SecretText(vec![SecretPiece::Expr(expr)]);
            }
            self.diagnostics.truncate(found);
        }
        self.secret_text(value, "query")
    }

    /// Reads `{authorization: "Bearer ${secret.KEY}"}`.
    pub fn secret_texts(&mut self, expr: &tree::Expr, name: &str) -> Vec<(String, SecretText)> {
        let ExprKind::Record(record) = &expr.kind else {
            if !matches!(expr.kind, ExprKind::Error) {
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, format!("`{name}` takes a record of texts"))
                    .help(format!("write a record of texts: `{name}: {{a: \"…\"}}`"));
                self.report(diagnostic);
            }
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(record.entries.len());
        for entry in &record.entries {
            match entry {
                Entry::Pair { optional: false, key: Key::Name(key), value } => {
                    let text = self.secret_text(value, name);
                    texts.push((key.text.to_string(), text));
                }
                Entry::Pair { value, .. } | Entry::Spread(value) => {
                    let diagnostic = self
                        .error(Code::BadSetting, value.span, format!("`{name}` has constant names"))
                        .help(format!("write a record of texts: `{name}: {{a: \"…\"}}`"));
                    self.report(diagnostic);
                }
            }
        }
        texts
    }

    /// Reads a text in which secrets may stand.
    pub fn secret_text(&mut self, expr: &tree::Expr, name: &str) -> SecretText {
        if let Some(secret) = self.secret(expr) {
            return SecretText(vec![SecretPiece::Secret(secret)]);
        }
        match &expr.kind {
            ExprKind::Template(template) if template.pieces.iter().all(is_plain) => {
                let mut pieces = Vec::with_capacity(template.pieces.len());
                for piece in &template.pieces {
                    match piece {
                        tree::Piece::Text(text) => pieces.push(SecretPiece::Text(text.to_string())),
                        tree::Piece::Splice(splice) => match self.secret(splice) {
                            Some(secret) => pieces.push(SecretPiece::Secret(secret)),
                            None => match self.spliced(splice, name) {
                                Expr::Const(Value::String(text)) => {
                                    pieces.push(SecretPiece::Text(text.to_string()));
                                }
                                text => pieces.push(SecretPiece::Expr(text)),
                            },
                        },
                        tree::Piece::For(_) | tree::Piece::If(_) => {}
                    }
                }
                SecretText(merged(pieces))
            }
            ExprKind::Literal(Literal::String(text)) => SecretText(vec![SecretPiece::Text(text.to_string())]),
            _ => {
                let text = self.spliced(expr, name);
                match text {
                    Expr::Const(flow_ir::Value::String(text)) => {
                        SecretText(vec![SecretPiece::Text(text.to_string())])
                    }
                    text => SecretText(vec![SecretPiece::Expr(text)]),
                }
            }
        }
    }

    /// Checks a value that becomes a text, or a part of one.
    pub fn spliced(&mut self, expr: &tree::Expr, name: &str) -> Expr {
        let typed = self.expr(expr, None);
        match typed.ty.base() {
            Type::Error => typed.expr,
            Type::Nullable(_) | Type::Optional(_) | Type::Null => {
                self.may_be_null(&typed.ty, expr.span, &format!("`{name}`"));
                typed.expr
            }
            Type::String(_) => typed.expr,
            Type::Int(_) | Type::Float(_) | Type::Bool | Type::Uint | Type::Duration | Type::Timestamp => {
                text_of(typed)
            }
            Type::Named(enum_name) if self.program.enum_values(&enum_name).is_some() => text_of(typed),
            other => {
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, format!("`{other}` cannot stand in `{name}`"))
                    .help("splice a text, a number or an enum");
                self.report(diagnostic);
                typed.expr
            }
        }
    }

    /// Returns the name in `secret.NAME`.
    fn secret(&mut self, expr: &tree::Expr) -> Option<SmolStr> {
        let name = secret_name(expr).filter(|_| !self.visible.contains_key("secret"))?;
        self.needs.push((Grant::Secret(name.to_string()), expr.span));
        Some(name)
    }
}

/// Texts beside each other become one.
fn merged(pieces: Vec<SecretPiece>) -> Vec<SecretPiece> {
    let mut all: Vec<SecretPiece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (all.last_mut(), piece) {
            (Some(SecretPiece::Text(before)), SecretPiece::Text(text)) => before.push_str(&text),
            (_, piece) => all.push(piece),
        }
    }
    all
}

/// Returns the name in `secret.NAME`.
pub(crate) fn secret_name(expr: &tree::Expr) -> Option<SmolStr> {
    let ExprKind::Member(member) = &expr.kind else { return None };
    match &member.object.kind {
        ExprKind::Name(name) if name == "secret" => Some(member.name.text.clone()),
        _ => None,
    }
}

fn has_secret(expr: &tree::Expr) -> bool {
    let mut found = secret_name(expr).is_some();
    crate::sig::children(expr, &mut |child| found = found || has_secret(child));
    found
}

fn is_plain(piece: &tree::Piece) -> bool {
    matches!(piece, tree::Piece::Text(_) | tree::Piece::Splice(_))
}

fn text_of(typed: Typed) -> Expr {
    match typed.ty.base() {
        Type::String(_) => typed.expr,
        _ => Expr::Template(vec![Piece::Splice { value: typed.expr, ty: typed.ty }]),
    }
}
