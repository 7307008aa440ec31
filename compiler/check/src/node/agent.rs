//! Agents: a model with tools, in a loop of at most `max_turns`.

use flow_diagnostics::Code;
use flow_ir::catalogue::Feature;
use flow_ir::plan::{Agent, AgentTool, BuiltIn, Node, NodeKind, Prompt, Step, Target, With};
use flow_ir::types::{IntRange, Trust, TypeBody};
use flow_ir::{Expr, Type, TypeName, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, FieldValue, Literal, ToolUse};
use smol_str::SmolStr;

use super::prompt::{REPAIR, history_type};
use super::settings::{Fields, Kind, setting};
use crate::cx::{Cx, Use};
use crate::hash::{HashMap, HashSet};
use crate::program::{CallKind, CallSig, ParamSig, Program, Sig};
use crate::types::docs;

/// The call of a tool, and the parameters that the model gives.
struct Call {
    call: Step,
    given: Vec<u32>,
}

impl<'a> Cx<'a> {
    /// Checks `agent investigate(question: string) -> Finding { user: "…"  tools: […]  max_turns: 6 }`.
    pub fn agent(&mut self, node: &tree::Node) -> Option<Node> {
        let params = self.bind_params(&node.name.text, &node.params, false);
        let returns = self.read_type_again(&node.returns);
        self.returnable(&returns, &node.returns);
        let fields = self.fields(Kind::Agent, &node.fields);
        let model = self.model_ref(fields.expr("model"), node.name.span);
        let mut text = |name: &str| fields.expr(name).map(|expr| self.text_field(expr, name));
        let [system, assistant, finish] = ["system", "assistant", "finish"].map(&mut text);
        let (user, media) = fields.expr("user").map(|expr| self.user_field(expr)).unzip();
        self.takes_media(fields.expr("model"), &media.unwrap_or_default());
        let history = fields.expr("history").map(|expr| self.value(expr, &history_type(), "`history`"));
        let settings = self.model_settings(&fields);
        self.supported_by_model(fields.expr("model"), &fields, &settings);
        let timeout_ms = fields.expr("timeout").and_then(|expr| self.duration_setting(expr, "timeout"));
        let retry = self.count_field(fields.expr("retry"), "retry");
        let repair = self.count_field(fields.expr("repair"), "repair").unwrap_or(REPAIR);
        let on_error = match (fields.expr("on_error"), setting(Kind::Agent, "on_error")) {
            (Some(expr), Some(row)) => self.word_setting(expr, row),
            _ => None,
        };
        if fields.get("user").is_none() {
            self.missing_setting(node.name.span, "an agent", "user", "say what is asked: `user: \"…\"`");
        }
        let tools =
            fields.get("tools").map(|field| self.tools(field, params.len() as u32)).unwrap_or_default();
        self.calls_tools(&fields);
        let max_turns = self.max_turns(node, &fields);
        if matches!(fields.get("user"), Some(tree::Field { value: FieldValue::Error, .. })) {
            return None;
        }
        let ask = Prompt { model, system, history, user: user?, assistant, repair, settings };
        let fails_with_tools = on_error == Some("fail");
        let agent = Agent { ask, tools, max_turns: max_turns?, finish, fails_with_tools };
        Some(Node {
            name: node.name.text.clone(),
            doc: docs(&self.item.docs),
            params,
            returns,
            timeout_ms,
            retry,
            kind: NodeKind::Agent(Box::new(agent)),
        })
    }

    fn max_turns(&mut self, node: &tree::Node, fields: &Fields) -> Option<u32> {
        match (fields.get("max_turns"), fields.expr("max_turns")) {
            (_, Some(expr)) => {
                let row = setting(Kind::Agent, "max_turns")?;
                self.int_setting(expr, row).map(|turns| turns as u32)
            }
            (Some(_), None) => None,
            // A setting with an unknown name is most likely the missing one.
            (None, None) if self.diagnostics.iter().any(|one| one.code == Code::UnknownSetting) => None,
            (None, None) => {
                let diagnostic = self
                    .error(
                        Code::UnboundedLoop,
                        node.name.span,
                        format!("the agent `{}` has no `max_turns`", node.name.text),
                    )
                    .here("may take any number of turns")
                    .help("say how many turns it may take: `max_turns: 8`");
                let diagnostic = self.with_field(diagnostic, &node.fields, "max_turns: 8");
                self.report(diagnostic);
                None
            }
        }
    }

    /// Reports tools that are given to a model which is known to call none.
    fn calls_tools(&mut self, fields: &Fields) {
        let Some(tree::Field { key, value: FieldValue::Tools(tools), .. }) = fields.get("tools") else {
            return;
        };
        let Some(sig) = self.model_named(fields.expr("model")) else { return };
        if !tools.is_empty() {
            self.lacks(&sig, Feature::Tools, key.span);
        }
    }

    /// Reads `[search max 4, jira.search_issues, refund(charge_id: known_charge)]`.
    fn tools(&mut self, field: &tree::Field, params: u32) -> Vec<AgentTool> {
        let listed: Vec<ToolUse>;
        let written = match &field.value {
            FieldValue::Tools(written) => written,
            FieldValue::Error => return Vec::new(),
            // A list with something in it that names no tool.
            FieldValue::Expr(tree::Expr { kind: ExprKind::List(elements), .. }) => {
                let tool = |value: &tree::Expr| ToolUse { tool: value.clone(), max: None, span: value.span };
                listed = elements.iter().map(|element| tool(&element.value)).collect();
                &listed
            }
            FieldValue::Expr(expr) => {
                if !matches!(expr.kind, ExprKind::Error) {
                    self.use_names(expr);
                    self.bad_setting(expr.span, "tools", "list the tools: `tools: [search, fetch max 4]`");
                }
                return Vec::new();
            }
            FieldValue::By(_) | FieldValue::Trusted(_) | FieldValue::Python(_) => return Vec::new(),
        };
        let mut tools: Vec<AgentTool> = Vec::with_capacity(written.len());
        let mut places: HashMap<SmolStr, Span> =
            HashMap::with_capacity_and_hasher(written.len(), Default::default());
        for (at, tool) in written.iter().enumerate() {
            // `search mx 4`: that a comma is missing is told already.
            let before = at.checked_sub(1).and_then(|before| written.get(before));
            if before
                .is_some_and(|before| !self.text(Span::new(before.span.end, tool.span.start)).contains(','))
            {
                self.use_names(&tool.tool);
                continue;
            }
            let max = tool.max.as_ref().and_then(|max| self.tool_max(max));
            let Some((name, call)) = self.tool_use(tool, params) else { continue };
            let at = tool.tool.span;
            if let Some(first) = places.get(&name) {
                let diagnostic = self
                    .error(Code::DuplicateName, at, format!("`{name}` is listed twice"))
                    .here("the model could not tell them apart")
                    .label(self.at(*first), "listed here already")
                    .help("remove one of the two");
                self.report(diagnostic);
                continue;
            }
            places.insert(name.clone(), at);
            let Some(Call { call, given }) = call else {
                self.not_runnable.push((at, format!("the tool `{name}`")));
                continue;
            };
            tools.push(AgentTool { name, call, given, max });
        }
        tools
    }

    /// Reads `max 4`: a constant, or a name whose type has an upper bound (S9).
    fn tool_max(&mut self, expr: &tree::Expr) -> Option<Expr> {
        let found = self.diagnostics.len();
        let typed = self.expr(expr, Some(&Type::INT));
        if self.diagnostics.len() > found || matches!(typed.ty, Type::Error) {
            return None;
        }
        let constant = match &typed.expr {
            Expr::Const(value) => Some(value.clone()),
            other => flow_expr::constant(other, &[], &self.program.types).ok(),
        };
        let (least, most) = match (&constant, typed.ty.clone()) {
            (Some(Value::Int(number)), _) => (Some(*number), Some(*number)),
            (_, Type::Int(IntRange { min, max })) => (min, max),
            (_, other) => {
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, format!("expected `int`, found `{other}`"))
                    .here("`max` is a count")
                    .help("write a number: `search max 4`");
                self.report(diagnostic);
                return None;
            }
        };
        let Some(most) = most else {
            let diagnostic = self
                .error(Code::UnboundedLoop, expr.span, "this `max` has no bound itself")
                .here(format!("`{}` may be any number", typed.ty))
                .help("declare the name with a range, such as `int(1..10)`, or write a number");
            self.report(diagnostic);
            return None;
        };
        if least.is_none_or(|least| least < 1) {
            let diagnostic = self
                .error(Code::EmptyRange, expr.span, "a tool that may be called less than once")
                .here("`max` is at least 1")
                .help("take it out of the list, or let the model call it");
            self.report(diagnostic);
            return None;
        }
        let most = u64::try_from(most).ok()?;
        self.counts.insert(expr.span, most);
        Some(match constant {
            Some(value) => Expr::Const(value),
            None => typed.expr,
        })
    }

    /// Finds what an entry of the list names; no call of what this version can't carry out.
    fn tool_use(&mut self, tool: &ToolUse, params: u32) -> Option<(SmolStr, Option<Call>)> {
        let expr = &tool.tool;
        match &expr.kind {
            ExprKind::Name(name) => self.listed(name, expr.span, &[], params),
            ExprKind::Call(call) => self.listed(&call.name.text, call.name.span, &call.args, params),
            ExprKind::Member(member) => self.server_tool(&member.object, &member.name, &[]),
            ExprKind::Method(method) => self.server_tool(&method.receiver, &method.name, &method.args),
            ExprKind::Error => None,
            ExprKind::Literal(Literal::String(text)) => {
                let known = self.callable(text).is_some();
                let mut diagnostic =
                    self.error(Code::UnknownTool, expr.span, "a tool is listed by its name").here("a text");
                diagnostic = match known {
                    true => diagnostic.help("write the name without quotes").fix(
                        format!("write `{text}`"),
                        self.at(expr.span),
                        text.as_str(),
                    ),
                    false => diagnostic.help("name a node of this file, or a tool of a server"),
                };
                self.report(diagnostic);
                None
            }
            _ => {
                self.use_names(expr);
                let diagnostic = self
                    .error(Code::UnknownTool, expr.span, "this names no tool")
                    .help("list names: `search`, `jira.search_issues`, `refund(charge_id: known)`");
                self.report(diagnostic);
                None
            }
        }
    }

    fn listed(
        &mut self,
        name: &SmolStr,
        span: Span,
        args: &[tree::Arg],
        params: u32,
    ) -> Option<(SmolStr, Option<Call>)> {
        let Some((symbol, sig)) = self.callable(name) else {
            for arg in args {
                self.expr(&arg.value, None);
            }
            if let (Some(built_in), true) = (BuiltIn::find(name), args.is_empty()) {
                let target = Target::Node(self.uses.add(Use::BuiltIn(built_in), span));
                return Some((
                    name.clone(),
                    Some(Call { call: call(target, Vec::new()), given: Vec::new() }),
                ));
            }
            if !self.is_broken(name) {
                self.unknown_tool(name, span);
            }
            return None;
        };
        let bound = self.bound(&sig, args, name);
        let positions: Vec<usize> = bound.iter().map(|(position, _)| *position).collect();
        self.offered(&sig, &positions, name, span);
        let target = match sig.kind {
            CallKind::Flow => Target::Flow(self.uses.add(Use::Flow(symbol), span)),
            CallKind::Code => {
                self.uses.add(Use::Code(symbol.clone()), span);
                Target::Node(self.uses.add(Use::CodeTool(symbol), span))
            }
            _ => Target::Node(self.uses.add(Use::Node(symbol), span)),
        };
        let mut given = Vec::new();
        let mut values = Vec::with_capacity(sig.params.len());
        for (position, param) in sig.params.iter().enumerate() {
            let own = bound.iter().find(|(own, _)| *own == position);
            values.push(match own {
                Some((_, value)) => value.clone(),
                // What no model can write may be left out.
                None if has_media(self.program, &param.ty, &mut HashSet::default()) => {
                    param.default.clone().unwrap_or(Expr::Const(Value::Null))
                }
                None => {
                    given.push(position as u32);
                    Expr::Slot(params + given.len() as u32 - 1)
                }
            });
        }
        Some((name.clone(), Some(Call { call: call(target, values), given })))
    }

    /// Checks bound arguments and returns the positions of the parameters they give, each with its value.
    fn bound(&mut self, sig: &CallSig, args: &[tree::Arg], tool: &str) -> Vec<(usize, Expr)> {
        let params = sig.params_of();
        let given: HashSet<&str> =
            args.iter().filter_map(|arg| arg.name.as_ref()).map(|name| name.text.as_str()).collect();
        let free: Vec<SmolStr> = params
            .iter()
            .filter(|param| !given.contains(param.name.as_str()))
            .map(|param| param.name.clone())
            .collect();
        let nothing = || Expr::Const(Value::Null);
        let mut bound: Vec<(usize, Expr)> = Vec::with_capacity(args.len());
        for (position, arg) in args.iter().enumerate() {
            let Some(named) = &arg.name else {
                self.expr(&arg.value, None);
                let mut diagnostic = self
                    .error(Code::BadSetting, arg.value.span, "an argument is bound by its name")
                    .here("bound to which parameter?");
                // Taken in their order, as in a call.
                let meant = params.get(position).map(|param| param.name.clone());
                diagnostic = match meant.filter(|name| free.contains(name)) {
                    Some(name) => diagnostic
                        .help(format!("write `{tool}({name}: …)`: what is bound is hidden from the model"))
                        .fix(
                            format!("write `{name}:`"),
                            self.at(Span::at(arg.value.span.start)),
                            format!("{name}: "),
                        ),
                    None => diagnostic
                        .help(format!("write `{tool}(name: …)`: what is bound is hidden from the model")),
                };
                self.report(diagnostic);
                bound.extend((position < params.len()).then(|| (position, nothing())));
                continue;
            };
            let Some(index) = params.iter().position(|param| param.name == named.text) else {
                self.expr(&arg.value, None);
                self.unknown_argument(&params, &free, arg, tool, false);
                // It may have meant any of them.
                bound.extend((0..params.len()).map(|index| (index, nothing())));
                continue;
            };
            let what = format!("the argument `{}`", named.text);
            let value = self.value(&arg.value, &params[index].ty, &what);
            if bound.iter().any(|(known, _)| *known == index) {
                let diagnostic = self
                    .error(Code::UnknownArgument, named.span, format!("`{}` is given twice", named.text))
                    .help("remove one of the two");
                self.report(diagnostic);
            }
            bound.push((index, value));
        }
        bound
    }

    /// Checks what the model is told of a node: its docs, and the parameters that the model gives.
    fn offered(&mut self, sig: &CallSig, bound: &[usize], name: &SmolStr, span: Span) {
        if !sig.documented && sig.kind != CallKind::Tool {
            let kind = sig.kind.as_str();
            let diagnostic = self
                .error(
                    Code::UndocumentedTool,
                    span,
                    format!("the {kind} `{name}` says nowhere what it is for"),
                )
                .here("the model sees a name without a description")
                .help(format!(
                    "write a line above `{kind} {name}` that says it, such as `/// Use this to {}.`",
                    name.replace('_', " ")
                ));
            self.report(diagnostic);
        }
        let free = sig.params.iter().enumerate().filter(|(index, _)| !bound.contains(index));
        for (_, param) in free {
            self.given_by_model(param, name, span);
        }
    }

    fn given_by_model(&mut self, param: &ParamSig, tool: &SmolStr, span: Span) {
        let own = &param.name;
        if param.trust == Some(Trust::Trusted) && !is_narrow(self.program, &param.ty) {
            let diagnostic = self
                .error(
                    Code::UntrustedArgument,
                    span,
                    format!("the model would write `{own}` of `{tool}`, which must be trusted"),
                )
                .here(format!("`{own}: trusted {}` is not bound", param.ty))
                .help(format!(
                    "say in the list what it is, `{tool}({own}: x)`, where `x` is a parameter of the agent declared `x: trusted {}`, or a constant: the model then doesn't see it",
                    param.ty
                ));
            self.report(diagnostic);
            return;
        }
        let optional = param.default.is_some() || param.ty.allows_null();
        if !optional && has_media(self.program, &param.ty, &mut HashSet::default()) {
            let diagnostic = self
                .error(
                    Code::BadSetting,
                    span,
                    format!("`{tool}` needs `{own}: {}`, which a model cannot write", param.ty),
                )
                .help(format!("bind it in the list: `{tool}({own}: …)`"));
            self.report(diagnostic);
        }
    }

    /// Reads `jira.search_issues`: which tools a server has is known when it is asked.
    fn server_tool(
        &mut self,
        server: &tree::Expr,
        tool: &tree::Name,
        args: &[tree::Arg],
    ) -> Option<(SmolStr, Option<Call>)> {
        for arg in args {
            self.value(&arg.value, &Type::Json, "a bound argument");
            if arg.name.is_none() {
                let diagnostic = self
                    .error(Code::BadSetting, arg.value.span, "an argument is bound by its name")
                    .here("bound to which parameter?")
                    .help(format!("write `{}(name: …)`: what is bound is hidden from the model", tool.text));
                self.report(diagnostic);
            }
        }
        let ExprKind::Name(name) = &server.kind else {
            self.use_names(server);
            let diagnostic = self
                .error(Code::UnknownTool, server.span.to(tool.span), "this names no tool")
                .help("a server's tool is listed as `server.tool`");
            self.report(diagnostic);
            return None;
        };
        if self.is_broken(name) {
            return None;
        }
        let span = server.span.to(tool.span);
        match self.sig_of(name) {
            Some(Sig::Server) => {
                self.used.insert(name.clone());
                Some((SmolStr::from(format!("{name}.{}", tool.text)), None))
            }
            Some(Sig::Memory(..)) => {
                self.used.insert(name.clone());
                let diagnostic = self
                    .error(Code::UnknownTool, span, format!("`{name}` is a memory, not a server"))
                    .here("a model calls nodes and the tools of servers")
                    .help(format!("declare a flow that calls `{name}.{}`, and list the flow", tool.text));
                self.report(diagnostic);
                None
            }
            _ => {
                self.unknown_server(name, server.span);
                None
            }
        }
    }

    /// Reports a server that isn't declared; `span` is its name, or a text that starts with it.
    pub fn unknown_server(&mut self, name: &SmolStr, span: Span) {
        let servers = self.servers_like(name);
        let diagnostic = self
            .error(Code::UnknownTool, span, format!("unknown server `{name}`"))
            .here("not declared or imported in this file");
        let diagnostic = match self.nearest(name, servers.iter().copied()) {
            Some(near) => {
                self.used.insert(SmolStr::from(near));
                diagnostic.help(format!("a server with a similar name exists: `{near}`")).fix(
                    format!("replace `{name}` by `{near}`"),
                    self.at(span),
                    self.text(span).replacen(name.as_str(), near, 1),
                )
            }
            None => diagnostic.help(format!("declare it: `tool {name} = mcp(\"…\")`")),
        };
        self.report(diagnostic);
    }

    /// The servers of the file whose names look most like a name; of few names, all.
    pub fn servers_like(&self, name: &str) -> Vec<&'a str> {
        let mut names = self.module.names_like(name);
        names.retain(|own| matches!(self.sig_of(own), Some(Sig::Server)));
        names
    }

    fn unknown_tool(&mut self, name: &SmolStr, span: Span) {
        let diagnostic = match self.sig_of(name) {
            Some(sig) => {
                self.used.insert(name.clone());
                let (what, help) = match sig {
                    Sig::Server => ("server", format!("list its tools one by one: `{name}.search`")),
                    Sig::Memory(..) => {
                        ("memory", "declare a flow that reads or writes it, and list the flow".into())
                    }
                    Sig::Model(_) => {
                        ("model", "a model is asked by a `prompt` or an `agent`, which may be listed".into())
                    }
                    _ => ("declaration", "list nodes and flows, by their names".to_string()),
                };
                self.error(Code::UnknownTool, span, format!("`{name}` is a {what}, not a tool"))
                    .here("a model can't call it")
                    .help(help)
            }
            None => {
                let module = self.module;
                let diagnostic = self
                    .error(Code::UnknownTool, span, format!("unknown tool `{name}`"))
                    .here("not declared or imported in this file");
                let is_call = |own: &&str| matches!(self.sig_of(own), Some(Sig::Call(_)));
                let own = module.names_like(name).into_iter().filter(is_call);
                let near = self.nearest(name, own).map(SmolStr::from);
                match near {
                    Some(near) => {
                        self.used.insert(near.clone());
                        diagnostic.similar("tool", name, near.as_str(), self.at(span))
                    }
                    None => diagnostic.help(format!(
                        "take it out of the list, declare it, such as `flow {name}(text: string) -> string {{ return text }}`, or import it: `import {{ {name} }} from \"./other.flow\"`"
                    )),
                }
            }
        };
        self.report(diagnostic);
    }
}

/// Returns a call without a policy; where it stands is told by the turn.
fn call(target: Target, args: Vec<Expr>) -> Step {
    Step {
        segment: SmolStr::new_static("tool"),
        target,
        args,
        with: With::default(),
        into: None,
        extract: None,
        catch: None,
        undo: None,
    }
}

/// Whether a value of a type can't be written, since a picture, a recording or a file is a part of it.
fn has_media<'p>(program: &'p Program, ty: &'p Type, seen: &mut HashSet<&'p TypeName>) -> bool {
    match ty {
        Type::Media(_) => true,
        Type::List(of, size) => size.min.is_some_and(|min| min > 0) && has_media(program, of, seen),
        Type::Where(rule) => has_media(program, &rule.base, seen),
        Type::Record(record) => record.fields.iter().any(|field| has_media(program, &field.ty, seen)),
        Type::Named(name) => match program.types.get(name).map(|def| &def.body) {
            Some(TypeBody::Record { record, .. }) if seen.insert(name) => {
                record.fields.iter().any(|field| has_media(program, &field.ty, seen))
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether a type is narrow (R2): trusted wherever its value came from.
fn is_narrow(program: &Program, ty: &Type) -> bool {
    match ty {
        Type::Bool | Type::Null | Type::Literals(_) | Type::Error => true,
        Type::Int(range) => range.min.is_some() && range.max.is_some(),
        Type::Float(range) => range.min.is_some() && range.max.is_some(),
        Type::Nullable(of) => is_narrow(program, of),
        Type::Where(rule) => is_narrow(program, &rule.base),
        Type::Named(name) => {
            matches!(program.types.get(name).map(|def| &def.body), Some(TypeBody::Enum { .. }))
        }
        _ => false,
    }
}
