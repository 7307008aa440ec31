//! What a condition says about the names in it (T5): `== null`, `!= null`, `has`, `is` through `&& || !`.

use flow_ir::Type;
use flow_ir::expr::Expr;
use flow_syntax::tree::{self, BinaryOp, ExprKind, Literal, UnaryOp};
use smol_str::SmolStr;

use crate::cx::{Cx, Typed};
use crate::program::{Entry, qualified, short};

/// What is known of a path.
#[derive(Clone, Debug, PartialEq)]
enum Narrow {
    Null,
    NonNull,
    Variant(SmolStr),
    /// Not this member.
    NotVariant(SmolStr),
}

impl Cx<'_> {
    /// From here on the condition is known to be `truth`.
    pub fn assume(&mut self, condition: &tree::Expr, truth: bool) {
        let mut found = Vec::new();
        collect(self, condition, truth, &mut found);
        for (root, fields, what) in found {
            let Some(ty) = self.path_type(root, &fields) else { continue };
            let narrowed = match what {
                Narrow::Null => Type::Null,
                Narrow::NonNull => match ty {
                    Type::Nullable(of) => (*of).clone(),
                    _ => continue,
                },
                Narrow::Variant(name) => {
                    let Some(members) = self.program.members_of(ty.non_null()) else { continue };
                    match members.iter().find(|member| short(member) == name) {
                        Some(member) => Type::Named(member.clone()),
                        None => continue,
                    }
                }
                // Of two members the other one is left; null is no member.
                Narrow::NotVariant(name) => match self.program.members_of(ty.non_null()) {
                    Some([one, other]) if short(one) == name || short(other) == name => {
                        let left = Type::Named(if short(one) == name { other } else { one }.clone());
                        if ty.allows_null() { left.nullable() } else { left }
                    }
                    _ => continue,
                },
            };
            self.learn(root, fields, narrowed);
        }
    }

    /// Returns the type that a path has here.
    pub fn path_type(&self, root: u32, fields: &[SmolStr]) -> Option<Type> {
        if let Some(known) = self.known(root, fields) {
            return Some(known.clone());
        }
        self.declared_type(root, fields)
    }

    /// Returns the type of a path before anything was learnt of its last part.
    fn declared_type(&self, root: u32, fields: &[SmolStr]) -> Option<Type> {
        match fields.split_last() {
            None => Some(self.bindings[root as usize].ty.clone()),
            Some((last, before)) => {
                let of = self.path_type(root, before)?;
                let record = self.program.record_of(&of)?;
                record.fields.iter().find(|field| field.name == *last).map(|field| field.ty.clone())
            }
        }
    }

    /// Checks `v is Refund`.
    pub fn is(&mut self, value: &tree::Expr, variant: &tree::Name) -> Typed {
        let of = self.expr(value, None);
        if matches!(of.ty, Type::Error) {
            return Typed::new(of.expr, Type::Bool);
        }
        // What is narrowed already may be asked again: the union is that of the place as declared.
        let declared = self.path(value).and_then(|(root, fields)| self.declared_type(root, &fields));
        let union = declared.filter(|ty| self.program.members_of(ty.non_null()).is_some());
        let union = union.as_ref().unwrap_or(&of.ty);
        let members = self.program.members_of(union.non_null()).map(<[_]>::to_vec);
        let found = members
            .as_ref()
            .and_then(|members| members.iter().find(|member| short(member) == variant.text))
            .cloned();
        if matches!(self.module.scope.get(&variant.text), Some(Entry::Type(_))) {
            self.used.insert(variant.text.clone());
        }
        match (found, members) {
            (Some(member), _) => Typed::new(Expr::Is { of: Box::new(of.expr), variant: member }, Type::Bool),
            (None, Some(members)) => {
                let names: Vec<SmolStr> = members.iter().map(|member| SmolStr::from(short(member))).collect();
                let mut diagnostic = self
                    .error(
                        flow_diagnostics::Code::UnknownType,
                        variant.span,
                        format!("`{}` is no member of `{}`", variant.text, of.ty),
                    )
                    .help(format!("its members are {}", super::list_of(&names)));
                if let Some(near) = crate::suggest::nearest(&variant.text, names.iter().map(SmolStr::as_str))
                {
                    let at = self.at(variant.span);
                    diagnostic = diagnostic.fix(format!("replace `{}` by `{near}`", variant.text), at, near);
                }
                self.report(diagnostic);
                Typed::new(Typed::poison().expr, Type::Bool)
            }
            (None, None) => {
                let same = matches!(&of.ty, Type::Named(name) if *name == qualified(&self.module.name, &variant.text) || short(name) == variant.text);
                let diagnostic = self
                    .error(
                        flow_diagnostics::Code::TypeMismatch,
                        value.span,
                        format!("`is` tests a tagged union, found `{}`", of.ty),
                    )
                    .help(if same {
                        "it is known to be one here"
                    } else {
                        "declare a union: `type Action = Reply { … } | Stop { … }`"
                    });
                self.report(diagnostic);
                Typed::new(Typed::poison().expr, Type::Bool)
            }
        }
    }
}

fn collect(cx: &Cx, condition: &tree::Expr, truth: bool, found: &mut Vec<(u32, Vec<SmolStr>, Narrow)>) {
    match &condition.kind {
        ExprKind::Unary(UnaryOp::Not, operand) => collect(cx, operand, !truth, found),
        ExprKind::Binary(binary) => match (binary.op, truth) {
            (BinaryOp::And, true) | (BinaryOp::Or, false) => {
                collect(cx, &binary.left, truth, found);
                collect(cx, &binary.right, truth, found);
            }
            (BinaryOp::Equal | BinaryOp::NotEqual, _) => {
                let null = |expr: &tree::Expr| matches!(expr.kind, ExprKind::Literal(Literal::Null));
                let tested = match (null(&binary.left), null(&binary.right)) {
                    (false, true) => &binary.left,
                    (true, false) => &binary.right,
                    _ => return,
                };
                let is_null = (binary.op == BinaryOp::Equal) == truth;
                if let Some((root, fields)) = cx.path(tested) {
                    found.push((root, fields, if is_null { Narrow::Null } else { Narrow::NonNull }));
                }
            }
            _ => {}
        },
        ExprKind::Is(value, variant) => {
            if let Some((root, fields)) = cx.path(value) {
                let name = variant.text.clone();
                let what = if truth { Narrow::Variant(name) } else { Narrow::NotVariant(name) };
                found.push((root, fields, what));
            }
        }
        ExprKind::Call(call) if call.name.text == "has" && call.args.len() == 1 => {
            if let Some((root, fields)) = cx.path(&call.args[0].value) {
                found.push((root, fields, if truth { Narrow::NonNull } else { Narrow::Null }));
            }
        }
        _ => {}
    }
}
