//! Types as written.

use flow_source::Span;

use super::{Docs, Expr, Literal, Name};

/// A type and its rule: `string(..80) where it.matches("^a")`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RefinedType {
    /// The type.
    pub ty: TypeExpr,
    /// The expression after `where`.
    pub rule: Option<Expr>,
}

/// A type: `untrusted [string](..3)?`. Label, range and `?` belong to one term, never to a union.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypeExpr {
    /// `trusted` or `untrusted`, and where it stands.
    pub trust: Option<(Trust, Span)>,
    /// The type without label, range and `?`.
    pub kind: TypeKind,
    /// `(1..5)`
    pub range: Option<Range>,
    /// Whether `?` follows.
    pub nullable: bool,
    /// All of it.
    pub span: Span,
}

/// A label of trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// `trusted T`
    Trusted,
    /// `untrusted T`
    Untrusted,
}

/// A type without label, range and `?`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TypeKind {
    /// `string`
    Primitive(Primitive),
    /// `Review`
    Named(Name),
    /// `[T]`
    List(Box<TypeExpr>),
    /// `[K: T]`
    Map(Box<TypeExpr>, Box<TypeExpr>),
    /// `{mean: float, n: int}`
    Record(RecordType),
    /// `"a"`, `-1`, `true` as a member of a union of literals
    Literal(Literal),
    /// `"a" | "b"`, two members or more
    Union(Vec<TypeExpr>),
    /// A type that could not be read.
    Error,
}

/// The built-in types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Primitive {
    /// `string`
    String,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `bool`
    Bool,
    /// `bytes`
    Bytes,
    /// `duration`
    Duration,
    /// `timestamp`
    Timestamp,
    /// `json`
    Json,
    /// `null`
    Null,
    /// `image`
    Image,
    /// `audio`
    Audio,
    /// `file`
    File,
}

impl Primitive {
    /// All of them.
    pub const ALL: [Primitive; 12] = [
        Self::String,
        Self::Int,
        Self::Float,
        Self::Bool,
        Self::Bytes,
        Self::Duration,
        Self::Timestamp,
        Self::Json,
        Self::Null,
        Self::Image,
        Self::Audio,
        Self::File,
    ];

    /// The word: `string`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Bytes => "bytes",
            Self::Duration => "duration",
            Self::Timestamp => "timestamp",
            Self::Json => "json",
            Self::Null => "null",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::File => "file",
        }
    }
}

/// `(1..5)`, `(..80)`, `(0..)`: numbers, durations or sizes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The least, with its place.
    pub from: Option<(Literal, Span)>,
    /// The most, with its place.
    pub to: Option<(Literal, Span)>,
    /// The parentheses and what is in them.
    pub span: Span,
}

/// `{ score: int(1..5)  fixes: [string](..6) }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordType {
    /// Its fields, in written order.
    pub fields: Vec<TypeField>,
    /// The braces and what is in them.
    pub span: Span,
}

/// `"Content-Type": string(..80)`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TypeField {
    /// The `///` lines before it.
    pub docs: Option<Docs>,
    /// Its name, without quotes.
    pub name: Name,
    /// Its type.
    pub ty: RefinedType,
    /// All of it.
    pub span: Span,
}

/// `Reply { text: string } | Stop {} | Other`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Union {
    /// Its members; one for an alias.
    pub members: Vec<UnionMember>,
    /// All of it.
    pub span: Span,
}

/// A member of a declared union.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum UnionMember {
    /// `Reply { text: string }`: declares a record type of that name
    Variant(VariantDecl),
    /// A bare name, or any type in an alias
    Type(TypeExpr),
}

/// `Reply { text: string }`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VariantDecl {
    /// The `///` lines before it.
    pub docs: Option<Docs>,
    /// Its name.
    pub name: Name,
    /// Its fields.
    pub body: RecordType,
    /// All of it.
    pub span: Span,
}
