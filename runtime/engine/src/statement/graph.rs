//! `graph`, its stages, `goto` (S8).

use flow_ir::plan::{self, Statement};
use flow_ir::{Expr, Plan, Value};
use flow_runtime_api::Kind;

use super::group::leave;
use super::repeat::failure_at;
use crate::engine::Run;
use crate::run::statement_of;
use crate::task::{Control, GraphState, Jump, Outcome, Task, Turn};

impl Run {
    pub(crate) fn enter_graph(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        graph: &plan::Graph,
    ) -> Result<Turn, Outcome> {
        let max = match self.eval(plan, task, &graph.max)? {
            Value::Int(max) if max >= 1 => max,
            _ => {
                let message = format!("`max` of `{}` is below 1", graph.segment);
                return Err(failure_at(task, &graph.segment, Kind::BadValue, message));
            }
        };
        task.push(None, Control::Graph(Box::new(GraphState { entries: 0, max, otherwise: false })));
        Ok(self.enter_stage(task, graph, 0, Vec::new()))
    }

    /// Enters a stage with its arguments; the entry counts.
    fn enter_stage(&mut self, task: &mut Task, graph: &plan::Graph, stage: u32, args: Vec<Value>) -> Turn {
        let (Some(stage), Some(Control::Graph(state))) =
            (graph.stages.get(stage as usize), task.stack.last_mut().map(|scope| &mut scope.control))
        else {
            return Turn::Go(Outcome::Next);
        };
        let visit = state.entries;
        state.entries += 1;
        for (slot, value) in stage.params.iter().zip(args) {
            task.frame.set(*slot, Some(value));
        }
        task.repath(Some(&format!("{}[{visit}].{}", graph.segment, stage.name)));
        self.show_branch(task);
        task.enter(stage.body);
        Turn::Go(Outcome::Next)
    }

    /// Computes the arguments for a stage of the nearest graph; nothing if its entries have run out.
    pub(crate) fn goto(
        &mut self,
        plan: &Plan,
        task: &Task,
        stage: u32,
        args: &[Expr],
    ) -> Result<Turn, Outcome> {
        let own = task.stack.iter().rev().take_while(|scope| !matches!(scope.control, Control::Call(_)));
        let nearest = own.into_iter().find_map(|scope| match &scope.control {
            Control::Graph(state) if !state.otherwise => Some(state),
            _ => None,
        });
        let Some(graph) = nearest else {
            return Err(self.failure(task, Kind::BadValue, "there is no graph around this `goto`"));
        };
        let args = match graph.entries < graph.max {
            true => Some(args.iter().map(|arg| self.eval(plan, task, arg)).collect::<Result<_, _>>()?),
            false => None,
        };
        Err(Outcome::Goto(Box::new(Jump { stage, args })))
    }

    /// Called when a stage or `else` has ended, and when a jump leaves one.
    pub(crate) fn on_graph(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        outcome: Outcome,
    ) -> Result<Turn, Outcome> {
        let Some(Statement::Graph(graph)) = statement_of(plan, task) else { return leave(task, outcome) };
        let Some(Control::Graph(state)) = task.stack.last_mut().map(|scope| &mut scope.control) else {
            return Err(outcome);
        };
        match outcome {
            Outcome::Goto(jump) if !state.otherwise => match (jump.args, graph.otherwise) {
                (Some(args), _) => Ok(self.enter_stage(task, graph, jump.stage, args)),
                (None, Some(block)) => {
                    state.otherwise = true;
                    task.repath(None);
                    task.enter(block);
                    Ok(Turn::Go(Outcome::Next))
                }
                (None, None) => {
                    let max = state.max;
                    task.repath(Some(&graph.segment));
                    let message =
                        format!("`{}` has entered all {max} stages that `max` allows", graph.segment);
                    let failure = self.failure(task, Kind::Exhausted, message);
                    leave(task, failure)
                }
            },
            Outcome::Break if !state.otherwise => leave(task, Outcome::Next),
            Outcome::Yield(value) if graph.into.is_some() => {
                task.pop();
                if let Some(slot) = graph.into {
                    task.frame.set(slot, Some(value));
                }
                Ok(Turn::Go(Outcome::Next))
            }
            outcome => leave(task, outcome),
        }
    }
}
