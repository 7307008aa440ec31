//! Tasks: one for the run and one for each branch. A task's place in the program is an explicit stack, so that no program
//! is too deep for the machine's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use flow_ir::Value;
use flow_ir::plan::{BlockId, FlowId};
use flow_runtime_api::{Coordinate, Failure};

use crate::effect::{Stage, StepState};
use crate::frame::{Frame, Writes};
use crate::port::TimerId;
use crate::spend::MeterId;
use crate::statement::agent::{AgentState, ToolRun};
use crate::statement::saga::Saga;

pub(crate) type TaskId = u32;

/// A task.
#[derive(Debug)]
pub(crate) struct Task {
    /// Its index; free again when the task has ended.
    pub id: TaskId,
    /// The task that waits for this branch, and which of its branches this is.
    pub parent: Option<(TaskId, u32)>,
    /// The flow whose blocks run now.
    pub flow: FlowId,
    /// The slots of that flow.
    pub frame: Frame,
    /// What spends here is charged to this meter and those around it.
    pub meter: MeterId,
    /// While clean-up runs: this meter and those around it don't refuse.
    pub exempt: Option<MeterId>,
    /// The coordinate of where it stands, without the step.
    pub path: String,
    /// Innermost last.
    pub stack: Vec<Scope>,
    /// A request to stop that waits for clean-up to end.
    pub pending: Option<Interrupt>,
    /// Whether it was told to stop; that happens once.
    pub stopped: bool,
    /// What it goes on with, while it is queued.
    pub wake: Option<Outcome>,
}

/// An entry of the stack.
#[derive(Debug)]
pub(crate) struct Scope {
    /// Length of the path outside.
    pub path: u32,
    /// What it is.
    pub control: Control,
}

/// What is being executed. All but blocks and calls belong to the statement of the block beneath them.
#[derive(Debug)]
pub(crate) enum Control {
    /// A block: `next` is the statement after the one that runs.
    Block {
        /// Which.
        block: BlockId,
        /// Index in its body.
        next: u32,
    },
    /// `do`.
    Do(Phase),
    /// An arm of `if` or `route`.
    Arm,
    /// `loop`.
    Loop(Box<LoopState>),
    /// `for`.
    For(Box<ForState>),
    /// `parallel`, `parallel for`.
    Fork(Box<Fork>),
    /// `try`.
    Try(Phase),
    /// `saga`.
    Saga(Box<Saga>),
    /// `graph`.
    Graph(Box<GraphState>),
    /// `race`.
    Race(Box<Race>),
    /// `emit`, while its value is made or held back.
    Emit(Box<serde_json::Value>),
    /// `wait`.
    Wait(TimerId),
    /// A step.
    Step(Box<StepState>),
    /// The body of a flow.
    Call(Box<Call>),
    /// An agent, above the step that calls it and beneath the step of a turn.
    Agent(Box<AgentState>),
    /// A call that an agent's model makes, at the bottom of its branch.
    Tool(Box<ToolRun>),
}

/// Where a statement with `catch` or `finally` stands.
#[derive(Debug)]
pub(crate) enum Phase {
    /// In its body.
    Body,
    /// In an arm of `catch`.
    Catching,
    /// In `finally`, after which this outcome goes on.
    Finally(Box<CleanUp>),
}

/// What goes on after clean-up.
#[derive(Debug)]
pub(crate) struct CleanUp {
    /// How the body ended.
    pub outcome: Outcome,
    /// What the task was exempt from before.
    pub exempt: Option<MeterId>,
}

/// A running `loop`.
#[derive(Debug)]
pub(crate) struct LoopState {
    /// The turn that runs; before the first, none.
    pub turn: Option<i64>,
    /// Turns at most.
    pub max: i64,
    /// Whether `else` runs.
    pub otherwise: bool,
}

/// A running `for`.
#[derive(Debug)]
pub(crate) struct ForState {
    /// A list or map.
    pub over: Value,
    /// The turn that comes next.
    pub next: usize,
}

/// A running `parallel` or `parallel for`.
#[derive(Debug)]
pub(crate) struct Fork {
    /// The frame at the fork, shared with all branches.
    pub frame: Arc<Frame>,
    /// The list or map of a `parallel for`.
    pub over: Value,
    /// What `by` gave for each element of a `parallel for`; none without it.
    pub keys: Vec<Value>,
    /// How many branches there are.
    pub count: usize,
    /// The branch that starts next.
    pub next: usize,
    /// Branches at a time.
    pub width: usize,
    /// The branches that run.
    pub live: BTreeMap<u32, TaskId>,
    /// What the branches left, by their number.
    pub ends: Vec<Option<BranchEnd>>,
    /// Why the whole ends early.
    pub leaving: Option<Outcome>,
    /// In an arm of `catch`.
    pub catching: bool,
}

/// A running `graph`.
#[derive(Debug)]
pub(crate) struct GraphState {
    /// Stages that were entered.
    pub entries: i64,
    /// Entries at most.
    pub max: i64,
    /// Whether `else` runs.
    pub otherwise: bool,
}

/// Where a `goto` leads.
#[derive(Debug)]
pub(crate) struct Jump {
    /// The index of the stage.
    pub stage: u32,
    /// Its arguments; none if the entries of the graph have run out.
    pub args: Option<Vec<Value>>,
}

/// A running `race`.
#[derive(Debug)]
pub(crate) struct Race {
    /// The frame at the fork, shared with all arms.
    pub frame: Arc<Frame>,
    /// The arms that run.
    pub live: BTreeMap<u32, TaskId>,
    /// What the arms left, by their number.
    pub ends: Vec<Option<ArmEnd>>,
    /// The first arm that succeeded in this execution.
    pub first: Option<u32>,
    /// The arm that has won.
    pub won: Option<u32>,
    /// Why the whole ends early.
    pub leaving: Option<Outcome>,
    /// How many compensations a saga around had when it began.
    pub registered: u64,
    /// Where it stands.
    pub phase: RacePhase,
}

/// Where a race stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RacePhase {
    /// Arms run, or the others are being stopped.
    Racing,
    /// What the losers did is taken back, as far as it belongs to a saga around.
    TakingBack,
    /// The winner's body runs.
    Body,
    /// An arm of `catch` runs.
    Catching,
}

/// What an arm of a race left.
#[derive(Debug)]
pub(crate) enum ArmEnd {
    /// It succeeded.
    Done(Writes),
    /// It failed, and the others go on.
    Failed(Box<Failure>),
}

/// What a branch left.
#[derive(Debug)]
pub(crate) enum BranchEnd {
    /// It ended well; its value, if it yields one.
    Done(Value, Writes),
    /// It failed, and the others go on.
    Failed(Box<Failure>),
}

/// A call of a flow.
#[derive(Debug)]
pub(crate) struct Call {
    /// What the caller goes on with; the first flow has no caller.
    pub caller: Option<Box<Caller>>,
    /// Set while `on error` runs.
    pub on_error: Option<Box<CleanUp>>,
}

/// The caller's side of a task.
#[derive(Debug)]
pub(crate) struct Caller {
    pub flow: FlowId,
    pub frame: Frame,
    pub meter: MeterId,
}

/// How something ended, or that it goes on.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Go on with what follows.
    Next,
    /// To the nearest loop.
    Break,
    /// To the nearest loop.
    Continue,
    /// To the nearest block with a target.
    Yield(Value),
    /// To a stage of the nearest graph.
    Goto(Box<Jump>),
    /// The value of the flow, or of the step.
    Return(Value),
    /// To the nearest `catch` that takes it.
    Fail(Box<Failure>),
    /// To the scope that it names; nothing catches it on the way.
    Interrupt(Interrupt),
}

/// A request to stop what runs.
#[derive(Debug)]
pub(crate) struct Interrupt {
    /// The index in the stack of the step that ends with the failure; the whole task without it.
    pub depth: Option<usize>,
    /// Why.
    pub failure: Box<Failure>,
}

/// What a turn of the machine leads to.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The innermost scope goes on with this.
    Go(Outcome),
    /// The task waits.
    Wait,
}

impl Task {
    /// Enters a scope; `segment` is added to the path until it is left.
    pub(crate) fn push(&mut self, segment: Option<&str>, control: Control) {
        let path = self.path.len() as u32;
        self.stack.push(Scope { path, control });
        if let Some(segment) = segment {
            self.extend(segment);
        }
    }

    /// Leaves the innermost scope.
    pub(crate) fn pop(&mut self) -> Option<Control> {
        let scope = self.stack.pop()?;
        self.path.truncate(scope.path as usize);
        Some(scope.control)
    }

    /// Enters a block.
    pub(crate) fn enter(&mut self, block: BlockId) {
        self.push(None, Control::Block { block, next: 0 });
    }

    /// Puts the path back to where the innermost scope began, and adds a segment.
    pub(crate) fn repath(&mut self, segment: Option<&str>) {
        if let Some(scope) = self.stack.last() {
            self.path.truncate(scope.path as usize);
        }
        if let Some(segment) = segment {
            self.extend(segment);
        }
    }

    /// Returns the coordinate of where it stands.
    pub(crate) fn coordinate(&self) -> Coordinate {
        Coordinate(self.path.as_str().into())
    }

    /// Whether clean-up runs above a depth of the stack, so that a request to stop has to wait.
    pub(crate) fn is_shielded(&self, above: usize) -> bool {
        self.stack.iter().skip(above).any(|scope| match &scope.control {
            Control::Try(phase) => matches!(phase, Phase::Finally(_)),
            Control::Call(call) => call.on_error.is_some(),
            Control::Saga(saga) => saga.is_undoing(),
            _ => false,
        })
    }

    /// Adds a segment to the path; the scopes leave it with their own.
    pub(crate) fn push_path(&mut self, segment: &str) {
        self.extend(segment);
    }

    /// Whether it waits for somebody to tell the outcome of a step.
    pub(crate) fn is_uncertain(&self) -> bool {
        match self.stack.last().map(|scope| &scope.control) {
            Some(Control::Step(state)) => matches!(state.stage, Stage::Uncertain),
            _ => false,
        }
    }

    /// Returns the step that it waits for.
    pub(crate) fn step_mut(&mut self) -> Option<&mut StepState> {
        match self.stack.last_mut().map(|scope| &mut scope.control) {
            Some(Control::Step(state)) => Some(state),
            _ => None,
        }
    }

    /// The same, to be looked at.
    pub(crate) fn step_state(&self) -> Option<&StepState> {
        match self.stack.last().map(|scope| &scope.control) {
            Some(Control::Step(state)) => Some(state),
            _ => None,
        }
    }

    fn extend(&mut self, segment: &str) {
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(segment);
    }
}

impl Interrupt {
    /// Returns the same request for another task.
    pub(crate) fn whole(&self) -> Interrupt {
        Interrupt { depth: None, failure: self.failure.clone() }
    }

    /// The first scope above those that it leaves standing.
    pub(crate) fn above(&self) -> usize {
        self.depth.map_or(0, |depth| depth + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A waiting branch is a task, its stack and its step; ten thousand of them must fit in a few megabytes.
    #[test]
    fn a_waiting_branch_is_small() {
        let stack = 4 * size_of::<Scope>();
        let whole = size_of::<Task>() + stack + size_of::<StepState>();
        assert!(whole <= 832, "{} + {stack} + {} bytes", size_of::<Task>(), size_of::<StepState>());
    }
}
