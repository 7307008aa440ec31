//! `loop`, `for`.

use flow_ir::plan::{BlockId, Counters, LoopTest, Statement};
use flow_ir::{Expr, Name, Plan, Value};
use flow_runtime_api::{Coordinate, Failure, Kind};

use super::group::leave;
use crate::engine::Run;
use crate::run::statement_of;
use crate::task::{Control, ForState, LoopState, Outcome, Task, Turn};

impl Run {
    pub(crate) fn enter_loop(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        segment: &str,
        max: &Expr,
    ) -> Result<Turn, Outcome> {
        let max = match self.eval(plan, task, max)? {
            Value::Int(max) if max >= 1 => max,
            _ => {
                let message = format!("`max` of `{segment}` is below 1");
                return Err(failure_at(task, segment, Kind::BadValue, message));
            }
        };
        task.push(None, Control::Loop(Box::new(LoopState { turn: None, max, otherwise: false })));
        Ok(Turn::Go(Outcome::Next))
    }

    /// Called before the first turn, after each, and when a jump leaves one.
    pub(crate) fn on_loop(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        let Some(Statement::Loop { segment, test, body, otherwise, counters, .. }) = statement_of(plan, task)
        else {
            return leave(task, outcome);
        };
        let Some(Control::Loop(state)) = task.stack.last_mut().map(|scope| &mut scope.control) else {
            return Err(outcome);
        };
        match outcome {
            Outcome::Next | Outcome::Continue if !state.otherwise => {}
            Outcome::Break if !state.otherwise => return leave(task, Outcome::Next),
            outcome => return leave(task, outcome),
        }
        let (turn, max) = (state.turn, state.max);
        let next = turn.map_or(0, |turn| turn + 1);
        if turn.is_some()
            && let LoopTest::Until(test) = test
            && !self.goes_on(plan, task, *body, test, next >= max, false)?
        {
            return leave(task, Outcome::Next);
        }
        task.repath(None);
        // The test of the header asks about the turn that it lets begin.
        self.count_turn(task, *counters, next, next + 1 >= max);
        if let LoopTest::While(test) = test
            && !self.goes_on(plan, task, *body, test, next >= max, true)?
        {
            return leave(task, Outcome::Next);
        }
        if next < max {
            task.repath(Some(&format!("{segment}[{next}]")));
            set_turn(task, next);
            task.enter(*body);
            return Ok(Turn::Go(Outcome::Next));
        }
        match otherwise {
            Some(block) => {
                if let Some(Control::Loop(state)) = task.stack.last_mut().map(|scope| &mut scope.control) {
                    state.otherwise = true;
                }
                task.enter(*block);
                Ok(Turn::Go(Outcome::Next))
            }
            None => {
                task.repath(Some(segment));
                let failure =
                    self.failure(task, Kind::Exhausted, format!("`{segment}` took all {max} turns"));
                leave(task, failure)
            }
        }
    }

    /// Computes a loop's test, which goes on when it is `wanted`; its failure leaves the loop.
    fn goes_on(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        body: BlockId,
        test: &Expr,
        is_last: bool,
        wanted: bool,
    ) -> Result<bool, Outcome> {
        let flow = task.flow;
        if let Some(goes_on) = self.worst(plan).and_then(|worst| worst.goes_on(flow, body, test, is_last)) {
            return Ok(goes_on);
        }
        let said = self.test(plan, task, test).inspect_err(|_| {
            task.pop();
        })?;
        Ok(said == wanted)
    }

    fn count_turn(&mut self, task: &mut Task, counters: Counters, turn: i64, last: bool) {
        if let Some(slot) = counters.index {
            task.frame.set(slot, Some(Value::Int(turn)));
        }
        if let Some(slot) = counters.last {
            task.frame.set(slot, Some(Value::Bool(last)));
        }
    }

    pub(crate) fn enter_for(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        segment: &str,
        over: &Expr,
        max: Option<&Expr>,
    ) -> Result<Turn, Outcome> {
        let over = self.elements(plan, task, segment, over, max)?;
        task.push(None, Control::For(Box::new(ForState { over, next: 0 })));
        Ok(Turn::Go(Outcome::Next))
    }

    /// Returns the list or map that is walked, no longer than `max` allows.
    pub(crate) fn elements(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        segment: &str,
        over: &Expr,
        max: Option<&Expr>,
    ) -> Result<Value, Outcome> {
        let over = self.eval(plan, task, over)?;
        let Some(count) = count(&over) else {
            return Err(self.failure(
                task,
                Kind::BadValue,
                format!("`{segment}` walks neither a list nor a map"),
            ));
        };
        if let Some(max) = max {
            let max = match self.eval(plan, task, max)? {
                Value::Int(max) => usize::try_from(max).unwrap_or(0),
                _ => 0,
            };
            if count > max {
                let message = format!("`{segment}` has {count} elements, at most {max} are allowed");
                return Err(failure_at(task, segment, Kind::Exhausted, message));
            }
        }
        Ok(over)
    }

    pub(crate) fn on_for(&mut self, plan: &Plan, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
        let Some(Statement::For { segment, index, item, body, counters, .. }) = statement_of(plan, task)
        else {
            return leave(task, outcome);
        };
        match outcome {
            Outcome::Next | Outcome::Continue => {}
            Outcome::Break => return leave(task, Outcome::Next),
            outcome => return leave(task, outcome),
        }
        let Some(Control::For(state)) = task.stack.last_mut().map(|scope| &mut scope.control) else {
            return Err(Outcome::Next);
        };
        let turn = state.next;
        state.next += 1;
        let total = count(&state.over).unwrap_or(0);
        let Some((key, value)) = element(&state.over, turn, index.is_some()) else {
            return leave(task, Outcome::Next);
        };
        if let Some(slot) = index {
            task.frame.set(*slot, Some(key));
        }
        task.frame.set(*item, Some(value));
        self.count_turn(task, *counters, turn as i64, turn + 1 == total);
        task.repath(Some(&format!("{segment}[{turn}]")));
        task.enter(*body);
        Ok(Turn::Go(Outcome::Next))
    }
}

/// Returns the failure of a loop as a whole.
pub(super) fn failure_at(task: &Task, segment: &str, kind: Kind, message: String) -> Outcome {
    let step = Coordinate(Name::from(format!("{}/{segment}", task.path)));
    Outcome::Fail(Box::new(Failure { step: Some(step), ..Failure::new(kind, message) }))
}

fn set_turn(task: &mut Task, turn: i64) {
    if let Some(Control::Loop(state)) = task.stack.last_mut().map(|scope| &mut scope.control) {
        state.turn = Some(turn);
    }
}

/// Returns how many elements a list or map has.
pub(super) fn count(over: &Value) -> Option<usize> {
    match over {
        Value::List(items) => Some(items.len()),
        Value::Map(map) => Some(map.len()),
        _ => None,
    }
}

/// Returns an element: index and element of a list; of a map key and value, or with one variable the key as element.
pub(super) fn element(over: &Value, at: usize, pairs: bool) -> Option<(Value, Value)> {
    match over {
        Value::List(items) => Some((Value::Int(at as i64), items.get(at)?.clone())),
        Value::Map(map) => {
            let (key, value) = map.get_index(at)?;
            let key = key.to_value();
            Some(if pairs { (key, value.clone()) } else { (Value::Int(at as i64), key) })
        }
        _ => None,
    }
}
