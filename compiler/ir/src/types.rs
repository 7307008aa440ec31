//! Types. A type is structural but for named ones, which are looked up in the program's [`TypeDefs`].

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{Expr, Name};

/// The key of a named type in [`TypeDefs`]. While a project is checked it is qualified by its module; a plan renames
/// it to the declared name, or `Name#2` where two modules declare the same.
pub type TypeName = Name;

/// The named types of a program.
pub type TypeDefs = IndexMap<TypeName, TypeDef>;

/// The type of a place or of an expression. Refinements belong to the place (T4): [`Type::base`] takes them off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// The type of what failed to check: fits everywhere, so that one fault makes one diagnostic. Never in a plan.
    Error,
    /// The type of what never yields a value.
    Never,
    /// `null`.
    Null,
    /// `bool`.
    Bool,
    /// `int`, `int(1..5)`: 64 bits.
    Int(IntRange),
    /// `uint`: only inside expressions.
    Uint,
    /// `float`, `float(0..1)`: finite where it is stored.
    Float(FloatRange),
    /// `string`, `string(2..40)`: the size counts code points.
    String(Size),
    /// `bytes`.
    Bytes,
    /// `duration`.
    Duration,
    /// `timestamp`.
    Timestamp,
    /// `json`: dynamic, narrowed by `as` before a typed use.
    Json,
    /// `image`, `audio` or `file`.
    Media(Media),
    /// `[T]`, `[T](1..6)`.
    List(Arc<Type>, Size),
    /// `[string: T]`: keys are string, int, bool or an enum.
    Map(Arc<Type>, Arc<Type>),
    /// `T?`.
    Nullable(Arc<Type>),
    /// A CEL optional: only inside expressions; stored, it is its value or null (F2).
    Optional(Arc<Type>),
    /// `"a" | "b"`, `1 | 2`, `true`: literals of one base type, as written.
    Literals(Arc<[Literal]>),
    /// `{a: int, b: string}`.
    Record(Arc<Record>),
    /// A record, enum, tagged union or alias with a refinement, by name. Plain aliases are resolved away.
    Named(TypeName),
    /// `T where rule`.
    Where(Arc<Where>),
    /// The type of a type value, `type(x)`: only inside expressions.
    Type,
}

/// Both ends included; `None` is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IntRange {
    /// The least value.
    pub min: Option<i64>,
    /// The greatest value.
    pub max: Option<i64>,
}

/// Both ends included; `None` is open. Ends are finite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FloatRange {
    /// The least value.
    pub min: Option<f64>,
    /// The greatest value.
    pub max: Option<f64>,
}

/// A number of code points or elements, both ends included; `None` is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// The least size.
    pub min: Option<u64>,
    /// The greatest size.
    pub max: Option<u64>,
}

/// What a model sees or hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// `image`.
    Image,
    /// `audio`.
    Audio,
    /// `file`.
    File,
}

/// A literal as a type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Literal {
    /// `"a"`.
    String(Name),
    /// `3`.
    Int(i64),
    /// `true`.
    Bool(bool),
}

/// The fields of a record, in written order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// In written order: this is the order of a record value's slots.
    pub fields: Vec<Field>,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Its name on the wire too.
    pub name: Name,
    /// Its type with refinements.
    pub ty: Type,
    /// `trusted` or `untrusted`, where written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<Trust>,
    /// Its doc comment; it becomes a description in the JSON Schema.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

/// A trust label as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// `trusted T`.
    Trusted,
    /// `untrusted T`.
    Untrusted,
}

/// A rule that each value of a type must satisfy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Where {
    /// What the rule is about.
    pub base: Type,
    /// The rule as written: it is shown when a value breaks it, and sent to models.
    pub text: String,
    /// A bool over [`Expr::Slot`]s: slot 0 is `it`; for a record, slot 1 + i is its field i.
    pub rule: Expr,
}

/// A declared type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeDef {
    /// The declared name; it is the `"type"` of a variant on the wire.
    pub name: Name,
    /// Its doc comment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
    /// What it is.
    pub body: TypeBody,
}

/// What a declared type is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeBody {
    /// `type Review { … }`, or a variant `Reply { … }` of a union. `rule` is its `where`.
    Record {
        /// Its fields.
        record: Arc<Record>,
        /// Its `where`, with the record as base.
        rule: Option<Arc<Where>>,
    },
    /// `enum Kind { billing bug }`: declaration order orders them.
    Enum {
        /// The values as on the wire.
        values: Arc<[EnumValue]>,
    },
    /// `type Action = Reply | Stop`: names of record types.
    Union {
        /// In written order.
        members: Vec<TypeName>,
    },
    /// `type Lang = string(2..40)`: kept for its name and doc; uses of it are its type.
    Alias {
        /// What it stands for.
        ty: Type,
    },
}

/// A value of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnumValue {
    /// The bare name.
    pub name: Name,
    /// Its doc comment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doc: String,
}

impl Type {
    /// `int` without bounds.
    pub const INT: Type = Type::Int(IntRange { min: None, max: None });
    /// `float` without bounds.
    pub const FLOAT: Type = Type::Float(FloatRange { min: None, max: None });
    /// `string` of any size.
    pub const STRING: Type = Type::String(Size { min: None, max: None });

    /// Returns `[of]` of any size.
    pub fn list(of: Type) -> Type {
        Type::List(Arc::new(of), Size::default())
    }

    /// Returns `[key: value]`.
    pub fn map(key: Type, value: Type) -> Type {
        Type::Map(Arc::new(key), Arc::new(value))
    }

    /// Returns `T?`; nullable of nullable is nullable, and of null is null.
    pub fn nullable(self) -> Type {
        match self {
            Type::Nullable(_) | Type::Null | Type::Error | Type::Json => self,
            other => Type::Nullable(Arc::new(other)),
        }
    }

    /// Returns the type without `?`.
    pub fn non_null(&self) -> &Type {
        match self {
            Type::Nullable(of) => of,
            other => other,
        }
    }

    /// Takes off the refinements of the outermost place: `int(1..5)` is `int`, `"a" | "b"` is `string`.
    /// Elements and fields keep theirs.
    pub fn base(&self) -> Type {
        match self {
            Type::Int(_) => Type::INT,
            Type::Float(_) => Type::FLOAT,
            Type::String(_) => Type::STRING,
            Type::List(of, _) => Type::List(of.clone(), Size::default()),
            Type::Literals(literals) => match literals.first() {
                Some(Literal::Int(_)) => Type::INT,
                Some(Literal::Bool(_)) => Type::Bool,
                _ => Type::STRING,
            },
            Type::Where(rule) => rule.base.base(),
            Type::Nullable(of) => of.base().nullable(),
            other => other.clone(),
        }
    }

    /// Whether null is one of its values.
    pub fn allows_null(&self) -> bool {
        match self {
            Type::Null | Type::Nullable(_) | Type::Json | Type::Error => true,
            Type::Where(rule) => rule.base.allows_null(),
            _ => false,
        }
    }
}

impl Size {
    /// Whether a size lies within.
    pub fn contains(&self, size: u64) -> bool {
        self.min.is_none_or(|min| size >= min) && self.max.is_none_or(|max| size <= max)
    }
}

impl IntRange {
    /// Whether a number lies within.
    pub fn contains(&self, number: i64) -> bool {
        self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
    }
}

impl FloatRange {
    /// Whether a number lies within; NaN never does.
    pub fn contains(&self, number: f64) -> bool {
        !number.is_nan()
            && self.min.is_none_or(|min| number >= min)
            && self.max.is_none_or(|max| number <= max)
    }
}

/// Writes a type as a `.flow` file does.
impl std::fmt::Display for Type {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn range<T: std::fmt::Display>(min: &Option<T>, max: &Option<T>) -> String {
            let end = |end: &Option<T>| end.as_ref().map(ToString::to_string).unwrap_or_default();
            match (min, max) {
                (None, None) => String::new(),
                _ => format!("({}..{})", end(min), end(max)),
            }
        }
        match self {
            Type::Error => out.write_str("?"),
            Type::Never => out.write_str("nothing"),
            Type::Null => out.write_str("null"),
            Type::Bool => out.write_str("bool"),
            Type::Int(bounds) => write!(out, "int{}", range(&bounds.min, &bounds.max)),
            Type::Uint => out.write_str("uint"),
            Type::Float(bounds) => write!(out, "float{}", range(&bounds.min, &bounds.max)),
            Type::String(size) => write!(out, "string{}", range(&size.min, &size.max)),
            Type::Bytes => out.write_str("bytes"),
            Type::Duration => out.write_str("duration"),
            Type::Timestamp => out.write_str("timestamp"),
            Type::Json => out.write_str("json"),
            Type::Media(Media::Image) => out.write_str("image"),
            Type::Media(Media::Audio) => out.write_str("audio"),
            Type::Media(Media::File) => out.write_str("file"),
            Type::List(of, size) => write!(out, "[{of}]{}", range(&size.min, &size.max)),
            Type::Map(key, value) => write!(out, "[{key}: {value}]"),
            Type::Nullable(of) => write!(out, "{of}?"),
            Type::Optional(of) => write!(out, "optional {of}"),
            Type::Literals(literals) => {
                for (index, literal) in literals.iter().enumerate() {
                    if index > 0 {
                        out.write_str(" | ")?;
                    }
                    match literal {
                        Literal::String(text) => write!(out, "{text:?}")?,
                        Literal::Int(number) => write!(out, "{number}")?,
                        Literal::Bool(value) => write!(out, "{value}")?,
                    }
                }
                Ok(())
            }
            Type::Record(record) => {
                out.write_str("{")?;
                for (index, field) in record.fields.iter().enumerate() {
                    let comma = if index > 0 { ", " } else { "" };
                    write!(out, "{comma}{}: {}", field.name, field.ty)?;
                }
                out.write_str("}")
            }
            Type::Named(name) => out.write_str(name.rsplit("::").next().unwrap_or(name)),
            Type::Where(rule) => write!(out, "{} where {}", rule.base, rule.text),
            Type::Type => out.write_str("type"),
        }
    }
}
