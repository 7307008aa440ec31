//! What a condition says about the names in it (T5): `== null`, `!= null`, `has`, `is` through `&& || !`.

use flow_ir::expr::Expr;
use flow_ir::{Type, TypeName};
use flow_syntax::tree::{self, BinaryOp, ExprKind, Literal, UnaryOp};
use smol_str::SmolStr;

use crate::cx::{Cx, Narrowed, Typed};
use crate::hash::HashSet;
use crate::program::{Entry, qualified, short};

/// What a condition says of a path.
#[derive(Clone, Debug, PartialEq)]
enum Says {
    Null,
    NonNull,
    /// One of these members.
    OneOf(Vec<SmolStr>),
    /// None of these members.
    NoneOf(Vec<SmolStr>),
}

/// A path, and what is said of it.
type Said = Vec<(u32, Vec<SmolStr>, Says)>;

/// Members of a union of which each test says what is left; of more a test that fails says nothing, since a chain of such
/// tests would copy what is left each time.
const MEMBERS_MAX: usize = 256;

impl Cx<'_> {
    /// From here on the condition is known to be `truth`.
    pub fn assume(&mut self, condition: &tree::Expr, truth: bool) {
        let mut said = Vec::new();
        collect(self, condition, truth, &mut said);
        for (root, fields, says) in said {
            let Some(known) = self.path_known(root, &fields) else { continue };
            if let Some(narrowed) = self.narrowed_by(&known, says) {
                self.learn(root, fields, narrowed);
            }
        }
    }

    fn narrowed_by(&self, known: &Narrowed, says: Says) -> Option<Narrowed> {
        match says {
            Says::Null => Some(Type::Null.into()),
            Says::NonNull => match &known.ty {
                Type::Nullable(of) => Some(Narrowed { ty: (**of).clone(), left: known.left.clone() }),
                _ => None,
            },
            Says::OneOf(names) => {
                let members = self.program.members_of(known.ty.non_null())?;
                let mut left: Vec<TypeName> = Vec::new();
                for name in &names {
                    if let Some(member) = self.member_named(known.ty.non_null(), members, name)
                        && known.left.as_ref().is_none_or(|left| left.contains(&member))
                        && !left.contains(&member)
                    {
                        left.push(member);
                    }
                }
                Some(self.members_left(known.ty.non_null(), left, false))
            }
            // Null is no member.
            Says::NoneOf(names) => {
                let members = self.program.members_of(known.ty.non_null())?;
                let union = known.ty.non_null();
                let gone: HashSet<TypeName> =
                    names.iter().filter_map(|name| self.member_named(union, members, name)).collect();
                let left = known.left.as_deref().unwrap_or(members);
                if left.len() > MEMBERS_MAX {
                    return None;
                }
                let left = left.iter().filter(|member| !gone.contains(*member)).cloned().collect();
                Some(self.members_left(union, left, known.ty.allows_null()))
            }
        }
    }

    /// What a value of a union is known to be where only some members are left.
    pub fn members_left(&self, union: &Type, left: Vec<TypeName>, nullable: bool) -> Narrowed {
        let ty = match left.as_slice() {
            [only] => Type::Named(only.clone()),
            _ => union.clone(),
        };
        let left = (left.len() > 1).then(|| left.into());
        Narrowed { ty: if nullable { ty.nullable() } else { ty }, left }
    }

    /// Finds the member that a name means: an import or alias of it, or its declared name.
    pub fn member_named(&self, union: &Type, members: &[TypeName], name: &str) -> Option<TypeName> {
        if let Some(Entry::Type(declared)) = self.module.scope.get(name) {
            let meant = match self.program.aliases.get(declared) {
                Some(Type::Named(alias)) => alias,
                _ => declared,
            };
            let is_member = match union {
                Type::Named(union) if self.program.members_of(&Type::Named(union.clone())).is_some() => {
                    self.program.unions_of.get(meant).is_some_and(|unions| unions.contains(union))
                }
                _ => members.contains(meant),
            };
            if is_member {
                return Some(meant.clone());
            }
        }
        let named = match union {
            Type::Named(union) => self.program.members_by_name.get(union),
            _ => None,
        };
        match named {
            Some(named) => named.get(name).cloned(),
            None => members.iter().find(|member| short(member) == name).cloned(),
        }
    }

    /// Returns what a path is known to be here.
    pub fn path_known(&self, root: u32, fields: &[SmolStr]) -> Option<Narrowed> {
        if let Some(known) = self.known(root, fields) {
            return Some(known.clone());
        }
        self.declared_type(root, fields).map(Narrowed::from)
    }

    /// Returns the type of a path before anything was learnt of its last part.
    pub fn declared_type(&self, root: u32, fields: &[SmolStr]) -> Option<Type> {
        match fields.split_last() {
            None => Some(self.bindings[root as usize].ty.clone()),
            Some((last, before)) => {
                let of = self.path_known(root, before)?.ty;
                let record = self.program.record_of(&of)?;
                record.fields.iter().find(|field| field.name == *last).map(|field| field.ty.clone())
            }
        }
    }

    /// Returns the type that the place of an expression was declared with, where it is a path.
    pub fn declared_of(&self, expr: &tree::Expr) -> Option<Type> {
        let (root, fields) = self.path(expr)?;
        self.declared_type(root, &fields)
    }

    /// Checks `v is Refund`.
    pub fn is(&mut self, value: &tree::Expr, variant: &tree::Name) -> Typed {
        let of = self.expr(value, None);
        if matches!(of.ty, Type::Error) {
            return Typed::new(of.expr, Type::Bool);
        }
        // What is narrowed already may be asked again: the union is that of the place as declared.
        let declared = self.declared_of(value);
        let union = declared.filter(|ty| self.program.members_of(ty.non_null()).is_some());
        let union = union.as_ref().unwrap_or(&of.ty);
        let members = self.program.members_of(union.non_null());
        let found = members.and_then(|members| self.member_named(union.non_null(), members, &variant.text));
        if matches!(self.module.scope.get(&variant.text), Some(Entry::Type(_))) {
            self.used.insert(variant.text.clone());
        }
        match (found, members) {
            (Some(member), _) => Typed::new(Expr::Is { of: Box::new(of.expr), variant: member }, Type::Bool),
            (None, Some(members)) => {
                let mut diagnostic = self
                    .error(
                        flow_diagnostics::Code::UnknownType,
                        variant.span,
                        format!("`{}` is no member of `{}`", variant.text, of.ty),
                    )
                    .help(format!(
                        "its members are {}",
                        super::list_of(members.iter().map(|member| short(member)))
                    ));
                if let Some(near) = self.nearest(&variant.text, members.iter().map(|member| short(member))) {
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

fn collect(cx: &Cx, condition: &tree::Expr, truth: bool, said: &mut Said) {
    match &condition.kind {
        ExprKind::Unary(UnaryOp::Not, operand) => collect(cx, operand, !truth, said),
        ExprKind::Binary(binary) => match (binary.op, truth) {
            (BinaryOp::And, true) | (BinaryOp::Or, false) => {
                collect(cx, &binary.left, truth, said);
                collect(cx, &binary.right, truth, said);
            }
            // One of the two is so: what both say.
            (BinaryOp::And, false) | (BinaryOp::Or, true) => {
                let (mut left, mut right) = (Vec::new(), Vec::new());
                collect(cx, &binary.left, truth, &mut left);
                collect(cx, &binary.right, truth, &mut right);
                for (root, fields, one) in left {
                    let same = right.iter().filter(|(own, path, _)| *own == root && *path == fields);
                    if let Some(both) = same.filter_map(|(.., other)| either(&one, other)).next() {
                        said.push((root, fields, both));
                    }
                }
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
                    said.push((root, fields, if is_null { Says::Null } else { Says::NonNull }));
                }
            }
            _ => {}
        },
        ExprKind::Is(value, variant) => {
            if let Some((root, fields)) = cx.path(value) {
                let names = vec![variant.text.clone()];
                said.push((root, fields, if truth { Says::OneOf(names) } else { Says::NoneOf(names) }));
            }
        }
        ExprKind::Call(call) if call.name.text == "has" && call.args.len() == 1 => {
            // `has` of a name is no test, and is reported.
            if let Some((root, fields)) = cx.path(&call.args[0].value)
                && !fields.is_empty()
            {
                said.push((root, fields, if truth { Says::NonNull } else { Says::Null }));
            }
        }
        _ => {}
    }
}

/// What holds where one of two things does.
fn either(one: &Says, other: &Says) -> Option<Says> {
    match (one, other) {
        (Says::Null, Says::Null) => Some(Says::Null),
        (Says::OneOf(a), Says::OneOf(b)) => {
            let more = b.iter().filter(|name| !a.contains(name));
            Some(Says::OneOf(a.iter().chain(more).cloned().collect()))
        }
        (Says::NonNull | Says::OneOf(_), Says::NonNull | Says::OneOf(_)) => Some(Says::NonNull),
        (Says::NoneOf(a), Says::NoneOf(b)) => {
            Some(Says::NoneOf(a.iter().filter(|name| b.contains(name)).cloned().collect()))
        }
        _ => None,
    }
}
