//! Looking back at a step: what it was called with, what was asked, and what was known once it had ended. Its records
//! don't tell; reading them again up to there does.

use std::sync::Arc;

use flow_ir::Plan;
use flow_runtime_api::{Failure, Kind, Record};
use serde_json::{Map, Value as Json};

use crate::effect::{Prepared, Request};
use crate::engine::{Engine, Run};
use crate::json::encode;
use crate::port::{Command, Input, RunSettings};
use crate::task::{Control, Outcome, Task, Turn};

/// What was known at a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// The arguments by name, of a step that calls a node or a flow; none if it wasn't reached.
    pub arguments: Option<Map<String, Json>>,
    /// What the first attempt asks; secrets stand in it by name.
    pub request: Option<Json>,
    /// The named values of the flow around it, right after it ended; none if it hasn't.
    pub state: Option<Map<String, Json>>,
    /// Why the records can't be read to their end.
    pub trouble: Option<String>,
}

/// What is looked for while records are read.
#[derive(Debug)]
pub(crate) struct Probe {
    step: String,
    seen: Inspection,
}

impl Engine {
    /// Reads a run's records and returns what was known at a step of it. The failure says that plan or records aren't
    /// what they should be.
    pub fn inspect(
        plan: Arc<Plan>,
        settings: RunSettings,
        records: Vec<Record>,
        step: &str,
    ) -> Result<Inspection, Failure> {
        let now = records.last().map_or(settings.started_at, |record| record.at);
        let mut engine = Engine::resume(plan, settings, records)?;
        engine.run.probe = Some(Box::new(Probe { step: step.to_owned(), seen: Inspection::default() }));
        let commands = engine.apply(Input::Start, now);
        let mut seen = engine.run.probe.take().map(|probe| probe.seen).unwrap_or_default();
        seen.trouble = commands.into_iter().find_map(|command| match command {
            Command::Finish { failure: Some(failure), .. } if failure.built_in() == Some(Kind::Diverged) => {
                Some(failure.message)
            }
            _ => None,
        });
        Ok(seen)
    }
}

impl Run {
    fn probe(&mut self, step: &str) -> Option<&mut Inspection> {
        // What comes after the records is nobody's past.
        self.replay.as_ref()?;
        self.probe.as_deref_mut().filter(|probe| probe.step == step).map(|probe| &mut probe.seen)
    }

    /// Notes the arguments of a step that is reached.
    pub(crate) fn probe_arguments<'n>(
        &mut self,
        plan: &Plan,
        step: &str,
        params: impl Iterator<Item = (&'n flow_ir::plan::Param, &'n flow_ir::Value)>,
    ) {
        let Some(seen) = self.probe(step) else { return };
        let args = params.map(|(param, value)| {
            (param.name.to_string(), encode(plan, value, &param.ty).unwrap_or(Json::Null))
        });
        seen.arguments.get_or_insert_with(|| args.collect());
    }

    /// Notes what the first attempt of a step asks.
    pub(crate) fn probe_request(&mut self, step: &str, prepared: &Prepared) {
        let Some(seen) = self.probe(step) else { return };
        let request = || match &prepared.request {
            Request::Ask(call, _) => serde_json::to_value(call),
            Request::Fetch(request, _) => serde_json::to_value(request),
            Request::Put(question) => serde_json::to_value(question),
            // What there is to be seen are the arguments.
            Request::Compute | Request::Draw(_) => Ok(Json::Null),
        };
        seen.request.get_or_insert_with(|| request().unwrap_or_default());
    }

    /// Goes on with a step or a wait, and notes what is known if that ends it.
    pub(crate) fn probed(&mut self, plan: &Plan, task: &mut Task, outcome: Outcome) -> Result<Turn, Outcome> {
        let depth = task.stack.len();
        let (step, is_wait) = match task.stack.last().map(|scope| &scope.control) {
            Some(Control::Step(state)) => (state.coordinate.clone(), false),
            _ => (task.coordinate(), true),
        };
        let turn = if is_wait { self.on_wait(task, outcome) } else { self.on_step(plan, task, outcome) };
        if task.stack.len() < depth
            && let Some(seen) = self.probe(&step.0)
            && seen.state.is_none()
        {
            let slots = &plan.flows[task.flow as usize].slots;
            let values = (0..).zip(slots).filter(|(_, slot)| !slot.name.starts_with('$'));
            let values = values.filter_map(|(index, slot)| {
                let value = flow_expr::Frame::slot(&task.frame, index)?;
                Some((slot.name.to_string(), encode(plan, value, &slot.ty).ok()?))
            });
            seen.state = Some(values.collect());
        }
        turn
    }
}
