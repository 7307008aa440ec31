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
                        .help("declare it at the head of a block, and assign it as a whole");
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
                let help = match (&assign.target.kind, state) {
                    (ExprKind::Member(_), true) => {
                        "assign the whole state: `state = {...state, field: value}`"
                    }
                    (_, true) => "assign the whole state: `state = …`",
                    _ => "only state is assigned, and as a whole; make a new value: `let changed = …`",
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
        let what = match binding.kind {
            BindingKind::Param => "a parameter",
            BindingKind::Let => "a `let`",
            _ => "a variable of its block",
        };
        let declared = self.at(binding.span);
        let diagnostic = self
            .error(
                Code::ImmutableAssignment,
                assign.target.span,
                format!("`{name}` is {what} and keeps its value"),
            )
            .here("assigned here")
            .label(declared, "declared here")
            .help(format!("declare it as state at the head of a block: `state {{ {name}: … }}`"));
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
                .help("declare state of another name at the head of a block: `state { … }`");
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
            Some(near) => diagnostic.help(format!("a state with a similar name exists: `{near}`")).fix(
                format!("replace `{name}` by `{near}`"),
                self.at(assign.target.span),
                near,
            ),
            None if assign.op == AssignOp::Set => diagnostic
                .help(format!("bind it with `let {name} = …`, or declare it: `state {{ {name}: … }}`"))
                .fix("write `let`", self.at(Span::at(span.start)), "let "),
            None => diagnostic.help(format!("declare it at the head of a block: `state {{ {name}: … }}`")),
        };
        self.report(diagnostic);
        // What follows may rely on it.
        let slot = self.slot(name.clone(), Type::Error);
        let written = tree::Name { text: name.clone(), span: assign.target.span };
        let id = self.bind_unchecked(&written, Type::Error, BindingKind::State, Place::Slot(slot));
        self.cx.point.assigned.insert(id);
        self.cx.bindings[id as usize].read = true;
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
                .help(format!("write `{name} += …`"));
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
                    .help("`+=` adds numbers, and grows texts, lists and maps; use `=`");
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
