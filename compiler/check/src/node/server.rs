//! MCP servers: how they are reached. Their tools are dynamic: what they take and give is known when they are asked.

use flow_diagnostics::Code;
use flow_syntax::tree::{self, ExprKind, Literal};

use super::settings::Kind;
use crate::cx::Cx;

impl Cx<'_> {
    /// Checks `tool jira = mcp("npx -y @acme/jira") { env: {TOKEN: secret.JIRA} }`.
    pub fn server(&mut self, server: &tree::Server) {
        let address = self.server_address(&server.source);
        let fields = self.fields(Kind::Server, &server.fields);
        if let Some(expr) = fields.expr("timeout") {
            self.duration_setting(expr, "timeout");
        }
        for name in ["headers", "env"] {
            if let Some(expr) = fields.expr(name) {
                self.secret_texts(expr, name);
            }
        }
        let Some(address) = address else { return };
        let is_url = address.contains("://");
        let (wrong, why) = match is_url {
            true => {
                ("env", "a server that is reached by a URL runs elsewhere; what it is told are `headers`")
            }
            false => (
                "headers",
                "a server that is started here takes no requests by HTTP; what it is told is `env`",
            ),
        };
        if let Some(field) = fields.get(wrong) {
            let what = if is_url { "a program" } else { "a URL" };
            let diagnostic = self
                .error(
                    Code::BadSetting,
                    field.key.span,
                    format!("`{wrong}` belongs to a server that is {what}"),
                )
                .help(why);
            self.report(diagnostic);
        }
    }

    fn server_address(&mut self, source: &tree::Expr) -> Option<String> {
        let form = "write `mcp(\"npx -y …\")`, or `mcp(\"https://…\")`";
        match &source.kind {
            ExprKind::Call(call) if call.name.text == "mcp" => match call.args.as_slice() {
                [tree::Arg { name: None, value }] => {
                    let text = self.text_setting(value, "mcp")?;
                    let scheme = text.split_once("://").map(|(scheme, rest)| (scheme, rest.is_empty()));
                    let bad = match scheme {
                        Some((scheme, empty)) => empty || !matches!(scheme, "http" | "https"),
                        None => text.trim().is_empty(),
                    };
                    if bad {
                        let diagnostic = self
                            .error(Code::BadSetting, value.span, "this reaches no server")
                            .here("neither a program nor a URL")
                            .help(form);
                        self.report(diagnostic);
                        return None;
                    }
                    Some(text)
                }
                [] => {
                    let diagnostic = self
                        .error(Code::MissingArgument, source.span, "`mcp` of what?")
                        .here("says not which server")
                        .help(form);
                    self.report(diagnostic);
                    None
                }
                args => {
                    let at = args[args.len() - 1]
                        .name
                        .as_ref()
                        .map_or(args[args.len() - 1].value.span, |name| name.span);
                    let diagnostic = self.error(Code::UnknownArgument, at, "`mcp` takes one text").help(
                        "write the program and its arguments as one text: `mcp(\"npx -y @acme/jira\")`",
                    );
                    self.report(diagnostic);
                    None
                }
            },
            ExprKind::Error => None,
            ExprKind::Literal(Literal::String(_)) => {
                let text = format!("mcp({})", self.text(source.span));
                let diagnostic = self
                    .error(Code::BadSetting, source.span, "this is no server")
                    .here("a text alone")
                    .help(form)
                    .fix(format!("write `{text}`"), self.at(source.span), text);
                self.report(diagnostic);
                None
            }
            _ => {
                self.use_names(source);
                let diagnostic = self.error(Code::BadSetting, source.span, "this is no server").help(form);
                self.report(diagnostic);
                None
            }
        }
    }
}
