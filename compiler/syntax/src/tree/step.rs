//! Steps, blocks and arms.

use flow_source::Span;

use super::{Arg, Docs, Expr, Literal, Name, Record, RefinedType};

/// `{ state { n: int = 0 }  a()  b() }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// The state that lives in it.
    pub state: Vec<StateSlot>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// The braces and what is in them.
    pub span: Span,
}

/// `log: [string] = [] merge append`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StateSlot {
    /// The `///` lines before it.
    pub docs: Option<Docs>,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: RefinedType,
    /// What it starts with.
    pub initial: Option<Expr>,
    /// How branches' writes join.
    pub merge: Option<Name>,
    /// All of it.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// What it does.
    pub kind: StepKind,
    /// All of it.
    pub span: Span,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// `let x: T = …`
    Let(Let),
    /// `text = rewrite(text)`, `log += ["x"]`
    Assign(Assign),
    /// `send(x)`, and `do`, `race`, `parallel for`, `route`, `graph` as statements
    Bare(Value),
    /// `if c { … } else if d { … } else { … }`
    If(If),
    /// `loop polish max 3 while c { … } else { … }`
    Loop(Loop),
    /// `for i, x in xs max 50 { … }`
    For(For),
    /// `parallel { let a = f()  let b = g() }`
    Parallel(Block),
    /// `try { … } catch { … } finally { … }`
    Try(Try),
    /// `saga { … }`
    Saga(Block),
    /// `return v if c`
    Return(Leave),
    /// `yield v if c`
    Yield(Leave),
    /// `break if c`
    Break(Jump),
    /// `continue if c`
    Continue(Jump),
    /// `goto clarify(x) if c`
    Goto(Goto),
    /// `fail rejected("…") if c`, `fail e`
    Fail(Goto),
    /// `emit v as first if c`
    Emit(Emit),
    /// `wait 10m as pause`, `wait until t`
    Wait(Wait),
    /// A statement that could not be read.
    Error,
}

/// What stands where an effect may: an expression or a block that has a value, and the clauses of the step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    /// What gives the value.
    pub kind: ValueKind,
    /// `as name`
    pub name: Option<Name>,
    /// `with {retry: 3}`
    pub with: Option<With>,
    /// `catch …`
    pub catch: Option<Catch>,
    /// `undo refund(result.id)`
    pub undo: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// What gives a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// An expression; a step if a node is called at its root.
    Expr(Expr),
    /// `do { … yield v }`
    Do(Block),
    /// `race { when let d = delivered(id) => …  when wait 3d => … }`
    Race(Race),
    /// `parallel for x in xs by x.id jobs 8 { … yield y }`
    ParallelFor(Box<ParallelFor>),
    /// `route v { … }`
    Route(Route),
    /// `graph name max 12 { … }`
    Graph(Graph),
}

/// `with {retry: 3, timeout: 20s}`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct With {
    /// The policy.
    pub record: Record,
    /// The keyword to the brace.
    pub span: Span,
}

/// What happens if a step fails.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Catch {
    /// `catch null`, `catch backup(x)`
    Value(Box<Expr>),
    /// `catch { when timeout => …  else as e => … }`
    Arms(Vec<CatchArm>),
}

/// `let x: T = …`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Let {
    /// What it binds.
    pub name: Name,
    /// Its type, if written.
    pub ty: Option<RefinedType>,
    /// What it is bound to.
    pub value: Value,
}

/// `text = …`, `log += …`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Assign {
    /// A name; or `a[0].b`, which parses and is no place.
    pub target: Expr,
    /// Which assignment.
    pub op: AssignOp,
    /// What is assigned.
    pub value: Value,
}

/// The two assignments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AssignOp {
    /// `=`
    Set,
    /// `+=`
    Add,
}

/// `if c { … } else if d { … } else { … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct If {
    /// Conditions and their blocks, in order.
    pub branches: Vec<(Expr, Block)>,
    /// The last `else`.
    pub otherwise: Option<Block>,
}

/// `loop polish max 3 until done { … } else { … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Loop {
    /// Its name.
    pub name: Option<Name>,
    /// The most turns.
    pub max: Expr,
    /// `while` or `until`.
    pub test: Option<LoopTest>,
    /// The turn.
    pub body: Block,
    /// What is done when the turns run out.
    pub otherwise: Option<Block>,
}

/// The test of a loop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LoopTest {
    /// `while c`, before a turn
    While(Expr),
    /// `until c`, after a turn
    Until(Expr),
}

/// `i, x in xs`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Binding {
    /// The index, or a map's key.
    pub index: Option<Name>,
    /// The element.
    pub item: Name,
    /// What is gone through.
    pub over: Expr,
}

/// `for i, x in xs max 50 { … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct For {
    /// What is bound to what.
    pub binding: Binding,
    /// The most turns.
    pub max: Option<Expr>,
    /// The turn.
    pub body: Block,
}

/// `parallel for x in xs by x.id max 50 jobs 8 collect { … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ParallelFor {
    /// What is bound to what.
    pub binding: Binding,
    /// The key of an element.
    pub by: Option<Expr>,
    /// The most elements.
    pub max: Option<Expr>,
    /// How many at once.
    pub jobs: Option<Expr>,
    /// Where `collect` stands, if it does.
    pub collect: Option<Span>,
    /// The branch.
    pub body: Block,
}

/// `try { … } catch { … } finally { … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Try {
    /// What may fail.
    pub body: Block,
    /// The arms of `catch`; empty if there is none.
    pub arms: Vec<CatchArm>,
    /// What is done in any case.
    pub finally: Option<Block>,
}

/// `return v if c`, `yield v if c`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leave {
    /// What is handed out.
    pub value: Option<Value>,
    /// The guard.
    pub guard: Option<Expr>,
}

/// `break if c`, `continue if c`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Jump {
    /// The guard.
    pub guard: Option<Expr>,
}

/// `goto clarify(x) if c`, `fail rejected("…") if c`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Goto {
    /// The stage, or the kind of error, or the error's name.
    pub target: Target,
    /// The guard.
    pub guard: Option<Expr>,
}

/// `clarify(x)`, `e`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The word.
    pub name: Name,
    /// The arguments; `None` without parentheses.
    pub args: Option<Vec<Arg>>,
    /// All of it.
    pub span: Span,
}

/// `emit v as first if c`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Emit {
    /// What is emitted.
    pub value: Expr,
    /// `as name`
    pub name: Option<Name>,
    /// The guard.
    pub guard: Option<Expr>,
}

/// `wait 10m as pause`, `wait until t`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// Whether it is `wait until`.
    pub until: bool,
    /// How long, or until when.
    pub time: Expr,
    /// `as name`
    pub name: Option<Name>,
}

/// `route v { when a => …  else => … }`, `route { when c => …  else => … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// What decides; `None` for a route over conditions.
    pub subject: Option<Expr>,
    /// The arms, in order.
    pub arms: Vec<RouteArm>,
    /// All of it.
    pub span: Span,
}

/// `when a | b if c => …`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RouteArm {
    /// What it is for.
    pub head: RouteHead,
    /// What it does.
    pub body: ArmBody,
    /// All of it.
    pub span: Span,
}

/// What an arm of a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RouteHead {
    /// `when a | b if c` of a route over a value
    Patterns {
        /// The patterns, at least one.
        patterns: Vec<Pattern>,
        /// The guard.
        guard: Option<Expr>,
    },
    /// `when c` of a route over conditions
    Condition(Expr),
    /// `else`
    Else,
    /// An arm that could not be read; its body is an error too.
    Error,
}

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// What it matches.
    pub kind: PatternKind,
    /// All of it.
    pub span: Span,
}

/// What a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PatternKind {
    /// `"a"`, `-1`, `true`, `null`
    Literal(Literal),
    /// `billing`
    Value(Name),
    /// `Kind.billing`
    Qualified(Name, Name),
    /// `Refund`, `Refund{usd, id: charge}`
    Variant {
        /// The variant.
        name: Name,
        /// The fields it binds; `None` without braces.
        parts: Option<Vec<PatternPart>>,
    },
}

/// `usd`, `id: charge`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PatternPart {
    /// The field.
    pub field: Name,
    /// The name it is bound to; the field's own if no other is given.
    pub binding: Name,
}

/// What stands after an arm's `=>`. A bare call is a value here, also where the arm is a statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ArmBody {
    /// `=> g(1) with {retry: 2}`
    Value(Box<Value>),
    /// `=> return 1`, `=> text = rewrite(text)`
    Step(Box<Step>),
    /// `=> { … }`
    Block(Block),
    /// A body that could not be read.
    Error,
}

/// `when timeout | rate_limited as e => …`, `else as e => …`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CatchArm {
    /// The kinds of error.
    pub head: CatchHead,
    /// `as e`
    pub binding: Option<Name>,
    /// What it does.
    pub body: ArmBody,
    /// All of it.
    pub span: Span,
}

/// What an arm of a `catch` is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CatchHead {
    /// `when timeout | rate_limited`
    Kinds(Vec<Name>),
    /// `else`
    Else,
    /// An arm that could not be read; its body is an error too.
    Error,
}

/// `race { when let d = delivered(id) => …  when wait 3d => … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Race {
    /// The arms, in order.
    pub arms: Vec<RaceArm>,
    /// All of it.
    pub span: Span,
}

/// `when let d = delivered(id) => …`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RaceArm {
    /// The step that runs: a `let`, a `wait`, an assignment or a bare one.
    pub step: Box<Step>,
    /// What follows if it is first.
    pub body: ArmBody,
    /// All of it.
    pub span: Span,
}

/// `graph desks max 12 { stage a { … } stage b(x: T) { … } } else { … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Graph {
    /// Its name.
    pub name: Option<Name>,
    /// The most entries of stages.
    pub max: Box<Expr>,
    /// Its stages; the first is the entry.
    pub stages: Vec<Stage>,
    /// What is done when the entries run out.
    pub otherwise: Option<Block>,
    /// All of it.
    pub span: Span,
}

/// `stage b(x: T) { … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stage {
    /// The `///` lines before it.
    pub docs: Option<Docs>,
    /// Its name.
    pub name: Name,
    /// Its parameters; empty without parentheses.
    pub params: Vec<super::Param>,
    /// What it does.
    pub body: Block,
    /// All of it.
    pub span: Span,
}
