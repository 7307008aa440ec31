//! What to do about a value that doesn't fit its place: which conversion, which field, which other value.

use flow_diagnostics::Diagnostic;
use flow_ir::types::Record;
use flow_ir::{Type, Value};
use flow_source::Span;

use super::places::cast_text;
use crate::cx::{Cx, Typed};
use crate::fit::{Fit, fit};

impl Cx<'_> {
    /// Says how a value of one type is made one of the other.
    pub(super) fn conversion_help(
        &self,
        diagnostic: Diagnostic,
        typed: &Typed,
        to: &Type,
        span: Span,
        what: &str,
    ) -> Diagnostic {
        let (found, wanted) = (typed.ty.non_null(), to.non_null());
        if matches!(typed.ty, Type::Null) {
            return diagnostic.help(format!(
                "give a value, such as `{}`, or let {what} be null: `{}?`",
                self.sample(to),
                self.type_text(to)
            ));
        }
        if let Some(value) = typed.constant()
            && let Some(diagnostic) = self.other_constant(diagnostic.clone(), value, wanted, span)
        {
            return diagnostic;
        }
        // A step is no part of an expression.
        let is_step = self.is_step_text(span);
        let text = if is_step { "found" } else { self.shown(span) };
        let first = match is_step {
            true => format!("bind it first, `let found = {}`; then ", self.shown(span)),
            false => String::new(),
        };
        if matches!(typed.ty, Type::Nullable(_) | Type::Optional(_))
            && fit(self.program, found, to) == Fit::No
        {
            return diagnostic.help(format!(
                "give a value that can't be null and is `{}`, such as `{}`",
                self.type_text(to),
                self.sample(to)
            ));
        }
        let converted = match (found, wanted) {
            (Type::Int(_) | Type::Uint, Type::Float(_)) => {
                Some((format!("float({text})"), Type::FLOAT, true))
            }
            (Type::Uint, Type::Int(_) | Type::Json) => Some((format!("int({text})"), Type::INT, true)),
            (Type::Float(_), Type::Int(_)) => Some((format!("int(math.round({text}))"), Type::INT, false)),
            (Type::String(_), Type::Int(_)) => Some((format!("int({text})"), Type::INT, false)),
            (Type::String(_), Type::Float(_)) => Some((format!("float({text})"), Type::FLOAT, false)),
            (Type::String(_), Type::Timestamp) => {
                Some((format!("timestamp({text})"), Type::Timestamp, false))
            }
            (Type::String(_), Type::Duration) => Some((format!("duration({text})"), Type::Duration, false)),
            (
                Type::Int(_) | Type::Float(_) | Type::Bool | Type::Duration | Type::Timestamp,
                Type::String(_),
            ) => Some((format!("\"${{{text}}}\""), Type::STRING, !text.contains('"'))),
            (Type::Bytes, Type::String(_)) => Some((format!("string({text})"), Type::STRING, false)),
            _ => None,
        };
        if let Some((call, made, is_sure)) = converted {
            let is_sure = is_sure && text != "…" && !is_step;
            let diagnostic = self.converted(diagnostic, call, &made, to, span, is_sure);
            let help = diagnostic.help.clone().unwrap_or_default();
            return diagnostic.help(format!("{first}{help}"));
        }
        diagnostic.help(format!("{first}{}", self.made_of(&typed.ty, to, text, what)))
    }

    /// A constant of another type: what to write instead.
    fn other_constant(
        &self,
        diagnostic: Diagnostic,
        value: &Value,
        to: &Type,
        span: Span,
    ) -> Option<Diagnostic> {
        let write = |text: String| {
            diagnostic.clone().help(format!("write `{text}`")).fix(
                format!("write `{text}`"),
                self.at(span),
                text,
            )
        };
        Some(match (value, to) {
            (Value::String(text), Type::Int(range)) => match text.parse::<i64>() {
                Ok(number) if range.contains(number) => write(number.to_string()),
                _ => diagnostic
                    .help(format!("write a whole number without quotes, such as `{}`", self.sample(to))),
            },
            (Value::String(text), Type::Float(_)) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() && *to == Type::FLOAT => write(format!("{number:?}")),
                _ => diagnostic.help(format!("write a number without quotes, such as `{}`", self.sample(to))),
            },
            (Value::String(text), Type::Bool) if matches!(&**text, "true" | "false") => {
                write(text.to_string())
            }
            (Value::Float(number), Type::Int(range)) => {
                let whole = number.round();
                if whole != *number || whole.abs() > 1e15 || !range.contains(whole as i64) {
                    return Some(
                        diagnostic.help(format!("write a whole number, such as `{}`", self.sample(to))),
                    );
                }
                write(format!("{}", whole as i64))
            }
            (Value::Int(_) | Value::Float(_) | Value::Bool(_), Type::String(size))
                if size.contains(self.text(span).chars().count() as u64)
                    && self.text(span).chars().all(|c| c.is_alphanumeric() || ".-_".contains(c)) =>
            {
                write(format!("\"{}\"", self.text(span)))
            }
            (Value::Int(number), Type::Duration) if *number > 0 => diagnostic.help(format!(
                "a time has a unit: `{number}s` are seconds, `{number}m` minutes, `{number}h` hours"
            )),
            (Value::Int(_) | Value::Float(_) | Value::String(_) | Value::Bool(_), Type::List(..)) => {
                return None;
            }
            (Value::Int(_) | Value::Float(_) | Value::String(_) | Value::Bool(_), _) => diagnostic
                .help(format!("write a value of `{}`, such as `{}`", self.type_text(to), self.sample(to))),
            _ => return None,
        })
    }

    fn converted(
        &self,
        diagnostic: Diagnostic,
        call: String,
        made: &Type,
        to: &Type,
        span: Span,
        is_sure: bool,
    ) -> Diagnostic {
        let name = self.type_text(to);
        let is_narrow = fit(self.program, made, to) == Fit::Narrow;
        if is_narrow && !self.short_type(&name) {
            return diagnostic.help(format!(
                "convert it, `{call}`, and check the range: give the type a name, `type Checked = {name}`, and write `{}`",
                cast_text(&call, "Checked")
            ));
        }
        let text = if is_narrow { cast_text(&call, &name) } else { call };
        let diagnostic = diagnostic.help(format!("convert it: `{text}`"));
        match is_sure {
            true => diagnostic.fix(format!("write `{text}`"), self.at(span), text),
            false => diagnostic,
        }
    }

    /// What can be made of a value where no conversion does it.
    fn made_of(&self, from: &Type, to: &Type, text: &str, what: &str) -> String {
        let wanted = to.non_null();
        let fits = |ty: &Type| fit(self.program, ty, to) <= Fit::Widen;
        if let Some(of) = self.program.record_of(from) {
            if let Some(record) = self.program.record_of(wanted)
                && let Some(fields) = self.fields_from(of, record, text)
            {
                let name = if matches!(wanted, Type::Named(_)) { wanted.to_string() } else { String::new() };
                return format!("make one of its fields: `{name}{{{fields}}}`");
            }
            if let Some(field) = of.fields.iter().find(|field| fits(&field.ty)) {
                return format!("take a field of it: `{text}.{}`", field.name);
            }
        }
        match (from, wanted) {
            (Type::Int(_) | Type::Float(_), Type::Bool) => format!("compare it: `{text} > 0`"),
            (Type::String(_), Type::Bool) => format!("compare it: `{text} != \"\"`"),
            (Type::List(..) | Type::Map(..), Type::Bool) => format!("compare its size: `{text}.size() > 0`"),
            (Type::List(..) | Type::Map(..), Type::Int(_)) if fits(&Type::INT) => {
                format!("take its size: `{text}.size()`")
            }
            (Type::List(of, _), Type::String(_)) if matches!(**of, Type::String(_)) => {
                format!("join the texts: `{text}.join(\", \")`")
            }
            (Type::List(of, _), _) if fits(of) => {
                format!("take one element, `{text}[0]`, or walk them: `for x in {text} max 50 {{ … }}`")
            }
            (ty, Type::List(of, _)) if fit(self.program, ty, of) <= Fit::Widen => {
                format!("make it a list: `[{text}]`")
            }
            (Type::Record(_) | Type::Named(_) | Type::List(..) | Type::Map(..), Type::String(_)) => {
                format!("write it into a text: `\"${{{text}}}\"`{}", self.or_declare(from, what))
            }
            _ => format!(
                "give a value of `{}`, such as `{}`{}",
                self.type_text(to),
                self.sample(to),
                self.or_declare(from, what)
            ),
        }
    }

    /// `, or declare …` where the place's own type may be what is wrong.
    fn or_declare(&self, found: &Type, what: &str) -> String {
        let found = crate::sample::declared(found);
        match what {
            "the result" => format!(", or declare `{found}` as the result: `-> {found}`"),
            _ if what.starts_with('`') => format!(", or declare {what} as `{found}`"),
            _ => String::new(),
        }
    }

    /// The fields of a record, each taken from another one: `a: note.a`.
    fn fields_from(&self, from: &Record, to: &Record, text: &str) -> Option<String> {
        if to.fields.len() > 6 {
            return None;
        }
        let mut fields = Vec::with_capacity(to.fields.len());
        for field in &to.fields {
            let own = from.fields.iter().find(|own| own.name == field.name)?;
            if fit(self.program, &own.ty, &field.ty) > Fit::Widen {
                return None;
            }
            fields.push(format!("{}: {text}.{}", field.name, field.name));
        }
        (!fields.is_empty()).then(|| fields.join(", "))
    }
}
