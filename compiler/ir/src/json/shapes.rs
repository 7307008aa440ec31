//! The shapes that values of named types share.

use std::sync::Arc;

use crate::types::TypeBody;
use crate::value::{EnumShape, Shape};
use crate::{TypeDefs, TypeName};

/// Returns the shape of a named record's values; `None` if the name is no record. Members of a union have a tag, their
/// declared name.
pub fn record_shape(types: &TypeDefs, name: &TypeName) -> Option<Arc<Shape>> {
    let def = types.get(name)?;
    let TypeBody::Record { record, .. } = &def.body else { return None };
    let is_member = types
        .values()
        .any(|other| matches!(&other.body, TypeBody::Union { members } if members.contains(name)));
    Some(Arc::new(Shape {
        name: Some(name.clone()),
        tag: is_member.then(|| def.name.clone()),
        fields: record.fields.iter().map(|field| field.name.clone()).collect(),
    }))
}

/// Returns the shape of an enum's values; `None` if the name is no enum.
pub fn enum_shape(types: &TypeDefs, name: &TypeName) -> Option<Arc<EnumShape>> {
    match &types.get(name)?.body {
        TypeBody::Enum { values } => Some(Arc::new(EnumShape {
            name: name.clone(),
            values: values.iter().map(|value| value.name.clone()).collect(),
        })),
        _ => None,
    }
}
