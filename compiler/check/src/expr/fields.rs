//! Fields, elements and the values of enums: `r.f`, `xs[0]`, `Kind.bug`.

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_expr::functions;
use flow_ir::expr::RunValue;
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind};
use smol_str::SmolStr;

use super::list_of;
use crate::cx::{Cx, Typed};
use crate::program::{Entry, short};

impl Cx<'_> {
    pub fn member(&mut self, member: &tree::Member, expr: &tree::Expr) -> Typed {
        if let ExprKind::TypeName(name) = &member.object.kind {
            return self.enum_member(name, member, expr.span);
        }
        if let ExprKind::Name(name) = &member.object.kind
            && !self.visible.contains_key(name)
        {
            match (name.as_str(), member.name.as_str()) {
                ("run", "id" | "started_at") if self.constant_only => {
                    let diagnostic = self
                        .error(Code::BadConstant, expr.span, "a constant knows nothing of a run")
                        .help("bind it in the flow: `let started = run.started_at`");
                    self.report(diagnostic);
                    return Typed::poison();
                }
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
            return Typed::new(result.expr, known.ty.clone());
        }
        result
    }

    /// Reads a field of a value.
    pub fn field(&mut self, object: Typed, written: &tree::Expr, name: &tree::Name, optional: bool) -> Typed {
        let ty = match &object.ty {
            Type::Error | Type::Never => return Typed::poison(),
            Type::Null => {
                self.is_null(written.span, &format!("`.{}`", name.text));
                return Typed::poison();
            }
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
                        self.error(
                            Code::UnknownField,
                            name.span,
                            format!("`{ty}` has no field `{}`", name.text),
                        )
                        .here(format!("it is {}", names.join(" | ")))
                        .help(self.which_member(members, &name.text, written.span))
                    }
                    None => {
                        let diagnostic = self.error(
                            Code::UnknownField,
                            name.span,
                            format!("`{base}` has no field `{}`", name.text),
                        );
                        self.no_fields(diagnostic, &base, written, name)
                    }
                };
                self.report(diagnostic);
                Typed::poison()
            }
        }
    }

    /// Says how a member's field is read: after a test, made of the member that has it.
    fn which_member(&self, members: &[flow_ir::TypeName], field: &str, span: Span) -> String {
        let text = self.shown(span);
        let has = |member: &flow_ir::TypeName| {
            let ty = Type::Named(member.clone());
            self.program
                .record_of(&ty)
                .is_some_and(|record| record.fields.iter().any(|own| own.name == field))
        };
        match members.iter().find(|member| has(member)).map(|member| short(member)) {
            Some(member) if matches!(self.item.kind, tree::ItemKind::Flow(_)) => {
                format!("only some have it: test first, `if {text} is {member} {{ … {text}.{field} … }}`")
            }
            Some(member) => {
                format!("only some have it: test first, `{text} is {member} ? {text}.{field} : …`")
            }
            None => {
                let names: Vec<String> =
                    members.iter().take(6).map(|member| format!("`{}`", short(member))).collect();
                format!("no member has it: take `.{field}` out, or add the field to {}", names.join(" or "))
            }
        }
    }

    /// What to do about a field of what has none.
    fn no_fields(
        &self,
        diagnostic: Diagnostic,
        base: &Type,
        written: &tree::Expr,
        name: &tree::Name,
    ) -> Diagnostic {
        let method = super::habits::property(&name.text);
        let sized = matches!(base, Type::String(_) | Type::List(..) | Type::Map(..) | Type::Bytes);
        match (base, method) {
            (_, Some(method)) if sized => diagnostic
                .help(format!("it is a function: `{}.{method}`", self.shown(written.span)))
                .fix(format!("write `{method}`"), self.at(name.span), method),
            (Type::Map(key, _), _) => {
                let key = match &**key {
                    Type::Named(of)
                        if self
                            .program
                            .enum_values(of)
                            .is_some_and(|values| values.iter().any(|value| value.name == name.text)) =>
                    {
                        format!("{}.{}", short(of), name.text)
                    }
                    _ => "key".to_string(),
                };
                diagnostic.help(format!("an entry is read by its key: `{}[{key}]`", self.text(written.span)))
            }
            (Type::List(of, _), _) if self.program.record_of(of).is_some() => {
                let text = self.shown(written.span);
                let field = &name.text;
                diagnostic.help(format!(
                    "its elements have fields: of all, `{text}.map(x, x.{field})`; of the first, `{text}[0].{field}`"
                ))
            }
            _ if functions::lookup(&name.text, true).next().is_some() => diagnostic.help(format!(
                "`{0}` is a function and is called: `{1}.{0}()`",
                name.text,
                self.shown(written.span)
            )),
            _ => diagnostic.help(format!(
                "take `.{}` out: only records, maps and `json` have fields, and `{}` is `{base}`",
                name.text,
                self.shown(written.span)
            )),
        }
    }

    pub fn unknown_field(&mut self, ty: &Type, name: &tree::Name, fields: &[SmolStr]) {
        let mut diagnostic = self
            .error(Code::UnknownField, name.span, format!("`{ty}` has no field `{}`", name.text))
            .here("no such field");
        diagnostic = match self.nearest(&name.text, fields.iter().map(SmolStr::as_str)) {
            Some(near) if near.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                diagnostic.similar("field", &name.text, near, self.at(name.span))
            }
            // It is no word, and is quoted where it stands: `h.`Content-Type``.
            Some(near) => {
                diagnostic.help(format!("a field with a similar name exists: \"{near}\", read as .`{near}`"))
            }
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
                self.unknown_value(name, &member.name, &names);
                Typed::new(Expr::Const(Value::Null), Type::Error)
            }
        }
    }

    /// Reports a value that an enum doesn't have.
    pub fn unknown_value(&mut self, of: &str, name: &tree::Name, names: &[SmolStr]) {
        let mut diagnostic = self
            .error(Code::UnknownField, name.span, format!("`{of}` has no value `{}`", name.text))
            .here("no such value");
        diagnostic = match self.nearest(&name.text, names.iter().map(SmolStr::as_str)) {
            Some(near) => diagnostic.similar("value", &name.text, near, self.at(name.span)),
            None => diagnostic.help(format!("its values are {}", list_of(names))),
        };
        self.report(diagnostic);
    }

    pub fn index(&mut self, index: &tree::Index, expr: &tree::Expr) -> Typed {
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
            Type::Null => {
                self.is_null(index.object.span, "`[…]`");
                Typed::poison()
            }
            Type::List(element, _) => {
                if let Some(Value::Int(number)) = self.folded(&key.expr)
                    && number < 0
                    && !optional
                {
                    let diagnostic = self
                        .error(Code::BadConstant, index.index.span, format!("a list has no element {number}"))
                        .here("counted from 0")
                        .help("the last element is `xs.last()`, and so may be absent; `xs.reverse()[1]` is the one before");
                    self.report(diagnostic);
                    return Typed::new(Typed::poison().expr, wrap((*element).clone()));
                }
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
}
