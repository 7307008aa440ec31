//! `where` rules.

use std::cell::RefCell;

use flow_ir::expr::{Code, SlotId};
use flow_ir::json::Rules;
use flow_ir::types::{TypeBody, Where};
use flow_ir::{TypeDefs, TypeName, Value};

use crate::interpreter::Machine;
use crate::{Counter, Env, Error, Frame, Hot, Meter};

/// The rules of a program, for reading answers and inputs. One meter serves all rules of one document.
#[derive(Debug)]
pub struct WhereRules<'a> {
    types: &'a TypeDefs,
    codes: &'a [Code],
    meter: Meter,
    hot: Option<(&'a Hot, &'a Counter)>,
}

impl<'a> WhereRules<'a> {
    /// Returns the rules with a fresh meter.
    pub fn new(types: &'a TypeDefs, codes: &'a [Code]) -> WhereRules<'a> {
        WhereRules { types, codes, meter: Meter::default(), hot: None }
    }

    /// Has the rules of a plan computed by whichever back end the plan has.
    pub fn by(mut self, hot: &'a Hot, counter: &'a Counter) -> WhereRules<'a> {
        self.hot = Some((hot, counter));
        self
    }
}

impl Rules for WhereRules<'_> {
    fn holds(&self, rule: &Where, value: &Value) -> Result<bool, String> {
        let env = Env { codes: self.codes, ..Env::bare(self.types, &self.meter) };
        if let Some((hot, counter)) = self.hot {
            self.meter.charge(1).map_err(|error| error.message)?;
            let (holds, by) = hot.test(&rule.rule, &Env { frame: &It(value), ..env });
            counter.count(by);
            return holds.map_err(|error| error.message);
        }
        holds(rule, value, &env, 0).map_err(|error| error.message)
    }
}

/// The rules inside of an expression: they share its meter and its depth.
pub(crate) struct Nested<'a> {
    env: &'a Env<'a>,
    depth: usize,
    exhausted: RefCell<Option<Error>>,
}

impl<'a> Nested<'a> {
    pub(crate) fn new(env: &'a Env<'a>, depth: usize) -> Nested<'a> {
        Nested { env, depth, exhausted: RefCell::new(None) }
    }

    /// Returns the error of a rule that ran out, which must not pass for a violation.
    pub(crate) fn exhausted(&self) -> Option<Error> {
        self.exhausted.borrow_mut().take()
    }
}

impl Rules for Nested<'_> {
    fn holds(&self, rule: &Where, value: &Value) -> Result<bool, String> {
        holds(rule, value, self.env, self.depth).map_err(|error| {
            if !error.is_absorbed() {
                self.exhausted.borrow_mut().get_or_insert_with(|| error.clone());
            }
            error.message
        })
    }
}

/// Slot 0 is the value, slot 1 + i the ith field of a record.
struct It<'a>(&'a Value);

impl Frame for It<'_> {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        match (slot, self.0) {
            (0, value) => Some(value),
            (slot, Value::Record(record)) => record.slots.get(slot as usize - 1),
            _ => None,
        }
    }
}

/// Whether a value satisfies a rule; evaluated below `depth`, so that rules which make values end too.
pub(crate) fn holds(rule: &Where, value: &Value, env: &Env<'_>, depth: usize) -> Result<bool, Error> {
    env.meter.charge(1)?;
    let frame = It(value);
    let inner = Env { frame: &frame, ..*env };
    let result = Machine::new(&inner, depth + 1).eval(&rule.rule);
    match result? {
        Value::Bool(holds) => Ok(holds),
        other => Err(Error::value(format!("{} is no bool", crate::values::brief(&other)))),
    }
}

/// Returns the rule of a named record.
pub(crate) fn rule_of<'a>(types: &'a TypeDefs, name: &TypeName) -> Option<&'a Where> {
    match &types.get(name)?.body {
        TypeBody::Record { rule, .. } => rule.as_deref(),
        _ => None,
    }
}
