//! Assignments: `text = …`, `log += …`.

use flow_diagnostics::Code;
use flow_ir::plan::{Add, Merge, Statement};
use flow_ir::{Expr, Type};
use flow_source::Span;
use flow_syntax::tree::{self, AssignOp, ExprKind};
use smol_str::SmolStr;

use super::FlowCheck;
use crate::cx::{Access, BindingKind, Place, Typed};
use crate::fit::{Fit, fit};
use crate::program::Sig;

impl FlowCheck<'_> {
    pub fn assign(&mut self, assign: &tree::Assign, span: Span) {
        let Some(id) = self.place(assign, span) else {
            // The value is checked all the same; nothing is known of its place.
            let slot = self.slot("$lost", Type::Error);
            self.value_of(&assign.value, None, None, Some(slot));
            return;
        };
        match assign.op {
            AssignOp::Set => self.set(assign, id),
            AssignOp::Add => self.add(assign, id),
        }
    }

    fn place(&mut self, assign: &tree::Assign, span: Span) -> Option<u32> {
        let name = match &assign.target.kind {
            ExprKind::Name(name) => name,
            ExprKind::Error => return None,
            // A part of what isn't declared, and of what failed.
            _ if let ExprKind::Name(root) = &root_name(&assign.target).kind
                && !self.visible.contains_key(root)
                && self.sig_of(root).is_none() =>
            {
                if !self.is_broken(root) && !self.lost {
                    let diagnostic = self
                        .error(
                            Code::UndeclaredAssignment,
                            root_name(&assign.target).span,
                            format!("`{root}` is not declared"),
                        )
                        .here("no state of this name is in scope")
                        .help(format!(
                            "a part is assigned with its whole: declare `{root}` in `state {{ … }}` at the head of the flow, and write `{root} = {{...{root}, {}}}`",
                            self.part(&assign.target, &assign.value)
                        ));
                    self.report(diagnostic);
                }
                return None;
            }
            _ => {
                if self.memory_write(assign, span) {
                    return None;
                }
                let root = self.text(assign.target.span).to_string();
                let state = self
                    .path(root_name(&assign.target))
                    .is_some_and(|(id, _)| self.bindings[id as usize].kind == BindingKind::State);
                let (whole, text) = match &assign.target.kind {
                    ExprKind::Member(member) => (Some(&member.object), self.text(member.object.span)),
                    ExprKind::Index(index) => (None, self.text(index.object.span)),
                    _ => (None, "it"),
                };
                let part = self.part(&assign.target, &assign.value);
                let is_name = whole.is_some_and(|whole| matches!(whole.kind, ExprKind::Name(_)));
                let is_entry = matches!(&assign.target.kind, ExprKind::Index(index) if self
                    .path(&index.object)
                    .is_some_and(|(id, fields)| fields.is_empty()
                        && matches!(self.bindings[id as usize].ty.base(), Type::Map(..))));
                let help = match state {
                    true if is_name => format!("assign the whole state: `{text} = {{...{text}, {part}}}`"),
                    true if is_entry => format!("add the entry to the whole state: `{text} += {{{part}}}`"),
                    true => format!(
                        "a part is not assigned by itself: make the whole value anew, and assign that to `{}`",
                        self.text(root_name(&assign.target).span)
                    ),
                    false if whole.is_some() => format!(
                        "only state is assigned; make a new value: `let changed = {{...{text}, {part}}}`"
                    ),
                    false => format!(
                        "only state is assigned, and as a whole; make a new value of `{text}`: `let changed = …`"
                    ),
                };
                let diagnostic = self
                    .error(
                        Code::ImmutableAssignment,
                        assign.target.span,
                        format!("`{root}` cannot be assigned"),
                    )
                    .here("a part of a value")
                    .help(help);
                self.report(diagnostic);
                return None;
            }
        };
        let Some(&id) = self.visible.get(name) else {
            self.undeclared(name, assign, span);
            return None;
        };
        let binding = &self.bindings[id as usize];
        if binding.kind == BindingKind::State {
            return Some(id);
        }
        if binding.clash {
            return None;
        }
        let binding_is_param = binding.kind == BindingKind::Param;
        let what = match binding.kind {
            BindingKind::Param => "a parameter",
            BindingKind::Let => "a `let`",
            _ => "a variable of its block",
        };
        let declared = self.at(binding.span);
        let (is_let, ty) = (binding.kind == BindingKind::Let, binding.ty.clone());
        let written = crate::sample::declared(&ty);
        let known = !matches!(ty, Type::Error | Type::Never | Type::Null);
        let other = self.other_name(name);
        let head = if binding_is_param { "the flow" } else { "this block" };
        let op = if assign.op == AssignOp::Add { "+=" } else { "=" };
        let help = match is_let {
            true if known => format!(
                "what changes is state: take `let {name} = …` out, declare `state {{ {name}: {written} }}` at the head of the flow, and write `{name} = …` there"
            ),
            true => format!(
                "what changes is state: declare `{name}` in `state {{ … }}` at the head of the flow, instead of by `let`"
            ),
            false if known => format!(
                "what changes is state of another name: declare `state {{ {other}: {written} = {} }}` at the head of {head}, and write `{other} {op} …`",
                name
            ),
            false => format!(
                "what changes is state of another name: declare `{other}` in `state {{ … }}`, and write `{other} {op} …`"
            ),
        };
        let diagnostic = self
            .error(
                Code::ImmutableAssignment,
                assign.target.span,
                format!("`{name}` is {what} and keeps its value"),
            )
            .here("assigned here")
            .label(declared, "declared here")
            .help(help);
        self.report(diagnostic);
        None
    }

    fn undeclared(&mut self, name: &SmolStr, assign: &tree::Assign, span: Span) {
        if self.siblings.contains_key(name) {
            let at = assign.target.span;
            self.cx.sibling_read(name, at);
            return;
        }
        if let Some(Sig::Const(..)) = self.sig_of(name) {
            self.used.insert(name.clone());
            let diagnostic = self
                .error(
                    Code::ImmutableAssignment,
                    assign.target.span,
                    format!("`{name}` is a constant and keeps its value"),
                )
                .here("assigned here")
                .help({
                    let (ty, other) = match self.sig_of(name) {
                        Some(Sig::Const(ty, ..)) => (crate::sample::declared(ty), self.other_name(name)),
                        _ => ("int".to_string(), self.other_name(name)),
                    };
                    format!("declare state of another name at the head of the flow, `state {{ {other}: {ty} = {name} }}`, and assign that: `{other} = …`")
                });
            self.report(diagnostic);
            return;
        }
        let mut diagnostic = self
            .error(Code::UndeclaredAssignment, assign.target.span, format!("`{name}` is not declared"))
            .here("no state of this name is in scope");
        let states: Vec<&str> = self
            .visible
            .iter()
            .filter(|(_, id)| self.bindings[**id as usize].kind == BindingKind::State)
            .map(|(name, _)| name.as_str())
            .collect();
        diagnostic = match self.nearest(name, states.iter().copied()) {
            Some(near) => diagnostic.similar("state", name, near, self.at(assign.target.span)),
            None if assign.op == AssignOp::Set => {
                let after = self.item.text.get(assign.value.span.end as usize..).unwrap_or_default();
                let mut words = after.split(|c: char| !c.is_alphanumeric() && c != '_');
                // A value that nothing reads is better not bound.
                let is_read = self.diagnostics.len() <= crate::sample::SEARCHES_MAX
                    && words.any(|word| word == name)
                    && !self.module.scope.contains_key(name);
                let diagnostic = diagnostic
                .help({
                    let value = self.value_text(&assign.value);
                    let ty = self.guessed(&assign.value);
                    format!("a value that stays is bound: `let {name} = {value}`; one that changes is declared at the head of the flow: `state {{ {name}: {ty} }}`")
                });
                match is_read {
                    true => diagnostic.fix("write `let`", self.at(Span::at(span.start)), "let "),
                    false => diagnostic,
                }
            }
            None => {
                let (ty, start) = match self.guessed(&assign.value) {
                    "int" => ("int", "0"),
                    "float" => ("float", "0.0"),
                    "string" => ("string", "\"\""),
                    _ => ("[string]", "[]"),
                };
                diagnostic.help(format!("declare it at the head of the flow, with the value it starts with: `state {{ {name}: {ty} = {start} }}`"))
            }
        };
        self.report(diagnostic);
        // What follows may rely on it.
        let slot = self.slot(name.clone(), Type::Error);
        let written = tree::Name { text: name.clone(), span: assign.target.span };
        let id = self.bind_unchecked(&written, Type::Error, BindingKind::State, Place::Slot(slot));
        self.cx.point.assigned.insert(id);
        self.cx.bindings[id as usize].read = true;
    }

    /// `score: 5`, or `["a"]: 5`: the part that an assignment means, as an entry.
    fn part(&self, target: &tree::Expr, value: &tree::Value) -> String {
        let value = self.value_text(value);
        match &target.kind {
            ExprKind::Member(member) => format!("{}: {value}", member.name.text),
            ExprKind::Index(index) => format!("[{}]: {value}", self.shown(index.index.span)),
            _ => value,
        }
    }

    fn value_text(&self, value: &tree::Value) -> String {
        match &value.kind {
            tree::ValueKind::Expr(expr) => self.shown(expr.span).to_string(),
            _ => "…".to_string(),
        }
    }

    /// The type that an assigned value looks to have; what it is for sure isn't known before it is declared.
    fn guessed(&self, value: &tree::Value) -> &'static str {
        let text = match &value.kind {
            tree::ValueKind::Expr(expr) => self.text(expr.span),
            _ => "",
        };
        match text.chars().next() {
            Some('"') => "string",
            Some('[') => "[string]",
            Some('0'..='9' | '-') if text.contains('.') => "float",
            Some('0'..='9' | '-') => "int",
            _ if matches!(text, "true" | "false") => "bool",
            _ => {
                let named = self.visible.get(text).map(|id| self.bindings[*id as usize].ty.base());
                match named {
                    Some(Type::Int(_)) => "int",
                    Some(Type::Float(_)) => "float",
                    Some(Type::Bool) => "bool",
                    _ => "string",
                }
            }
        }
    }

    fn slot_of(&self, id: u32) -> u32 {
        match self.bindings[id as usize].place {
            Place::Slot(slot) | Place::Local(slot) => slot,
        }
    }

    fn set(&mut self, assign: &tree::Assign, id: u32) {
        let binding = &self.bindings[id as usize];
        let (name, ty, merge) = (binding.name.clone(), binding.ty.clone(), binding.merge);
        let outer = binding.branch_depth < self.branch_depth;
        let slot = self.slot_of(id);
        let span = assign.target.span;
        if merge.is_some() && outer {
            let diagnostic = self
                .error(Code::BadMergeRule, span, format!("a branch writes `{name}` with `+=` only"))
                .here("the state merges")
                .help(format!("write `{name} += {}`", self.value_text(&assign.value)));
            self.report(diagnostic);
        }
        let got = match self.value_of(&assign.value, Some(&name), Some(&ty), Some(slot)) {
            super::step::Got::Pure(typed) => {
                let found = typed.ty.clone();
                let value = self.coerce(typed, &ty, assign.value.span, &format!("`{name}`"));
                self.emit(Statement::Set { slot, value });
                found
            }
            super::step::Got::Stored(found) => found,
        };
        self.written(id, span);
        if let Type::Nullable(of) = &ty
            && !matches!(got, Type::Nullable(_) | Type::Null | Type::Error | Type::Optional(_))
            && fit(self.program, &got, of) < Fit::No
        {
            self.cx.learn(id, Vec::new(), (**of).clone());
        }
    }

    fn written(&mut self, id: u32, span: Span) {
        self.cx.accesses.push(Access { binding: id, span, write: true });
        self.cx.point.assigned.insert(id);
        self.cx.forget(id);
    }

    fn add(&mut self, assign: &tree::Assign, id: u32) {
        let binding = &self.bindings[id as usize];
        let (name, declared, merge) = (binding.name.clone(), binding.ty.clone(), binding.merge);
        // What was tested can be added to.
        let tested = match (&declared, self.known(id, &[])) {
            (Type::Nullable(_), Some(known)) => Some(known.ty.clone()).filter(|ty| !ty.allows_null()),
            _ => None,
        };
        let ty = tested.clone().unwrap_or_else(|| declared.clone());
        let slot = self.slot_of(id);
        let span = assign.target.span;
        if !self.point.assigned.contains(id) && self.point.reachable && !matches!(ty, Type::Error) {
            self.cx.unassigned(id, span, "added to before it is surely assigned");
        }
        let base = ty.base();
        let how = match (&base, merge) {
            (_, Some(_)) => Some(Add::Merge),
            (Type::Int(_) | Type::Float(_) | Type::Duration, None) => Some(Add::Number),
            (Type::String(_), None) => Some(Add::Text),
            (Type::List(..), None) => Some(Add::List),
            (Type::Map(..), None) => Some(Add::Entries),
            (Type::Error, None) => None,
            (Type::Nullable(_), None) => {
                self.may_be_null(&ty, span, "`+=`");
                self.value_of(&assign.value, None, None, None);
                self.written(id, span);
                return;
            }
            (other, None) => {
                let diagnostic = self
                    .error(Code::TypeMismatch, span, format!("`+=` does not take `{other}`"))
                    .here(format!("`{name}` is `{ty}`"))
                    .help(format!("`+=` adds numbers, and grows texts, lists and maps; a new value is assigned: `{name} = {}`", self.value_text(&assign.value)));
                self.report(diagnostic);
                // Nothing that is added could fit.
                self.value_of(&assign.value, None, None, None);
                self.written(id, span);
                return;
            }
        };
        let (expr, found) = match &assign.value.kind {
            tree::ValueKind::Expr(_) if !self.takes_slot(&assign.value) => {
                match self.value_of(&assign.value, Some(&name), Some(&base), None) {
                    super::step::Got::Pure(typed) => (typed.expr, typed.ty),
                    super::step::Got::Stored(ty) => (Self::unset(), ty),
                }
            }
            _ => {
                let hidden = self.slot("$add", base.clone());
                match self.value_of(&assign.value, Some(&name), Some(&base), Some(hidden)) {
                    super::step::Got::Pure(typed) => (typed.expr, typed.ty),
                    super::step::Got::Stored(ty) => (Expr::Slot(hidden), ty),
                }
            }
        };
        let value = self.coerce(Typed::new(expr, found), &base, assign.value.span, &format!("`{name}`"));
        self.written(id, span);
        if let Some(tested) = tested {
            self.cx.learn(id, Vec::new(), tested);
        }
        if let Some(how) = how {
            self.emit_add(slot, value, how, &ty, &base, merge);
        }
    }

    fn takes_slot(&mut self, value: &tree::Value) -> bool {
        match &value.kind {
            tree::ValueKind::Expr(expr) => self.target(super::step::root_of(expr)).is_some(),
            _ => true,
        }
    }

    /// A state with a refinement is checked after each addition.
    fn emit_add(&mut self, slot: u32, value: Expr, how: Add, ty: &Type, base: &Type, merge: Option<Merge>) {
        let function = match (how, base) {
            (Add::Number, Type::Int(_)) => "add_int",
            (Add::Number, Type::Float(_)) => "add_float",
            (Add::Text, _) => "add_string",
            (Add::List, _) => "add_list",
            _ => "",
        };
        if merge.is_some() || ty == base || function.is_empty() {
            self.emit(Statement::Add { slot, value, how });
            return;
        }
        let sum = Expr::Call { function: function.into(), args: vec![Expr::Slot(slot), value] };
        let value = Expr::Cast { of: Box::new(sum), from: base.clone(), to: ty.clone() };
        self.emit(Statement::Set { slot, value });
    }
}

/// Returns the name that `a.b[0].c` starts with.
fn root_name(target: &tree::Expr) -> &tree::Expr {
    match &target.kind {
        ExprKind::Member(member) => root_name(&member.object),
        ExprKind::Index(index) => root_name(&index.object),
        _ => target,
    }
}
