//! The macros over lists and maps.

use std::sync::Arc;

use indexmap::IndexMap;

use flow_ir::expr::{LocalId, MacroOp};
use flow_ir::value::Key;
use flow_ir::{Expr, Value};

use super::gather::Gather;
use super::{First, Machine};
use crate::{Error, values};

/// What a macro goes over.
pub(super) enum Turns {
    List(Arc<Vec<Value>>),
    Map(Arc<IndexMap<Key, Value>>),
}

impl Turns {
    pub(super) fn of(value: Value) -> Result<Turns, Error> {
        match value {
            Value::List(items) => Ok(Turns::List(items)),
            Value::Map(map) => Ok(Turns::Map(map)),
            other => Err(Error::value(format!("{} is no list or map", values::brief(&other)))),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Turns::List(items) => items.len(),
            Turns::Map(map) => map.len(),
        }
    }

    /// Returns the element of a turn; of a map its key.
    fn element(&self, turn: usize) -> Value {
        match self {
            Turns::List(items) => items[turn].clone(),
            Turns::Map(map) => map.get_index(turn).map(|(key, _)| key.to_value()).unwrap_or(Value::Null),
        }
    }

    /// Returns the key that the result of a turn has in a map.
    fn key(&self, turn: usize) -> Value {
        match self {
            Turns::List(_) => Value::Int(turn as i64),
            Turns::Map(_) => self.element(turn),
        }
    }
}

impl Machine<'_> {
    /// Sets the variables of a turn, and charges for it.
    #[inline]
    pub(super) fn bind(&mut self, turns: &Turns, turn: usize, vars: &[LocalId]) -> Result<(), Error> {
        self.env.meter.charge(1)?;
        match vars {
            [element] => self.set(*element, turns.element(turn)),
            [index, element] => match turns {
                Turns::List(items) => {
                    self.set(*index, Value::Int(turn as i64))?;
                    self.set(*element, items[turn].clone())
                }
                Turns::Map(map) => match map.get_index(turn) {
                    Some((key, value)) => {
                        self.set(*index, key.to_value())?;
                        self.set(*element, value.clone())
                    }
                    None => Ok(()),
                },
            },
            _ => Err(Error::value("a macro with no or too many variables")),
        }
    }

    #[inline(never)]
    pub(super) fn macro_call(
        &mut self,
        op: MacroOp,
        over: &Expr,
        vars: &[LocalId],
        bodies: &[Expr],
        first: First,
    ) -> Result<Value, Error> {
        let over = self.first(over, first)?;
        let turns = Turns::of(over)?;
        let (test, body) = match bodies {
            [body] => (None, body),
            [test, body] => (Some(test), body),
            _ => return Err(Error::value("a macro with no or too many bodies")),
        };
        match op {
            MacroOp::All => self.quantified(&turns, vars, body, false),
            MacroOp::Exists => self.quantified(&turns, vars, body, true),
            MacroOp::ExistsOne => self.exists_one(&turns, vars, body),
            MacroOp::Filter => self.filter(&turns, vars, body),
            MacroOp::Find => self.find(&turns, vars, body),
            MacroOp::Map | MacroOp::TransformList => self.mapped(&turns, vars, test, body),
            MacroOp::TransformMap | MacroOp::TransformMapEntry => self.gathered(op, &turns, vars, test, body),
            MacroOp::SortBy | MacroOp::DistinctBy | MacroOp::GroupBy | MacroOp::MinBy | MacroOp::MaxBy => {
                self.gathered(op, &turns, vars, None, body)
            }
        }
    }

    /// `exists` is decided by a true, `all` by a false; an error is the result only if no turn decides.
    fn quantified(
        &mut self,
        turns: &Turns,
        vars: &[LocalId],
        body: &Expr,
        decisive: bool,
    ) -> Result<Value, Error> {
        let mut failure = None;
        for turn in 0..turns.len() {
            self.bind(turns, turn, vars)?;
            match self.test(body) {
                Ok(value) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(_) => {}
                Err(error) if error.is_absorbed() => {
                    failure.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        failure.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn exists_one(&mut self, turns: &Turns, vars: &[LocalId], body: &Expr) -> Result<Value, Error> {
        let mut count = 0;
        for turn in 0..turns.len() {
            self.bind(turns, turn, vars)?;
            count += usize::from(self.test(body)?);
        }
        Ok(Value::Bool(count == 1))
    }

    fn filter(&mut self, turns: &Turns, vars: &[LocalId], body: &Expr) -> Result<Value, Error> {
        let mut out = Vec::with_capacity(turns.len().min(16));
        for turn in 0..turns.len() {
            self.bind(turns, turn, vars)?;
            if self.test(body)? {
                out.push(turns.element(turn));
            }
        }
        Ok(Value::list(out))
    }

    fn find(&mut self, turns: &Turns, vars: &[LocalId], body: &Expr) -> Result<Value, Error> {
        for turn in 0..turns.len() {
            self.bind(turns, turn, vars)?;
            if self.test(body)? {
                return Ok(Value::Optional(Some(Arc::new(turns.element(turn)))));
            }
        }
        Ok(Value::Optional(None))
    }

    fn mapped(
        &mut self,
        turns: &Turns,
        vars: &[LocalId],
        test: Option<&Expr>,
        body: &Expr,
    ) -> Result<Value, Error> {
        let mut out = Vec::with_capacity(if test.is_some() { 0 } else { turns.len().min(1024) });
        for turn in 0..turns.len() {
            self.bind(turns, turn, vars)?;
            if self.passes(test)? {
                self.env.meter.charge(1)?;
                out.push(self.eval(body)?);
            }
        }
        Ok(Value::list(out))
    }

    fn passes(&mut self, test: Option<&Expr>) -> Result<bool, Error> {
        test.map_or(Ok(true), |test| self.test(test))
    }

    fn gathered(
        &mut self,
        op: MacroOp,
        turns: &Turns,
        vars: &[LocalId],
        test: Option<&Expr>,
        body: &Expr,
    ) -> Result<Value, Error> {
        let mut gather = Gather::new(op);
        for turn in 0..turns.len() {
            self.bind(turns, turn, vars)?;
            if !self.passes(test)? {
                continue;
            }
            if Gather::charges(op) {
                self.env.meter.charge(1)?;
            }
            let value = self.eval(body)?;
            let element = if Gather::is_keyed(op) { turns.key(turn) } else { turns.element(turn) };
            gather.add(self.env, &element, &value)?;
        }
        gather.finish(self.env, turns.len())
    }
}
