//! Which values may stand where: assignability, joins and the widest type of a place.

use std::sync::Arc;

use flow_ir::types::{Field, FloatRange, IntRange, Literal, Record, Size, TypeBody};
use flow_ir::{Type, TypeName, Value};

use crate::program::Program;

/// How a value of one type goes into a place of another; the worse, the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// As it is.
    Same,
    /// With a conversion that can't fail.
    Widen,
    /// Only with `as`: the place is narrower (T4).
    Narrow,
    /// It may be null.
    Null,
    /// Not at all.
    No,
}

/// Says how a value of `from` goes into a place of `to`.
pub fn fit(program: &Program, from: &Type, to: &Type) -> Fit {
    match (from, to) {
        (Type::Error | Type::Never, _) | (_, Type::Error) => Fit::Same,
        (Type::Json, Type::Json) => Fit::Same,
        (_, Type::Json) => to_json(from),
        (Type::Optional(a), Type::Optional(b)) => fit(program, a, b),
        (from, Type::Optional(b)) => fit(program, from, b).max(Fit::Widen),
        (Type::Null, Type::Nullable(_) | Type::Null) => Fit::Same,
        (Type::Optional(a), Type::Nullable(b)) => fit(program, a.non_null(), b).max(Fit::Widen),
        (Type::Nullable(a), Type::Nullable(b)) => fit(program, a, b),
        (from, Type::Nullable(b)) => fit(program, from, b),
        (Type::Where(a), Type::Where(b)) if a.text == b.text && a.base == b.base => Fit::Same,
        (from, Type::Where(b)) => fit(program, from, &b.base).max(Fit::Narrow),
        (Type::Where(a), to) => fit(program, &a.base, to),
        (Type::Nullable(a) | Type::Optional(a), to) => fit(program, a, to).max(Fit::Null),
        (Type::Null, _) => Fit::No,
        (Type::Int(a), Type::Int(b)) => narrow_unless(
            b.min.is_none_or(|min| a.min.is_some_and(|own| own >= min))
                && b.max.is_none_or(|max| a.max.is_some_and(|own| own <= max)),
        ),
        (Type::Float(a), Type::Float(b)) => narrow_unless(
            b.min.is_none_or(|min| a.min.is_some_and(|own| own >= min))
                && b.max.is_none_or(|max| a.max.is_some_and(|own| own <= max)),
        ),
        (Type::String(a), Type::String(b)) => size_fit(*a, *b),
        (Type::List(a, from), Type::List(b, to)) => fit(program, a, b).max(size_fit(*from, *to)),
        (Type::Map(ka, va), Type::Map(kb, vb)) => fit(program, ka, kb).max(fit(program, va, vb)),
        (Type::Literals(a), Type::Literals(b)) => {
            if same_kind(a, b) {
                narrow_unless(a.iter().all(|literal| b.contains(literal)))
            } else {
                Fit::No
            }
        }
        (Type::Literals(a), to) => literals_fit(a, to),
        (from, Type::Literals(b)) => {
            let base = Type::Literals(b.clone()).base();
            if from.base() == base { Fit::Narrow } else { Fit::No }
        }
        (Type::Record(a), Type::Record(b)) => records_fit(program, a, b),
        (Type::Named(a), Type::Named(b)) => named_fit(program, a, b),
        (from, to) if from == to => Fit::Same,
        _ => Fit::No,
    }
}

fn narrow_unless(fits: bool) -> Fit {
    if fits { Fit::Same } else { Fit::Narrow }
}

fn size_fit(from: Size, to: Size) -> Fit {
    narrow_unless(
        to.min.is_none_or(|min| min == 0 || from.min.is_some_and(|own| own >= min))
            && to.max.is_none_or(|max| from.max.is_some_and(|own| own <= max)),
    )
}

fn same_kind(a: &[Literal], b: &[Literal]) -> bool {
    matches!((a.first(), b.first()), (Some(a), Some(b)) if std::mem::discriminant(a) == std::mem::discriminant(b))
}

fn literals_fit(literals: &[Literal], to: &Type) -> Fit {
    let fits = |literal: &Literal| match (literal, to) {
        (Literal::String(text), Type::String(size)) => Some(size.contains(text.chars().count() as u64)),
        (Literal::Int(number), Type::Int(range)) => Some(range.contains(*number)),
        (Literal::Bool(_), Type::Bool) => Some(true),
        _ => None,
    };
    literals.iter().map(fits).fold(Fit::Same, |worst, one| {
        worst.max(match one {
            Some(true) => Fit::Same,
            Some(false) => Fit::Narrow,
            None => Fit::No,
        })
    })
}

fn records_fit(program: &Program, from: &Record, to: &Record) -> Fit {
    if from.fields.len() != to.fields.len() {
        return Fit::No;
    }
    let mut worst = Fit::Same;
    for (index, field) in to.fields.iter().enumerate() {
        let Some(at) = from.fields.iter().position(|own| own.name == field.name) else { return Fit::No };
        let one = fit(program, &from.fields[at].ty, &field.ty);
        worst = worst.max(one).max(if at == index { Fit::Same } else { Fit::Widen });
    }
    worst
}

fn named_fit(program: &Program, from: &TypeName, to: &TypeName) -> Fit {
    if from == to {
        return Fit::Same;
    }
    let members = |name: &TypeName| match program.types.get(name).map(|def| &def.body) {
        Some(TypeBody::Union { members }) => Some(members.as_slice()),
        _ => None,
    };
    let Some(to) = members(to) else { return Fit::No };
    match members(from) {
        Some(from) => {
            if from.iter().all(|member| to.contains(member)) {
                Fit::Same
            } else {
                Fit::No
            }
        }
        None => {
            if to.contains(from) {
                Fit::Same
            } else {
                Fit::No
            }
        }
    }
}

fn to_json(from: &Type) -> Fit {
    match from {
        Type::Uint | Type::Type | Type::Media(_) => Fit::No,
        Type::List(of, _) | Type::Nullable(of) | Type::Optional(of) => to_json(of).max(Fit::Widen),
        _ => Fit::Widen,
    }
}

/// Whether a constant satisfies the refinements of a place that its base type fits. `None`: it takes a run to know.
pub fn constant_fits(value: &Value, to: &Type) -> Option<bool> {
    match (value, to) {
        (_, Type::Nullable(of)) => constant_fits(value, of),
        (Value::Int(number), Type::Int(range)) => Some(range.contains(*number)),
        (Value::Float(number), Type::Float(range)) => Some(range.contains(*number)),
        (Value::String(text), Type::String(size)) => Some(size.contains(text.chars().count() as u64)),
        (Value::String(text), Type::Literals(all)) => {
            Some(all.iter().any(|literal| matches!(literal, Literal::String(own) if own == &**text)))
        }
        (Value::Int(number), Type::Literals(all)) => {
            Some(all.iter().any(|literal| matches!(literal, Literal::Int(own) if own == number)))
        }
        (Value::Bool(value), Type::Literals(all)) => {
            Some(all.iter().any(|literal| matches!(literal, Literal::Bool(own) if own == value)))
        }
        (Value::List(items), Type::List(of, size)) => {
            if !size.contains(items.len() as u64) {
                return Some(false);
            }
            items
                .iter()
                .map(|item| constant_fits(item, of))
                .try_fold(true, |all, one| one.map(|one| all && one))
        }
        (_, Type::Where(_)) => None,
        (_, Type::Named(_) | Type::Record(_) | Type::Map(..)) => None,
        _ => Some(true),
    }
}

/// Literals that are kept apart when values come together; of more only the base type is known.
const LITERALS_MAX: usize = 64;

/// Returns the one type of two values that come together (T6); `None` if they have none.
pub fn join(program: &Program, a: &Type, b: &Type) -> Option<Type> {
    Some(match (a, b) {
        (Type::Error, _) | (_, Type::Error) => Type::Error,
        (Type::Never, other) | (other, Type::Never) => other.clone(),
        (a, b) if a == b => a.clone(),
        (Type::Json, other) | (other, Type::Json) if fit(program, other, &Type::Json) < Fit::No => Type::Json,
        (Type::Null, other) | (other, Type::Null) => match other {
            Type::Optional(of) => of.non_null().clone().nullable(),
            other => other.clone().nullable(),
        },
        (Type::Optional(a), Type::Optional(b)) => Type::Optional(Arc::new(join(program, a, b)?)),
        (Type::Nullable(a), b) | (b, Type::Nullable(a)) => join(program, a, b.non_null())?.nullable(),
        (Type::Literals(a), Type::Literals(b)) if same_kind(a, b) && a.len() + b.len() > LITERALS_MAX => {
            Type::Literals(a.clone()).base()
        }
        (Type::Literals(a), Type::Literals(b)) if same_kind(a, b) => {
            let more = b.iter().filter(|literal| !a.contains(literal));
            Type::Literals(a.iter().chain(more).cloned().collect())
        }
        (Type::Int(a), Type::Int(b)) => {
            Type::Int(IntRange { min: hull(a.min, b.min, i64::min), max: hull(a.max, b.max, i64::max) })
        }
        (Type::Float(a), Type::Float(b)) => {
            Type::Float(FloatRange { min: hull(a.min, b.min, f64::min), max: hull(a.max, b.max, f64::max) })
        }
        (Type::String(a), Type::String(b)) => Type::String(sizes(*a, *b)),
        (Type::List(a, from), Type::List(b, to)) => {
            Type::List(Arc::new(join(program, a, b)?), sizes(*from, *to))
        }
        (Type::Map(ka, va), Type::Map(kb, vb)) => Type::map(join(program, ka, kb)?, join(program, va, vb)?),
        (Type::Record(a), Type::Record(b)) if a.fields.len() == b.fields.len() => {
            let mut fields = Vec::with_capacity(a.fields.len());
            for (one, other) in a.fields.iter().zip(&b.fields) {
                if one.name != other.name {
                    return None;
                }
                let ty = join(program, &one.ty, &other.ty)?;
                fields.push(Field { name: one.name.clone(), ty, trust: None, doc: one.doc.clone() });
            }
            Type::Record(Arc::new(Record { fields }))
        }
        // A literal beside a text or a number of known bounds has bounds of its own.
        (Type::Literals(all), other) | (other, Type::Literals(all)) if widened(all, other).is_some() => {
            widened(all, other)?
        }
        (a, b) if fit(program, a, b) == Fit::Same => b.clone(),
        (a, b) if fit(program, b, a) == Fit::Same => a.clone(),
        (a, b) if a.base() == b.base() => a.base(),
        (Type::Named(a), Type::Named(b)) => common_union(program, a, b)?,
        _ => return None,
    })
}

fn hull<T: Copy>(a: Option<T>, b: Option<T>, pick: fn(T, T) -> T) -> Option<T> {
    Some(pick(a?, b?))
}

fn sizes(a: Size, b: Size) -> Size {
    Size { min: hull(a.min, b.min, u64::min), max: hull(a.max, b.max, u64::max) }
}

/// Returns the bounds that hold a text or a number as well as these literals.
fn widened(literals: &[Literal], other: &Type) -> Option<Type> {
    match other {
        Type::String(size) => {
            let lengths = literals.iter().map(|literal| match literal {
                Literal::String(text) => Some(text.chars().count() as u64),
                _ => None,
            });
            let lengths: Vec<u64> = lengths.collect::<Option<_>>()?;
            let own = Size { min: lengths.iter().min().copied(), max: lengths.iter().max().copied() };
            Some(Type::String(sizes(*size, own)))
        }
        Type::Int(range) => {
            let numbers = literals.iter().map(|literal| match literal {
                Literal::Int(number) => Some(*number),
                _ => None,
            });
            let numbers: Vec<i64> = numbers.collect::<Option<_>>()?;
            let (min, max) = (numbers.iter().min().copied(), numbers.iter().max().copied());
            Some(Type::Int(IntRange {
                min: hull(range.min, min, i64::min),
                max: hull(range.max, max, i64::max),
            }))
        }
        _ => None,
    }
}

fn common_union(program: &Program, a: &TypeName, b: &TypeName) -> Option<Type> {
    let of = |name: &TypeName| program.unions_of.get(name).map(Vec::as_slice).unwrap_or(&[]);
    let mut common = of(a).iter().filter(|union| of(b).contains(union));
    let first = common.next()?;
    common.next().is_none().then(|| Type::Named(first.clone()))
}

/// Whether `==` between two types can ever be true (F5).
pub fn comparable(program: &Program, a: &Type, b: &Type) -> bool {
    let (a, b) = (strip(a), strip(b));
    if matches!(a, Type::Error | Type::Never | Type::Json | Type::Null)
        || matches!(b, Type::Error | Type::Never | Type::Json | Type::Null)
    {
        return true;
    }
    if numeric(&a) && numeric(&b) {
        return true;
    }
    match (&a, &b) {
        (Type::List(a, _), Type::List(b, _)) => comparable(program, a, b),
        (Type::Map(ka, va), Type::Map(kb, vb)) => comparable(program, ka, kb) && comparable(program, va, vb),
        (Type::Optional(a), b) | (b, Type::Optional(a)) => comparable(program, a, b),
        (a, b) => {
            fit(program, a, b) < Fit::Null || fit(program, b, a) < Fit::Null || join(program, a, b).is_some()
        }
    }
}

/// Whether it is a number.
pub fn numeric(ty: &Type) -> bool {
    matches!(ty.base(), Type::Int(_) | Type::Float(_) | Type::Uint)
}

fn strip(ty: &Type) -> Type {
    ty.non_null().base()
}
