//! People and events: the question is put on record, and its answer comes from outside, whenever that is (R4, C5, C6).
//!
//! A question that is open is no effect in flight: no time of a budget passes, and after a crash it is open still.

use flow_ir::plan::{Channel, Delivery, Form, Human, Node, NodeId, NodeKind, Step};
use flow_ir::types::TypeBody;
use flow_ir::{Name, Plan, Type, Value};
use flow_runtime_api::{Coordinate, Cost, Event, Failure, Kind, Question, Time, Usage};
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use super::{Prepared, Request, Stage, StepState, kind_name, step_of};
use crate::engine::{Run, TimerUse};
use crate::json::{describe, encode};
use crate::port::{Command, TimerId};
use crate::task::{Outcome, Task, TaskId};

/// Deliveries that are kept for a run at a time.
const KEPT_MAX: usize = 1_000;

impl Run {
    pub(super) fn prepare_human(
        &mut self,
        plan: &Plan,
        node: &Node,
        human: &Human,
        state: &StepState,
    ) -> Result<Prepared, Failure> {
        let message = match &human.message {
            Some(message) => Some(self.text(plan, state, message)?),
            None => (!node.doc.is_empty()).then(|| node.doc.clone()),
        };
        let args = match human.message {
            Some(_) => Map::new(),
            None => args(plan, node, state)?,
        };
        let form = self.form(plan, state, human)?;
        let (via, address) = self.channel(plan, state, &human.via)?;
        Ok(prepared(node, Question { via, address, message, form, args }))
    }

    pub(super) fn prepare_event(
        &mut self,
        plan: &Plan,
        node: &Node,
        event: &Delivery,
        state: &StepState,
    ) -> Result<Prepared, Failure> {
        let (via, address) = self.channel(plan, state, &event.via)?;
        let args = args(plan, node, state)?;
        Ok(prepared(node, Question { via, address, message: None, form: None, args }))
    }

    fn channel(
        &self,
        plan: &Plan,
        state: &StepState,
        channel: &Channel,
    ) -> Result<(Name, Option<String>), Failure> {
        let address = match channel.address() {
            Some(address) => Some(match self.of_params(plan, state, address)? {
                Value::String(text) => text.to_string(),
                Value::Int(number) => number.to_string(),
                _ => return Err(Failure::new(Kind::BadValue, "a channel takes a text or a number")),
            }),
            None => None,
        };
        Ok((Name::new_static(channel.name()), address))
    }

    /// Returns what a person's form is filled in with.
    fn form(&self, plan: &Plan, state: &StepState, human: &Human) -> Result<Option<Json>, Failure> {
        let params = &plan.nodes[state.node as usize].params;
        let of = |slot: u32| match (state.args.get(slot as usize), params.get(slot as usize)) {
            (Some(value), Some(param)) => encode(plan, value, &param.ty),
            _ => Ok(Json::Null),
        };
        Ok(match &human.form {
            Some(Form::Whole(slot)) => Some(of(*slot)?),
            Some(Form::Fields(fields)) => {
                let fields = fields.iter().map(|(name, slot)| Ok((name.to_string(), of(*slot)?)));
                Some(Json::Object(fields.collect::<Result<_, Failure>>()?))
            }
            None => None,
        })
    }

    /// Asks, or waits for, what was prepared. A delivery that has come before ends the step at once.
    pub(super) fn put_question(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        step: &Step,
        question: Box<Question>,
        fingerprint: String,
    ) {
        let id = task.id;
        let Some(state) = task.step_mut() else { return };
        let until = self.now.after_ms(self.timeout(plan, step, state));
        state.stage = Stage::Asked(self.set_timer(id, TimerUse::Answer, until));
        self.asked.insert(id);
        state.since = self.now;
        let node = &plan.nodes[state.node as usize];
        self.emit(Event::Asked {
            step: state.coordinate.clone(),
            node: node.name.clone(),
            kind: Name::new_static(kind_name(&node.kind)),
            until,
            fingerprint: fingerprint.clone(),
            question: question.clone(),
        });
        if !self.take_kept(plan, task) {
            self.put(plan, task, question, fingerprint);
        }
    }

    fn put(&mut self, plan: &Plan, task: &mut Task, question: Box<Question>, fingerprint: String) {
        let Some(state) = task.step_mut() else { return };
        let node = &plan.nodes[state.node as usize];
        self.command(Command::Put {
            step: state.coordinate.clone(),
            node: node.name.clone(),
            kind: Name::new_static(kind_name(&node.kind)),
            question,
            fingerprint,
        });
    }

    /// After the journal was read: questions that are open are put to the host again.
    pub(crate) fn put_questions_again(&mut self, plan: &Plan) {
        for id in 0..self.tasks.len() {
            let Some(mut task) = self.tasks[id].take() else { continue };
            if !is_asked(&mut task) {
                // One that can go on is queued already.
                self.tasks[id] = Some(task);
                continue;
            }
            if !self.take_kept(plan, &mut task)
                && let Some(step) = step_of(plan, &task)
                && let Some(state) = task.step_mut()
                // It could be rendered when it was read.
                && let Ok(Prepared { request: Request::Put(question), fingerprint, .. }) =
                    self.prepare(plan, step, state)
            {
                self.put(plan, &mut task, question, fingerprint);
            }
            self.put_back(task);
        }
    }

    /// Holds an answer against the question and the node's type, without taking it. A person's answer may leave out what
    /// the form is filled in with.
    pub(crate) fn check_answer(&self, plan: &Plan, step: &Coordinate, answer: &Json) -> Result<(), Failure> {
        let state = self.asked(step)?;
        self.read(plan, state, answer).map(drop)
    }

    /// Tells whether a question is open.
    pub(crate) fn check_asked(&self, step: &Coordinate) -> Result<(), Failure> {
        self.asked(step).map(drop)
    }

    /// Tells whether an event takes such a delivery, now or later, without taking it.
    pub(crate) fn check_delivery(&self, plan: &Plan, event: &str, body: &Json) -> Result<(), Failure> {
        let node = event_of(plan, event)?;
        self.decode(plan, body, &plan.nodes[node as usize].returns).map_err(bad_shape)?;
        if self.kept.len() >= KEPT_MAX && self.waiting_for(plan, node, body).is_none() {
            let message = format!("{KEPT_MAX} deliveries are kept already that no step waits for");
            return Err(Failure::new(Kind::Exhausted, message));
        }
        Ok(())
    }

    /// Returns the steps that wait for a person or an event, each with its task.
    fn open(&self) -> impl Iterator<Item = (TaskId, &StepState)> {
        self.asked.iter().filter_map(|id| Some((*id, self.tasks.get(*id as usize)?.as_ref()?.step_state()?)))
    }

    /// Finds a question that is open.
    fn asked(&self, step: &Coordinate) -> Result<&StepState, Failure> {
        let found = self.open().map(|(_, state)| state).find(|state| state.coordinate == *step);
        let wrong = |message: String| Err(Failure::new(Kind::BadValue, message));
        match found {
            Some(state) if self.is_late(state) => wrong(format!("the time to answer `{step}` is over")),
            Some(state) => Ok(state),
            None => wrong(format!("`{step}` doesn't wait for an answer")),
        }
    }

    fn is_late(&self, state: &StepState) -> bool {
        match state.stage {
            Stage::Asked(timer) => self.due_at(timer).is_some_and(|due| due <= self.now),
            _ => false,
        }
    }

    /// Reads what somebody answers, or what came.
    fn read(&self, plan: &Plan, state: &StepState, answer: &Json) -> Result<(Value, Json), Failure> {
        let node = &plan.nodes[state.node as usize];
        let filled = match &node.kind {
            NodeKind::Human(human) => fill(plan, &node.returns, answer, self.form(plan, state, human)?),
            NodeKind::Event(_) if !self.is_meant(plan, state, answer) => {
                let message = format!("this isn't what `{}` waits for: `match` says no", state.coordinate);
                return Err(Failure::new(Kind::BadValue, message));
            }
            _ => answer.clone(),
        };
        let value = self.decode(plan, &filled, &node.returns).map_err(bad_shape)?;
        let json = encode(plan, &value, &node.returns)?;
        Ok((value, json))
    }

    /// Whether a delivery is the one that an event's step waits for. What `match` can't be computed of isn't.
    fn is_meant(&self, plan: &Plan, state: &StepState, body: &Json) -> bool {
        let NodeKind::Event(event) = &plan.nodes[state.node as usize].kind else { return false };
        let Some(test) = &event.matches else { return true };
        let Ok(body) = self.decode(plan, body, &Type::Json) else { return false };
        let frame: Vec<Value> = state.args.iter().cloned().chain([body]).collect();
        matches!(self.compute(plan, &flow_expr::Slots(&frame), test), Ok(Value::Bool(true)))
    }

    /// Somebody answers, refuses, or is said to have failed to.
    pub(crate) fn answer(&mut self, plan: &Plan, step: &Coordinate, answer: Result<Json, Failure>) {
        let Ok(state) = self.asked(step) else { return };
        let read = match answer {
            Ok(json) => match self.read(plan, state, &json) {
                Ok(read) => Ok(read),
                // It was to be checked before: whoever answered is told, and the question stays open.
                Err(_) => return,
            },
            Err(failure) => Err(failure),
        };
        self.end_question_of(step, read);
    }

    /// A question ended as a simulation or a tape has it.
    pub(crate) fn replied(&mut self, plan: &Plan, step: &Coordinate, result: Result<Json, Failure>) {
        let Ok(state) = self.asked(step) else { return };
        let returns = &plan.nodes[state.node as usize].returns;
        let read = result.and_then(|json| {
            let value = self.decode(plan, &json, returns).map_err(bad_shape)?;
            encode(plan, &value, returns).map(|json| (value, json))
        });
        self.end_question_of(step, read);
    }

    fn end_question_of(&mut self, step: &Coordinate, read: Result<(Value, Json), Failure>) {
        let found = self.open().find(|(_, state)| state.coordinate == *step).map(|(id, _)| id);
        if let Some(id) = found {
            self.end_question(id, read);
        }
    }

    /// Something has come from outside.
    pub(crate) fn deliver(&mut self, plan: &Plan, event: &Name, body: Json) {
        if self.check_delivery(plan, event, &body).is_err() {
            return;
        }
        let Ok(node) = event_of(plan, event) else { return };
        match self.waiting_for(plan, node, &body) {
            Some(id) => {
                let state = self.tasks[id as usize].as_ref().and_then(|task| task.step_state());
                let Some(Ok(read)) = state.map(|state| self.read(plan, state, &body)) else { return };
                self.end_question(id, Ok(read));
            }
            None => {
                self.emit(Event::Delivered { node: event.clone(), body: body.clone() });
                self.kept.push((node, body));
            }
        }
    }

    /// Returns the task of the step that waits longest for such a delivery.
    fn waiting_for(&self, plan: &Plan, node: NodeId, body: &Json) -> Option<TaskId> {
        let asked = self.open().filter(|(_, state)| {
            state.node == node && !self.is_late(state) && self.is_meant(plan, state, body)
        });
        asked.min_by_key(|(_, state)| (state.since, &state.coordinate)).map(|(id, _)| id)
    }

    fn end_question(&mut self, id: TaskId, read: Result<(Value, Json), Failure>) {
        let Some(mut task) = self.tasks.get_mut(id as usize).and_then(Option::take) else { return };
        self.end_asked(&mut task, read);
        self.put_back(task);
    }

    fn end_asked(&mut self, task: &mut Task, read: Result<(Value, Json), Failure>) {
        let Some(state) = task.step_mut() else { return };
        let duration_ms = self.now.since(state.since);
        let step = state.coordinate.clone();
        if let Stage::Asked(timer) = std::mem::replace(&mut state.stage, Stage::Over) {
            self.unask(task.id, timer);
        }
        let (usage, cost) = (Usage::default(), Cost::ZERO);
        match read {
            Ok((value, result)) => {
                self.emit(Event::StepFinished { step, result, usage, cost, duration_ms });
                task.wake = Some(Outcome::Return(value));
            }
            Err(failure) => self.fail_step(task, failure, usage, cost, duration_ms),
        }
    }

    /// Nobody is waited for any more.
    pub(crate) fn unask(&mut self, id: TaskId, timer: TimerId) {
        self.clear_timer(timer);
        self.asked.remove(&id);
    }

    /// Ends an event's step with a delivery that has come before, if there is one for it.
    fn take_kept(&mut self, plan: &Plan, task: &mut Task) -> bool {
        let Some((body, read)) = task.step_state().and_then(|state| {
            let at = self.kept_for(plan, state)?;
            let body = self.kept[at].1.clone();
            Some((at, self.read(plan, state, &body)))
        }) else {
            return false;
        };
        self.kept.remove(body);
        self.end_asked(task, read);
        true
    }

    fn kept_for(&self, plan: &Plan, state: &StepState) -> Option<usize> {
        self.kept.iter().position(|(node, body)| *node == state.node && self.is_meant(plan, state, body))
    }

    /// While the journal is read: a step has its result, so a delivery that was kept for it is used.
    pub(crate) fn use_kept(&mut self, plan: &Plan, task: &Task) {
        if let Some(at) = task.step_state().and_then(|state| self.kept_for(plan, state)) {
            self.kept.remove(at);
        }
    }

    /// While the journal is read: a delivery was kept.
    pub(crate) fn keep_again(&mut self, plan: &Plan, event: &str, body: Json) -> Result<(), Failure> {
        self.kept.push((event_of(plan, event)?, body));
        Ok(())
    }

    /// While the journal is read: a question was asked that the program is about to ask.
    pub(crate) fn ask_again(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        until: Time,
        fingerprint: &str,
    ) -> Result<(), &'static str> {
        let unreached = "was asked, but isn't reached now";
        let (id, statement) = (task.id, step_of(plan, task).ok_or(unreached)?);
        let state = task.step_mut().filter(|state| state.stage == Stage::Starting).ok_or(unreached)?;
        let prepared = match state.prepared.take() {
            Some(prepared) => *prepared,
            None => self.prepare(plan, statement, state).map_err(|_| "can't be rendered any more")?,
        };
        if !matches!(prepared.request, Request::Put(_)) || prepared.fingerprint != fingerprint {
            return Err("asks something else than the record tells");
        }
        state.stage = Stage::Asked(self.set_timer(id, TimerUse::Answer, until));
        self.asked.insert(id);
        state.since = self.now;
        Ok(())
    }

    /// The time for an answer is over.
    pub(crate) fn answer_due(&mut self, plan: &Plan, id: TaskId) {
        let Some(mut task) = self.tasks.get_mut(id as usize).and_then(Option::take) else { return };
        if !is_asked(&mut task) {
            self.tasks[id as usize] = Some(task);
            return;
        }
        if let Some(step) = step_of(plan, &task)
            && let Some(state) = task.step_mut()
        {
            let waited = in_words(self.timeout(plan, step, state));
            let message = match plan.nodes[state.node as usize].kind {
                NodeKind::Event(_) => format!("nothing was delivered within {waited}"),
                _ => format!("nobody answered within {waited}"),
            };
            self.end_asked(&mut task, Err(Failure::new(Kind::Timeout, message)));
        }
        self.put_back(task);
    }

    /// Says what a suspended run waits for, if a question is open.
    pub(crate) fn open_questions(&self, plan: &Plan) -> Option<String> {
        let (_, first) = self.open().next()?;
        let node = &plan.nodes[first.node as usize];
        let what = match node.kind {
            NodeKind::Event(_) => format!("`{}` waits for the event `{}`", first.coordinate, node.name),
            _ => format!("`{}` waits for an answer", first.coordinate),
        };
        Some(match self.asked.len() - 1 {
            0 => what,
            1 => format!("{what}, and one more step waits"),
            more => format!("{what}, and {more} more steps wait"),
        })
    }
}

fn is_asked(task: &mut Task) -> bool {
    task.wake.is_none() && task.step_mut().is_some_and(|state| matches!(state.stage, Stage::Asked(_)))
}

fn prepared(node: &Node, question: Question) -> Prepared {
    let mut json = serde_json::to_value(&question).unwrap_or_default();
    json["kind"] = Json::from(kind_name(&node.kind));
    let fingerprint = flow_ir::plan::hex(&Sha256::digest(flow_ir::plan::canonical(&json)));
    Prepared { request: Request::Put(Box::new(question)), fingerprint, model: None, repeatable: true }
}

fn args(plan: &Plan, node: &Node, state: &StepState) -> Result<Map<String, Json>, Failure> {
    let args = node.params.iter().zip(&state.args);
    args.map(|(param, value)| Ok((param.name.to_string(), encode(plan, value, &param.ty)?))).collect()
}

fn event_of(plan: &Plan, event: &str) -> Result<NodeId, Failure> {
    let found =
        plan.nodes.iter().position(|node| node.name == event && matches!(node.kind, NodeKind::Event(_)));
    found
        .and_then(|at| NodeId::try_from(at).ok())
        .ok_or_else(|| Failure::new(Kind::BadValue, format!("the run knows no event `{event}`")))
}

/// Fills in what an answer leaves out of a record from the form that the person has seen.
fn fill(plan: &Plan, returns: &Type, answer: &Json, form: Option<Json>) -> Json {
    match (answer, form) {
        (Json::Object(answer), Some(Json::Object(mut fields))) if is_record(plan, returns) => {
            fields.extend(answer.clone());
            Json::Object(fields)
        }
        _ => answer.clone(),
    }
}

fn is_record(plan: &Plan, ty: &Type) -> bool {
    match ty.non_null() {
        Type::Record(_) => true,
        Type::Where(rule) => is_record(plan, &rule.base),
        Type::Named(name) => match plan.types.get(name).map(|def| &def.body) {
            Some(TypeBody::Record { .. }) => true,
            Some(TypeBody::Alias { ty }) => is_record(plan, ty),
            _ => false,
        },
        _ => false,
    }
}

fn bad_shape(violations: Vec<flow_ir::value::Violation>) -> Failure {
    Failure::new(Kind::BadShape, describe(&violations))
}

/// Writes a time as the language does: `8h`, `1h30m`.
fn in_words(ms: u64) -> String {
    let mut left = ms;
    let mut out = String::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if left >= size {
            out.push_str(&format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if out.is_empty() { String::from("0s") } else { out }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn times_read_as_they_are_written() {
        assert_eq!(
            [0, 500, 90_000, 28_800_000, 259_200_000].map(in_words),
            ["0s", "500ms", "1m30s", "8h", "3d"]
        );
    }
}
