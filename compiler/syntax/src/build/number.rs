//! Numbers, durations and sizes (G9).

use flow_diagnostics::Code;
use flow_grammar::Rule;
use flow_source::Span;
use pest::iterators::Pair;

use super::{Builder, Cursor, span_of};
use crate::tree::{Float, Literal};

/// Units of durations in nanoseconds; they fall in this order.
const UNITS: [(&str, i128); 6] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];

/// Turns a literal into its negative. An `int` that is already negative is the one whose magnitude only a negative has.
pub(super) fn negate(literal: &mut Literal) {
    match literal {
        Literal::Int(n) => *n = n.wrapping_neg(),
        Literal::Float(f) => *f = Float::new(-f.get()),
        Literal::Duration(n) | Literal::Size(n) => *n = n.saturating_neg(),
        _ => {}
    }
}

impl Builder<'_> {
    /// `signed`
    pub(super) fn signed(&mut self, pair: Pair<'_, Rule>) -> Literal {
        let mut cursor = Cursor::new(pair);
        let negative = cursor.take_if(Rule::minus).is_some();
        let mut literal = self.number(&cursor.take(), negative);
        if negative {
            negate(&mut literal);
        }
        literal
    }

    /// `number`, `duration`, `size`; the sign, if any, is the caller's.
    pub(super) fn number(&mut self, pair: &Pair<'_, Rule>, negative: bool) -> Literal {
        let (text, span) = (pair.as_str(), span_of(pair));
        match pair.as_rule() {
            Rule::duration => self.duration(text, span),
            Rule::size => self.size(text, span),
            _ => self.plain_number(text, span, negative),
        }
    }

    fn plain_number(&mut self, text: &str, span: Span, negative: bool) -> Literal {
        let digits: String;
        let (digits, unsigned) = match text.strip_suffix(['u', 'U']) {
            _ if !text.contains(['_', 'u', 'U']) => (text, false),
            Some(rest) => {
                digits = rest.replace('_', "");
                (&*digits, true)
            }
            None => {
                digits = text.replace('_', "");
                (&*digits, false)
            }
        };
        let (body, radix) = digits.strip_prefix("0x").map_or((digits, 10), |hex| (hex, 16));
        if radix == 10 && body.contains(['.', 'e', 'E']) {
            let value: f64 = body.parse().unwrap_or(f64::INFINITY);
            if unsigned || !value.is_finite() {
                let help = if unsigned { "`u` makes a whole number" } else { "the largest is about 1.8e308" };
                self.bad_number(span, format!("`{text}` is no number"), help);
                return Literal::Float(Float::new(0.0));
            }
            return Literal::Float(Float::new(value));
        }
        match u64::from_str_radix(body, radix) {
            Ok(value) if unsigned => return Literal::Uint(value),
            Ok(value) => {
                if let Ok(value) = i64::try_from(value) {
                    return Literal::Int(value);
                }
                if negative && value == i64::MIN.unsigned_abs() {
                    return Literal::Int(i64::MIN);
                }
            }
            Err(_) => {}
        }
        self.bad_number(
            span,
            format!("`{text}` is too large"),
            "an `int` has 64 bits: the largest is 9223372036854775807",
        );
        Literal::Int(0)
    }

    fn duration(&mut self, text: &str, span: Span) -> Literal {
        let mut rest = text;
        let (mut total, mut last) = (0i128, None);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let end =
                rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |n| digits + n);
            let (amount, unit) = (&rest[..digits], &rest[digits..end]);
            rest = &rest[end..];
            let Some(place) = UNITS.iter().position(|(name, _)| *name == unit) else { break };
            if last.is_some_and(|l| place <= l) {
                self.bad_number(
                    span,
                    format!("the units of `{text}` don't fall"),
                    "write the largest first: `1h30m`",
                );
                return Literal::Duration(0);
            }
            last = Some(place);
            total = scaled(amount, UNITS[place].1).map_or(i128::MAX, |n| total.saturating_add(n));
        }
        match i64::try_from(total) {
            Ok(nanoseconds) => Literal::Duration(nanoseconds),
            Err(_) => {
                self.bad_number(
                    span,
                    format!("`{text}` is too long"),
                    "the longest duration is about 292 years",
                );
                Literal::Duration(0)
            }
        }
    }

    fn size(&mut self, text: &str, span: Span) -> Literal {
        let digits = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let factor = match &text[digits..] {
            "KB" => 1 << 10,
            "MB" => 1 << 20,
            "GB" => 1 << 30,
            _ => 1,
        };
        match scaled(&text[..digits], factor).map(i64::try_from) {
            Some(Ok(bytes)) => Literal::Size(bytes),
            _ => {
                self.bad_number(
                    span,
                    format!("`{text}` is no size"),
                    "a size is a whole number of bytes: `1MB`, `1.5KB`",
                );
                Literal::Size(0)
            }
        }
    }

    fn bad_number(&mut self, span: Span, message: String, help: &str) {
        self.report(Code::BadNumber, span, message).help = Some(help.to_owned());
    }
}

/// `1_000.5` times a factor, if it is whole (a duration is cut to nanoseconds).
fn scaled(amount: &str, factor: i128) -> Option<i128> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let whole = whole
        .bytes()
        .filter(u8::is_ascii_digit)
        .try_fold(0i128, |n, b| n.checked_mul(10)?.checked_add(i128::from(b - b'0')));
    let mut total = whole?.checked_mul(factor)?;
    let (mut value, mut scale) = (0i128, 1i128);
    for digit in fraction.bytes().take(15) {
        value = value * 10 + i128::from(digit - b'0');
        scale *= 10;
    }
    let part = value.checked_mul(factor)?;
    if factor < 1 << 40 && factor.count_ones() == 1 && part % scale != 0 {
        return None;
    }
    total = total.checked_add(part / scale)?;
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_scale_exactly() {
        assert_eq!(scaled("1_000", 1), Some(1000));
        assert_eq!(scaled("1.5", 1_000_000_000), Some(1_500_000_000));
        assert_eq!(scaled("1.5", 1 << 10), Some(1536));
        assert_eq!(scaled("0.3", 1), None, "no part of a byte");
    }
}
