//! Long chains on the wire. `a + b + c + …` and `c ? x : d ? y : …` nest as deep as they are long, and readers of JSON stop at
//! 128 levels; so a chain is written as a list: its innermost part, then each link with `null` in the place of what
//! stands inside of it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::expr::Function;
use crate::{Expr, Value};

/// The function that a written chain carries in place of one of the table.
const CHAIN: &str = "$chain";
/// Shorter chains nest as they are.
const LINKS_MIN: usize = 8;

impl Serialize for Expr {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match written(self) {
            Some(chain) => Expr::serialize(&chain, out),
            None => Expr::serialize(self, out),
        }
    }
}

impl<'de> Deserialize<'de> for Expr {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Expr, D::Error> {
        Expr::deserialize(from).map(read)
    }
}

/// The child along which chains of a node's kind grow.
fn inner(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Call { args, .. } => args.first(),
        Expr::And(left, _) | Expr::Or(left, _) => Some(left),
        Expr::Coalesce(_, right) => Some(right),
        Expr::Field { of, .. } | Expr::Index { of, .. } | Expr::Cast { of, .. } | Expr::Widen { of, .. } => {
            Some(of)
        }
        Expr::If { otherwise, .. } => Some(otherwise),
        Expr::Let { body, .. } => Some(body),
        _ => None,
    }
}

fn inner_mut(expr: &mut Expr) -> Option<&mut Expr> {
    match expr {
        Expr::Call { args, .. } => args.first_mut(),
        Expr::And(left, _) | Expr::Or(left, _) => Some(left),
        Expr::Coalesce(_, right) => Some(right),
        Expr::Field { of, .. } | Expr::Index { of, .. } | Expr::Cast { of, .. } | Expr::Widen { of, .. } => {
            Some(of)
        }
        Expr::If { otherwise, .. } => Some(otherwise),
        Expr::Let { body, .. } => Some(body),
        _ => None,
    }
}

/// Returns the list that stands for a long chain.
fn written(expr: &Expr) -> Option<Expr> {
    let mut links = Vec::new();
    let mut at = expr;
    while let Some(next) = inner(at) {
        links.push(at);
        at = next;
    }
    if links.len() < LINKS_MIN {
        return None;
    }
    let mut args = Vec::with_capacity(links.len() + 1);
    args.push(at.clone());
    args.extend(links.into_iter().rev().map(without_inner));
    Some(Expr::Call { function: Function::from(CHAIN), args })
}

/// Copies a link without what stands inside of it.
fn without_inner(link: &Expr) -> Expr {
    let hole = || Expr::Const(Value::Null);
    match link {
        Expr::Call { function, args } => {
            let rest = args.iter().skip(1).cloned();
            Expr::Call { function: function.clone(), args: std::iter::once(hole()).chain(rest).collect() }
        }
        Expr::And(_, right) => Expr::And(Box::new(hole()), right.clone()),
        Expr::Or(_, right) => Expr::Or(Box::new(hole()), right.clone()),
        Expr::Coalesce(left, _) => Expr::Coalesce(left.clone(), Box::new(hole())),
        Expr::Field { index, optional, .. } => {
            Expr::Field { of: Box::new(hole()), index: *index, optional: *optional }
        }
        Expr::Index { key, optional, .. } => {
            Expr::Index { of: Box::new(hole()), key: key.clone(), optional: *optional }
        }
        Expr::Cast { from, to, .. } => {
            Expr::Cast { of: Box::new(hole()), from: from.clone(), to: to.clone() }
        }
        Expr::Widen { from, to, .. } => {
            Expr::Widen { of: Box::new(hole()), from: from.clone(), to: to.clone() }
        }
        Expr::If { test, then, .. } => {
            Expr::If { test: test.clone(), then: then.clone(), otherwise: Box::new(hole()) }
        }
        Expr::Let { local, value, .. } => {
            Expr::Let { local: *local, value: value.clone(), body: Box::new(hole()) }
        }
        other => other.clone(),
    }
}

/// Nests a list of links again.
fn read(expr: Expr) -> Expr {
    match expr {
        Expr::Call { function, args } if function.id() == CHAIN => {
            let mut links = args.into_iter();
            let mut nested = links.next().unwrap_or(Expr::Const(Value::Null));
            for mut link in links {
                if let Some(hole) = inner_mut(&mut link) {
                    *hole = nested;
                }
                nested = link;
            }
            nested
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(count: usize) -> Expr {
        (1..count).fold(Expr::Slot(0), |left, slot| Expr::Call {
            function: Function::from("add_int"),
            args: vec![left, Expr::Slot(slot as u32)],
        })
    }

    fn choice(count: usize) -> Expr {
        (0..count).fold(Expr::Slot(0), |otherwise, slot| Expr::If {
            test: Box::new(Expr::Slot(slot as u32)),
            then: Box::new(sum(12)),
            otherwise: Box::new(otherwise),
        })
    }

    #[test]
    fn chains_of_any_length_are_read_again() {
        for expr in [sum(1), sum(7), sum(8), sum(9), sum(1_000), choice(3), choice(400)] {
            let json = serde_json::to_string(&expr).expect("plain data");
            let again: Expr = serde_json::from_str(&json).expect("reads what it wrote");
            assert_eq!(again, expr);
        }
    }
}
