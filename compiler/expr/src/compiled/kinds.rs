//! What is known of a value before it is there: its tag by its static type. Machine code tests the tag all the same.

use flow_ir::types::TypeBody;
use flow_ir::{Type, TypeDefs, Value};

use crate::functions::Sig;

/// The variants of [`Value`], in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Null,
    Bool,
    Int,
    Uint,
    Float,
    String,
    Bytes,
    Duration,
    Timestamp,
    List,
    Map,
    Record,
    Enum,
    Media,
    Optional,
    Type,
}

impl Tag {
    pub(super) fn of(value: &Value) -> Tag {
        match value {
            Value::Null => Tag::Null,
            Value::Bool(_) => Tag::Bool,
            Value::Int(_) => Tag::Int,
            Value::Uint(_) => Tag::Uint,
            Value::Float(_) => Tag::Float,
            Value::String(_) => Tag::String,
            Value::Bytes(_) => Tag::Bytes,
            Value::Duration(_) => Tag::Duration,
            Value::Timestamp(_) => Tag::Timestamp,
            Value::List(_) => Tag::List,
            Value::Map(_) => Tag::Map,
            Value::Record(_) => Tag::Record,
            Value::Enum(_) => Tag::Enum,
            Value::Media(_) => Tag::Media,
            Value::Optional(_) => Tag::Optional,
            Value::Type(_) => Tag::Type,
        }
    }

    /// Whether machine code holds it in a register.
    pub(super) fn is_scalar(self) -> bool {
        matches!(self, Tag::Bool | Tag::Int | Tag::Uint | Tag::Float | Tag::Duration)
    }

    /// The tag of what a row returns, if it has one.
    pub(super) fn of_sig(sig: &Sig) -> Option<Tag> {
        Some(match sig {
            Sig::Null => Tag::Null,
            Sig::Bool => Tag::Bool,
            Sig::Int => Tag::Int,
            Sig::Uint => Tag::Uint,
            Sig::Float => Tag::Float,
            Sig::String => Tag::String,
            Sig::Bytes => Tag::Bytes,
            Sig::Duration => Tag::Duration,
            Sig::Timestamp => Tag::Timestamp,
            Sig::Type => Tag::Type,
            Sig::Enum => Tag::Enum,
            Sig::List(_) => Tag::List,
            Sig::Map(..) => Tag::Map,
            Sig::Optional(_) => Tag::Optional,
            Sig::Json | Sig::Any | Sig::Var(_) | Sig::Ordered(_) | Sig::Nullable(_) => return None,
        })
    }

    /// The tag that the values of a type have, if it is one.
    pub(super) fn of_type(ty: &Type, types: &TypeDefs) -> Option<Tag> {
        Some(match resolved(ty, types)? {
            Type::Null => Tag::Null,
            Type::Bool => Tag::Bool,
            Type::Int(_) => Tag::Int,
            Type::Uint => Tag::Uint,
            Type::Float(_) => Tag::Float,
            Type::String(_) => Tag::String,
            Type::Bytes => Tag::Bytes,
            Type::Duration => Tag::Duration,
            Type::Timestamp => Tag::Timestamp,
            Type::List(..) => Tag::List,
            Type::Map(..) => Tag::Map,
            Type::Record(_) => Tag::Record,
            Type::Media(_) => Tag::Media,
            Type::Optional(_) => Tag::Optional,
            Type::Type => Tag::Type,
            literals @ Type::Literals(_) => return Tag::of_type(&literals.base(), types),
            Type::Named(name) => match &types.get(name)?.body {
                TypeBody::Record { .. } | TypeBody::Union { .. } => Tag::Record,
                TypeBody::Enum { .. } => Tag::Enum,
                TypeBody::Alias { .. } => return None,
            },
            _ => return None,
        })
    }
}

/// Follows aliases and rules to what they stand for; `None` if they go in a circle.
fn resolved<'a>(ty: &'a Type, types: &'a TypeDefs) -> Option<&'a Type> {
    let mut ty = ty;
    for _ in 0..64 {
        ty = match ty {
            Type::Where(rule) => &rule.base,
            Type::Named(name) => match types.get(name).map(|def| &def.body) {
                Some(TypeBody::Alias { ty }) => ty,
                _ => return Some(ty),
            },
            _ => return Some(ty),
        };
    }
    None
}

/// The type of a record's field, where the record's type is known.
pub(super) fn field<'a>(ty: &'a Type, index: u32, types: &'a TypeDefs) -> Option<&'a Type> {
    let record = match resolved(ty, types)? {
        Type::Record(record) => record,
        Type::Named(name) => match &types.get(name)?.body {
            TypeBody::Record { record, .. } => record,
            _ => return None,
        },
        Type::Nullable(of) => return field(of, index, types),
        _ => return None,
    };
    record.fields.get(index as usize).map(|field| &field.ty)
}

/// The types of what a macro's one variable is: the elements of a list, the keys of a map; and of a map's values.
pub(super) fn elements<'a>(ty: &'a Type, types: &'a TypeDefs) -> Option<(&'a Type, Option<&'a Type>)> {
    match resolved(ty, types)? {
        Type::List(of, _) => Some((of, None)),
        Type::Map(key, value) => Some((key, Some(value))),
        _ => None,
    }
}
