//! What a help shows: a value of a type, and other pieces of a program, as a user would write them. It reads types and
//! gives text; it knows nothing of diagnostics.

use flow_ir::types::{Literal, TypeBody};
use flow_ir::{Type, TypeName, Value};
use flow_source::Span;

use crate::cx::Cx;
use crate::program::{CallKind, Program, Sig, short};

/// Records in each other that are written out; deeper ones are `…`.
const DEPTH_MAX: u32 = 2;
/// Fields of a record that are written out, and elements of a list.
const PARTS_MAX: usize = 6;

/// Returns a value of a type as it is written: `Review{score: 1, why: "…"}`.
pub(crate) fn sample(program: &Program, ty: &Type) -> String {
    value(program, ty, DEPTH_MAX)
}

fn value(program: &Program, ty: &Type, depth: u32) -> String {
    match ty {
        Type::Null | Type::Nullable(_) | Type::Optional(_) => "null".into(),
        Type::Bool => "false".into(),
        Type::Int(range) => match (range.min, range.max) {
            (Some(min), _) if min > 0 => min.to_string(),
            (_, Some(max)) if max < 0 => max.to_string(),
            _ => "0".into(),
        },
        Type::Float(range) => match (range.min, range.max) {
            (Some(min), _) if min > 0.0 => format!("{min:?}"),
            (_, Some(max)) if max < 0.0 => format!("{max:?}"),
            _ => "0.0".into(),
        },
        Type::String(size) => match size.min.unwrap_or(0) {
            min @ 2..=20 => format!("\"{}\"", "a".repeat(min as usize)),
            _ => "\"…\"".into(),
        },
        Type::Bytes => "b\"…\"".into(),
        Type::Duration => "30s".into(),
        Type::Timestamp => "timestamp(\"2026-01-31T12:00:00Z\")".into(),
        Type::Json => "{}".into(),
        Type::List(of, size) => match size.min.unwrap_or(0) as usize {
            0 => "[]".into(),
            count @ 1..=PARTS_MAX => format!("[{}]", vec![value(program, of, depth); count].join(", ")),
            _ => "[…]".into(),
        },
        Type::Map(..) => "{}".into(),
        Type::Literals(all) => match all.first() {
            Some(Literal::String(text)) => format!("{text:?}"),
            Some(Literal::Int(number)) => number.to_string(),
            Some(Literal::Bool(value)) => value.to_string(),
            None => "…".into(),
        },
        Type::Where(rule) => value(program, &rule.base, depth),
        Type::Named(name) => match program.types.get(name).map(|def| &def.body) {
            Some(TypeBody::Enum { values }) => match values.first() {
                Some(first) => format!("{}.{}", short(name), first.name),
                None => "…".into(),
            },
            Some(TypeBody::Union { members }) => match members.first() {
                Some(member) => named_record(program, member, depth),
                None => "…".into(),
            },
            _ => named_record(program, name, depth),
        },
        Type::Record(_) => format!("{{{}}}", fields(program, ty, depth)),
        Type::Error | Type::Never | Type::Uint | Type::Media(_) | Type::Type => "…".into(),
    }
}

fn named_record(program: &Program, name: &TypeName, depth: u32) -> String {
    format!("{}{{{}}}", short(name), fields(program, &Type::Named(name.clone()), depth))
}

/// The fields that a record needs: those that may be null are left out.
fn fields(program: &Program, ty: &Type, depth: u32) -> String {
    let Some(record) = program.record_of(ty) else { return "…".into() };
    let needed: Vec<_> = record.fields.iter().filter(|field| !field.ty.allows_null()).collect();
    if depth == 0 || needed.len() > PARTS_MAX {
        return "…".into();
    }
    let written =
        needed.iter().map(|field| format!("{}: {}", field.name, value(program, &field.ty, depth - 1)));
    written.collect::<Vec<_>>().join(", ")
}

/// Returns the number nearest to a constant that a place takes; `None` where it isn't a matter of numbers.
pub(crate) fn nearest_number(value: &Value, to: &Type) -> Option<String> {
    match (value, to.non_null()) {
        (Value::Int(number), Type::Int(range)) => {
            let low = range.min.map_or(*number, |min| min.max(*number));
            Some(range.max.map_or(low, |max| max.min(low)).to_string())
        }
        (Value::Float(number), Type::Float(range)) => {
            let low = range.min.map_or(*number, |min| min.max(*number));
            Some(format!("{:?}", range.max.map_or(low, |max| max.min(low))))
        }
        _ => None,
    }
}

/// Returns the type of a value as a declaration writes it: without the bounds that only this value has.
pub(crate) fn declared(ty: &Type) -> String {
    match ty {
        Type::Optional(of) => format!("{}?", declared(of.non_null())),
        Type::Nullable(of) => format!("{}?", declared(of)),
        Type::List(of, _) => format!("[{}]", declared(of)),
        Type::Int(_) | Type::Float(_) | Type::String(_) | Type::Literals(_) => ty.base().to_string(),
        _ => ty.to_string(),
    }
}

/// Problems of an item for which its text is searched.
pub(crate) const SEARCHES_MAX: usize = 100;
/// The longest piece of a program that a help repeats.
const SHOWN_MAX: usize = 60;

impl Cx<'_> {
    /// Returns a value of a type as it is written.
    pub fn sample(&self, ty: &Type) -> String {
        sample(self.program, ty)
    }

    /// Returns what stands at a place, for a help to repeat; `…` if it is long.
    pub fn shown(&self, span: Span) -> &str {
        let text = self.text(span);
        if text.is_empty() || text.len() > SHOWN_MAX || text.contains('\n') { "…" } else { text }
    }

    /// Whether what stands at a place is a call of a node or a read of a memory, and so a step.
    pub fn is_step_text(&self, span: Span) -> bool {
        let text = self.text(span);
        let name = text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        match self.sig_of(name) {
            Some(Sig::Call(sig)) => sig.kind != CallKind::Code,
            Some(Sig::Memory(..) | Sig::Server) => true,
            _ => false,
        }
    }

    /// Returns how a value that may be null is replaced there: `d ?? 0`, in parentheses before an operator.
    pub fn or_else(&self, ty: &Type, span: Span, what: &str) -> String {
        let text = self.shown(span);
        let simple = text.chars().all(|c| c.is_alphanumeric() || "_.()[]\"…".contains(c));
        let text = if simple { text.to_string() } else { format!("({text})") };
        let whole = format!("{text} ?? {}", self.sample(present(ty)));
        let is_operator = what.strip_prefix('`').is_some_and(|rest| {
            rest.starts_with("in`") || !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        });
        if is_operator { format!("({whole})") } else { whole }
    }

    /// Returns a name that nothing in the item has, made of another: `n_2`.
    pub fn other_name(&self, name: &str) -> String {
        let is_taken = |other: &str| {
            self.item.text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == other)
        };
        // An item with very many problems isn't searched for each.
        if self.diagnostics.len() > SEARCHES_MAX {
            return format!("{name}_2");
        }
        (2..12)
            .map(|number| format!("{name}_{number}"))
            .find(|other| !is_taken(other))
            .unwrap_or_else(|| format!("other_{name}"))
    }
}

/// Returns the type of a value that is there.
pub(crate) fn present(ty: &Type) -> &Type {
    match ty {
        Type::Optional(of) | Type::Nullable(of) => present(of),
        other => other,
    }
}

/// Says in words which sizes a type takes: "a text of 2 to 5 characters".
pub(crate) fn in_words(to: &Type) -> Option<String> {
    let (what, size, parts) = match to.non_null() {
        Type::String(size) => ("a text", size, "characters"),
        Type::List(_, size) => ("a list", size, "elements"),
        _ => return None,
    };
    Some(match (size.min.filter(|min| *min > 0), size.max) {
        (Some(min), Some(max)) if min == max => format!("{what} of {min} {parts}"),
        (Some(min), Some(max)) => format!("{what} of {min} to {max} {parts}"),
        (Some(min), None) => format!("{what} of at least {min} {parts}"),
        (None, Some(max)) => format!("{what} of at most {max} {parts}"),
        (None, None) => return None,
    })
}
