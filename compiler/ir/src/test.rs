//! Tests: a plan whose first flow is the test's body, and what that asks of whoever runs it.
//!
//! The body calls flows that have no body of their own: the call of flow `first_ask + n` is the nth [`Ask`]. Whoever runs
//! the test answers it, over the slots that the call hands over.

use flow_source::Span;

use crate::expr::SlotId;
use crate::plan::{FlowId, NodeId};
use crate::{Expr, Name, Plan};

/// A test that can be run.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its title.
    pub title: String,
    /// The tape that answers its effects, relative to its file.
    pub replay: Option<String>,
    /// Its body is flow 0.
    pub plan: Plan,
    /// The flow that stands for the first of `asks`.
    pub first_ask: FlowId,
    /// In written order.
    pub asks: Vec<Ask>,
}

/// The number from which on a checked test, before it is linked, counts its asks among its flows.
pub const ASKS_FROM: FlowId = 1 << 30;

/// What a test asks of whoever runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The slots whose values the call hands over, in the order of its arguments.
    pub slots: Vec<SlotId>,
    /// What is asked.
    pub what: What,
    /// Where it is written: relative to the test before it is linked, in the file afterwards.
    pub span: Span,
}

/// What is asked. Expressions are over the slots of the test's body.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// `mock rewrite(text: "x") => "y" after 2s`: from here on.
    Mock(Mock),
    /// `expect calls(draft) == 2`: null if it holds.
    Expect(Expect),
    /// `expect steps(a) before steps(b)`: null if it holds.
    Before {
        /// What comes first.
        first: Subject,
        /// What comes later.
        later: Subject,
    },
    /// `calls(x)`: an int.
    Calls(Subject),
    /// `cost()`: a float, in dollars.
    Cost,
    /// `fails(call, kind)`, after the call: a bool.
    Fails {
        /// The kind.
        kind: Name,
        /// The slot of the error; unset if there was none.
        error: SlotId,
    },
}

/// A mock.
#[derive(Clone, Debug, PartialEq)]
pub struct Mock {
    /// What is mocked.
    pub of: Subject,
    /// Arguments by the number of their parameter: only calls with these are meant.
    pub given: Vec<(u32, Given)>,
    /// What it answers.
    pub outcome: Outcome,
    /// When: a duration.
    pub after: Option<Expr>,
}

/// What an argument must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Given {
    /// Equal to this.
    Is(Expr),
    /// A record with at least these fields.
    Has(Vec<(Name, Given)>),
}

/// What a mock answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A value of what the node returns.
    Value(Expr),
    /// `fail timeout("slow")`.
    Fail {
        /// The kind.
        kind: Name,
        /// A string.
        message: Option<Expr>,
    },
}

/// A condition that must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// A bool.
    pub condition: Expr,
    /// Its parts with a value worth showing, outer ones before inner ones.
    pub parts: Vec<Part>,
}

/// A part of a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Where it is written.
    pub span: Span,
    /// Under which of its words its value is shown: an operator, the name of a field, its first.
    pub anchor: Span,
    /// What it is.
    pub value: Expr,
}

/// What is counted or mocked.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A node.
    Node(NodeId),
    /// A flow.
    Flow(FlowId),
    /// Steps by coordinate; a segment without its `[i]` is any of them.
    At(Name),
}
