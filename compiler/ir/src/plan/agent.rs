//! Agents: a model with tools, in a loop that has an end; and what else its model may call than nodes and flows.

use serde::{Deserialize, Serialize};

use super::{Node, NodeKind, Param, Plan, Prompt, Step, Target};
use crate::expr::Expr;
use crate::types::{Field, TypeBody};
use crate::{Name, Type, TypeDefs};

/// A model with tools: it is asked, calls tools, sees what came of them, and is asked again, until it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agent {
    /// What each turn asks. Repairs are of each turn.
    pub ask: Prompt,
    /// What the model may call, in written order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<AgentTool>,
    /// Turns at most and, counted by themselves, calls of all tools together: at least 1.
    pub max_turns: u32,
    /// What is said before one turn more, without tools, when the turns run out; a string expression over the parameters.
    /// Without it the agent then fails with `exhausted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Expr>,
    /// Whether a tool's failure is the agent's: `on_error: fail`. Else the model is shown it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fails_with_tools: bool,
}

/// A tool of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentTool {
    /// What the model calls it by.
    pub name: Name,
    /// The call. Its arguments read the agent's parameters and, in the slots after them, what the model gives.
    pub call: Step,
    /// The parameters of what is called that the model gives, by position; the first is in the slot after the agent's
    /// parameters. The others are bound, or left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<u32>,
    /// Calls of it at most: an int of at least 1 over the agent's parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Expr>,
}

/// A tool that every program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuiltIn {
    /// The time.
    Now,
    /// A float of at least 0 and less than 1.
    Random,
    /// A UUID of version 4.
    Uuid,
}

impl BuiltIn {
    /// All of them.
    pub const ALL: [BuiltIn; 3] = [BuiltIn::Now, BuiltIn::Random, BuiltIn::Uuid];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            BuiltIn::Now => "now",
            BuiltIn::Random => "random",
            BuiltIn::Uuid => "uuid",
        }
    }

    /// Finds one by its name.
    pub fn find(name: &str) -> Option<BuiltIn> {
        BuiltIn::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Returns the node that it is.
    pub fn node(self) -> Node {
        let (doc, returns) = match self {
            BuiltIn::Now => ("Returns the current time, in UTC.", Type::Timestamp),
            BuiltIn::Random => ("Returns a random number of at least 0 and less than 1.", Type::FLOAT),
            BuiltIn::Uuid => ("Returns a new random UUID.", Type::STRING),
        };
        Node {
            name: Name::new_static(self.name()),
            doc: doc.into(),
            params: Vec::new(),
            returns,
            timeout_ms: None,
            retry: None,
            kind: NodeKind::BuiltIn(self),
        }
    }
}

impl AgentTool {
    /// Returns the parameters of what is called.
    pub fn params<'p>(&self, plan: &'p Plan) -> &'p [Param] {
        match self.call.target {
            Target::Node(id) => plan.nodes.get(id as usize).map_or(&[], |node| &node.params),
            Target::Flow(id) => plan.flows.get(id as usize).map_or(&[], |flow| &flow.params),
        }
    }

    /// Returns what it is for, as the model is told: the doc comment of what is called.
    pub fn doc<'p>(&self, plan: &'p Plan) -> &'p str {
        match self.call.target {
            Target::Node(id) => plan.nodes.get(id as usize).map_or("", |node| &node.doc),
            Target::Flow(id) => plan.flows.get(id as usize).map_or("", |flow| &flow.doc),
        }
    }

    /// Returns the type of its result.
    pub fn returns<'p>(&self, plan: &'p Plan) -> &'p Type {
        match self.call.target {
            Target::Node(id) => plan.nodes.get(id as usize).map_or(&Type::Error, |node| &node.returns),
            Target::Flow(id) => plan.flows.get(id as usize).map_or(&Type::Error, |flow| &flow.returns),
        }
    }

    /// Returns the arguments that the model writes, as the fields of one record: one with a default may be left out, and
    /// is null then.
    pub fn fields(&self, plan: &Plan) -> Vec<Field> {
        let params = self.params(plan);
        let given = self.given.iter().filter_map(|at| params.get(*at as usize));
        given
            .map(|param| {
                let mut doc = param.doc.clone();
                let mut ty = param.ty.clone();
                if let Some(default) = &param.default {
                    ty = ty.nullable();
                    if let Some(default) = shown(default, &param.ty, &plan.types) {
                        let gap = if doc.is_empty() { "" } else { " " };
                        doc.push_str(&format!("{gap}Without it: {default}."));
                    }
                }
                Field { name: param.name.clone(), ty, trust: None, doc }
            })
            .collect()
    }
}

/// Writes a default as JSON.
fn shown(default: &Expr, ty: &Type, types: &TypeDefs) -> Option<String> {
    let Expr::Const(value) = default else { return None };
    crate::json::encode(value, ty, types).ok().map(|json| json.to_string())
}

/// Returns how many bytes the JSON of a type's values, or its texts as they stand, have at most; `None` where nothing
/// says it, and beyond `u32::MAX`.
pub fn bytes_max(ty: &Type, types: &TypeDefs) -> Option<u64> {
    // Declared types may refer to themselves, or to others many times over.
    fn of(ty: &Type, types: &TypeDefs, left: &mut u32) -> Option<u64> {
        *left = left.checked_sub(1)?;
        let bytes = match ty {
            Type::Null | Type::Bool => 5,
            Type::Int(_) | Type::Uint => 20,
            Type::Float(_) => 32,
            Type::Duration | Type::Timestamp => 48,
            // A control character is written as six.
            Type::String(size) => size.max?.checked_mul(6)?.checked_add(2)?,
            Type::Literals(all) => {
                let longest = |literal: &crate::types::Literal| match literal {
                    crate::types::Literal::String(text) => text.len() as u64 * 6 + 2,
                    _ => 20,
                };
                all.iter().map(longest).max()?
            }
            Type::List(item, size) => {
                size.max?.checked_mul(of(item, types, left)?.checked_add(1)?)?.checked_add(2)?
            }
            Type::Nullable(inner) | Type::Optional(inner) => of(inner, types, left)?.max(4),
            Type::Where(rule) => of(&rule.base, types, left)?,
            Type::Record(record) => fields(&record.fields, types, left)?,
            Type::Named(name) => match &types.get(name)?.body {
                TypeBody::Record { record, .. } => {
                    fields(&record.fields, types, left)?.checked_add(name.len() as u64 + 12)?
                }
                TypeBody::Enum { values } => values.iter().map(|value| value.name.len() as u64 + 2).max()?,
                TypeBody::Union { members } => {
                    let each = members.iter().map(|member| of(&Type::Named(member.clone()), types, left));
                    each.collect::<Option<Vec<_>>>()?.into_iter().max()?
                }
                TypeBody::Alias { ty } => of(ty, types, left)?,
            },
            Type::Map(..)
            | Type::Bytes
            | Type::Json
            | Type::Media(_)
            | Type::Type
            | Type::Error
            | Type::Never => {
                return None;
            }
        };
        (bytes <= u64::from(u32::MAX)).then_some(bytes)
    }

    fn fields(all: &[Field], types: &TypeDefs, left: &mut u32) -> Option<u64> {
        all.iter().try_fold(2u64, |sum, field| {
            sum.checked_add(field.name.len() as u64 + 4)?.checked_add(of(&field.ty, types, left)?)
        })
    }

    of(ty, types, &mut 1_000)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::types::{Record, Size};

    #[test]
    fn sizes_are_known_where_the_type_says_them() {
        let types = TypeDefs::new();
        let text = |max| Type::String(Size { min: None, max });
        let field = |name: &str, ty| Field { name: name.into(), ty, trust: None, doc: String::new() };
        let record = |ty| Type::Record(Arc::new(Record { fields: vec![field("a", ty)] }));
        assert_eq!(bytes_max(&text(Some(10)), &types), Some(62));
        assert_eq!(bytes_max(&text(None), &types), None);
        assert_eq!(bytes_max(&record(Type::Bool), &types), Some(2 + 5 + 5));
        assert_eq!(bytes_max(&record(text(None)), &types), None);
        let list = |ty, max| Type::List(Arc::new(ty), Size { min: None, max });
        assert_eq!(bytes_max(&list(Type::INT, Some(3)), &types), Some(3 * 21 + 2));
        assert_eq!(bytes_max(&list(Type::INT, None), &types), None);
        let huge = list(list(text(Some(1 << 30)), Some(1 << 30)), Some(1 << 30));
        assert_eq!(bytes_max(&huge, &types), None);
        // Each level has the one below it twice.
        let deep = (0..64).fold(Type::Bool, |below, _| {
            Type::Record(Arc::new(Record { fields: vec![field("a", below.clone()), field("b", below)] }))
        });
        assert_eq!(bytes_max(&deep, &types), None);
    }

    #[test]
    fn what_every_program_has_is_found_by_name() {
        for built_in in BuiltIn::ALL {
            assert_eq!(BuiltIn::find(built_in.name()), Some(built_in));
            assert_eq!(built_in.node().kind, NodeKind::BuiltIn(built_in));
        }
        assert_eq!(BuiltIn::find("later"), None);
    }
}
