//! The macros that gather what their turns yield. Machine code gathers by the same.

use std::cmp::Ordering;
use std::sync::Arc;

use indexmap::IndexMap;

use flow_ir::Value;
use flow_ir::expr::MacroOp;
use flow_ir::value::Key;

use super::key;
use crate::functions::{Seen, compared, incomparable, order, sort_indices};
use crate::{Env, Error, values};

/// What has been gathered so far.
pub(crate) enum Gather {
    /// A map by the keys of the turns.
    Values(IndexMap<Key, Value>),
    /// A map of the entries of maps.
    Entries(IndexMap<Key, Value>),
    /// Elements and their keys.
    Sorted(Vec<Value>, Vec<Value>),
    Distinct(Seen, Vec<Value>),
    Groups(IndexMap<Key, Vec<Value>>),
    /// The first element with the least or greatest key: the element and its key.
    Extreme(Ordering, Option<(Value, Value)>),
}

impl Gather {
    /// Begins; of an operation that gathers nothing a list of elements.
    pub(crate) fn new(op: MacroOp) -> Gather {
        match op {
            MacroOp::TransformMap => Gather::Values(IndexMap::new()),
            MacroOp::TransformMapEntry => Gather::Entries(IndexMap::new()),
            MacroOp::DistinctBy => Gather::Distinct(Seen::default(), Vec::new()),
            MacroOp::GroupBy => Gather::Groups(IndexMap::new()),
            MacroOp::MinBy => Gather::Extreme(Ordering::Less, None),
            MacroOp::MaxBy => Gather::Extreme(Ordering::Greater, None),
            _ => Gather::Sorted(Vec::new(), Vec::new()),
        }
    }

    /// Whether a turn costs one unit more, charged before its body is evaluated.
    pub(crate) fn charges(op: MacroOp) -> bool {
        matches!(op, MacroOp::TransformMap | MacroOp::SortBy)
    }

    /// Whether a turn is named by its key or index instead of its element.
    pub(crate) fn is_keyed(op: MacroOp) -> bool {
        op == MacroOp::TransformMap
    }

    /// Takes the element of a turn, or its key, and what the body made of it.
    pub(crate) fn add(&mut self, env: &Env<'_>, element: &Value, value: &Value) -> Result<(), Error> {
        match self {
            Gather::Values(map) => {
                let key = Key::exact(element).ok_or_else(|| Error::value("a turn without a key"))?;
                map.insert(key, value.clone());
            }
            Gather::Entries(map) => {
                let Value::Map(made) = value else {
                    return Err(Error::value(format!("{} is no map", values::brief(value))));
                };
                env.meter.elements(made.len())?;
                for (key, value) in made.iter() {
                    if !values::insert(map, key.clone(), value.clone()) {
                        let key = values::brief(&key.to_value());
                        return Err(Error::value(format!("a key occurs twice: {key}")));
                    }
                }
            }
            Gather::Sorted(elements, keys) => {
                elements.push(element.clone());
                keys.push(value.clone());
            }
            Gather::Distinct(seen, out) => {
                if seen.insert(env.meter, value)? {
                    out.push(element.clone());
                }
            }
            Gather::Groups(groups) => groups.entry(key(env.meter, value)?).or_default().push(element.clone()),
            Gather::Extreme(wanted, best) => {
                let other = best.as_ref().map_or(value, |(_, key)| key);
                if best.is_some() {
                    compared(env.meter, value, other)?;
                }
                let found = order(value, other).ok_or_else(|| incomparable(value, other))?;
                if best.is_none() || found == *wanted {
                    *best = Some((element.clone(), value.clone()));
                }
            }
        }
        Ok(())
    }

    /// Makes a value of it all; there have been so many turns.
    pub(crate) fn finish(self, env: &Env<'_>, turns: usize) -> Result<Value, Error> {
        Ok(match self {
            Gather::Values(map) | Gather::Entries(map) => Value::Map(Arc::new(map)),
            Gather::Sorted(mut elements, keys) => {
                let mut indices: Vec<u32> = (0..keys.len() as u32).collect();
                sort_indices(env.meter, &mut indices, |index| &keys[index as usize])?;
                let mut take = |index: u32| std::mem::replace(&mut elements[index as usize], Value::Null);
                Value::list(indices.into_iter().map(&mut take).collect())
            }
            Gather::Distinct(_, out) => Value::list(out),
            Gather::Groups(groups) => {
                env.meter.elements(turns)?;
                let groups = groups.into_iter().map(|(key, items)| (key, Value::list(items)));
                Value::Map(Arc::new(groups.collect()))
            }
            Gather::Extreme(_, best) => Value::Optional(best.map(|(element, _)| Arc::new(element))),
        })
    }
}
