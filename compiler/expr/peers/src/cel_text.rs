//! Expressions of the plain dialect as CEL text, and values to and from the crate's.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use cel::objects::{Key as CelKey, Map, Opaque, OptionalValue};
use flow_expr::functions::{Style, overload};
use flow_ir::Value;
use flow_ir::expr::{Entry, Expr, MacroOp};
use flow_ir::value::Key;

/// Writes an expression; slots are `s0`, variables `x0`. `None` for what CEL has no text for.
pub fn text(expr: &Expr) -> Option<String> {
    let mut out = String::new();
    write(expr, &mut out)?;
    Some(out)
}

fn write(expr: &Expr, out: &mut String) -> Option<()> {
    match expr {
        Expr::Const(value) => constant(value, out)?,
        Expr::Slot(slot) => write!(out, "s{slot}").ok()?,
        Expr::Local(local) => write!(out, "x{local}").ok()?,
        Expr::And(left, right) => infix(left, "&&", right, out)?,
        Expr::Or(left, right) => infix(left, "||", right, out)?,
        Expr::If { test, then, otherwise } => {
            out.push('(');
            write(test, out)?;
            out.push_str(" ? ");
            write(then, out)?;
            out.push_str(" : ");
            write(otherwise, out)?;
            out.push(')');
        }
        Expr::Index { of, key, optional } => {
            write(of, out)?;
            out.push_str(if *optional { "[?" } else { "[" });
            write(key, out)?;
            out.push(']');
        }
        Expr::Has { of, key } => {
            out.push_str("has(");
            write(of, out)?;
            write!(out, ".{key})").ok()?;
        }
        Expr::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                out.push_str(if item.optional { "?" } else { "" });
                write(&item.value, out)?;
            }
            out.push(']');
        }
        Expr::Map(entries) => {
            out.push('{');
            for (index, entry) in entries.iter().enumerate() {
                let Entry::Pair { key, value, optional } = entry else { return None };
                out.push_str(if index > 0 { ", " } else { "" });
                out.push_str(if *optional { "?" } else { "" });
                write(key, out)?;
                out.push_str(": ");
                write(value, out)?;
            }
            out.push('}');
        }
        Expr::Macro { op, over, vars, bodies } => {
            let name = match op {
                MacroOp::All => "all",
                MacroOp::Exists => "exists",
                MacroOp::ExistsOne => "exists_one",
                MacroOp::Map => "map",
                MacroOp::Filter => "filter",
                MacroOp::SortBy => "sortBy",
                _ => return None,
            };
            let [var] = vars[..] else { return None };
            write(over, out)?;
            write!(out, ".{name}(x{var}").ok()?;
            for body in bodies {
                out.push_str(", ");
                write(body, out)?;
            }
            out.push(')');
        }
        Expr::Call { function, args } => call(function.id(), args, out)?,
        _ => return None,
    }
    Some(())
}

fn infix(left: &Expr, operator: &str, right: &Expr, out: &mut String) -> Option<()> {
    out.push('(');
    write(left, out)?;
    write!(out, " {operator} ").ok()?;
    write(right, out)?;
    out.push(')');
    Some(())
}

fn call(id: &str, args: &[Expr], out: &mut String) -> Option<()> {
    let row = overload(id)?;
    match (row.name, args) {
        ("_[_]_", [of, key]) => {
            write(of, out)?;
            out.push('[');
            write(key, out)?;
            out.push(']');
        }
        ("!_" | "-_", [of]) => {
            // A sign before a number would be part of it.
            out.push_str(&row.name[..1]);
            out.push('(');
            write(of, out)?;
            out.push(')');
        }
        (name, [left, right]) if row.style == Style::Operator => {
            infix(left, name.trim_matches('_'), right, out)?
        }
        (name, args) => {
            let method =
                matches!(row.style, Style::Method) || row.style == Style::Both && args.len() % 2 == 0;
            let args = match args {
                [of, rest @ ..] if method => {
                    write(of, out)?;
                    out.push('.');
                    rest
                }
                all => all,
            };
            out.push_str(name);
            out.push('(');
            for (index, arg) in args.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write(arg, out)?;
            }
            out.push(')');
        }
    }
    Some(())
}

fn constant(value: &Value, out: &mut String) -> Option<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => write!(out, "{value}").ok()?,
        Value::Int(number) if *number < 0 => write!(out, "({number})").ok()?,
        Value::Int(number) => write!(out, "{number}").ok()?,
        Value::Uint(number) => write!(out, "{number}u").ok()?,
        Value::Float(number) if number.is_nan() => out.push_str("(0.0 / 0.0)"),
        Value::Float(number) if number.is_infinite() => {
            out.push_str(if *number > 0.0 { "(1.0 / 0.0)" } else { "(-1.0 / 0.0)" });
        }
        Value::Float(number) => write!(out, "({number:?})").ok()?,
        Value::String(text) => quoted(text, out),
        Value::Bytes(bytes) => {
            out.push_str("b\"");
            bytes.iter().for_each(|byte| {
                let _ = write!(out, "\\x{byte:02x}");
            });
            out.push('"');
        }
        Value::Duration(nanos) => write!(out, "duration(\"{nanos}ns\")").ok()?,
        Value::Timestamp(at) => write!(out, "timestamp(\"{at}\")").ok()?,
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                constant(item, out)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                constant(&key.to_value(), out)?;
                out.push_str(": ");
                constant(value, out)?;
            }
            out.push('}');
        }
        Value::Optional(None) => out.push_str("optional.none()"),
        Value::Optional(Some(value)) => {
            out.push_str("optional.of(");
            constant(value, out)?;
            out.push(')');
        }
        _ => return None,
    }
    Some(())
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            ' '..='~' if c != '"' && c != '\\' => write!(out, "{c}"),
            c if c > '\u{ffff}' => write!(out, "\\U{:08x}", c as u32),
            c => write!(out, "\\u{:04x}", c as u32),
        };
    }
    out.push('"');
}

/// A value of ours as the crate's. `None` for kinds that it hasn't.
pub fn to_cel(value: &Value) -> Option<cel::Value> {
    use cel::Value as C;
    Some(match value {
        Value::Null => C::Null,
        Value::Bool(value) => C::Bool(*value),
        Value::Int(number) => C::Int(*number),
        Value::Uint(number) => C::UInt(*number),
        Value::Float(number) => C::Float(*number),
        Value::String(text) => C::String(Arc::new(text.to_string())),
        Value::Bytes(bytes) => C::Bytes(Arc::new(bytes.to_vec())),
        Value::Duration(nanos) => C::Duration(chrono::Duration::nanoseconds(*nanos)),
        Value::Timestamp(at) => {
            let at = at.as_nanosecond();
            let second = at.div_euclid(1_000_000_000) as i64;
            C::Timestamp(
                chrono::DateTime::from_timestamp(second, at.rem_euclid(1_000_000_000) as u32)?.fixed_offset(),
            )
        }
        Value::List(items) => C::List(Arc::new(items.iter().map(to_cel).collect::<Option<_>>()?)),
        Value::Map(map) => {
            let mut out = HashMap::new();
            for (key, value) in map.iter() {
                let key = match key {
                    Key::Bool(value) => CelKey::Bool(*value),
                    Key::Int(number) => CelKey::Int(*number),
                    Key::Uint(number) => CelKey::Uint(*number),
                    Key::String(text) => CelKey::String(Arc::new(text.to_string())),
                    Key::Enum(_) => return None,
                };
                out.insert(key, to_cel(value)?);
            }
            C::Map(Map { map: Arc::new(out) })
        }
        Value::Optional(value) => C::Opaque(Arc::new(match value {
            Some(value) => OptionalValue::of(to_cel(value)?),
            None => OptionalValue::none(),
        })),
        _ => return None,
    })
}

/// Whether a value of ours is one of the crate's: floats to the bit, keys of maps as numbers.
pub fn same(ours: &Value, theirs: &cel::Value) -> bool {
    use cel::Value as C;
    match (ours, theirs) {
        (Value::Float(a), C::Float(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        (Value::List(a), C::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b)),
        (Value::Map(a), C::Map(b)) => {
            a.len() == b.map.len()
                && a.iter().all(|(key, value)| entry(&b.map, key).is_some_and(|found| same(value, found)))
        }
        (Value::Optional(a), C::Opaque(b)) => {
            let Some(b) = (&**b as &dyn Opaque).downcast_ref::<OptionalValue>() else { return false };
            match (a, b.value()) {
                (None, None) => true,
                (Some(a), Some(b)) => same(a, b),
                _ => false,
            }
        }
        (Value::Null, C::Null) => true,
        (Value::Timestamp(_) | Value::Duration(_), theirs) => {
            to_cel(ours).is_some_and(|ours| ours == *theirs)
        }
        (Value::Bool(a), C::Bool(b)) => a == b,
        (Value::Int(a), C::Int(b)) => a == b,
        (Value::Uint(a), C::UInt(b)) => a == b,
        (Value::String(a), C::String(b)) => **a == *b.as_str(),
        (Value::Bytes(a), C::Bytes(b)) => **a == b[..],
        _ => false,
    }
}

fn entry<'a>(map: &'a HashMap<CelKey, cel::Value>, key: &Key) -> Option<&'a cel::Value> {
    let keys = match key {
        Key::Bool(value) => vec![CelKey::Bool(*value)],
        Key::Int(number) => {
            let other = u64::try_from(*number).ok().map(CelKey::Uint);
            [CelKey::Int(*number)].into_iter().chain(other).collect()
        }
        Key::Uint(number) => {
            let other = i64::try_from(*number).ok().map(CelKey::Int);
            [CelKey::Uint(*number)].into_iter().chain(other).collect()
        }
        Key::String(text) => vec![CelKey::String(Arc::new(text.to_string()))],
        Key::Enum(_) => vec![],
    };
    keys.iter().find_map(|key| map.get(key))
}
