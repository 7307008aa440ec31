//! Sizes of lists and texts carried through operations (T4). What is carried is true of every value that an operation
//! gives; where nothing is known, nothing is said.

use flow_ir::types::{IntRange, Literal, Size, TypeBody};
use flow_ir::{Type, Value};
use flow_source::Span;

use crate::cx::Typed;
use crate::program::Program;

/// Code points of the longest text of a float, a timestamp and a duration.
const FLOAT_MAX: u64 = 32;
const TIMESTAMP_MAX: u64 = 40;
const DURATION_MAX: u64 = 32;

/// Returns the result of an overload with the sizes that its arguments give it.
pub(super) fn carried(id: &str, args: &[(Typed, Span)], result: Type) -> Type {
    match result {
        Type::List(of, _) => {
            let (of, size) = list(id, args, &of);
            Type::List(of.into(), size)
        }
        Type::String(_) => Type::String(text(id, args)),
        other => other,
    }
}

fn size_at(args: &[(Typed, Span)], index: usize) -> Size {
    args.get(index).map(|(arg, _)| size_of(arg)).unwrap_or_default()
}

/// Returns the size of a list or text.
pub(super) fn size_of(typed: &Typed) -> Size {
    match typed.constant() {
        Some(Value::String(text)) => exactly(text.chars().count() as u64),
        Some(Value::List(items)) => exactly(items.len() as u64),
        _ => size_of_type(&typed.ty),
    }
}

fn size_of_type(ty: &Type) -> Size {
    match ty {
        Type::List(_, size) | Type::String(size) => *size,
        Type::Where(rule) => size_of_type(&rule.base),
        Type::Literals(all) => {
            let sizes = all.iter().filter_map(|literal| match literal {
                Literal::String(text) => Some(text.chars().count() as u64),
                _ => None,
            });
            Size { min: sizes.clone().min(), max: sizes.max() }
        }
        _ => Size::default(),
    }
}

fn exactly(count: u64) -> Size {
    Size { min: Some(count), max: Some(count) }
}

/// Returns the bounds of a number; below 0 nothing can be taken.
fn number(args: &[(Typed, Span)], index: usize) -> (u64, Option<u64>) {
    let Some((arg, _)) = args.get(index) else { return (0, None) };
    let range = match (arg.constant(), &arg.ty) {
        (Some(Value::Int(number)), _) => IntRange { min: Some(*number), max: Some(*number) },
        (_, Type::Int(range)) => *range,
        (_, Type::Where(rule)) => match &rule.base {
            Type::Int(range) => *range,
            _ => IntRange::default(),
        },
        (_, Type::Literals(all)) => {
            let numbers = all.iter().filter_map(|literal| match literal {
                Literal::Int(number) => Some(*number),
                _ => None,
            });
            IntRange { min: numbers.clone().min(), max: numbers.max() }
        }
        _ => IntRange::default(),
    };
    let from_zero = |number: i64| u64::try_from(number).unwrap_or(0);
    (range.min.map_or(0, from_zero), range.max.map(from_zero))
}

/// The smaller of two upper bounds, of which one may be missing.
fn least(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn with(a: Option<u64>, b: Option<u64>, join: fn(u64, u64) -> Option<u64>) -> Option<u64> {
    join(a?, b?)
}

fn at_most(max: Option<u64>) -> Size {
    Size { min: None, max }
}

/// Returns the type of the elements and the size of a list.
fn list(id: &str, args: &[(Typed, Span)], of: &Type) -> (Type, Size) {
    let from = size_at(args, 0);
    let (low, high) = number(args, 1);
    let least_of = from.min.unwrap_or(0);
    let text_of = |size: Size| match of {
        Type::String(_) => Type::String(size),
        other => other.clone(),
    };
    let size = match id {
        "take_list" => Size { min: Some(least_of.min(low)), max: least(from.max, high) },
        "skip_list" => Size {
            min: high.map(|high| least_of.saturating_sub(high)),
            max: from.max.map(|max| max.saturating_sub(low)),
        },
        "slice_list" => {
            let (_, to) = number(args, 2);
            at_most(least(from.max, to).map(|max| max.saturating_sub(low)))
        }
        "sort_list" | "reverse_list" => from,
        "distinct_list" => Size { min: Some(least_of.min(1)), max: from.max },
        "compact_list" => at_most(from.max),
        "flatten_list" => {
            let inner = match args.first().map(|(arg, _)| arg.ty.base()) {
                Some(Type::List(inner, _)) => size_of_type(&inner),
                _ => Size::default(),
            };
            Size {
                min: with(from.min, inner.min, u64::checked_mul),
                max: with(from.max, inner.max, u64::checked_mul),
            }
        }
        "groups_list" => {
            let inner = match of {
                Type::List(inner, _) => {
                    Type::List(inner.clone(), Size { min: Some(1), max: least(from.max, high) })
                }
                other => other.clone(),
            };
            // Groups of less than one fail.
            let size = Size {
                min: high.map(|high| least_of.div_ceil(high.max(1))),
                max: from.max.map(|max| max.div_ceil(low.max(1))),
            };
            return (inner, size);
        }
        "range_list" => {
            let (low, high) = number(args, 0);
            Size { min: Some(low), max: high }
        }
        "add_list" => {
            let other = size_at(args, 1);
            Size {
                min: Some(least_of.saturating_add(other.min.unwrap_or(0))),
                max: with(from.max, other.max, u64::checked_add),
            }
        }
        "split_string" | "split_some" => {
            let separator = size_at(args, 1);
            let parts = match (separator.min, separator.max) {
                // Between single characters, or around as many separators as fit.
                (None | Some(0), _) => from.max.map(|max| max.saturating_add(1)),
                (Some(shortest), _) => from.max.map(|max| (max / shortest).saturating_add(1)),
            };
            let most = match args.get(2).map(|(limit, _)| limit.constant()) {
                // Below 0 all of them.
                Some(Some(Value::Int(limit))) => least(parts, u64::try_from(*limit).ok()),
                _ => parts,
            };
            return (text_of(at_most(from.max)), at_most(most));
        }
        "lines" => return (text_of(at_most(from.max)), at_most(from.max)),
        "words" => {
            let size = Size { min: Some(1), max: from.max };
            return (text_of(size), at_most(from.max.map(|max| max.div_ceil(2))));
        }
        "pieces" => {
            let size = Size { min: Some(1), max: least(from.max, high) };
            return (text_of(size), at_most(from.max));
        }
        _ => Size::default(),
    };
    (of.clone(), size)
}

/// Returns the size of a text.
fn text(id: &str, args: &[(Typed, Span)]) -> Size {
    let from = size_at(args, 0);
    let shortest = from.min.unwrap_or(0);
    match id {
        "add_string" => {
            let other = size_at(args, 1);
            Size {
                min: Some(shortest.saturating_add(other.min.unwrap_or(0))),
                max: with(from.max, other.max, u64::checked_add),
            }
        }
        "lower_ascii" | "upper_ascii" | "reverse_string" | "string_string" => from,
        "trim_string" | "slug" => at_most(from.max),
        "truncate" => at_most(least(from.max, number(args, 1).1)),
        "char_at_string" => at_most(Some(1)),
        "substring_from" => at_most(from.max.map(|max| max.saturating_sub(number(args, 1).0))),
        "substring_range" => {
            let (low, (_, high)) = (number(args, 1).0, number(args, 2));
            at_most(least(from.max, high).map(|max| max.saturating_sub(low)))
        }
        "replace_all" | "replace_some" => replaced(args, from),
        "quote_string" => at_most(from.max.and_then(|max| max.checked_mul(2)?.checked_add(2))),
        "join_list" | "join_separator" | "join_scalars" => joined(args, from),
        "string_int" | "string_bool" | "string_float" | "string_timestamp" | "string_duration" => {
            match args.first() {
                Some((arg, _)) => scalar(&arg.ty).unwrap_or_default(),
                None => Size::default(),
            }
        }
        _ => Size::default(),
    }
}

/// Each occurrence of the old text gives way to the new one.
fn replaced(args: &[(Typed, Span)], from: Size) -> Size {
    let (old, new) = (size_at(args, 1), size_at(args, 2));
    let limit = match args.get(3).map(|(limit, _)| limit.constant()) {
        Some(Some(Value::Int(limit))) => u64::try_from(*limit).ok(),
        _ => None,
    };
    let most = || {
        let (length, new) = (from.max?, new.max?);
        let shortest = old.min.unwrap_or(0);
        // An empty text occurs between all characters and at both ends.
        let times = match shortest {
            0 => length.checked_add(1)?,
            shortest => length / shortest,
        };
        let times = least(Some(times), limit)?;
        length.checked_add(times.checked_mul(new.saturating_sub(shortest))?)
    };
    at_most(most())
}

fn joined(args: &[(Typed, Span)], from: Size) -> Size {
    let element = match args.first().map(|(arg, _)| arg.ty.base()) {
        Some(Type::List(of, _)) => scalar(&of).unwrap_or_default(),
        _ => Size::default(),
    };
    let separator = match args.len() {
        1 => exactly(0),
        _ => size_at(args, 1),
    };
    let total = |count: u64, element: u64, separator: u64| {
        count.checked_mul(element)?.checked_add(count.saturating_sub(1).checked_mul(separator)?)
    };
    let most = || match from.max? {
        0 => Some(0),
        count => total(count, element.max?, if count > 1 { separator.max? } else { 0 }),
    };
    let shortest = total(from.min.unwrap_or(0), element.min.unwrap_or(0), separator.min.unwrap_or(0));
    Size { min: shortest, max: most() }
}

/// Returns the size of a scalar as a text; `None` for what isn't one.
fn scalar(ty: &Type) -> Option<Size> {
    let digits = |number: i64| number.to_string().len() as u64;
    Some(match ty {
        Type::String(_) | Type::Literals(_) if matches!(ty.base(), Type::String(_)) => size_of_type(ty),
        Type::Literals(all) => {
            let sizes = all.iter().map(|literal| match literal {
                Literal::Int(number) => digits(*number),
                Literal::Bool(value) => value.to_string().len() as u64,
                Literal::String(text) => text.chars().count() as u64,
            });
            Size { min: sizes.clone().min(), max: sizes.max() }
        }
        Type::Where(rule) => scalar(&rule.base)?,
        Type::Int(range) => {
            // Of two ends one has the most digits.
            let (min, max) = (range.min.unwrap_or(i64::MIN), range.max.unwrap_or(i64::MAX));
            Size { min: Some(1), max: Some(digits(min).max(digits(max))) }
        }
        Type::Uint => Size { min: Some(1), max: Some(20) },
        Type::Bool => Size { min: Some(4), max: Some(5) },
        Type::Float(_) => Size { min: Some(1), max: Some(FLOAT_MAX) },
        Type::Timestamp => Size { min: Some(1), max: Some(TIMESTAMP_MAX) },
        Type::Duration => Size { min: Some(2), max: Some(DURATION_MAX) },
        _ => return None,
    })
}

/// Returns the size of what `${value}` writes into a text: a value of an enum is its name.
pub(super) fn spliced(program: &Program, typed: &Typed) -> Size {
    if let Some(Value::String(_)) = typed.constant() {
        return size_of(typed);
    }
    if let Type::Named(name) = &typed.ty
        && let Some(TypeBody::Enum { values }) = program.types.get(name).map(|def| &def.body)
    {
        let sizes = values.iter().map(|value| value.name.chars().count() as u64);
        return Size { min: sizes.clone().min(), max: sizes.max() };
    }
    scalar(&typed.ty).unwrap_or_default()
}

/// One text after the other.
pub(super) fn then(a: Size, b: Size) -> Size {
    Size {
        min: Some(a.min.unwrap_or(0).saturating_add(b.min.unwrap_or(0))),
        max: with(a.max, b.max, u64::checked_add),
    }
}

/// One text or the other.
pub(super) fn either(a: Size, b: Size) -> Size {
    Size { min: with(a.min, b.min, |a, b| Some(a.min(b))), max: with(a.max, b.max, |a, b| Some(a.max(b))) }
}

/// A text for each element of a list.
pub(super) fn times(count: Size, each: Size) -> Size {
    Size {
        min: with(count.min, each.min, u64::checked_mul),
        max: with(count.max, each.max, u64::checked_mul),
    }
}

/// Returns the size of what is gone through.
pub(super) fn walked(ty: &Type) -> Size {
    match ty {
        Type::List(_, size) => *size,
        Type::Where(rule) => walked(&rule.base),
        _ => Size::default(),
    }
}
