//! The patterns of a `route` over a value: what each matches, and what is left over.

use std::borrow::Cow;
use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::expr::Pattern;
use flow_ir::types::Literal;
use flow_ir::value::EnumValue;
use flow_ir::{Type, TypeName, Value};
use flow_source::Span;
use flow_syntax::tree::{self, PatternKind};
use smol_str::SmolStr;

use super::{list_of, literal_value};
use crate::cx::{Cx, Narrowed};
use crate::hash::HashSet;
use crate::program::{Entry, short};

/// The most cases that a diagnostic lists.
const SHOWN_MAX: usize = 24;

/// The fields that a pattern binds: index, name and type.
type Binds = Vec<(u32, tree::Name, Type)>;

/// What is checked of an arm's head.
#[derive(Clone, Debug, Default)]
pub(crate) struct ArmPatterns {
    pub patterns: Vec<Pattern>,
    /// The fields that are bound: index, name and type.
    pub binds: Binds,
    /// The type that the value has in the arm, if it is narrower.
    pub narrowed: Option<Narrowed>,
    /// The first pattern as a segment names it.
    pub label: SmolStr,
    /// Something in it failed to check.
    pub broken: bool,
}

/// One thing that a finite type can be.
#[derive(Clone, Debug, PartialEq)]
enum Case {
    Value(Value),
    Variant(TypeName),
    Null,
}

/// What tells a case from all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum CaseKey {
    Null,
    Variant(TypeName),
    Enum(u32),
    Text(Arc<str>),
    Bool(bool),
    Int(i64),
    Other(String),
}

impl Case {
    fn key(&self) -> CaseKey {
        match self {
            Case::Null => CaseKey::Null,
            Case::Variant(name) => CaseKey::Variant(name.clone()),
            Case::Value(Value::Enum(value)) => CaseKey::Enum(value.index),
            Case::Value(Value::String(text)) => CaseKey::Text(text.clone()),
            Case::Value(Value::Bool(value)) => CaseKey::Bool(*value),
            Case::Value(Value::Int(number)) => CaseKey::Int(*number),
            Case::Value(Value::Float(number)) if *number == (*number as i64) as f64 => {
                CaseKey::Int(*number as i64)
            }
            Case::Value(other) => CaseKey::Other(format!("{other:?}")),
        }
    }
}

/// What the arms of a route have left over.
pub(crate) struct Cases {
    ty: Type,
    /// All that the type can be, in declared order; `None` for a type with endless values.
    all: Option<Arc<[Case]>>,
    /// What of that no arm takes and no test before the route has ruled out.
    left: HashSet<CaseKey>,
    seen: HashSet<CaseKey>,
    /// What tests before the route have ruled out.
    gone: Vec<Case>,
    null_gone: bool,
    null_left: bool,
    broken: bool,
}

impl Cases {
    /// What is left over, in declared order; `None` for a type with endless values.
    fn left(&self) -> Option<Vec<&Case>> {
        Some(self.all.as_ref()?.iter().filter(|case| self.left.contains(&case.key())).collect())
    }
}

impl Cx<'_> {
    /// Starts the arms of a route over a value of this type.
    pub fn cases(&mut self, ty: &Type) -> Cases {
        let inner = strip(ty);
        let mut all: Option<Vec<Case>> = match &inner {
            Type::Bool => Some(vec![Case::Value(Value::Bool(true)), Case::Value(Value::Bool(false))]),
            Type::Null => Some(Vec::new()),
            Type::Literals(literals) => Some(
                literals
                    .iter()
                    .map(|literal| match literal {
                        Literal::String(text) => Case::Value(Value::string(text)),
                        Literal::Int(number) => Case::Value(Value::Int(*number)),
                        Literal::Bool(value) => Case::Value(Value::Bool(*value)),
                    })
                    .collect(),
            ),
            Type::Named(name) => match (self.enum_of(name), self.program.members_of(&inner)) {
                (Some(of), _) => {
                    let mut indices: Vec<u32> = of.index.values().copied().collect();
                    indices.sort_unstable();
                    let value = |index| Value::Enum(EnumValue { shape: of.shape.clone(), index });
                    Some(indices.into_iter().map(|index| Case::Value(value(index))).collect())
                }
                (None, Some(members)) => Some(members.iter().cloned().map(Case::Variant).collect()),
                // A record narrowed to one member.
                (None, None) => self.program.unions_of.get(name).map(|_| vec![Case::Variant(name.clone())]),
            },
            _ => None,
        };
        let null_left = matches!(ty, Type::Nullable(_) | Type::Null);
        if null_left && let Some(all) = &mut all {
            all.push(Case::Null);
        }
        Cases {
            ty: ty.clone(),
            left: all.iter().flatten().map(Case::key).collect(),
            all: all.map(Arc::from),
            seen: HashSet::default(),
            gone: Vec::new(),
            null_gone: false,
            null_left,
            broken: matches!(ty, Type::Error),
        }
    }

    /// Takes away what is known not to be: what a path was tested for before the route.
    pub fn rule_out(&self, cases: &mut Cases, subject: &tree::Expr) {
        let Some((root, fields)) = self.path(subject) else { return };
        let (Some(known), Some(declared)) =
            (self.path_known(root, &fields), self.declared_type(root, &fields))
        else {
            return;
        };
        let mut gone: Vec<Case> = Vec::new();
        if let Some(members) = self.program.members_of(declared.non_null()) {
            let left: Option<HashSet<&TypeName>> = match (known.ty.non_null(), &known.left) {
                (Type::Named(only), _) if members.contains(only) => Some(HashSet::from_iter([only])),
                (_, left) => left.as_ref().map(|left| left.iter().collect()),
            };
            if let Some(left) = left {
                gone.extend(members.iter().filter(|name| !left.contains(name)).cloned().map(Case::Variant));
            }
        }
        cases.null_gone = declared.allows_null() && !cases.ty.allows_null();
        if cases.null_gone {
            gone.push(Case::Null);
        }
        for case in &gone {
            cases.left.remove(&case.key());
        }
        cases.gone = gone;
    }

    /// Checks the patterns of an arm and takes what they match from what is left.
    pub fn patterns(&mut self, cases: &mut Cases, patterns: &[tree::Pattern], guarded: bool) -> ArmPatterns {
        let mut arm = ArmPatterns::default();
        let mut matched: Vec<Case> = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            if index == 0 {
                arm.label = self.pattern_label(pattern);
            }
            let Some((case, binds)) = self.pattern(cases, pattern, patterns.len() > 1) else {
                arm.broken = true;
                cases.broken = true;
                // What it binds is still a name in its arm.
                if let PatternKind::Variant { parts, .. } = &pattern.kind {
                    let parts = parts.iter().flatten();
                    arm.binds.extend(parts.map(|part| (0, part.binding.clone(), Type::Error)));
                }
                continue;
            };
            arm.binds.extend(binds);
            arm.patterns.push(match &case {
                Case::Value(value) => Pattern::Value(value.clone()),
                Case::Null => Pattern::Value(Value::Null),
                Case::Variant(name) => Pattern::Variant(name.clone()),
            });
            if cases.seen.contains(&case.key()) {
                let shown = self.text(pattern.span).to_string();
                let diagnostic = self
                    .error(Code::UnreachableArm, pattern.span, format!("`{shown}` is handled already"))
                    .here("an arm before it takes this value")
                    .help(match patterns.len() {
                        1 => "take the arm out, with its body".to_string(),
                        _ => format!("take `{shown}` out of the arm"),
                    });
                self.report(diagnostic);
                continue;
            }
            matched.push(case);
        }
        arm.narrowed = self.narrowed(cases, &matched, patterns.len());
        if !guarded {
            for case in matched {
                let key = case.key();
                cases.left.remove(&key);
                cases.null_left &= case != Case::Null;
                cases.seen.insert(key);
            }
        }
        arm
    }

    fn narrowed(&self, cases: &Cases, matched: &[Case], count: usize) -> Option<Narrowed> {
        if matched.is_empty() || matched.len() < count {
            None
        } else {
            self.one_of(cases, &matched.iter().collect::<Vec<_>>())
        }
    }

    /// What the value is known to be where it is one of these.
    fn one_of(&self, cases: &Cases, all: &[&Case]) -> Option<Narrowed> {
        let null = all.contains(&&Case::Null);
        if null && all.len() == 1 {
            return Some(Type::Null.into());
        }
        let variants: Vec<TypeName> = all
            .iter()
            .filter_map(|case| match case {
                Case::Variant(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        let of = cases.ty.non_null();
        match (variants.as_slice(), &cases.ty) {
            ([], Type::Nullable(of)) if !null => Some((**of).clone().into()),
            ([], _) => None,
            _ => Some(self.members_left(of, variants, null)),
        }
    }

    /// Returns the type of the value where `else` takes it.
    pub fn narrowed_else(&self, cases: &Cases) -> Option<Narrowed> {
        match (&cases.ty, cases.left()) {
            (_, Some(left)) if !left.is_empty() => self.one_of(cases, &left),
            (Type::Nullable(of), _) if !cases.null_left => Some((**of).clone().into()),
            _ => None,
        }
    }

    /// Reports an `else` that nothing is left for.
    pub fn else_arm(&mut self, cases: &Cases, span: Span) {
        // Who handles what a test before the route has ruled out says too much, nothing wrong.
        let ruled_out = cases.gone.iter().any(|case| !cases.seen.contains(&case.key()));
        if !cases.broken && !ruled_out && cases.all.is_some() && cases.left.is_empty() {
            let diagnostic = self
                .error(Code::UnreachableArm, span, "nothing is left for `else`")
                .here("every value has an arm before it")
                .help("take the `else` arm out, with its body");
            self.report(diagnostic);
        }
    }

    /// Reports an arm after `else`, which takes everything.
    pub fn after_else(&mut self, span: Span) {
        let diagnostic = self
            .error(Code::UnreachableArm, span, "nothing is left for this arm")
            .here("`else` stands before it and takes everything")
            .help("move `else` to the end");
        self.report(diagnostic);
    }

    /// What arms after `else` are held against: each for itself, since all of them are reported already.
    pub fn after_else_anew(&self, cases: &mut Cases) {
        cases.broken = true;
        let gone = std::mem::take(&mut cases.gone);
        cases.left.extend(cases.seen.drain().chain(gone.iter().map(Case::key)));
        cases.null_gone = false;
    }

    /// Reports what no arm handles, and returns whether there is something. Only in a flow can an arm fail.
    pub fn exhaustive(&mut self, cases: &Cases, subject: Span, route: Span, in_flow: bool) -> bool {
        if cases.broken {
            return false;
        }
        let head = Span::new(route.start, subject.end);
        let diagnostic = match cases.left() {
            Some(left) if left.is_empty() => return false,
            Some(left) => {
                let listed = shown(left.iter().copied().map(|case| format!("`{}`", case_text(case))), ", ");
                let of = strip(&cases.ty);
                let all = shown(cases.all.iter().flat_map(|all| all.iter()).map(case_text), " | ");
                let at = self.at(Span::at(route.end.saturating_sub(1)));
                let diagnostic = self
                    .error(Code::NonExhaustiveRoute, head, format!("this route does not handle every `{of}`"))
                    .here(format!("no arm for {listed}"))
                    .label(self.at(subject), format!("`{of}` is {all}"))
                    .help(self.arms_help(&left, arm_of(self.text(route), in_flow)));
                match in_flow {
                    true => {
                        diagnostic.fix("add an `else` arm that fails", at, "else => fail unhandled(\"\") ")
                    }
                    false => diagnostic,
                }
            }
            None => self
                .error(
                    Code::NonExhaustiveRoute,
                    head,
                    format!("this route does not handle every `{}`", cases.ty),
                )
                .here("no `else` arm: its values can't all be listed")
                .help(format!("add an arm for the rest, `else => {}`", arm_of(self.text(route), in_flow))),
        };
        self.report(diagnostic);
        true
    }

    /// Writes the arms that are missing, each with a body for the user to replace.
    fn arms_help(&self, left: &[&Case], body: &str) -> String {
        let all: Vec<String> = left.iter().copied().take(8).map(case_text).collect();
        let arm = all.join(" | ");
        format!(
            "add an arm before the last `}}`: `when {arm} => {body}`, or `else => …` for all that is left"
        )
    }

    /// Returns a pattern as a coordinate names it.
    pub fn pattern_label(&self, pattern: &tree::Pattern) -> SmolStr {
        match &pattern.kind {
            PatternKind::Literal(tree::Literal::String(text)) => text.clone(),
            PatternKind::Literal(_) => SmolStr::from(self.text(pattern.span)),
            PatternKind::Value(name)
            | PatternKind::Qualified(_, name)
            | PatternKind::Variant { name, .. } => name.text.clone(),
        }
    }

    fn pattern(&mut self, cases: &Cases, pattern: &tree::Pattern, many: bool) -> Option<(Case, Binds)> {
        let inner = strip(&cases.ty);
        match &pattern.kind {
            PatternKind::Literal(tree::Literal::Null) => {
                if cases.ty.allows_null() || cases.null_gone {
                    return Some((Case::Null, Vec::new()));
                }
                self.misfit(&cases.ty, pattern.span, "null");
                None
            }
            PatternKind::Literal(literal) => {
                let value = literal_value(literal, Some(&inner));
                let case = value.constant().cloned().map(Case::Value)?;
                if matches!(inner, Type::Error) {
                    return None;
                }
                if let (Type::Named(name), Value::String(text)) = (&inner, value.constant()?)
                    && self.program.enum_values(name).is_some()
                {
                    let text = text.to_string();
                    self.enum_text_pattern(name, &text, pattern.span);
                    return None;
                }
                let fits = match &inner {
                    Type::Literals(_) => {
                        let key = case.key();
                        cases.left.contains(&key) || cases.seen.contains(&key)
                    }
                    _ => {
                        crate::fit::comparable(self.program, &value.ty, &inner)
                            && !matches!(inner, Type::Named(_) | Type::Record(_))
                    }
                };
                if !fits {
                    let shown = self.text(pattern.span).to_string();
                    self.misfit(&cases.ty, pattern.span, &shown);
                    return None;
                }
                Some((case, Vec::new()))
            }
            PatternKind::Value(name) => self.enum_pattern(&inner, name, pattern.span),
            PatternKind::Qualified(enum_name, name) => {
                let declared = match self.module.scope.get(&enum_name.text) {
                    Some(Entry::Type(declared)) => match self.program.aliases.get(declared) {
                        Some(Type::Named(alias)) => Some(alias.clone()),
                        _ => Some(declared.clone()),
                    },
                    _ => None,
                };
                if declared.is_some() {
                    self.used.insert(enum_name.text.clone());
                }
                if matches!(inner, Type::Error) {
                    return None;
                }
                match (&inner, declared) {
                    (Type::Named(own), Some(declared)) if *own == declared => {
                        self.enum_pattern(&inner, name, name.span)
                    }
                    _ => {
                        let shown = self.text(pattern.span).to_string();
                        self.misfit(&cases.ty, pattern.span, &shown);
                        None
                    }
                }
            }
            PatternKind::Variant { name, parts } => self.variant_pattern(cases, &inner, name, parts, many),
        }
    }

    fn misfit(&mut self, ty: &Type, span: Span, shown: &str) {
        if matches!(ty, Type::Error) {
            return;
        }
        let diagnostic = self
            .error(Code::TypeMismatch, span, format!("a `{ty}` is never `{shown}`"))
            .here("this arm can match nothing")
            .help("match a value of the type, or remove the arm");
        self.report(diagnostic);
    }

    fn enum_text_pattern(&mut self, name: &TypeName, text: &str, span: Span) {
        let mut diagnostic = self
            .error(Code::TypeMismatch, span, format!("a `{}` is never a text", short(name)))
            .here("values of an enum have no quotes");
        diagnostic = match self.enum_value(name, text) {
            Some(_) => {
                diagnostic.help(format!("write `{text}`")).fix(format!("write `{text}`"), self.at(span), text)
            }
            None => diagnostic.help("match its values by their bare names"),
        };
        self.report(diagnostic);
    }

    fn enum_pattern(&mut self, inner: &Type, name: &tree::Name, span: Span) -> Option<(Case, Binds)> {
        let enum_name = match inner {
            Type::Named(enum_name) if self.program.enum_values(enum_name).is_some() => enum_name.clone(),
            Type::Error => return None,
            Type::Literals(literals) => {
                let text = Literal::String(name.text.clone());
                let mut diagnostic = self
                    .error(Code::TypeMismatch, span, format!("a `{inner}` is never `{}`", name.text))
                    .here("a bare name is a value of an enum");
                diagnostic = match literals.contains(&text) {
                    true => diagnostic.help("texts have quotes").fix(
                        "add quotes",
                        self.at(span),
                        format!("\"{}\"", name.text),
                    ),
                    false => diagnostic.help("match one of its values"),
                };
                self.report(diagnostic);
                return None;
            }
            other => {
                self.misfit(&other.clone(), span, &name.text);
                return None;
            }
        };
        if let Some(value) = self.enum_value(&enum_name, &name.text) {
            return Some((Case::Value(value), Vec::new()));
        }
        let values: Vec<SmolStr> =
            self.program.enum_values(&enum_name)?.iter().map(|value| value.name.clone()).collect();
        let at = tree::Name { text: name.text.clone(), span };
        self.unknown_value(short(&enum_name), &at, &values);
        None
    }

    fn variant_pattern(
        &mut self,
        cases: &Cases,
        inner: &Type,
        name: &tree::Name,
        parts: &Option<Vec<tree::PatternPart>>,
        many: bool,
    ) -> Option<(Case, Binds)> {
        if self.is_type(&name.text) {
            self.used.insert(name.text.clone());
        }
        if matches!(inner, Type::Error) {
            return None;
        }
        if let Type::Named(enum_name) = inner
            && self.program.enum_values(enum_name).is_some()
        {
            let lower = tree::Name { text: SmolStr::from(name.text.to_lowercase()), span: name.span };
            return match self.enum_value(enum_name, &lower.text) {
                Some(_) => {
                    let diagnostic = self
                        .error(
                            Code::UnknownField,
                            name.span,
                            format!("`{}` has no value `{}`", short(enum_name), name.text),
                        )
                        .help("values of an enum are written in lower case")
                        .fix(format!("write `{}`", lower.text), self.at(name.span), lower.text.as_str());
                    self.report(diagnostic);
                    None
                }
                None => self.enum_pattern(inner, name, name.span),
            };
        }
        let program = self.program;
        let members: Cow<'_, [TypeName]> = match program.members_of(inner) {
            Some(members) => Cow::Borrowed(members),
            None => match inner {
                Type::Named(own) if self.program.unions_of.contains_key(own) => {
                    let gone = cases.gone.iter().filter_map(|case| match case {
                        Case::Variant(name) => Some(name.clone()),
                        _ => None,
                    });
                    std::iter::once(own.clone()).chain(gone).collect()
                }
                _ => {
                    self.misfit(&cases.ty, name.span, &name.text);
                    return None;
                }
            },
        };
        let Some(member) = self.member_named(inner, &members, &name.text) else {
            let names = || members.iter().map(|member| short(member));
            let mut diagnostic = self
                .error(
                    Code::UnknownType,
                    name.span,
                    format!("`{}` is no member of `{}`", name.text, cases.ty),
                )
                .here("no such member");
            diagnostic = match self.nearest(&name.text, names()) {
                Some(near) => diagnostic.similar("member", &name.text, near, self.at(name.span)),
                None => diagnostic.help(format!("its members are {}", list_of(names()))),
            };
            self.report(diagnostic);
            return None;
        };
        let mut binds = Vec::new();
        let member_type = Type::Named(member.clone());
        let fields = self.program.record_of(&member_type).cloned()?;
        for part in parts.iter().flatten() {
            match fields.fields.iter().position(|field| field.name == part.field.text) {
                Some(index) => {
                    binds.push((index as u32, part.binding.clone(), fields.fields[index].ty.clone()))
                }
                None => {
                    let names: Vec<SmolStr> = fields.fields.iter().map(|field| field.name.clone()).collect();
                    match self.nearest(&part.field.text, names.iter().map(SmolStr::as_str)) {
                        // The name that it binds stays.
                        Some(near) if part.field.span == part.binding.span => {
                            let text = format!("{near}: {}", part.binding.text);
                            let diagnostic = self
                                .error(
                                    Code::UnknownField,
                                    part.field.span,
                                    format!("`{member_type}` has no field `{}`", part.field.text),
                                )
                                .here("no such field")
                                .help(format!("a field with a similar name exists: `{near}`"))
                                .fix(format!("write `{text}`"), self.at(part.field.span), text);
                            self.report(diagnostic);
                        }
                        _ => self.unknown_field(&member_type, &part.field, &names),
                    }
                    binds.push((0, part.binding.clone(), Type::Error));
                }
            }
        }
        if many && !binds.is_empty() {
            let diagnostic: Diagnostic = self
                .error(Code::TypeMismatch, name.span, "patterns joined by `|` bind no fields")
                .help("give each its own arm");
            self.report(diagnostic);
        }
        Some((Case::Variant(member), binds))
    }
}

/// Returns what stands between `when` and `=>`, guard aside, or `else`.
pub(crate) fn head_span(arm: &tree::RouteArm) -> Span {
    match &arm.head {
        tree::RouteHead::Patterns { patterns, .. } => match (patterns.first(), patterns.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => arm.span,
        },
        tree::RouteHead::Condition(condition) => condition.span,
        tree::RouteHead::Else | tree::RouteHead::Error => {
            Span::new(arm.span.start, arm.span.end.min(arm.span.start + 4))
        }
    }
}

fn strip(ty: &Type) -> Type {
    match ty {
        Type::Nullable(of) | Type::Optional(of) => strip(of),
        Type::Where(rule) => strip(&rule.base),
        other => other.clone(),
    }
}

/// The body of a route's last arm, as a model for another one; `…` where it is no short value.
pub(crate) fn arm_of(route: &str, in_flow: bool) -> &str {
    let last =
        route.trim_end_matches(|c: char| c == '}' || c.is_whitespace()).rsplit("=>").next().unwrap_or("");
    let body = last.trim();
    let simple = !body.is_empty()
        && body.len() <= 40
        && route.contains("=>")
        && !body.contains(['{', '}', '\n'])
        && body.matches('(').count() == body.matches(')').count()
        && body.matches('"').count() % 2 == 0;
    // What another arm binds isn't known in a new one.
    let value = body.strip_prefix("return ").or(body.strip_prefix("fail ")).unwrap_or(body);
    let known = matches!(body, "break" | "continue" | "return")
        || body.starts_with("fail ") && !body.contains('$')
        || matches!(value, "true" | "false" | "null")
        || value.parse::<f64>().is_ok()
        || value.starts_with('"') && value.len() > 1 && value.ends_with('"') && !value.contains("${");
    match (simple && known, in_flow) {
        (true, _) => body,
        (false, true) => "fail unhandled(\"…\")",
        (false, false) => "…",
    }
}

fn case_text(case: &Case) -> String {
    match case {
        Case::Null => "null".into(),
        Case::Variant(name) => short(name).into(),
        Case::Value(Value::Enum(value)) => value.name().to_string(),
        Case::Value(Value::String(text)) => format!("{text:?}"),
        Case::Value(Value::Int(number)) => number.to_string(),
        Case::Value(Value::Bool(value)) => value.to_string(),
        Case::Value(_) => "…".into(),
    }
}

/// Lists cases; of very many the first ones.
fn shown(mut cases: impl Iterator<Item = String>, between: &str) -> String {
    let mut first: Vec<String> = cases.by_ref().take(SHOWN_MAX).collect();
    first.extend(cases.next().map(|_| "…".to_owned()));
    first.join(between)
}
