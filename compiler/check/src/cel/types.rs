//! CEL's types: how they are written, and what the evaluator knows them as.

use std::fmt;
use std::sync::Arc;

use flow_ir::Type;
use smol_str::SmolStr;

/// A type with more parts than this is taken for `dyn` where it would be put into another: what binds a value twice
/// could double its type at every step.
const PARTS_MAX: usize = 400;

/// A type of the Common Expression Language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CelType {
    /// Anything: decided when it runs.
    Dyn,
    /// What failed to check: fits everywhere, so that one fault makes one diagnostic.
    Error,
    /// `null`
    Null,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `uint`
    Uint,
    /// `double`
    Double,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `timestamp`
    Timestamp,
    /// `duration`
    Duration,
    /// `list(T)`
    List(Box<CelType>),
    /// `map(K, V)`
    Map(Box<CelType>, Box<CelType>),
    /// `type(T)`; of the name `type` itself, without a parameter
    Type(Option<Box<CelType>>),
    /// `wrapper(int)`: a value or null
    Wrapper(Box<CelType>),
    /// `optional_type(T)`, and the types that only a declaration names
    Opaque(SmolStr, Vec<CelType>),
    /// A parameter of a declared function: `T`
    Param(SmolStr),
    /// A type that is not known yet.
    Var(u32),
}

/// The name of the type of optionals.
pub(super) const OPTIONAL: &str = "optional_type";

impl CelType {
    /// Returns `list(of)`.
    pub fn list(of: CelType) -> CelType {
        CelType::List(Box::new(of.capped()))
    }

    /// Returns `map(key, value)`.
    pub fn map(key: CelType, value: CelType) -> CelType {
        CelType::Map(Box::new(key.capped()), Box::new(value.capped()))
    }

    /// Returns `optional_type(of)`.
    pub fn optional(of: CelType) -> CelType {
        CelType::Opaque(OPTIONAL.into(), vec![of.capped()])
    }

    /// Returns `type(of)`.
    pub fn type_of(of: CelType) -> CelType {
        CelType::Type(Some(Box::new(of.capped())))
    }

    /// Reads a type as it is written: `map(string, list(int))`, `optional(T)`. One capital letter is a parameter.
    pub fn parse(text: &str) -> Option<CelType> {
        let mut reader = Reader { rest: text.trim(), depth: 0 };
        let ty = reader.ty()?;
        reader.rest.is_empty().then_some(ty)
    }

    /// Returns what an optional holds.
    pub(super) fn held(&self) -> Option<&CelType> {
        match self {
            CelType::Opaque(name, args) if name == OPTIONAL => args.first(),
            _ => None,
        }
    }

    pub(super) fn is_dyn(&self) -> bool {
        matches!(self, CelType::Dyn | CelType::Error)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, CelType::Int | CelType::Uint | CelType::Double)
    }

    fn capped(self) -> CelType {
        let mut left = PARTS_MAX;
        if self.fits(&mut left) { self } else { CelType::Dyn }
    }

    fn fits(&self, left: &mut usize) -> bool {
        match left.checked_sub(1) {
            Some(rest) => *left = rest,
            None => return false,
        }
        self.parts().iter().all(|part| part.fits(left))
    }

    /// Returns the types that it is made of.
    pub(super) fn parts(&self) -> Vec<&CelType> {
        match self {
            CelType::List(of) | CelType::Wrapper(of) | CelType::Type(Some(of)) => vec![of],
            CelType::Map(key, value) => vec![key, value],
            CelType::Opaque(_, args) => args.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the same type with its parts put through a function.
    pub(super) fn with_parts(&self, change: &mut dyn FnMut(&CelType) -> CelType) -> CelType {
        match self {
            CelType::List(of) => CelType::list(change(of)),
            CelType::Map(key, value) => CelType::map(change(key), change(value)),
            CelType::Wrapper(of) => CelType::Wrapper(Box::new(change(of))),
            CelType::Type(Some(of)) => CelType::type_of(change(of)),
            CelType::Opaque(name, args) => {
                CelType::Opaque(name.clone(), args.iter().map(|arg| change(arg).capped()).collect())
            }
            other => other.clone(),
        }
    }

    /// Returns the type that a back end knows its values by; what is decided when it runs is `json`.
    pub fn to_type(&self) -> Type {
        match self {
            CelType::Null => Type::Null,
            CelType::Bool => Type::Bool,
            CelType::Int => Type::INT,
            CelType::Uint => Type::Uint,
            CelType::Double => Type::FLOAT,
            CelType::String => Type::STRING,
            CelType::Bytes => Type::Bytes,
            CelType::Timestamp => Type::Timestamp,
            CelType::Duration => Type::Duration,
            CelType::List(of) => Type::list(of.to_type()),
            CelType::Map(key, value) => Type::map(key.to_type(), value.to_type()),
            CelType::Type(_) => Type::Type,
            CelType::Wrapper(of) => of.to_type().nullable(),
            _ => match self.held() {
                Some(of) => Type::Optional(Arc::new(of.to_type())),
                None => Type::Json,
            },
        }
    }
}

impl fmt::Display for CelType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            CelType::Dyn | CelType::Var(_) => "dyn",
            CelType::Error => "!error!",
            CelType::Null => "null",
            CelType::Bool => "bool",
            CelType::Int => "int",
            CelType::Uint => "uint",
            CelType::Double => "double",
            CelType::String => "string",
            CelType::Bytes => "bytes",
            CelType::Timestamp => "timestamp",
            CelType::Duration => "duration",
            CelType::List(_) => "list",
            CelType::Map(..) => "map",
            CelType::Type(_) => "type",
            CelType::Wrapper(_) => "wrapper",
            CelType::Opaque(name, _) if name == OPTIONAL => "optional",
            CelType::Opaque(name, _) | CelType::Param(name) => name,
        };
        out.write_str(word)?;
        let parts = self.parts();
        if parts.is_empty() {
            return Ok(());
        }
        out.write_str("(")?;
        for (index, part) in parts.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(out, "{comma}{part}")?;
        }
        out.write_str(")")
    }
}

/// A written type nests at most so deep.
const DEPTH_MAX: usize = 64;

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn ty(&mut self) -> Option<CelType> {
        self.depth += 1;
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() || self.depth > DEPTH_MAX {
            return None;
        }
        self.rest = rest.trim_start();
        let mut args = Vec::new();
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest.trim_start();
            loop {
                args.push(self.ty()?);
                if let Some(rest) = self.rest.strip_prefix(',') {
                    self.rest = rest.trim_start();
                    continue;
                }
                self.rest = self.rest.strip_prefix(')')?.trim_start();
                break;
            }
        }
        self.depth -= 1;
        named(name, args)
    }
}

fn named(name: &str, args: Vec<CelType>) -> Option<CelType> {
    let of = |args: Vec<CelType>| args.into_iter().next();
    Some(match (name, args.len()) {
        ("dyn" | "any" | "google.protobuf.Any" | "google.protobuf.Value", 0) => CelType::Dyn,
        ("null" | "null_type", 0) => CelType::Null,
        ("bool", 0) => CelType::Bool,
        ("int", 0) => CelType::Int,
        ("uint", 0) => CelType::Uint,
        ("double" | "float", 0) => CelType::Double,
        ("string", 0) => CelType::String,
        ("bytes", 0) => CelType::Bytes,
        ("timestamp" | "google.protobuf.Timestamp", 0) => CelType::Timestamp,
        ("duration" | "google.protobuf.Duration", 0) => CelType::Duration,
        ("list", 0) => CelType::list(CelType::Dyn),
        ("list", 1) => CelType::list(of(args)?),
        ("map", 0) => CelType::map(CelType::Dyn, CelType::Dyn),
        ("map", 2) => {
            let mut args = args.into_iter();
            CelType::map(args.next()?, args.next()?)
        }
        ("type", 0) => CelType::Type(None),
        ("type", 1) => CelType::type_of(of(args)?),
        ("wrapper", 1) => CelType::Wrapper(Box::new(of(args)?)),
        ("optional" | "optional_type", 1) => CelType::optional(of(args)?),
        (letter, 0) if letter.len() == 1 && letter.chars().all(|c| c.is_ascii_uppercase()) => {
            CelType::Param(letter.into())
        }
        (name, _) => CelType::Opaque(name.into(), args),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_as_they_are_written() {
        for text in [
            "list(map(string, dyn))",
            "optional(type(int))",
            "tuple(T, U, V)",
            "type",
            "wrapper(int)",
            "null",
            "set(int)",
        ] {
            assert_eq!(CelType::parse(text).map(|ty| ty.to_string()).as_deref(), Some(text));
        }
        for text in ["", "list(", "list(int", "map(int)int", "(int)", "a b", &"list(".repeat(100)] {
            assert_eq!(CelType::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_type_does_not_grow_without_end() {
        let mut ty = CelType::Int;
        for _ in 0..64 {
            ty = CelType::map(ty.clone(), ty);
        }
        assert!(ty.to_string().len() < 20_000);
    }
}
