//! What a test asks: it declares mocks, counts, and holds conditions against what has happened.

use flow_expr::{Env, Meter};
use flow_ir::test::{Ask, Expect, Given, Outcome, Subject, What};
use flow_ir::{Expr, Name, Value};
use flow_runtime_api::Failure;

use crate::mocks::{Mock, Wanted};
use crate::runner::Runner;
use crate::trace::{shorten, show};
use crate::{Fault, Shown};

/// Calls that a failure lists at most.
const CALLS_MAX: usize = 12;

impl Runner<'_> {
    /// Answers what the test asks.
    pub(crate) fn answer(&mut self, ask: &Ask, values: &[Value]) -> Result<Value, Fault> {
        let size = ask.slots.iter().max().map_or(0, |slot| *slot as usize + 1);
        let mut frame: Vec<Option<Value>> = vec![None; size];
        for (slot, value) in ask.slots.iter().zip(values) {
            frame[*slot as usize] = Some(value.clone());
        }
        match &ask.what {
            What::Mock(mock) => {
                let mock = self.mock(mock, &frame).map_err(|error| broken(ask, &error, "this mock"))?;
                self.mocks.0.push(mock);
                Ok(Value::Null)
            }
            What::Expect(expect) => self.expect(ask, expect, &frame),
            What::Before { first, later } => self.before(ask, first, later),
            What::Calls(of) => Ok(Value::Int(self.calls.of(of).count() as i64)),
            What::Cost => self.cost(ask),
            What::Fails { kind, error } => {
                let failed = frame.get(*error as usize).and_then(Option::as_ref).and_then(|e| e.get("kind"));
                let failed = failed.and_then(Value::as_str);
                self.failures.push((ask.span, failed.map(str::to_owned)));
                Ok(Value::Bool(failed == Some(kind.as_str())))
            }
        }
    }

    fn mock(&self, mock: &flow_ir::test::Mock, frame: &[Option<Value>]) -> Result<Mock, flow_expr::Error> {
        let given = mock.given.iter().map(|(index, given)| Ok((*index, self.wanted(given, frame)?)));
        let given = given.collect::<Result<_, flow_expr::Error>>()?;
        let outcome = match &mock.outcome {
            Outcome::Value(value) => Ok(self.compute(value, frame)?),
            Outcome::Fail { kind, message } => {
                let message = match message {
                    Some(message) => self.compute(message, frame)?.as_str().unwrap_or_default().to_owned(),
                    None => String::from("mocked"),
                };
                Err(Failure { kind: kind.clone(), message, step: None, retry_at: None, missing: false })
            }
        };
        let after_ms = match &mock.after {
            Some(after) => match self.compute(after, frame)? {
                Value::Duration(nanos) => u64::try_from(nanos / 1_000_000).unwrap_or(0),
                _ => 0,
            },
            None => 0,
        };
        Ok(Mock { of: mock.of.clone(), given, outcome, after_ms, used: false })
    }

    fn wanted(&self, given: &Given, frame: &[Option<Value>]) -> Result<Wanted, flow_expr::Error> {
        Ok(match given {
            Given::Is(value) => Wanted::Is(self.compute(value, frame)?),
            Given::Has(fields) => {
                let fields =
                    fields.iter().map(|(name, given)| Ok((name.clone(), self.wanted(given, frame)?)));
                Wanted::Has(fields.collect::<Result<_, flow_expr::Error>>()?)
            }
        })
    }

    /// Computes an expression of the test.
    fn compute(&self, expr: &Expr, frame: &[Option<Value>]) -> Result<Value, flow_expr::Error> {
        let meter = Meter::default();
        let frame = frame.to_vec();
        flow_expr::eval(
            expr,
            &Env {
                frame: &frame,
                codes: &self.test.plan.codes,
                types: &self.test.plan.types,
                run_id: crate::runner::RUN,
                started_at: crate::runner::started_at(),
                meter: &meter,
            },
        )
    }

    fn expect(&mut self, ask: &Ask, expect: &Expect, frame: &[Option<Value>]) -> Result<Value, Fault> {
        let message = match self.compute(&expect.condition, frame) {
            Ok(Value::Bool(true)) => {
                self.held += 1;
                self.failures.clear();
                return Ok(Value::Null);
            }
            Ok(_) => String::from("this doesn't hold"),
            Err(error) => format!("this can't be told: {}", error.message),
        };
        let parts = expect.parts.iter().map(|part| {
            let value = match self.compute(&part.value, frame) {
                Ok(value) => show(&value),
                Err(error) => format!("error {}: {}", error.kind.name(), shorten(&error.message)),
            };
            Shown { span: part.span, anchor: part.anchor, value }
        });
        let parts = parts.collect();
        let mut notes = Vec::new();
        for (_, failed) in self.failures.iter().filter(|(span, _)| *span == ask.span) {
            notes.push(match failed {
                Some(kind) => format!("the call failed with `{kind}`"),
                None => String::from("the call didn't fail"),
            });
        }
        notes.extend(self.happened());
        Err(Fault {
            kind: "expectation",
            message,
            span: Some(ask.span),
            parts,
            step: None,
            notes,
            help: None,
        })
    }

    /// The calls so far, a line each.
    pub(crate) fn happened(&self) -> Vec<String> {
        let calls = &self.calls.all;
        if calls.is_empty() {
            return vec![String::from("nothing was called")];
        }
        let mut lines = vec![String::from("called so far:")];
        lines.extend(
            calls.iter().take(CALLS_MAX).map(|call| format!("  {}  {}", call.coordinate, call.shown)),
        );
        if let Some(more) = calls.len().checked_sub(CALLS_MAX + 1) {
            lines.push(format!("  and {} more", more + 1));
        }
        lines
    }

    fn before(&mut self, ask: &Ask, first: &Subject, later: &Subject) -> Result<Value, Fault> {
        let (one, other) = (self.name(first), self.name(later));
        let end = self.calls.of(first).next().map(|call| call.ended.unwrap_or(usize::MAX));
        let begin = self.calls.of(later).next().map(|call| call.began);
        let message = match (end, begin) {
            (None, _) => format!("no step of {one} was made"),
            (_, None) => format!("no step of {other} was made"),
            (Some(end), Some(begin)) if end < begin => {
                self.held += 1;
                return Ok(Value::Null);
            }
            _ => format!("the first step of {other} began before the first one of {one} was over"),
        };
        let notes = self.happened();
        Err(Fault {
            kind: "expectation",
            message,
            span: Some(ask.span),
            parts: Vec::new(),
            step: None,
            notes,
            help: None,
        })
    }

    /// Names what is counted or mocked.
    pub(crate) fn name(&self, subject: &Subject) -> String {
        let plan = &self.test.plan;
        let name: &Name = match subject {
            Subject::Node(id) => &plan.nodes[*id as usize].name,
            Subject::Flow(id) => &plan.flows[*id as usize].name,
            Subject::At(coordinate) => coordinate,
        };
        format!("`{name}`")
    }

    fn cost(&self, ask: &Ask) -> Result<Value, Fault> {
        let (_, cost) = self.engine.spent();
        match cost.complete {
            true => Ok(Value::Float(cost.nanodollars as f64 / 1e9)),
            false => Err(Fault {
                kind: "expectation",
                message: String::from("what this cost isn't known"),
                span: Some(ask.span),
                parts: Vec::new(),
                step: None,
                notes: vec![String::from("a model that was asked has no known price")],
                help: Some(String::from("give its price in flow.toml, under `[prices.\"provider/model\"]`")),
            }),
        }
    }
}

fn broken(ask: &Ask, error: &flow_expr::Error, what: &str) -> Fault {
    Fault {
        kind: "error",
        message: format!("{what} can't be computed: {}", error.message),
        span: Some(ask.span),
        parts: Vec::new(),
        step: None,
        notes: Vec::new(),
        help: None,
    }
}
