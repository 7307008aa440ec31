//! `fail kind("…")`, `fail e`.

use flow_ir::{Expr, Name, Plan, Value};
use flow_runtime_api::{Failure, Kind};

use crate::engine::Run;
use crate::json::failure_of;
use crate::task::{Outcome, Task, Turn};

impl Run {
    pub(crate) fn fail(
        &mut self,
        plan: &Plan,
        task: &mut Task,
        kind: &Name,
        message: &Expr,
    ) -> Result<Turn, Outcome> {
        let message = match self.eval(plan, task, message)? {
            Value::String(text) => text.to_string(),
            _ => String::new(),
        };
        let step = Some(task.coordinate());
        Err(Outcome::Fail(Box::new(Failure {
            kind: kind.clone(),
            message,
            step,
            retry_at: None,
            missing: false,
        })))
    }

    pub(crate) fn rethrow(&mut self, plan: &Plan, task: &mut Task, error: &Expr) -> Result<Turn, Outcome> {
        let error = self.eval(plan, task, error)?;
        match failure_of(&error) {
            Some(failure) => Err(Outcome::Fail(Box::new(failure))),
            None => Err(self.failure(task, Kind::BadValue, "what is failed with is no error")),
        }
    }
}
