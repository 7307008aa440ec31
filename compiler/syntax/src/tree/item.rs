//! Declarations.

use flow_source::Span;

use super::{Block, Docs, Expr, Name, RefinedType, StateSlot, Step, Target, Text, TypeExpr, Union, Value};

/// What an item declares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// `import { search, Hit } from "std/web"`
    Import(Import),
    /// `const feeds: [string] = ["https://…"]`
    Const(Const),
    /// `model fast = "ollama/llama3.2" { temperature: 0.2 }`
    Model(Model),
    /// `type Review { … }`, `type Action = Reply { … } | Stop { … }`
    Type(TypeDecl),
    /// `enum Kind { billing bug spam }`
    Enum(EnumDecl),
    /// `prompt`, `agent`, `tool`, `human`, `event`
    Node(Node),
    /// `tool jira = mcp("npx -y …") { … }`
    Server(Server),
    /// `code best(hits: [Hit]) -> [Hit] = hits.take(3)`
    Code(Code),
    /// `flow name(params) -> T emits U { … }`
    Flow(Flow),
    /// `memory seen: [string: timestamp] = kv { scope: project }`
    Memory(Memory),
    /// `trigger w = cron("0 6 * * 1") => weekly()`
    Trigger(Trigger),
    /// `allow [net("api.example.com")]`
    Allow(Allow),
    /// `test "name" { … }`
    Test(Test),
    /// `eval quality of write_article { … }`
    Eval(Eval),
    /// `variant terse of draft { user: "…" }`
    Variant(Variant),
    /// An item that could not be read.
    Error(ErrorItem),
}

impl ItemKind {
    /// The name the item declares, also of one that could not be read; `None` for imports, `allow` and tests.
    pub fn name(&self) -> Option<&Name> {
        match self {
            Self::Import(_) | Self::Allow(_) | Self::Test(_) => None,
            Self::Const(i) => Some(&i.name),
            Self::Model(i) => Some(&i.name),
            Self::Type(i) => Some(&i.name),
            Self::Enum(i) => Some(&i.name),
            Self::Node(i) => Some(&i.name),
            Self::Server(i) => Some(&i.name),
            Self::Code(i) => Some(&i.name),
            Self::Flow(i) => Some(&i.name),
            Self::Memory(i) => Some(&i.name),
            Self::Trigger(i) => Some(&i.name),
            Self::Eval(i) => Some(&i.name),
            Self::Variant(i) => Some(&i.name),
            Self::Error(i) => i.name.as_ref(),
        }
    }
}

/// An item that could not be read: `flow triage(ticket Ticket) {`. Its name is declared all the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorItem {
    /// The item's keyword, if it starts with one.
    pub keyword: Option<Name>,
    /// The name after the keyword, if there is one.
    pub name: Option<Name>,
    /// The names that an import was to bring, whose path or form could not be read.
    pub imported: Vec<Name>,
}

/// `import { search, review as judge } from "std/web"`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Import {
    /// What is imported.
    pub names: Vec<Imported>,
    /// From where.
    pub from: Text,
}

/// `review as judge`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Imported {
    /// The name it has there.
    pub name: Name,
    /// The name it has here, if another one.
    pub alias: Option<Name>,
}

/// `const limit: int = 3`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Const {
    /// Its name.
    pub name: Name,
    /// Its type, if written.
    pub ty: Option<RefinedType>,
    /// Its value.
    pub value: Expr,
}

/// `model best = fallback(a, b)`, `model fast = "ollama/llama3.2" { temperature: 0.2 }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model {
    /// Its name; `default` is the one that nodes without `model:` use.
    pub name: Name,
    /// A string, or a call of `fallback` or `round_robin`.
    pub source: Expr,
    /// Its settings.
    pub fields: Vec<Field>,
}

/// `type Review { score: int(1..5) } where score > 0`, `type Lang = string(2..40)`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypeDecl {
    /// Its name.
    pub name: Name,
    /// What it stands for.
    pub body: TypeBody,
    /// `where` after the body.
    pub rule: Option<Expr>,
}

/// What a type's name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeBody {
    /// `type Review { score: int }`
    Record(super::RecordType),
    /// `type Action = Reply { text: string } | Stop {}`, and every alias: a union of one member
    Union(Union),
}

/// `enum Kind { billing bug spam }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnumDecl {
    /// Its name.
    pub name: Name,
    /// Its values, in the order that orders them.
    pub values: Vec<EnumValue>,
}

/// `billing`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnumValue {
    /// The `///` lines before it.
    pub docs: Option<Docs>,
    /// The value.
    pub name: Name,
}

/// The kinds of node that have effects and are declared with fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// One model call.
    Prompt,
    /// A model with tools, in a loop.
    Agent,
    /// HTTP, MCP, a program, Python or a built-in.
    Tool,
    /// A question to a person.
    Human,
    /// Something outside that is waited for.
    Event,
}

impl NodeKind {
    /// The keyword: `prompt`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Human => "human",
            Self::Event => "event",
        }
    }
}

/// `prompt critique(text: string) -> Review { model: judge  user: "…" }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// Which kind.
    pub kind: NodeKind,
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What it returns.
    pub returns: TypeExpr,
    /// Its fields, in written order.
    pub fields: Vec<Field>,
}

/// `known_charge: trusted string = "none"`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Param {
    /// The `///` lines before it.
    pub docs: Option<Docs>,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: RefinedType,
    /// Its default.
    pub default: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// `retry: 3` in a node, model, trigger, memory, budget, eval or variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// The `///` lines before it.
    pub docs: Option<Docs>,
    /// The word before the colon.
    pub key: Name,
    /// What follows the colon.
    pub value: FieldValue,
    /// All of it.
    pub span: Span,
}

/// What follows a field's colon.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldValue {
    /// `retry: 3`
    Expr(Expr),
    /// `idempotent: by charge_id`
    By(Expr),
    /// `via: trusted telegram(chat)`
    Trusted(Expr),
    /// `python: """…"""`: raw, dedented, no splices
    Python(Text),
    /// `tools: [search max 4, refund(charge_id: known)]`
    Tools(Vec<ToolUse>),
    /// A field that could not be read.
    Error,
}

/// `refund(charge_id: known_charge) max 2` in the list of an agent's tools.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ToolUse {
    /// A name, a path such as `jira.search_issues`, or a call whose arguments are bound and hidden from the model.
    pub tool: Expr,
    /// The most calls of it.
    pub max: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// `tool jira = mcp("npx -y @acme/jira") { … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Its name.
    pub name: Name,
    /// How to reach it.
    pub source: Expr,
    /// Its settings.
    pub fields: Vec<Field>,
}

/// `code best(hits: [Hit], n: int) -> [Hit] = hits.take(n)`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Code {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What it returns.
    pub returns: TypeExpr,
    /// How.
    pub body: CodeBody,
}

/// The body of `code`.
#[allow(clippy::large_enum_variant, reason = "there is one per item")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CodeBody {
    /// `= hits.take(n)`; a value-`route` too
    Value(Value),
    /// `{ let known = …  return … }`
    Block(Block),
}

/// `flow triage(ticket: Ticket) -> Answer emits Progress { … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What it returns, if anything.
    pub returns: Option<TypeExpr>,
    /// What it emits, if anything.
    pub emits: Option<TypeExpr>,
    /// `budget { usd: 0.60, time: 5m }`
    pub budget: Option<Budget>,
    /// `state { text: string }`
    pub state: Vec<StateSlot>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// `on error as e { … }`
    pub on_error: Option<OnError>,
    /// The braces and what is in them.
    pub body_span: Span,
}

/// `budget { usd: 0.60, time: 5m }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Its limits.
    pub fields: Vec<Field>,
    /// All of it.
    pub span: Span,
}

/// `on error as e { notify(e.message) }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OnError {
    /// The error's name.
    pub binding: Option<Name>,
    /// What is done.
    pub block: Block,
    /// All of it.
    pub span: Span,
}

/// `trusted memory notes: Note = vector { embed: "openai/text-embedding-3-small" }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Memory {
    /// Where `trusted` stands, if it does.
    pub trusted: Option<Span>,
    /// Its name.
    pub name: Name,
    /// What it holds.
    pub ty: RefinedType,
    /// `kv` or `vector`, or what stands in their place.
    pub store: Expr,
    /// Its settings.
    pub fields: Vec<Field>,
}

/// `trigger t = webhook("/tickets", body: Ticket) => triage(body) { verify: hmac(secret.KEY) }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Trigger {
    /// Its name.
    pub name: Name,
    /// What it listens to. `body: Ticket` is a named argument whose value is a type's name, or a list with one in it.
    pub source: Expr,
    /// Fields between the source and `=>`: `telegram { token: secret.T } => …`.
    pub source_fields: Vec<Field>,
    /// The flow that it starts; `None` if there is no `=>`.
    pub target: Option<Expr>,
    /// Fields after the target.
    pub fields: Vec<Field>,
}

/// `allow [net("api.example.com"), fs.read("./data/**")]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Allow {
    /// What is allowed.
    pub entries: Vec<Expr>,
    /// The brackets and what is in them.
    pub list_span: Span,
}

/// `test "as recorded" replay "fixtures/a.tape" { … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Test {
    /// Its title.
    pub title: Text,
    /// The tape that answers its effects.
    pub replay: Option<Text>,
    /// Mocks, expectations and steps, in written order.
    pub parts: Vec<TestPart>,
    /// The braces and what is in them.
    pub body_span: Span,
}

/// A line of a test.
#[allow(clippy::large_enum_variant, reason = "most lines of a test are of either size")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TestPart {
    /// `mock draft => "first"`
    Mock(Mock),
    /// `expect calls(draft) == 2`
    Expect(Expect),
    /// Anything that may stand in a flow.
    Step(Step),
}

/// `mock delivered(order_id: "1") => {ok: true} after 2s`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mock {
    /// What is mocked.
    pub target: MockTarget,
    /// What it answers.
    pub outcome: MockOutcome,
    /// When, on the test's clock.
    pub after: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// What a mock stands in for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MockTarget {
    /// `mock "write_article/polish[0]/text" => …`
    Coordinate(Text),
    /// `mock draft => …`, `mock rewrite(text: "x") => …`, `mock seen.get("1") => …`
    Node(Expr),
}

/// What a mock answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MockOutcome {
    /// `=> "first"`
    Value(Expr),
    /// `=> fail timeout("slow")`
    Fail(Target),
}

/// `expect steps(a) before steps(b)`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expect {
    /// What must hold, or what comes first.
    pub condition: Expr,
    /// What comes later.
    pub before: Option<Expr>,
    /// All of it.
    pub span: Span,
}

/// `eval quality of write_article { cases: "cases.jsonl"  measure … gate … }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Eval {
    /// Its name.
    pub name: Name,
    /// The flow or node that it measures.
    pub of: Name,
    /// Its settings.
    pub fields: Vec<Field>,
    /// Its measures, in written order.
    pub measures: Vec<Measure>,
    /// Its gates, in written order.
    pub gates: Vec<Gate>,
}

/// `measure score = judge(out.body, expected)`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Measure {
    /// Its name.
    pub name: Name,
    /// What is measured.
    pub value: Value,
    /// All of it.
    pub span: Span,
}

/// `gate "cheap" cost.p95 <= 0.10 else warn`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gate {
    /// Its title.
    pub title: Text,
    /// What must hold.
    pub condition: Expr,
    /// What happens if it doesn't.
    pub action: GateAction,
    /// All of it.
    pub span: Span,
}

/// What a gate that doesn't hold does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GateAction {
    /// `else warn`
    Warn,
    /// `else fail`
    Fail,
    /// `else block`
    Block,
}

/// `variant terse of draft { user: "…" }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Its name.
    pub name: Name,
    /// The node it is another body of.
    pub of: Name,
    /// The fields it replaces.
    pub fields: Vec<Field>,
}
