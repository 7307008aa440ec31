//! `if`, `route`.

use flow_ir::expr::{Pattern, SlotId};
use flow_ir::plan::{RouteArm, Statement, TestArm};
use flow_ir::{Expr, Plan, Value};

use super::group::leave;
use crate::engine::Run;
use crate::run::statement_of;
use crate::task::{Control, Outcome, Task, Turn};

impl Run {
    pub(crate) fn choose(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        segment: Option<&str>,
        arms: &[TestArm],
    ) -> Result<Turn, Outcome> {
        let flow = task.flow;
        if let Some(arm) = self.worst(plan).and_then(|worst| worst.test_arm(flow, arms)) {
            return Ok(match arm {
                Some(arm) => self.enter_arm(task, segment, &arms[arm].segment, arms[arm].block),
                None => Turn::Go(Outcome::Next),
            });
        }
        for arm in arms {
            let taken = match &arm.test {
                Some(test) => self.test(plan, task, test)?,
                None => true,
            };
            if taken {
                return Ok(self.enter_arm(task, segment, &arm.segment, arm.block));
            }
        }
        Ok(Turn::Go(Outcome::Next))
    }

    pub(crate) fn route(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        segment: Option<&str>,
        value: &Expr,
        bind: SlotId,
        arms: &[RouteArm],
    ) -> Result<Turn, Outcome> {
        let value = self.eval(plan, task, value)?;
        task.frame.set(bind, Some(value.clone()));
        let flow = task.flow;
        if let Some(arm) = self.worst(plan).and_then(|worst| worst.route_arm(flow, arms)) {
            return Ok(self.enter_arm(task, segment, &arms[arm].segment, arms[arm].block));
        }
        for arm in arms {
            if !arm.patterns.is_empty() && !arm.patterns.iter().any(|pattern| matches(pattern, &value)) {
                continue;
            }
            if let Value::Record(record) = &value {
                for (field, slot) in &arm.binds {
                    task.frame.set(*slot, record.slots.get(*field as usize).cloned());
                }
            }
            if let Some(guard) = &arm.guard
                && !self.test(plan, task, guard)?
            {
                continue;
            }
            return Ok(self.enter_arm(task, segment, &arm.segment, arm.block));
        }
        // Every checked route has an arm for every value; a statement that doesn't, goes on.
        Ok(Turn::Go(Outcome::Next))
    }

    fn enter_arm(&mut self, task: &mut Task, segment: Option<&str>, arm: &str, block: u32) -> Turn {
        match segment {
            Some(segment) => task.push(Some(&format!("{segment}/{arm}")), Control::Arm),
            None => task.push(Some(arm), Control::Arm),
        }
        self.show_branch(task);
        task.enter(block);
        Turn::Go(Outcome::Next)
    }

    pub(crate) fn on_arm(&mut self, plan: &Plan, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
        let into = match statement_of(plan, task) {
            Some(Statement::If { into, .. } | Statement::Route { into, .. }) => *into,
            _ => None,
        };
        match (outcome, into) {
            (Outcome::Yield(value), Some(slot)) => {
                task.pop();
                task.frame.set(slot, Some(value));
                Ok(Turn::Go(Outcome::Next))
            }
            (outcome, _) => leave(task, outcome),
        }
    }
}

fn matches(pattern: &Pattern, value: &Value) -> bool {
    match pattern {
        Pattern::Value(wanted) => wanted == value,
        Pattern::Variant(name) => match value {
            Value::Record(record) => record.shape.name.as_ref() == Some(name),
            _ => false,
        },
    }
}
