//! Expressions: names are resolved, operators and functions get their overload, every node its type.

mod call;
mod code;
mod narrow;
mod operators;
pub(crate) mod patterns;
mod record;
mod template;

use std::collections::HashSet;
use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::expr::{Item, RunValue};
use flow_ir::types::Size;
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, Literal};
use smol_str::SmolStr;

pub(crate) use call::{CallTarget, Param, is_function_habit};

use crate::cx::{Access, BindingKind, Cx, Place, Typed};
use crate::fit::{Fit, constant_fits, fit, join};
use crate::program::{CallKind, Entry, Module, Program, Sig, short};
use crate::suggest::nearest;

/// Checks the rule of a `where`: slot 0 is `it`, slot 1 + i the record's field i.
pub(crate) fn check_rule(
    program: &Program,
    module: &Module,
    item: &tree::Item,
    base: &Type,
    rule: &tree::Expr,
    diagnostics: &mut Vec<Diagnostic>,
    used: &mut HashSet<SmolStr>,
) -> Expr {
    let mut cx = Cx::new(program, module, item);
    let implied = |text: &str| tree::Name { text: SmolStr::from(text), span: rule.span };
    let slot = cx.slot("it", base.clone());
    cx.bind_unchecked(&implied("it"), base.clone(), BindingKind::Implied, Place::Slot(slot));
    let fields = match base {
        Type::Record(record) => record.fields.clone(),
        _ => Vec::new(),
    };
    for field in fields {
        let slot = cx.slot(field.name.clone(), field.ty.clone());
        cx.bind_unchecked(&implied(&field.name), field.ty, BindingKind::Implied, Place::Slot(slot));
    }
    let checked = cx.condition(rule);
    if let Some((_, span)) = cx.uses.list.first() {
        let diagnostic = cx
            .error(Code::BadRefinement, *span, "a rule cannot call `code`")
            .help("write the expression itself, with the functions of the language");
        cx.report(diagnostic);
    }
    diagnostics.append(&mut cx.diagnostics);
    used.extend(cx.used);
    checked
}

impl Cx<'_> {
    /// Checks a condition.
    pub fn condition(&mut self, expr: &tree::Expr) -> Expr {
        self.value(expr, &Type::Bool, "a condition")
    }

    /// Checks an expression for a place of a type; `what` names the place: "the argument `text`".
    pub fn value(&mut self, expr: &tree::Expr, to: &Type, what: &str) -> Expr {
        let typed = self.expr(expr, Some(to));
        self.coerce(typed, to, expr.span, what)
    }

    /// Puts a value into a place of a type, or reports why it can't go there.
    pub fn coerce(&mut self, typed: Typed, to: &Type, span: Span, what: &str) -> Expr {
        if let (Some(Value::Int(number)), Type::Float(_)) = (typed.constant(), to.non_null()) {
            let number = *number as f64;
            return self.coerce(Typed::new(Expr::Const(Value::Float(number)), Type::FLOAT), to, span, what);
        }
        match fit(self.program, &typed.ty, to) {
            Fit::Same => typed.expr,
            Fit::Widen => Expr::Widen { of: Box::new(typed.expr), from: typed.ty, to: to.clone() },
            Fit::Narrow => self.narrow(typed, to, span, what),
            Fit::Null => {
                self.may_be_null(&typed.ty, span, what);
                typed.expr
            }
            Fit::No => {
                self.mismatch(&typed, to, span, what);
                Typed::poison().expr
            }
        }
    }

    fn narrow(&mut self, typed: Typed, to: &Type, span: Span, what: &str) -> Expr {
        if let Some(value) = typed.constant() {
            return match constant_fits(value, to) {
                Some(true) => typed.expr,
                Some(false) => {
                    let diagnostic = self
                        .error(Code::BadRefinement, span, format!("this value is outside of `{to}`"))
                        .here(format!("{what} is `{to}`"))
                        .help("use a value that the type allows, or a wider type");
                    self.report(diagnostic);
                    typed.expr
                }
                None => {
                    let cast = Expr::Cast { of: Box::new(typed.expr), from: typed.ty, to: to.clone() };
                    self.sure_failure(&cast, to, span);
                    cast
                }
            };
        }
        let (name, found) = (self.type_text(to), self.type_text(&typed.ty));
        let mut diagnostic = self
            .error(Code::TypeMismatch, span, format!("expected `{name}`, found `{found}`"))
            .here(format!("{what} is narrower than this value"));
        diagnostic = match to {
            Type::Literals(_) => diagnostic.help("test the value first with `route`, or read it with `as`"),
            // What is read with `as` has a name or a short form (G6).
            _ if ["{", " where ", " | "].iter().any(|long| name.contains(long)) => {
                diagnostic.help("give the type a name, and read the value with `as`")
            }
            _ => {
                let fix = self.cast_edit(span, &name);
                diagnostic
                    .help(format!(
                        "check it when it runs: `… as {name}`; it fails with `bad_shape` if it doesn't fit"
                    ))
                    .fix_all(format!("check it with `as {name}`"), fix)
            }
        };
        self.report(diagnostic);
        typed.expr
    }

    /// Reports a value of constants that breaks the rule of its type, and so fails whenever it is made (T4).
    pub fn sure_failure(&mut self, made: &Expr, ty: &Type, span: Span) {
        if let Err(error) = flow_expr::constant(made, &[], &self.program.types)
            && error.is_absorbed()
        {
            let name = self.type_text(ty);
            let diagnostic = self
                .error(Code::BadRefinement, span, format!("this value is outside of `{name}`"))
                .here(error.message)
                .help("use a value that the rule of the type allows");
            self.report(diagnostic);
        }
    }

    /// Writes a type as this file can: an alias with a rule by its name.
    fn type_text(&self, ty: &Type) -> String {
        match ty {
            Type::Where(_) => {
                let named = |(name, entry): (&SmolStr, &Entry)| match entry {
                    Entry::Type(declared) if self.program.aliases.get(declared) == Some(ty) => {
                        Some(name.to_string())
                    }
                    _ => None,
                };
                self.module.scope.iter().filter_map(named).min().unwrap_or_else(|| ty.to_string())
            }
            Type::Nullable(of) => format!("{}?", self.type_text(of)),
            Type::List(of, size) if *size == Size::default() => format!("[{}]", self.type_text(of)),
            _ => ty.to_string(),
        }
    }

    fn cast_edit(&self, span: Span, to: &str) -> Vec<flow_diagnostics::Edit> {
        let text = self.text(span);
        let simple = text.chars().all(|c| c.is_alphanumeric() || "._()[]\"".contains(c));
        let edit = |at: Span, text: String| flow_diagnostics::Edit { at: self.at(at), text };
        if simple {
            vec![edit(Span::at(span.end), format!(" as {to}"))]
        } else {
            vec![edit(Span::at(span.start), "(".into()), edit(Span::at(span.end), format!(") as {to}"))]
        }
    }

    /// Reports a value that may be null.
    pub fn may_be_null(&mut self, ty: &Type, span: Span, what: &str) {
        let diagnostic = match ty {
            Type::Optional(_) => self
                .error(Code::NullableUse, span, "this value may be absent")
                .here(format!("`{ty}`, but {what} needs a value"))
                .help("give a value for that case: `… ?? other`"),
            _ => self
                .error(Code::NullableUse, span, "this value may be null")
                .here(format!("`{ty}`, but {what} needs a value"))
                .help("test it with `!= null` first, or give a value for that case: `… ?? other`"),
        };
        self.report(diagnostic);
    }

    fn mismatch(&mut self, typed: &Typed, to: &Type, span: Span, what: &str) {
        let mut diagnostic = self
            .error(
                Code::TypeMismatch,
                span,
                format!("expected `{}`, found `{}`", self.type_text(to), self.type_text(&typed.ty)),
            )
            .here(format!("{what} is `{}`", self.type_text(to)));
        match (typed.constant(), to.non_null()) {
            (Some(Value::String(text)), Type::Named(name)) => {
                if let Some(values) = self.program.enum_values(name) {
                    let own: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
                    let enum_name = short(name);
                    if own.contains(&&**text) {
                        let value = format!("{enum_name}.{text}");
                        diagnostic = diagnostic.help(format!("a value of an enum is written `{value}`")).fix(
                            format!("write `{value}`"),
                            self.at(span),
                            value,
                        );
                    } else {
                        diagnostic = diagnostic.help(format!("`{enum_name}` is {}", own.join(" | ")));
                    }
                }
            }
            _ => match (&typed.ty, to.non_null()) {
                (Type::Json, _) => {
                    diagnostic = diagnostic.help(format!("read it with `as {to}`"));
                }
                (Type::Int(_), Type::Float(_)) => {
                    diagnostic = diagnostic.help("convert it: `float(…)`");
                }
                (Type::Float(_), Type::Int(_)) => {
                    diagnostic = diagnostic.help("convert it: `int(math.round(…))`");
                }
                (_, Type::String(_)) if !matches!(typed.ty, Type::Nullable(_) | Type::Null) => {
                    diagnostic = diagnostic.help("make it a text: `\"${…}\"`");
                }
                _ => {}
            },
        }
        self.report(diagnostic);
    }

    /// Checks an expression. `hint` says what its place expects: it shapes literals, and is not enforced.
    pub fn expr(&mut self, expr: &tree::Expr, hint: Option<&Type>) -> Typed {
        match &expr.kind {
            ExprKind::Literal(literal) => literal_value(literal, hint),
            ExprKind::Template(template) => self.template(template),
            ExprKind::Name(name) => self.name(name, expr, hint),
            ExprKind::TypeName(name) => self.type_name(name, expr.span),
            ExprKind::Loop(which) => self.loop_value(*which, expr.span),
            ExprKind::List(elements) => self.list(elements, hint),
            ExprKind::Record(record) => self.record(record, hint, expr.span),
            ExprKind::Member(member) => self.member(member, expr),
            ExprKind::Index(index) => self.index(index, expr),
            ExprKind::Call(call) => self.call(call, expr, hint),
            ExprKind::Method(method) => self.method(method, expr),
            ExprKind::Unary(op, operand) => self.unary(*op, operand, expr.span),
            ExprKind::Binary(binary) => self.binary(binary, expr, hint),
            ExprKind::Ternary(ternary) => self.ternary(ternary, hint, expr.span),
            ExprKind::Is(value, variant) => self.is(value, variant),
            ExprKind::Cast(value, to) => self.cast(value, to),
            ExprKind::Error => Typed::poison(),
        }
    }

    fn name(&mut self, name: &SmolStr, expr: &tree::Expr, hint: Option<&Type>) -> Typed {
        if let Some(&id) = self.visible.get(name) {
            return self.read(id, expr.span);
        }
        if self.is_broken(name) {
            return Typed::poison();
        }
        match self.sig_of(name) {
            Some(Sig::Const(ty, value)) => {
                self.used.insert(name.clone());
                return match value {
                    Some(value) => Typed::new(Expr::Const(value.clone()), ty.clone()),
                    None => Typed::poison(),
                };
            }
            Some(sig) => {
                self.used.insert(name.clone());
                let (what, help) = match sig {
                    Sig::Call(sig) => (sig.kind.as_str(), format!("call it: `{name}(…)`")),
                    Sig::Model(_) => {
                        ("model", "models stand in `model:` fields and in `with {model: …}`".to_string())
                    }
                    Sig::Memory(_, true) => ("memory", format!("read it in a step: `{name}.get(…)`")),
                    Sig::Memory(_, false) => {
                        ("memory", format!("read it in a step: `{name}.search(query, top: 5)`"))
                    }
                    Sig::Server => ("server", format!("call one of its tools in a step: `{name}.tool(…)`")),
                    _ => ("declaration", "it is not a value".to_string()),
                };
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, format!("`{name}` is a {what}, not a value"))
                    .help(help);
                self.report(diagnostic);
                return Typed::poison();
            }
            None => {}
        }
        self.unknown_name(name, expr.span, hint);
        Typed::poison()
    }

    /// Reads a binding: what is known here goes before its declared type.
    fn read(&mut self, id: u32, span: Span) -> Typed {
        let binding = &mut self.bindings[id as usize];
        binding.read = true;
        let place = match binding.place {
            Place::Slot(slot) => Expr::Slot(slot),
            Place::Local(local) => Expr::Local(local),
        };
        let (kind, ty, name) = (binding.kind, binding.ty.clone(), binding.name.clone());
        if kind != BindingKind::Variable || matches!(place, Expr::Slot(_)) {
            self.accesses.push(Access { binding: id, span, write: false });
        }
        if kind == BindingKind::State
            && self.point.reachable
            && !self.lost
            && !self.point.assigned.contains(id)
        {
            self.unassigned(id, span, "read before it is surely assigned");
        }
        if let Some((names, jump)) = self.skipped.clone()
            && names.contains(&id)
            && !self.lost
        {
            let (bound, jump) = (self.at(self.bindings[id as usize].span), self.at(jump));
            let diagnostic = self
                .error(Code::UnassignedState, span, format!("`{name}` may have no value here"))
                .here("tested after each turn, one that `continue` ends included")
                .label(jump, "leads to the test")
                .label(bound, "not bound yet on that way")
                .help(format!(
                    "bind `{name}` before the `continue`, or make it state of the turn: `state {{ {name}: … = … }}` at the head of the body"
                ));
            self.report(diagnostic);
            self.skipped = None;
        }
        let ty = self.known(id, &[]).cloned().unwrap_or(ty);
        Typed::new(place, ty)
    }

    /// Whether the word stands earlier in the item, where a part that could not be read may have declared it.
    fn stands_before(&self, name: &str, span: Span) -> bool {
        let before = self.item.text.get(..span.start as usize).unwrap_or_default();
        before.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    }

    /// Returns where a name was bound whose block has ended.
    fn ended(&mut self, name: &SmolStr) -> Option<Span> {
        if self.constant_only || self.diagnostics.len() > 100 {
            return None;
        }
        let binding = self.bindings.iter_mut().rev().find(|binding| binding.name == *name)?;
        // Read where it isn't known, it isn't unused as well.
        binding.read = true;
        (binding.kind != BindingKind::Implied).then_some(binding.span)
    }

    fn out_of_scope(&mut self, name: &SmolStr, span: Span, bound: Span) {
        let help = match self.late_reads.is_empty() {
            true => "values leave a block by `yield`, or in state that is declared before the block",
            false => {
                "hand it to the stage that needs it, `goto next(x)` and `stage next(x: T)`, or keep it in state that is declared before the graph"
            }
        };
        let diagnostic = self
            .error(Code::UnknownName, span, format!("`{name}` is not known here any more"))
            .here("outside of the block that binds it")
            .label(self.at(bound), "bound here, until the end of its block")
            .help(help);
        self.report(diagnostic);
    }

    /// Whether this is the `match` of an event, which looks at `body`.
    fn in_match(&self) -> bool {
        let event = |node: &tree::Node| node.kind == tree::NodeKind::Event;
        matches!(&self.item.kind, tree::ItemKind::Node(node) if event(node))
            && self.visible.contains_key("body")
    }

    fn unknown_name(&mut self, name: &SmolStr, span: Span, hint: Option<&Type>) {
        if self.siblings.contains_key(name) {
            self.sibling_read(name, span);
            return;
        }
        if name == "secret" {
            let diagnostic = self
                .error(Code::SecretLeak, span, "a secret cannot stand here")
                .help("`secret.NAME` stands only in `api_key`, `headers`, `env`, URL queries and `hmac(…)`");
            self.report(diagnostic);
            return;
        }
        if self.lost_words.contains(name) || self.lost && self.stands_before(name, span) {
            return;
        }
        if let Some(bound) = self.ended(name) {
            return self.out_of_scope(name, span, bound);
        }
        let enum_hint = hint.and_then(|ty| match ty.non_null() {
            Type::Named(enum_name) => {
                let values = self.program.enum_values(enum_name)?;
                let own = nearest_or_same(name, values.iter().map(|value| value.name.as_str()))?;
                Some(format!("{}.{own}", short(enum_name)))
            }
            _ => None,
        });
        let mut diagnostic = self
            .error(Code::UnknownName, span, format!("unknown name `{name}`"))
            .here("nothing in scope has this name");
        let habit = match name.as_str() {
            "nil" | "none" | "undefined" | "None" => Some("null"),
            "request" | "payload" | "event" | "data" | "delivery" | "json" if self.in_match() => Some("body"),
            _ => None,
        };
        let constants = self.module.scope.iter().filter_map(|(name, entry)| match entry {
            Entry::Value(symbol) if matches!(self.program.sig(symbol), Some(Sig::Const(..))) => {
                Some(name.as_str())
            }
            _ => None,
        });
        let constant_only = self.constant_only;
        let names = self.visible.keys().map(SmolStr::as_str).filter(|_| !constant_only).chain(constants);
        let near = enum_hint.or_else(|| habit.or_else(|| self.nearest(name, names)).map(String::from));
        // What is named by mistake isn't unused as well.
        if let Some(&id) = near.as_ref().and_then(|near| self.visible.get(near.as_str())) {
            self.bindings[id as usize].read = true;
        }
        diagnostic = match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("replace `{name}` by `{near}`"),
                self.at(span),
                near,
            ),
            None if constant_only => diagnostic.help("only constants can be named here"),
            None => {
                diagnostic.help("bind it first with `let`, or declare it as a parameter, state or `const`")
            }
        };
        self.report(diagnostic);
    }

    fn type_name(&mut self, name: &SmolStr, span: Span) -> Typed {
        let habit = match name.as_str() {
            "True" => Some("true"),
            "False" => Some("false"),
            "None" | "Null" | "Nil" => Some("null"),
            _ => None,
        };
        let mut diagnostic = match habit {
            Some(word) => self
                .error(Code::UnknownName, span, format!("unknown name `{name}`"))
                .help(format!("it is written `{word}`"))
                .fix(format!("write `{word}`"), self.at(span), word),
            None if matches!(self.module.scope.get(name), Some(Entry::Type(_))) => {
                self.used.insert(name.clone());
                self.error(Code::TypeMismatch, span, format!("`{name}` is a type, not a value")).help(
                    format!("make a value of it: `{name}{{…}}`, or name a value of an enum: `{name}.value`"),
                )
            }
            None => self
                .error(Code::UnknownType, span, format!("unknown type `{name}`"))
                .here("not declared or imported in this file"),
        };
        if self.is_broken(name) {
            return Typed::poison();
        }
        if diagnostic.help.is_none() {
            diagnostic = diagnostic.help(format!("declare it: `type {name} {{ … }}`"));
        }
        self.report(diagnostic);
        Typed::poison()
    }

    fn loop_value(&mut self, which: tree::LoopValue, span: Span) -> Typed {
        let Some(&counters) = self.counters.last() else {
            let diagnostic = self
                .error(Code::UnknownName, span, "there is no loop around this")
                .help("`loop.index` and `loop.last` belong to the innermost `loop`, `for` or `parallel for`");
            self.report(diagnostic);
            return Typed::poison();
        };
        let (known, name, ty) = match which {
            tree::LoopValue::Index => (counters.index, "$index", Type::INT),
            tree::LoopValue::Last => (counters.last, "$last", Type::Bool),
        };
        let slot = known.unwrap_or_else(|| self.slot(name, ty.clone()));
        if let Some(counters) = self.counters.last_mut() {
            match which {
                tree::LoopValue::Index => counters.index = Some(slot),
                tree::LoopValue::Last => counters.last = Some(slot),
            }
        }
        Typed::new(Expr::Slot(slot), ty)
    }

    fn list(&mut self, elements: &[tree::Element], hint: Option<&Type>) -> Typed {
        let wanted = match hint.map(Type::non_null) {
            Some(Type::List(of, _)) => Some((**of).clone()),
            Some(Type::Where(rule)) => match &rule.base {
                Type::List(of, _) => Some((**of).clone()),
                _ => None,
            },
            Some(Type::Json) => Some(Type::Json),
            _ => None,
        };
        let mut ty = Type::Never;
        let mut items = Vec::with_capacity(elements.len());
        let mut sized = true;
        let mut typed_items = Vec::with_capacity(elements.len());
        for element in elements {
            let mut typed = self.expr(&element.value, wanted.as_ref());
            if element.optional {
                sized = false;
                typed.ty = match typed.ty {
                    Type::Optional(of) => (*of).clone(),
                    Type::Error => Type::Error,
                    other => {
                        let diagnostic = self
                            .error(
                                Code::TypeMismatch,
                                element.value.span,
                                format!("expected an optional, found `{other}`"),
                            )
                            .help("`?` before an element takes an optional: `?xs.first()`");
                        self.report(diagnostic);
                        Type::Error
                    }
                };
            }
            typed_items.push((typed, element));
        }
        match &wanted {
            Some(wanted) => {
                ty = wanted.clone();
                for (typed, element) in typed_items {
                    let value = match element.optional {
                        true => typed.expr,
                        false => self.coerce(typed, wanted, element.value.span, "an element"),
                    };
                    items.push(Item { value, optional: element.optional });
                }
            }
            None => {
                for (typed, element) in typed_items {
                    match join(self.program, &ty, &typed.ty) {
                        Some(joined) => ty = joined,
                        None => {
                            let diagnostic = self
                                .error(
                                    Code::TypeMismatch,
                                    element.value.span,
                                    format!("expected `{ty}`, found `{}`", typed.ty),
                                )
                                .here("the elements before it have another type")
                                .help("a list holds values of one type; `json` holds any");
                            self.report(diagnostic);
                            ty = Type::Error;
                        }
                    }
                    items.push(Item { value: typed.expr, optional: element.optional });
                }
                if matches!(ty, Type::Error) && !items.is_empty() {
                    return Typed::poison();
                }
            }
        }
        let count = elements.len() as u64;
        let size = if sized {
            Size { min: Some(count), max: Some(count) }
        } else {
            Size { min: None, max: Some(count) }
        };
        let constant = items.iter().all(|item| !item.optional && matches!(item.value, Expr::Const(_)));
        let ty_of = if matches!(hint.map(Type::non_null), Some(Type::Json)) {
            Type::Json
        } else {
            Type::List(Arc::new(ty), size)
        };
        if constant {
            let values = items
                .into_iter()
                .filter_map(|item| match item.value {
                    Expr::Const(value) => Some(value),
                    _ => None,
                })
                .collect();
            return Typed::new(Expr::Const(Value::list(values)), ty_of);
        }
        Typed::new(Expr::List(items), ty_of)
    }

    fn member(&mut self, member: &tree::Member, expr: &tree::Expr) -> Typed {
        if let ExprKind::TypeName(name) = &member.object.kind {
            return self.enum_member(name, member, expr.span);
        }
        if let ExprKind::Name(name) = &member.object.kind
            && !self.visible.contains_key(name)
        {
            match (name.as_str(), member.name.as_str()) {
                ("run", "id") => return Typed::new(Expr::Run(RunValue::Id), Type::STRING),
                ("run", "started_at") => return Typed::new(Expr::Run(RunValue::StartedAt), Type::Timestamp),
                ("run", other) => {
                    let diagnostic = self
                        .error(Code::UnknownField, member.name.span, format!("a run has no `{other}`"))
                        .help("a run has `run.id` and `run.started_at`");
                    self.report(diagnostic);
                    return Typed::poison();
                }
                ("secret", _) => {
                    self.unknown_name(name, expr.span, None);
                    return Typed::poison();
                }
                _ => {}
            }
        }
        let object = self.expr(&member.object, None);
        let result = self.field(object, &member.object, &member.name, member.optional);
        if !member.optional
            && let Some((root, fields)) = self.path(expr)
            && let Some(known) = self.known(root, &fields)
        {
            return Typed::new(result.expr, known.clone());
        }
        result
    }

    /// Reads a field of a value.
    pub fn field(&mut self, object: Typed, written: &tree::Expr, name: &tree::Name, optional: bool) -> Typed {
        let ty = match &object.ty {
            Type::Error | Type::Never => return Typed::poison(),
            Type::Nullable(_) => {
                self.may_be_null(&object.ty.clone(), written.span, &format!("`.{}`", name.text));
                return Typed::poison();
            }
            Type::Optional(of) if optional => (**of).clone(),
            Type::Optional(_) => {
                self.may_be_null(&object.ty.clone(), written.span, &format!("`.{}`", name.text));
                return Typed::poison();
            }
            other => other.clone(),
        };
        let of = Box::new(object.expr);
        let wrap = |ty: Type| if optional { Type::Optional(Arc::new(ty.non_null().clone())) } else { ty };
        if let Some(record) = self.program.record_of(&ty) {
            return match record.fields.iter().position(|field| field.name == name.text) {
                Some(index) => {
                    let field = record.fields[index].ty.clone();
                    Typed::new(Expr::Field { of, index: index as u32, optional }, wrap(field))
                }
                None => {
                    let names: Vec<SmolStr> = record.fields.iter().map(|field| field.name.clone()).collect();
                    self.unknown_field(&ty, name, &names);
                    Typed::poison()
                }
            };
        }
        match ty.base() {
            Type::Json => {
                let key = Box::new(Expr::text(&name.text));
                Typed::new(Expr::Index { of, key, optional }, wrap(Type::Json))
            }
            Type::Map(key, value) if matches!(key.base(), Type::String(_)) => {
                let key = Box::new(Expr::text(&name.text));
                Typed::new(Expr::Index { of, key, optional }, wrap((*value).clone()))
            }
            base => {
                let diagnostic = match self.program.members_of(&ty) {
                    Some(members) => {
                        let names: Vec<&str> = members.iter().map(|member| short(member)).collect();
                        self.error(Code::UnknownField, name.span, format!("`{ty}` has no field `{}`", name.text))
                            .here(format!("it is {}", names.join(" | ")))
                            .help("find out which it is first: `route v { when Variant{field} => … }`, or `v is Variant`")
                    }
                    None => self
                        .error(
                            Code::UnknownField,
                            name.span,
                            format!("`{base}` has no field `{}`", name.text),
                        )
                        .help("only records, maps and `json` have fields"),
                };
                self.report(diagnostic);
                Typed::poison()
            }
        }
    }

    pub fn unknown_field(&mut self, ty: &Type, name: &tree::Name, fields: &[SmolStr]) {
        let mut diagnostic = self
            .error(Code::UnknownField, name.span, format!("`{ty}` has no field `{}`", name.text))
            .here("no such field");
        diagnostic = match self.nearest(&name.text, fields.iter().map(SmolStr::as_str)) {
            Some(near) => diagnostic.help(format!("a field with a similar name exists: `{near}`")).fix(
                format!("replace `{}` by `{near}`", name.text),
                self.at(name.span),
                near,
            ),
            None => diagnostic.help(format!("its fields are {}", list_of(fields))),
        };
        self.report(diagnostic);
    }

    fn enum_member(&mut self, name: &SmolStr, member: &tree::Member, span: Span) -> Typed {
        let Some(entry) = self.module.scope.get(name) else {
            self.type_name(name, member.object.span);
            return Typed::poison();
        };
        let Entry::Type(type_name) = entry else { return Typed::poison() };
        self.used.insert(name.clone());
        let type_name = match self.program.aliases.get(type_name) {
            Some(Type::Named(alias)) => alias.clone(),
            Some(Type::Error) => return Typed::poison(),
            _ => type_name.clone(),
        };
        let Some(values) = self.program.enum_values(&type_name) else {
            if self.program.types.contains_key(&type_name) {
                let diagnostic = self
                    .error(Code::UnknownField, span, format!("`{name}` is not an enum"))
                    .help(format!("make a value of it: `{name}{{…}}`"));
                self.report(diagnostic);
            }
            return Typed::poison();
        };
        let names: Vec<SmolStr> = values.iter().map(|value| value.name.clone()).collect();
        match self.enum_value(&type_name, &member.name.text) {
            Some(value) => Typed::new(Expr::Const(value), Type::Named(type_name)),
            None => {
                let mut diagnostic = self
                    .error(
                        Code::UnknownField,
                        member.name.span,
                        format!("`{name}` has no value `{}`", member.name.text),
                    )
                    .here("no such value");
                diagnostic = match self.nearest(&member.name.text, names.iter().map(SmolStr::as_str)) {
                    Some(near) => {
                        diagnostic.help(format!("a value with a similar name exists: `{near}`")).fix(
                            format!("replace `{}` by `{near}`", member.name.text),
                            self.at(member.name.span),
                            near,
                        )
                    }
                    None => diagnostic.help(format!("its values are {}", list_of(&names))),
                };
                self.report(diagnostic);
                Typed::new(Expr::Const(Value::Null), Type::Error)
            }
        }
    }

    fn index(&mut self, index: &tree::Index, expr: &tree::Expr) -> Typed {
        if let ExprKind::Name(name) = &index.object.kind
            && self.memory_sig(name).is_some()
        {
            self.used.insert(name.clone());
            self.effect(name, "memory", expr.span);
            self.foreign_call(expr, Type::Error);
            return Typed::poison();
        }
        let object = self.expr(&index.object, None);
        let key = self.expr(&index.index, None);
        self.index_typed(object, key, index, expr.span)
    }

    /// Reads an element.
    pub fn index_typed(&mut self, object: Typed, key: Typed, index: &tree::Index, span: Span) -> Typed {
        if let ExprKind::Name(_) = &index.object.kind
            && matches!(object.ty, Type::Error)
        {
            return Typed::poison();
        }
        let (of, optional) = (Box::new(object.expr), index.optional);
        let wrap = |ty: Type| if optional { Type::Optional(Arc::new(ty.non_null().clone())) } else { ty };
        let what = "an index";
        match object.ty.base() {
            Type::Error | Type::Never => Typed::poison(),
            Type::Nullable(_) | Type::Optional(_) => {
                self.may_be_null(&object.ty, index.object.span, "`[…]`");
                Typed::poison()
            }
            Type::List(element, _) => {
                let key = self.coerce(key, &Type::INT, index.index.span, what);
                Typed::new(Expr::Index { of, key: Box::new(key), optional }, wrap((*element).clone()))
            }
            Type::Map(key_type, value) => {
                let key_type = key_type.base();
                let key = self.coerce(key, &key_type, index.index.span, "a key");
                Typed::new(Expr::Index { of, key: Box::new(key), optional }, wrap((*value).clone()))
            }
            Type::Json => {
                if !matches!(key.ty.base(), Type::Int(_) | Type::String(_) | Type::Error | Type::Json) {
                    let diagnostic = self
                        .error(
                            Code::TypeMismatch,
                            index.index.span,
                            format!("expected `int` or `string`, found `{}`", key.ty),
                        )
                        .help("`json` is indexed by a number or a text");
                    self.report(diagnostic);
                }
                Typed::new(Expr::Index { of, key: Box::new(key.expr), optional }, wrap(Type::Json))
            }
            other => {
                // A record answers to the constant name of a field.
                if let (Some(record), Some(Value::String(name))) =
                    (self.program.record_of(&other), key.constant())
                    && let Some(at) = record.fields.iter().position(|field| *field.name == **name)
                {
                    let ty = wrap(record.fields[at].ty.clone());
                    return Typed::new(Expr::Field { of, index: at as u32, optional }, ty);
                }
                let diagnostic = self
                    .error(Code::TypeMismatch, span, format!("`{other}` cannot be indexed"))
                    .help("only lists, maps and `json` are; a record's field is read with `.name`");
                self.report(diagnostic);
                Typed::poison()
            }
        }
    }

    fn ternary(&mut self, ternary: &tree::Ternary, hint: Option<&Type>, span: Span) -> Typed {
        let test = self.condition(&ternary.condition);
        let before = self.point.facts.len();
        self.assume(&ternary.condition, true);
        let then = self.expr(&ternary.then, hint);
        self.point.facts.truncate(before);
        self.assume(&ternary.condition, false);
        let otherwise = self.expr(&ternary.otherwise, hint);
        self.point.facts.truncate(before);
        let (then, otherwise, ty) =
            self.join_values(then, ternary.then.span, otherwise, ternary.otherwise.span, hint, span);
        Typed::new(
            Expr::If { test: Box::new(test), then: Box::new(then), otherwise: Box::new(otherwise) },
            ty,
        )
    }

    /// Brings two values to one type.
    pub fn join_values(
        &mut self,
        a: Typed,
        a_span: Span,
        b: Typed,
        b_span: Span,
        hint: Option<&Type>,
        span: Span,
    ) -> (Expr, Expr, Type) {
        if let Some(ty) = self.join_types(&a, &b, hint) {
            let a = self.coerce(a, &ty, a_span, "the value");
            let b = self.coerce(b, &ty, b_span, "the value");
            return (a, b, ty);
        }
        let diagnostic = self
            .error(
                Code::TypeMismatch,
                span,
                format!("these values have different types: `{}` and `{}`", a.ty, b.ty),
            )
            .here("one of them is taken")
            .help("give both the same type");
        self.report(diagnostic);
        (a.expr, b.expr, Type::Error)
    }

    /// Returns the one type of two values; literals join to a literal union (T6).
    pub fn join_types(&mut self, a: &Typed, b: &Typed, hint: Option<&Type>) -> Option<Type> {
        if let Some(hint) = hint
            && !matches!(hint, Type::Error)
            && !matches!(hint.base(), Type::String(_) | Type::Int(_))
            && fit(self.program, &a.ty, hint) <= Fit::Widen
            && fit(self.program, &b.ty, hint) <= Fit::Widen
        {
            return Some(hint.clone());
        }
        let (left, right) = (literal_of(a), literal_of(b));
        if let (Some(left), Some(right)) = (&left, &right)
            && let Some(joined) = join(self.program, left, right)
        {
            return Some(joined);
        }
        if let (Some(Value::Int(_)), Type::Float(_)) = (a.constant(), &b.ty) {
            return Some(Type::FLOAT);
        }
        if let (Type::Float(_), Some(Value::Int(_))) = (&a.ty, b.constant()) {
            return Some(Type::FLOAT);
        }
        join(self.program, &a.ty, &b.ty)
    }

    fn cast(&mut self, value: &tree::Expr, to: &tree::TypeExpr) -> Typed {
        let to_type = self.read_type(|reader| reader.read(to));
        let of = self.expr(value, None);
        self.cast_typed(of, value.span, to_type, to.span)
    }

    /// Casts a value, checked when it runs.
    pub fn cast_typed(&mut self, of: Typed, span: Span, to: Type, to_span: Span) -> Typed {
        if matches!(of.ty, Type::Error) || matches!(to, Type::Error) {
            return Typed::new(Typed::poison().expr, to);
        }
        if let (Some(Value::Int(number)), Type::Float(_)) = (of.constant(), &to) {
            let float = Typed::new(Expr::Const(Value::Float(*number as f64)), Type::FLOAT);
            let expr = self.coerce(float, &to, span, "the value");
            return Typed::new(expr, to);
        }
        let sources = match &of.ty {
            Type::Optional(of) => Type::Nullable(of.clone()),
            other => other.clone(),
        };
        let reads = matches!(sources.base().non_null(), Type::Json)
            || self.castable(&sources, &to)
            || self.castable(&to, &sources);
        if !reads {
            let diagnostic = self
                .error(Code::TypeMismatch, to_span, format!("`{}` can never be `{to}`", of.ty))
                .here("this cast always fails")
                .help("`as` reads `json`, and narrows a value to a type that its own type contains");
            self.report(diagnostic);
            return Typed::new(Typed::poison().expr, to);
        }
        let (of, from) = match of.ty {
            Type::Optional(_) => {
                let widened = Expr::Widen { of: Box::new(of.expr), from: of.ty, to: sources.clone() };
                (widened, sources)
            }
            ty => (of.expr, ty),
        };
        Typed::new(Expr::Cast { of: Box::new(of), from, to: to.clone() }, to)
    }

    fn castable(&self, from: &Type, to: &Type) -> bool {
        let fits = fit(self.program, from, to) <= Fit::Null;
        // A text is read as a value of an enum (T2).
        let reads_enum = matches!((from.base(), to.base()), (Type::String(_), Type::Named(name)) if self.program.enum_values(&name).is_some());
        // Narrowed inside: a list of refined elements, a record of refined fields.
        let inside = match (from.non_null(), to.non_null()) {
            (Type::List(a, _), Type::List(b, _)) => self.castable(a, b),
            (Type::Map(_, a), Type::Map(_, b)) => self.castable(a, b),
            _ => false,
        };
        fits || reads_enum || inside
    }

    /// What is said of a call of a node where only values may stand.
    pub fn effect_in_expression(&mut self, name: &str, kind: CallKind, span: Span) {
        self.effect(name, kind.as_str(), span);
    }

    /// The same of anything that has an effect; `what` is what the message calls it.
    pub fn effect(&mut self, name: &str, what: &str, span: Span) {
        let article = if what.starts_with(['a', 'e']) { "an" } else { "a" };
        let mut diagnostic = self
            .error(
                Code::EffectInExpression,
                span,
                format!("`{name}` is {article} {what} and must be a step of its own"),
            )
            .here("called inside an expression");
        match self.hoist {
            Some(step) => {
                let short_name = name.rsplit('.').next().unwrap_or(name);
                let mut fresh = String::from(short_name);
                // Steps are named by what takes them, so a name is taken where any word of the item is the same.
                let words = |fresh: &str| {
                    self.item
                        .text
                        .split(|c: char| !c.is_alphanumeric() && c != '_')
                        .filter(|word| *word == fresh)
                        .count()
                };
                let taken = |fresh: &str| {
                    let own = usize::from(fresh == short_name);
                    words(fresh) > own || self.module.scope.contains_key(fresh) && fresh != name
                };
                let mut number = 2;
                while taken(&fresh) {
                    fresh = format!("{short_name}_{number}");
                    number += 1;
                }
                let line = self.item.text[..step.start as usize].rfind('\n').map_or(0, |at| at + 1);
                let before = &self.item.text[line..step.start as usize];
                let between =
                    if before.trim().is_empty() { format!("\n{before}") } else { String::from("  ") };
                let call = self.text(span).to_string();
                let edit = |at: Span, text: String| flow_diagnostics::Edit { at: self.at(at), text };
                let edits = vec![
                    edit(Span::at(step.start), format!("let {fresh} = {call}{between}")),
                    edit(span, fresh.clone()),
                ];
                diagnostic = diagnostic
                    .help(format!("call it in a step before this one: `let {fresh} = {call}`"))
                    .fix_all(format!("extract `let {fresh} = {call}`"), edits);
            }
            None if self.in_macro => {
                diagnostic = diagnostic.help(format!(
                    "walk the list in a step of its own: `let results = parallel for x in xs max 50 collect {{ yield {name}(…) }}`"
                ));
            }
            None if matches!(self.item.kind, tree::ItemKind::Code(_)) => {
                diagnostic = diagnostic
                    .here("code is pure")
                    .help(format!("call `{name}` in the flow, and pass what it gives as an argument"));
            }
            None => {
                diagnostic = diagnostic.help("effects stand only on the right side of `let`, `=` and `+=`, as a bare call, an arm's body, and after `yield` and `return`");
            }
        }
        self.report(diagnostic);
    }
}

fn nearest_or_same<'a>(name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    names.clone().find(|own| *own == name).or_else(|| nearest(name, names))
}

/// Writes names for a help: `a`, `b` and `c`.
pub(crate) fn list_of(names: &[SmolStr]) -> String {
    let quoted: Vec<String> = names.iter().take(12).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > 12 { ", …" } else { "" };
    if quoted.is_empty() { "none".into() } else { format!("{}{more}", quoted.join(", ")) }
}

fn literal_of(typed: &Typed) -> Option<Type> {
    match (typed.constant(), &typed.ty) {
        (Some(Value::String(text)), Type::String(_)) => {
            Some(Type::Literals(Arc::from([flow_ir::types::Literal::String(SmolStr::from(&**text))])))
        }
        (Some(Value::Int(number)), Type::Int(_)) => {
            Some(Type::Literals(Arc::from([flow_ir::types::Literal::Int(*number)])))
        }
        (_, Type::Literals(_)) => Some(typed.ty.clone()),
        _ => None,
    }
}

/// Returns a literal's value and type; an int is a float where a float is expected (T3).
pub(crate) fn literal_value(literal: &Literal, hint: Option<&Type>) -> Typed {
    let (value, ty) = match literal {
        Literal::Null => (Value::Null, Type::Null),
        Literal::Bool(value) => (Value::Bool(*value), Type::Bool),
        Literal::Int(number) => match hint.map(|hint| hint.non_null().base()) {
            Some(Type::Float(_)) => (Value::Float(*number as f64), Type::FLOAT),
            _ => (Value::Int(*number), Type::INT),
        },
        Literal::Size(bytes) => (Value::Int(*bytes), Type::INT),
        Literal::Uint(number) => (Value::Uint(*number), Type::Uint),
        Literal::Float(number) => (Value::Float(number.get()), Type::FLOAT),
        Literal::Duration(nanos) => (Value::Duration(*nanos), Type::Duration),
        Literal::String(text) => (Value::string(text), Type::STRING),
        Literal::Bytes(bytes) => (Value::Bytes(Arc::from(&**bytes)), Type::Bytes),
    };
    Typed::new(Expr::Const(value), ty)
}
