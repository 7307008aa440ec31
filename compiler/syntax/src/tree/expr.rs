//! Expressions, strings and directives.

use std::fmt;

use flow_source::Span;
use smol_str::SmolStr;

use super::{Name, TypeExpr};

/// An expression. Parentheses leave no node: the tree's shape says what they said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands, with the parentheses around it.
    pub span: Span,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExprKind {
    /// `3`, `"text"`, `30s`, `null`; a string without `${}` too
    Literal(Literal),
    /// `"…${x}…"`, a string with splices or directives
    Template(Template),
    /// `topic`; `loop.index` and `loop.last` are [`ExprKind::Loop`]
    Name(SmolStr),
    /// `Kind` before `.billing`, or a type's name as an argument (`webhook("/x", body: Ticket)`)
    TypeName(SmolStr),
    /// `loop.index`, `loop.last`
    Loop(LoopValue),
    /// `[a, ?b]`
    List(Vec<Element>),
    /// `{a: 1, ...r}`, `Review{score: 1}`
    Record(Record),
    /// `review.score`, `h.?x`, ``h.`Content-Type` ``; `Kind.billing` is this over a [`ExprKind::TypeName`]
    Member(Box<Member>),
    /// `xs[0]`, `m[?k]`
    Index(Box<Index>),
    /// `f(x, name: y)`
    Call(Call),
    /// `xs.filter(x, x > 1)`, `jira.search(q)`: calls with a receiver, macros included
    Method(Box<Method>),
    /// `!a`, `-a`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`
    Binary(Box<Binary>),
    /// `c ? a : b`
    Ternary(Box<Ternary>),
    /// `v is Refund`
    Is(Box<Expr>, Name),
    /// `e as T`
    Cast(Box<Expr>, Box<TypeExpr>),
    /// An expression that could not be read.
    Error,
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`
    Bool(bool),
    /// `3`, `0x1F`, and `-3` as one literal
    Int(i64),
    /// `3u`
    Uint(u64),
    /// `2.5e-3`
    Float(Float),
    /// `1h30m`, in nanoseconds
    Duration(i64),
    /// `64MB`, in bytes; of type `int`
    Size(i64),
    /// `"text"`, dedented and with escapes resolved
    String(SmolStr),
    /// `b"\x00"`
    Bytes(Box<[u8]>),
}

/// A float by its bits, so that trees can be compared and hashed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Float {
    bits: u64,
}

impl Float {
    /// Keeps a number.
    pub fn new(value: f64) -> Self {
        Self { bits: value.to_bits() }
    }

    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.bits)
    }
}

impl fmt::Debug for Float {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.get())
    }
}

/// The values of the innermost loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoopValue {
    /// `loop.index`
    Index,
    /// `loop.last`
    Last,
}

/// `a` or `?a` in a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Element {
    /// Whether `?` stands before it.
    pub optional: bool,
    /// The value.
    pub value: Expr,
}

/// `Review{score: 1, ...r}`; a map or bare record has no name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The type's name before the brace.
    pub name: Option<Name>,
    /// The entries, in written order.
    pub entries: Vec<Entry>,
}

/// A part of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// `...r`
    Spread(Expr),
    /// `a: 1`, `?a: x`, `[k]: 1`
    Pair {
        /// Whether `?` stands before the key.
        optional: bool,
        /// The key.
        key: Key,
        /// The value.
        value: Expr,
    },
}

/// A key of a record. `true`, `false` and numbers are constants, any other word is a string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// `a`, `"a"`
    Name(Name),
    /// `7`, `true`
    Literal(Literal, Span),
    /// `[k]`, and `"${k}"`
    Computed(Expr),
}

/// `review.score`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// What is before the dot.
    pub object: Expr,
    /// The field.
    pub name: Name,
    /// Whether it is `.?`.
    pub optional: bool,
}

/// `xs[0]`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Index {
    /// What is before the bracket.
    pub object: Expr,
    /// What is in it.
    pub index: Expr,
    /// Whether it is `[?`.
    pub optional: bool,
}

/// `f(x, name: y)`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// The function, node or flow.
    pub name: Name,
    /// Its arguments.
    pub args: Vec<Arg>,
}

/// `xs.filter(x, x > 1)`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Method {
    /// What is before the dot.
    pub receiver: Expr,
    /// The function.
    pub name: Name,
    /// Its arguments.
    pub args: Vec<Arg>,
}

/// `x`, `name: y`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arg {
    /// The parameter's name, if given.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// `a + b`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Where the operator stands.
    pub op_span: Span,
    /// What is left of it.
    pub left: Expr,
    /// What is right of it.
    pub right: Expr,
}

/// `c ? a : b`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ternary {
    /// What decides.
    pub condition: Expr,
    /// The value if it holds.
    pub then: Expr,
    /// The value if it doesn't.
    pub otherwise: Expr,
}

/// Operators before an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Negate,
}

impl UnaryOp {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Not => "!",
            Self::Negate => "-",
        }
    }
}

/// Operators between operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `in`
    In,
    /// `??`
    Coalesce,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

impl BinaryOp {
    /// The operator as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
            Self::Coalesce => "??",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// A string with splices or directives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Template {
    /// Its pieces, in order.
    pub pieces: Vec<Piece>,
}

/// A piece of a template. A line that held only a directive has left no text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Text, dedented and with escapes resolved.
    Text(SmolStr),
    /// `${expr}`
    Splice(Expr),
    /// `${for x in xs}` … `${end}`
    For(Box<TemplateFor>),
    /// `${if c}` … `${else if d}` … `${else}` … `${end}`
    If(TemplateIf),
}

/// `${for i, x in xs}` … `${end}`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TemplateFor {
    /// The index, or a map's key.
    pub index: Option<Name>,
    /// The element.
    pub item: Name,
    /// What is gone through.
    pub over: Expr,
    /// What is repeated.
    pub body: Vec<Piece>,
    /// The first directive to the last.
    pub span: Span,
}

/// `${if c}` … `${else}` … `${end}`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TemplateIf {
    /// Conditions and what they guard, in order.
    pub branches: Vec<(Expr, Vec<Piece>)>,
    /// What stands after `${else}`.
    pub otherwise: Option<Vec<Piece>>,
    /// The first directive to the last.
    pub span: Span,
}
