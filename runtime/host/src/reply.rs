//! What somebody tells a run from outside: the answer of a person, what an event brings, how an uncertain step ended.

use flow_engine::{Engine, Input};
use flow_runtime_api::{Coordinate, Event, Failure, Kind, Record};
use flow_trace::{Fold, StepStatus, StepTrace};
use serde_json::Value as Json;

use crate::{HostError, Settle};

/// Returns what the engine is told; `begun` is the run's engine after its start. Fails with usage if no step waits for it,
/// or if it can't be taken.
pub(crate) fn told(fold: &Fold, begun: &Engine, settle: Settle) -> Result<Input, HostError> {
    // After a crash nothing says yet what was in flight; going on does.
    let mut fold = fold.clone();
    let at = fold.trace().updated_at;
    fold.apply(&Record { seq: 0, at, event: Event::Resumed {} });
    let open = Open { fold: &fold };
    match settle {
        Settle::Rerun(step) => Ok(Input::Settle { step: open.uncertain(&step)?.step.clone(), answer: None }),
        Settle::Deny { step, message } => open.deny(begun, step.as_deref(), message),
        Settle::Answer { step, result } => open.answer(begun, step.as_deref(), result),
    }
}

/// What a run waits for.
struct Open<'a> {
    fold: &'a Fold,
}

impl<'a> Open<'a> {
    fn all(&self) -> Vec<&'a StepTrace> {
        let trace = self.fold.trace();
        trace.uncertain().chain(trace.asked()).collect()
    }

    fn names(&self) -> String {
        names(&self.all())
    }

    fn uncertain(&self, step: &str) -> Result<&'a StepTrace, HostError> {
        let open: Vec<_> = self.fold.trace().uncertain().collect();
        if open.is_empty() {
            return Err(HostError::usage("no step of the run has an uncertain outcome", "go on without it"));
        }
        open.iter().find(|found| *found.step.0 == *step).copied().ok_or_else(|| {
            HostError::usage(
                format!("the outcome of `{step}` isn't uncertain"),
                format!("that of {} is", names(&open)),
            )
        })
    }

    fn answer(&self, begun: &Engine, step: Option<&str>, result: Option<Json>) -> Result<Input, HostError> {
        let found = match self.find(step) {
            Ok(found) => found,
            // What an event brings may come before any step waits for it.
            Err(error) => match (step, result) {
                (Some(event), Some(body)) if begun.has_event(event) => {
                    return checked(
                        begun,
                        Input::Deliver { event: event.into(), body },
                        "is no delivery of it",
                    );
                }
                _ => return Err(error),
            },
        };
        let name = found.step.clone();
        let form = found.question.as_ref().and_then(|question| question.form.clone());
        let Some(answer) = result.or(form) else {
            let message = format!("nothing is filled in for `{name}` beforehand");
            return Err(HostError::usage(message, "write the answer: `--answer JSON`"));
        };
        if found.status == StepStatus::Uncertain {
            begun.check_answer(&found.node, &answer).map_err(|failure| {
                HostError::usage(format!("`{name}` has no such result: {}", failure.message), "")
            })?;
            return Ok(Input::Settle { step: name, answer: Some(answer) });
        }
        checked(begun, Input::Answer { step: name, answer: Ok(answer) }, "can't be answered so")
    }

    fn deny(&self, begun: &Engine, step: Option<&str>, message: String) -> Result<Input, HostError> {
        let found = self.find(step)?;
        if found.kind != "human" {
            let message = format!("`{}` asks nobody who could refuse", found.step);
            return Err(HostError::usage(message, "only a person's answer can be refused"));
        }
        let message = if message.is_empty() { String::from("the person refused") } else { message };
        let answer = Err(Failure::new(Kind::Denied, message));
        checked(begun, Input::Answer { step: found.step.clone(), answer }, "can't be answered so")
    }

    /// Finds the step that is meant.
    fn find(&self, step: Option<&str>) -> Result<&'a StepTrace, HostError> {
        let open = self.all();
        let Some(step) = step else {
            return match open.as_slice() {
                [one] => Ok(one),
                [] => Err(HostError::usage("no step of the run waits for an answer", "go on without one")),
                _ => Err(HostError::usage(
                    format!("several steps wait for an answer: {}", self.names()),
                    "say which with `--step STEP`",
                )),
            };
        };
        if let Some(found) = open.iter().find(|found| *found.step.0 == *step) {
            return Ok(found);
        }
        let of_node: Vec<_> =
            open.iter().filter(|found| found.node == step && found.kind == "human").collect();
        if let [one] = of_node.as_slice() {
            return Ok(one);
        }
        let message = match self.fold.trace().step(step).map(|known| known.status) {
            Some(StepStatus::Succeeded) => format!("`{step}` has its answer already"),
            Some(StepStatus::Failed) => format!("`{step}` has failed, and takes no answer any more"),
            Some(StepStatus::Cancelled) => format!("`{step}` was stopped, and takes no answer any more"),
            _ => format!("`{step}` doesn't wait for an answer"),
        };
        let help = match open.is_empty() {
            true => String::from("no step does now"),
            false => format!("waiting: {}", self.names()),
        };
        Err(HostError::usage(message, help))
    }
}

fn names(steps: &[&StepTrace]) -> String {
    let shown: Vec<_> = steps.iter().take(10).map(|step| format!("`{}`", step.step)).collect();
    match steps.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

/// Holds it against the run.
fn checked(begun: &Engine, input: Input, wrong: &str) -> Result<Input, HostError> {
    let of = |name: &str| format!("`{name}` {wrong}");
    let what = match &input {
        Input::Answer { step: Coordinate(step), .. } => of(step),
        Input::Deliver { event, .. } => format!("this {wrong}: `{event}`"),
        _ => String::new(),
    };
    match begun.check_reply(&input) {
        Ok(()) => Ok(input),
        Err(failure) => Err(HostError::usage(format!("{what}: {}", failure.message), "nothing was recorded")),
    }
}
