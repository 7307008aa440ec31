//! Records and maps in braces.

use std::sync::Arc;

use flow_diagnostics::Code;
use flow_ir::expr::Entry as MapEntry;
use flow_ir::types::{Field, Record, TypeBody};
use flow_ir::value::{Key as MapKey, RecordValue, Shape};
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, Entry, Key};
use indexmap::IndexMap;
use smol_str::SmolStr;

use super::literal_value;
use crate::cx::{Cx, Typed};
use crate::fit::join;
use crate::hash::HashMap;
use crate::program::{Entry as ScopeEntry, short};

impl Cx<'_> {
    pub fn record(&mut self, record: &tree::Record, hint: Option<&Type>, span: Span) -> Typed {
        if let Some(name) = &record.name {
            return self.named_record(name, record, span);
        }
        let wanted = hint.map(|hint| strip_rule(hint.non_null()));
        match &wanted {
            Some(Type::Json) => self.map_or_update(record, Some((Type::STRING, Type::Json)), true),
            Some(Type::Map(key, value)) => {
                self.map(record, Some(((**key).clone(), (**value).clone())), false, None)
            }
            Some(ty) if self.program.record_of(ty).is_some() => self.shaped(record, ty, span),
            Some(ty) if self.program.members_of(ty).is_some() => {
                let members: Vec<String> = self
                    .program
                    .members_of(ty)
                    .unwrap_or_default()
                    .iter()
                    .map(|m| format!("`{}`", short(m)))
                    .collect();
                let diagnostic = self
                    .error(Code::TypeMismatch, span, format!("which member of `{ty}` is this?"))
                    .help(format!("write its name before the brace: {}", members.join(", ")));
                self.report(diagnostic);
                Typed::poison()
            }
            _ if self.is_bare(record) => self.bare(record),
            _ => self.map_or_update(record, None, false),
        }
    }

    /// `{...r, a: 1}`: what stands first, checked once, and whether it is a record.
    fn first_spread(&mut self, record: &tree::Record, hint: Option<&Type>) -> Option<(Typed, bool)> {
        let Some(Entry::Spread(first)) = record.entries.first() else { return None };
        let of = self.expr(first, hint);
        let is_record = matches!(of.ty, Type::Error)
            || self.program.record_of(of.ty.non_null()).is_some()
            || self.program.members_of(of.ty.non_null()).is_some();
        Some((of, is_record))
    }

    /// A map, or an update of the record that stands first.
    fn map_or_update(&mut self, record: &tree::Record, wanted: Option<(Type, Type)>, json: bool) -> Typed {
        match self.first_spread(record, None) {
            Some((of, true)) => {
                let ty = of.ty.non_null().clone();
                self.update(record, of, ty)
            }
            Some((of, false)) => self.map(record, wanted, json, Some(of)),
            None => self.map(record, wanted, json, None),
        }
    }

    fn named_record(&mut self, name: &tree::Name, record: &tree::Record, span: Span) -> Typed {
        let ty = self.read_type(|reader| {
            reader.read(&tree::TypeExpr {
                trust: None,
                kind: tree::TypeKind::Named(name.clone()),
                range: None,
                nullable: false,
                span: name.span,
            })
        });
        if matches!(ty, Type::Error) {
            for entry in &record.entries {
                match entry {
                    Entry::Spread(value) | Entry::Pair { value, .. } => {
                        self.expr(value, None);
                    }
                }
            }
            return Typed::poison();
        }
        if self.program.record_of(&ty).is_some() {
            return self.shaped(record, &ty, span);
        }
        let help = match self.program.members_of(&ty) {
            Some(members) => {
                let names: Vec<String> =
                    members.iter().map(|member| format!("`{}{{…}}`", short(member))).collect();
                format!("make one of its members: {}", names.join(", "))
            }
            None => "only records are made with braces".to_string(),
        };
        let diagnostic =
            self.error(Code::TypeMismatch, name.span, format!("`{}` is no record", name.text)).help(help);
        self.report(diagnostic);
        Typed::poison()
    }

    /// A record of a known type: every field has a value, a default of null, or is reported.
    fn shaped(&mut self, record: &tree::Record, ty: &Type, span: Span) -> Typed {
        if let Some((of, _)) = self.first_spread(record, Some(ty)) {
            return self.update(record, of, ty.clone());
        }
        let (Some(fields), Some(shape)) = (self.program.record_of(ty).cloned(), self.shape(ty)) else {
            return Typed::poison();
        };
        let found = self.diagnostics.len();
        let mut slots: Vec<Option<Expr>> = vec![None; fields.fields.len()];
        let mut broken = false;
        for (index, value) in self.named_values(record, ty, &fields, &mut broken) {
            slots[index] = Some(value);
        }
        let mut missing = Vec::new();
        let mut values = Vec::with_capacity(slots.len());
        for (slot, field) in slots.into_iter().zip(&fields.fields) {
            values.push(match slot {
                Some(value) => value,
                None => {
                    if !field.ty.allows_null() {
                        missing.push(field.name.clone());
                    }
                    Expr::Const(Value::Null)
                }
            });
        }
        if !missing.is_empty() && !broken {
            let at = record.name.as_ref().map_or(span, |name| name.span);
            let listed = super::list_of(&missing);
            let what = if missing.len() == 1 { "field" } else { "fields" };
            let lacking = fields.fields.iter().filter(|field| missing.contains(&field.name));
            let added: Vec<String> =
                lacking.take(6).map(|field| format!("{}: {}", field.name, self.sample(&field.ty))).collect();
            let diagnostic = self
                .error(Code::MissingField, at, format!("`{ty}` needs the {what} {listed}"))
                .here("left out here")
                .help(format!("add the {what} between the braces: `{}`", added.join(", ")));
            self.report(diagnostic);
        }
        let expr = match self.has_rule(ty) {
            true => {
                let constant = values.iter().all(|value| matches!(value, Expr::Const(_)));
                let made = Expr::Record { shape, slots: values };
                // A field that is wrong by itself is reported already.
                if constant && self.diagnostics.len() == found {
                    self.sure_failure(&made, ty, span);
                }
                made
            }
            false => constant_record(shape, values),
        };
        Typed::new(expr, ty.clone())
    }

    /// Whether a type has a rule, which runs whenever a value of it is made.
    fn has_rule(&self, ty: &Type) -> bool {
        let Type::Named(name) = ty else { return false };
        matches!(
            self.program.types.get(name).map(|def| &def.body),
            Some(TypeBody::Record { rule: Some(_), .. })
        )
    }

    /// Checks the entries of a record against its fields.
    fn named_values(
        &mut self,
        record: &tree::Record,
        ty: &Type,
        fields: &Record,
        broken: &mut bool,
    ) -> Vec<(usize, Expr)> {
        let mut values: Vec<(usize, Expr)> = Vec::with_capacity(record.entries.len());
        let mut places: HashMap<usize, Span> = HashMap::default();
        let names: Vec<SmolStr> = fields.fields.iter().map(|field| field.name.clone()).collect();
        for entry in &record.entries {
            let Entry::Pair { optional, key, value } = entry else {
                let Entry::Spread(value) = entry else { continue };
                self.late_spread(value.span);
                *broken = true;
                continue;
            };
            let Key::Name(name) = key else {
                let diagnostic = self
                    .error(Code::UnknownField, value.span, format!("`{ty}` has fields with names only"))
                    .help(format!("its fields are {}", super::list_of(&names)));
                self.report(diagnostic);
                *broken = true;
                continue;
            };
            let Some(index) = names.iter().position(|own| *own == name.text) else {
                self.expr(value, None);
                self.unknown_field(ty, name, &names);
                *broken = true;
                continue;
            };
            if let Some(first) = places.insert(index, name.span) {
                let diagnostic = crate::program::duplicate(&name.text, self.at(name.span), self.at(first));
                self.report(diagnostic);
                continue;
            }
            let field = &fields.fields[index];
            let what = format!("the field `{}`", name.text);
            let value = match optional {
                true => {
                    let typed = self.expr(value, None);
                    self.coerce(typed, &field.ty, key_span(key, value), &what)
                }
                false => self.value(value, &field.ty, &what),
            };
            values.push((index, value));
        }
        values
    }

    fn late_spread(&mut self, span: Span) {
        let diagnostic = self.error(Code::UnexpectedToken, span, "`...` stands first in a record").help(
            format!("move `...{}` to the front, before the fields that replace its own", self.shown(span)),
        );
        self.report(diagnostic);
    }

    /// `of` is what stands first, after `...`.
    fn update(&mut self, record: &tree::Record, of: Typed, ty: Type) -> Typed {
        let Some(Entry::Spread(first)) = record.entries.first() else { return Typed::poison() };
        if matches!(of.ty, Type::Error) {
            // What replaces its fields is checked by itself.
            for entry in &record.entries[1..] {
                if let Entry::Pair { value, .. } = entry {
                    self.expr(value, None);
                }
            }
            return Typed::poison();
        }
        if matches!(of.ty, Type::Nullable(_) | Type::Optional(_)) {
            self.may_be_null(&of.ty, first.span, "`...`");
            return Typed::poison();
        }
        if let Some(members) = self.program.members_of(&of.ty) {
            let names: Vec<&str> = members.iter().map(|member| short(member)).collect();
            let text = self.shown(first.span);
            let diagnostic = self
                .error(Code::TypeMismatch, first.span, format!("which member of `{}` is this?", of.ty))
                .here(format!("it is {}", names.join(" | ")))
                .help(format!(
                    "find out first: `if {text} is {} {{ … {{...{text}, …}} … }}`",
                    names.first().copied().unwrap_or("Member")
                ));
            self.report(diagnostic);
            return Typed::poison();
        }
        let (Some(fields), Some(shape)) = (self.program.record_of(&ty).cloned(), self.shape(&ty)) else {
            return Typed::poison();
        };
        let same = self.program.record_of(&of.ty).is_some_and(|own| {
            own.fields.len() == fields.fields.len()
                && own.fields.iter().zip(&fields.fields).all(|(a, b)| a.name == b.name)
        });
        if !same {
            let diagnostic = self
                .error(Code::TypeMismatch, first.span, format!("expected `{ty}`, found `{}`", of.ty))
                .here("its fields are taken over")
                .help(format!(
                    "`...` takes a record of the same type: spread a `{ty}`, or make one: `{}`",
                    self.sample(&ty)
                ));
            self.report(diagnostic);
            return Typed::new(Typed::poison().expr, ty);
        }
        let rest = tree::Record { name: None, entries: record.entries[1..].to_vec() };
        let mut broken = false;
        let slots = self
            .named_values(&rest, &ty, &fields, &mut broken)
            .into_iter()
            .map(|(index, value)| (index as u32, value))
            .collect();
        Typed::new(Expr::Update { of: Box::new(of.expr), shape, slots }, ty)
    }

    /// `{a: 1, b: "x"}` where nothing is expected: a record with these fields.
    fn bare(&mut self, record: &tree::Record) -> Typed {
        let mut fields: Vec<Field> = Vec::with_capacity(record.entries.len());
        let mut values = Vec::with_capacity(record.entries.len());
        let mut places: HashMap<SmolStr, Span> = HashMap::default();
        for entry in &record.entries {
            let Entry::Pair { key: Key::Name(name), value, .. } = entry else { continue };
            let typed = self.expr(value, None);
            if let Some(first) = places.get(&name.text) {
                let diagnostic = crate::program::duplicate(&name.text, self.at(name.span), self.at(*first));
                self.report(diagnostic);
                continue;
            }
            places.insert(name.text.clone(), name.span);
            let (expr, ty) = self.stored(typed, value.span);
            fields.push(Field { name: name.text.clone(), ty, trust: None, doc: String::new() });
            values.push(expr);
        }
        let names: Arc<[SmolStr]> = fields.iter().map(|field| field.name.clone()).collect();
        let ty = Type::Record(Arc::new(Record { fields }));
        Typed::new(constant_record(Arc::new(Shape { name: None, tag: None, fields: names }), values), ty)
    }

    /// An optional that is stored turns into its value or null (F2).
    pub fn storable(&mut self, typed: Typed) -> (Expr, Type) {
        match &typed.ty {
            Type::Optional(of) => {
                let to = of.non_null().clone().nullable();
                let expr = Expr::Widen { of: Box::new(typed.expr), from: typed.ty.clone(), to: to.clone() };
                (expr, to)
            }
            _ => (typed.expr, typed.ty),
        }
    }

    /// `first` is what stands first, where that has been checked.
    fn map(
        &mut self,
        record: &tree::Record,
        wanted: Option<(Type, Type)>,
        json: bool,
        mut first: Option<Typed>,
    ) -> Typed {
        let mut key_type = wanted.as_ref().map_or(Type::Never, |(key, _)| key.clone());
        let mut value_type = wanted.as_ref().map_or(Type::Never, |(_, value)| value.clone());
        let mut entries = Vec::with_capacity(record.entries.len());
        let mut failed = false;
        let mut given: HashMap<MapKey, Span> = HashMap::default();
        for entry in &record.entries {
            match entry {
                Entry::Spread(map) => {
                    // What follows replaces entries.
                    given.clear();
                    let hint = wanted.as_ref().map(|(key, value)| Type::map(key.clone(), value.clone()));
                    let typed = match first.take() {
                        Some(typed) => typed,
                        None => self.expr(map, hint.as_ref()),
                    };
                    match typed.ty.base() {
                        _ if self.program.record_of(&typed.ty).is_some() && !entries.is_empty() => {
                            self.late_spread(map.span);
                            failed = true;
                        }
                        Type::Map(key, value) => {
                            failed |= !self.meet_map(&mut key_type, &key, &mut value_type, &value, map.span);
                        }
                        Type::Json if json => {}
                        Type::Error => failed = true,
                        other => {
                            let diagnostic = self
                                .error(
                                    Code::TypeMismatch,
                                    map.span,
                                    format!("expected a record or a map, found `{other}`"),
                                )
                                .help("`...` takes over the fields of a record, or the entries of a map");
                            self.report(diagnostic);
                            failed = true;
                        }
                    }
                    entries.push(MapEntry::Spread(typed.expr));
                }
                Entry::Pair { optional, key, value } => {
                    let (key_expr, own_key) = self.key(key, wanted.as_ref().map(|(key, _)| key));
                    let constant = match &key_expr {
                        Expr::Const(value) if !matches!(own_key, Type::Error) => MapKey::from_value(value),
                        _ => None,
                    };
                    let at = key_span(key, value);
                    if let Some(first) = constant.and_then(|key| given.insert(key, at)) {
                        let diagnostic = self
                            .error(
                                Code::DuplicateName,
                                at,
                                format!("the key `{}` is given twice", self.text(at)),
                            )
                            .here("given again here")
                            .label(self.at(first), "first given here")
                            .help("remove one of the two");
                        self.report(diagnostic);
                        failed = true;
                    }
                    let hint = wanted.as_ref().map(|(_, value)| value);
                    let mut typed = self.expr(value, hint.filter(|_| !optional));
                    if *optional {
                        typed.ty = match typed.ty {
                            Type::Optional(of) => (*of).clone(),
                            Type::Error => Type::Error,
                            other => {
                                let diagnostic = self
                                    .error(
                                        Code::TypeMismatch,
                                        value.span,
                                        format!("expected an optional, found `{other}`"),
                                    )
                                    .help("`?` before a key takes an optional: `{?a: xs.first()}`");
                                self.report(diagnostic);
                                Type::Error
                            }
                        };
                    } else {
                        let (expr, ty) = match wanted {
                            Some(_) => self.storable(typed),
                            None => self.stored(typed, value.span),
                        };
                        typed = Typed::new(expr, ty);
                    }
                    let value_expr = match &wanted {
                        Some((_, to)) if !optional => self.coerce(typed, to, value.span, "the value"),
                        _ => {
                            failed |= !self.meet_map(
                                &mut key_type,
                                &own_key,
                                &mut value_type,
                                &typed.ty,
                                value.span,
                            );
                            typed.expr
                        }
                    };
                    entries.push(MapEntry::Pair { key: key_expr, value: value_expr, optional: *optional });
                }
            }
        }
        if failed {
            return Typed::poison();
        }
        let ty = if json { Type::Json } else { Type::map(key_type, value_type) };
        Typed::new(constant_map(entries), ty)
    }

    fn meet_map(
        &mut self,
        key: &mut Type,
        own_key: &Type,
        value: &mut Type,
        own_value: &Type,
        span: Span,
    ) -> bool {
        let keys = join(self.program, key, own_key);
        let values = join(self.program, value, own_value);
        match (keys, values) {
            (Some(keys), Some(values)) => {
                (*key, *value) = (keys, values);
                true
            }
            (keys, _) => {
                let (expected, found) = if keys.is_none() { (&*key, own_key) } else { (&*value, own_value) };
                let diagnostic = self
                    .error(Code::TypeMismatch, span, format!("expected `{expected}`, found `{found}`"))
                    .here("the entries before it have another type")
                    .help("write bare keys for a record (`{a: 1, b: \"x\"}`); the values of a map have one type");
                self.report(diagnostic);
                false
            }
        }
    }

    fn key(&mut self, key: &Key, wanted: Option<&Type>) -> (Expr, Type) {
        match key {
            Key::Name(name) => {
                if let Some(Type::Named(enum_name)) = wanted.map(Type::non_null)
                    && let Some(value) = self.enum_value(&enum_name.clone(), &name.text)
                {
                    return (Expr::Const(value), Type::Named(enum_name.clone()));
                }
                if let Some(Type::Named(enum_name)) = wanted.map(Type::non_null)
                    && let Some(values) = self.program.enum_values(enum_name)
                {
                    let names: Vec<SmolStr> = values.iter().map(|value| value.name.clone()).collect();
                    self.unknown_value(short(enum_name), name, &names);
                    return (Typed::poison().expr, Type::Error);
                }
                let typed = Typed::new(Expr::text(&name.text), Type::STRING);
                match wanted {
                    Some(to) => (self.coerce(typed, to, name.span, "the key"), to.clone()),
                    None => (typed.expr, typed.ty),
                }
            }
            Key::Literal(literal, span) => {
                let typed = literal_value(literal, None);
                match wanted {
                    Some(to) => (self.coerce(typed, to, *span, "the key"), to.clone()),
                    None => (typed.expr, typed.ty),
                }
            }
            Key::Computed(expr) => match wanted {
                Some(to) => (self.value(expr, to, "the key"), to.clone()),
                None => {
                    let typed = self.expr(expr, None);
                    let base = typed.ty.base();
                    if !matches!(
                        base,
                        Type::String(_)
                            | Type::Int(_)
                            | Type::Uint
                            | Type::Bool
                            | Type::Error
                            | Type::Named(_)
                    ) {
                        let diagnostic = self
                            .error(Code::TypeMismatch, expr.span, format!("`{base}` cannot be a key"))
                            .help("keys are texts, ints, bools or values of an enum");
                        self.report(diagnostic);
                        return (typed.expr, Type::Error);
                    }
                    (typed.expr, base)
                }
            },
        }
    }
}

fn key_span(key: &Key, value: &tree::Expr) -> Span {
    match key {
        Key::Name(name) => name.span,
        Key::Literal(_, span) => *span,
        Key::Computed(_) => value.span,
    }
}

fn strip_rule(ty: &Type) -> Type {
    match ty {
        Type::Where(rule) => strip_rule(rule.base.non_null()),
        other => other.clone(),
    }
}

fn constant_record(shape: Arc<Shape>, slots: Vec<Expr>) -> Expr {
    if !slots.iter().all(|slot| matches!(slot, Expr::Const(_))) {
        return Expr::Record { shape, slots };
    }
    let slots = slots
        .into_iter()
        .map(|slot| match slot {
            Expr::Const(value) => value,
            _ => Value::Null,
        })
        .collect();
    Expr::Const(Value::Record(Arc::new(RecordValue { shape, slots })))
}

fn constant_map(entries: Vec<MapEntry>) -> Expr {
    let mut map = IndexMap::with_capacity(entries.len());
    for entry in &entries {
        let MapEntry::Pair { key: Expr::Const(key), value: Expr::Const(value), optional: false } = entry
        else {
            return Expr::Map(entries);
        };
        match MapKey::from_value(key) {
            Some(key) if !map.contains_key(&key) => map.insert(key, value.clone()),
            _ => return Expr::Map(entries),
        };
    }
    Expr::Const(Value::Map(Arc::new(map)))
}

impl Cx<'_> {
    /// Whether all keys are words, as in `{item: x, fresh: true}`; the empty record is a map, and so is `{"a": 1}`.
    fn is_bare(&self, record: &tree::Record) -> bool {
        !record.entries.is_empty()
            && record.entries.iter().all(|entry| match entry {
                Entry::Pair { optional: false, key: Key::Name(name), .. } => {
                    !self.text(name.span).starts_with(['"', '\''])
                }
                _ => false,
            })
    }

    /// Whether a name of the scope is a type.
    pub fn is_type(&self, name: &str) -> bool {
        matches!(self.module.scope.get(name), Some(ScopeEntry::Type(_)))
    }
}
