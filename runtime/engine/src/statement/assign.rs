//! `x = e`, `x += e`.

use flow_ir::expr::SlotId;
use flow_ir::plan::Add;
use flow_ir::{Expr, Plan};

use crate::engine::Run;
use crate::pure;
use crate::task::{Outcome, Task};

impl Run {
    pub(crate) fn set(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        slot: SlotId,
        value: &Expr,
    ) -> Result<(), Outcome> {
        let value = self.eval(plan, task, value)?;
        task.frame.set(slot, Some(value));
        Ok(())
    }

    pub(crate) fn add(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        slot: SlotId,
        value: &Expr,
        how: Add,
    ) -> Result<(), Outcome> {
        let value = self.eval(plan, task, value)?;
        let merge = plan.flows[task.flow as usize].slots.get(slot as usize).and_then(|slot| slot.merge);
        let told = (how == Add::Merge && task.frame.is_outside(slot)).then(|| value.clone());
        let current = task.frame.take(slot);
        let sum = pure::add(how, merge, current, value).map_err(|error| self.pure_failure(task, error))?;
        task.frame.set(slot, Some(sum));
        if let Some(value) = told {
            task.frame.note_added(slot, value);
        }
        Ok(())
    }
}
