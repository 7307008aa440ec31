//! Why a condition doesn't hold: the values of its parts, and where in its text they stand.
//!
//! In: the parts of a condition, each with its place and its own expression, as whoever checked the text saw them, and what it
//! is evaluated in. Out: the values of those parts that were evaluated ([`sub_values`]), and a picture of them under the text
//! ([`draw`]). The condition itself is evaluated without any of this; only one that failed is looked at again.

use flow_ir::expr::{LocalId, MacroOp};
use flow_ir::{Expr, Value};

use crate::{Env, Error, eval};

/// A part of a condition, itself one: places are bytes of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Where it begins.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// Where its value is shown: at its operator, the name of its field, its function.
    pub at: u32,
    /// What is evaluated.
    pub expr: Expr,
    /// What it is made of, in written order: the receiver before the bodies of a macro.
    pub parts: Vec<Part>,
}

/// The value of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubValue {
    /// Where the part begins, in bytes.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// Where its value is shown.
    pub at: u32,
    /// The value as compact JSON, or the error; cut if it is long.
    pub text: String,
}

/// Values longer than so many characters are cut.
const TEXT_MAX: usize = 60;

/// No more parts are shown.
const PARTS_MAX: usize = 200;

/// Returns the values of a condition's parts, in order of evaluation: of what `&&`, `||`, `?:` and `??` leave out nothing is
/// said, and of `all` the first element is taken for which it does not hold. It takes from the meter of `env`.
pub fn sub_values(condition: &Part, env: &Env<'_>) -> Vec<SubValue> {
    let mut watch = Watch { env, out: Vec::new(), bound: Vec::new() };
    let _ = watch.part(condition);
    watch.out
}

struct Watch<'a> {
    env: &'a Env<'a>,
    out: Vec<SubValue>,
    /// The variables that are open, and their values.
    bound: Vec<(LocalId, Value)>,
}

impl Watch<'_> {
    fn part(&mut self, part: &Part) -> Result<Value, Error> {
        if self.out.len() < PARTS_MAX {
            self.children(part);
        }
        let result = self.value(&part.expr);
        let is_new = self.out.iter().all(|other| other.at != part.at);
        if is_new && self.out.len() < PARTS_MAX && !is_constant(&part.expr) {
            let text = told(&result);
            self.out.push(SubValue { start: part.start, end: part.end, at: part.at, text });
        }
        result
    }

    /// Evaluates with the variables that are open.
    fn value(&self, expr: &Expr) -> Result<Value, Error> {
        let bound = self.bound.iter().rev().fold(expr.clone(), |body, (local, value)| Expr::Let {
            local: *local,
            value: Box::new(Expr::Const(value.clone())),
            body: Box::new(body),
        });
        eval(&bound, self.env)
    }

    fn children(&mut self, part: &Part) {
        match (&part.expr, &part.parts[..]) {
            (Expr::And(..), [left, right]) => {
                if !matches!(self.part(left), Ok(Value::Bool(false))) {
                    let _ = self.part(right);
                }
            }
            (Expr::Or(..), [left, right]) => {
                if !matches!(self.part(left), Ok(Value::Bool(true))) {
                    let _ = self.part(right);
                }
            }
            (Expr::If { .. }, [test, then, otherwise]) => match self.part(test) {
                Ok(Value::Bool(true)) => drop(self.part(then)),
                Ok(Value::Bool(false)) => drop(self.part(otherwise)),
                _ => {}
            },
            (Expr::Coalesce(..), [left, right]) => {
                if matches!(self.part(left), Ok(Value::Null | Value::Optional(None))) {
                    let _ = self.part(right);
                }
            }
            (Expr::Let { local, .. }, [value, body]) => {
                if let Ok(value) = self.part(value) {
                    self.bound.push((*local, value));
                    let _ = self.part(body);
                    self.bound.pop();
                }
            }
            (Expr::Macro { op, vars, .. }, [over, bodies @ ..]) => {
                if let (Ok(over), MacroOp::All, [body]) = (self.part(over), op, bodies) {
                    self.counterexample(&over, vars, body);
                }
            }
            (_, parts) => {
                for part in parts {
                    // A body whose variable has no value here is none of what was evaluated.
                    if !is_closed(&part.expr, &mut self.bound.iter().map(|(local, _)| *local).collect()) {
                        continue;
                    }
                    if self.part(part).is_err() {
                        break;
                    }
                }
            }
        }
    }

    /// Shows what `all` asks for the first element of which it does not hold.
    fn counterexample(&mut self, over: &Value, vars: &[LocalId], body: &Part) {
        let turns: Vec<[Value; 2]> = match over {
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| [Value::Int(index as i64), item.clone()])
                .collect(),
            Value::Map(map) => map.iter().map(|(key, value)| [key.to_value(), value.clone()]).collect(),
            _ => return,
        };
        let is_map = matches!(over, Value::Map(_));
        for [key, value] in turns {
            let open = self.bound.len();
            match vars {
                [element] => self.bound.push((*element, if is_map { key } else { value })),
                [first, second] => self.bound.extend([(*first, key), (*second, value)]),
                _ => return,
            }
            let holds = self.value(&body.expr);
            let goes_on = matches!(holds, Ok(Value::Bool(true)));
            if !goes_on {
                let _ = self.part(body);
            }
            self.bound.truncate(open);
            if !goes_on {
                return;
            }
        }
    }
}

/// Whether an expression reads no variable but those that are bound.
fn is_closed(expr: &Expr, bound: &mut Vec<LocalId>) -> bool {
    if let Expr::Local(local) = expr {
        return bound.contains(local);
    }
    let open = bound.len();
    match expr {
        Expr::Let { local, .. } | Expr::Match { local, .. } => bound.push(*local),
        Expr::Macro { vars, .. } => bound.extend(vars),
        _ => {}
    }
    let mut closed = true;
    expr.children(&mut |child| closed = closed && is_closed(child, bound));
    bound.truncate(open);
    closed
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Const(_) | Expr::Fail { .. } => true,
        Expr::List(items) => items.iter().all(|item| is_constant(&item.value)),
        Expr::Widen { of, .. } => is_constant(of),
        _ => false,
    }
}

/// Writes a value as compact JSON, with its size if it is cut.
fn told(result: &Result<Value, Error>) -> String {
    let value = match result {
        Ok(value) => value,
        Err(error) => return cut(&format!("error: {}", error.message), TEXT_MAX),
    };
    let text = match (value, flow_ir::json::untyped(value)) {
        (Value::Optional(None), _) => "none".into(),
        (Value::Float(number), _) if !number.is_finite() => number.to_string(),
        (_, Ok(json)) => json.to_string(),
        (value, Err(_)) => crate::values::brief(value),
    };
    let size = match value {
        Value::List(items) => format!(" ({} elements)", items.len()),
        Value::Map(map) => format!(" ({} entries)", map.len()),
        Value::String(text) => format!(" ({} characters)", text.chars().count()),
        _ => String::new(),
    };
    if text.chars().count() <= TEXT_MAX { text } else { cut(&text, TEXT_MAX) + &size }
}

fn cut(text: &str, width: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if width_of(&clean) <= width {
        return clean;
    }
    let mut out = String::new();
    let mut left = width.saturating_sub(1);
    for c in clean.chars() {
        match left.checked_sub(char_width(c)) {
            Some(rest) => left = rest,
            None => break,
        }
        out.push(c);
    }
    out + "…"
}

/// The columns that a character takes on a terminal.
fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f | 0x200b..=0x200f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

fn width_of(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// A value must have so many columns to stand under the text.
const ROOM_MIN: usize = 8;

/// Draws values under the lines of a text that they stand in, each below a bar, at most so many columns wide; those without
/// room are listed below their line.
pub fn draw(text: &str, values: &[SubValue], columns: usize) -> String {
    let mut out = String::new();
    let mut start = 0;
    for line in text.split('\n') {
        let end = start + line.len();
        out.push_str(&cut(line, columns));
        out.push('\n');
        let mut under: Vec<(usize, &SubValue)> = values
            .iter()
            .filter(|value| (start..=end).contains(&(value.at as usize)))
            .filter_map(|value| Some((width_of(text.get(start..value.at as usize)?), value)))
            .collect();
        // The last first: the bars of those before it go past it.
        under.sort_by_key(|(column, _)| std::cmp::Reverse(*column));
        let (drawn, listed): (Vec<_>, Vec<_>) =
            under.into_iter().partition(|(column, _)| column + ROOM_MIN <= columns);
        let mut rest = &drawn[..];
        if !rest.is_empty() {
            out.push_str(&bars(rest));
            out.push('\n');
        }
        while !rest.is_empty() {
            // As many as fit side by side, from the right.
            let mut count = 0;
            let mut limit = usize::MAX;
            for (column, value) in rest {
                let width = width_of(&cut(&value.text, columns - column));
                if column + width + 1 > limit {
                    break;
                }
                limit = *column;
                count += 1;
            }
            let (row, left) = rest.split_at(count.max(1));
            let mut written = bars(left);
            for (column, value) in row.iter().rev() {
                let gap = column - width_of(&written);
                written.push_str(&" ".repeat(gap));
                written.push_str(&cut(&value.text, columns - column));
            }
            out.push_str(&written);
            out.push('\n');
            rest = left;
        }
        for (_, value) in listed.iter().rev() {
            let shown = text.get(value.start as usize..value.end as usize).unwrap_or_default();
            out.push_str(&cut(&format!("  {} = {}", cut(shown, columns / 2), value.text), columns));
            out.push('\n');
        }
        start = end + 1;
    }
    out
}

fn bars(values: &[(usize, &SubValue)]) -> String {
    let mut row = String::new();
    for (column, _) in values.iter().rev() {
        row.push_str(&" ".repeat(column.saturating_sub(row.len())));
        if row.len() == *column {
            row.push('|');
        }
    }
    row
}
