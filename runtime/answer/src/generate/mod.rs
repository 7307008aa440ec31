//! Believable values of a type, for simulated models, tools and people. The same seed gives the same value.

mod random;
mod rules;
mod text;

use std::sync::Arc;

use indexmap::IndexMap;

use flow_ir::json::{Rules, enum_shape, record_shape};
use flow_ir::plan::bytes_max;
use flow_ir::types::{Field, FloatRange, IntRange, Literal, Media, Size, TypeBody, Where};
use flow_ir::value::{EnumValue, Key, MediaSource, MediaValue, RecordValue, Shape};
use flow_ir::{Type, TypeDefs, TypeName, Value};

use random::Random;

/// Below this depth lists are short and what may be null is.
const DEPTH_SOFT: usize = 4;

/// A recursive type that isn't done by then has no value here.
const DEPTH_MAX: usize = 24;

/// A rule is tried with so many values.
const TRIES_MAX: usize = 300;

/// A rule deep inside is tried with so many.
const TRIES_MIN: usize = 32;

/// So many scalars are made at most: lists of lists end.
const SCALARS_MAX: usize = 20_000;

/// Returns a value that satisfies a type with its refinements and rules. `name` is what it is called where it is used,
/// a field or a node, and makes it look like one. `None` if the type has no value or its rules are too hard to meet.
pub fn generate(ty: &Type, types: &TypeDefs, rules: &dyn Rules, seed: u64, name: &str) -> Option<Value> {
    made(ty, types, rules, seed, name, None)
}

/// How long a value is made that is to be as long as its type allows.
#[derive(Clone, Copy)]
pub struct Longest<'a> {
    /// Characters of a text; one whose type wants more has what its type wants at least.
    pub chars: u64,
    /// Which member a union has that is reached by these fields, by their index; without one it is the largest.
    pub member: &'a dyn Fn(&[u32]) -> Option<TypeName>,
}

/// Returns the longest value: texts and lists of their greatest size, no null, the largest member of a union. A list
/// without a size is as long as usual, since nothing says what a program allows.
pub fn longest(
    ty: &Type,
    types: &TypeDefs,
    rules: &dyn Rules,
    seed: u64,
    name: &str,
    how: Longest<'_>,
) -> Option<Value> {
    made(ty, types, rules, seed, name, Some(how))
}

fn made(
    ty: &Type,
    types: &TypeDefs,
    rules: &dyn Rules,
    seed: u64,
    name: &str,
    longest: Option<Longest<'_>>,
) -> Option<Value> {
    let random = Random::new(seed);
    Maker { types, rules, random, left: SCALARS_MAX, longest, path: Vec::new() }.value(ty, name, 0)
}

struct Maker<'a> {
    types: &'a TypeDefs,
    rules: &'a dyn Rules,
    random: Random,
    left: usize,
    longest: Option<Longest<'a>>,
    /// The fields that lead to what is made now.
    path: Vec<u32>,
}

impl Maker<'_> {
    /// Returns the size that a text is made in.
    fn text_size(&self, size: &Size) -> Size {
        match self.longest {
            None => *size,
            Some(how) => {
                let chars = how.chars.max(1).max(size.min.unwrap_or(0)).min(size.max.unwrap_or(u64::MAX));
                Size { min: Some(chars), max: Some(chars) }
            }
        }
    }

    fn value(&mut self, ty: &Type, name: &str, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX || self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(match ty {
            Type::Null => Value::Null,
            Type::Bool => Value::Bool(self.random.below(2) == 0),
            Type::Int(range) => Value::Int(self.int(range, name)),
            Type::Uint => Value::Uint(self.random.below(100)),
            Type::Float(range) => Value::Float(self.float(range, name)),
            Type::String(size) => {
                let size = self.text_size(size);
                Value::string(text::of(&mut self.random, name, &size)?)
            }
            Type::Bytes => Value::Bytes((0..16).map(|_| self.random.below(256) as u8).collect()),
            Type::Duration => Value::Duration((1 + self.random.below(120)) as i64 * 60_000_000_000),
            Type::Timestamp => Value::Timestamp(self.timestamp()?),
            Type::Json | Type::Error => self.json(name),
            Type::Media(kind) => media(*kind),
            Type::List(of, size) => self.list(of, size, name, depth)?,
            Type::Map(key, of) => self.map(key, of, depth)?,
            Type::Nullable(of) | Type::Optional(of) => {
                if depth >= DEPTH_SOFT || self.longest.is_none() && self.random.below(5) == 0 {
                    Value::Null
                } else {
                    self.value(of, name, depth + 1).unwrap_or(Value::Null)
                }
            }
            Type::Literals(literals) => self.literal(literals)?,
            Type::Record(record) => {
                let fields = record.fields.iter().map(|field| field.name.clone()).collect();
                self.record(&record.fields, Arc::new(Shape { name: None, tag: None, fields }), depth)?
            }
            Type::Named(name) => self.named(name, depth)?,
            Type::Where(rule) => self.ruled(rule, depth, |maker| maker.value(&rule.base, name, depth + 1))?,
            Type::Never | Type::Type => return None,
        })
    }

    fn int(&mut self, range: &IntRange, name: &str) -> i64 {
        let (low, high) = match (range.min, range.max) {
            (Some(min), Some(max)) => (min, max),
            (Some(min), None) => (min, min.saturating_add(100)),
            (None, Some(max)) => (max.saturating_sub(100), max),
            (None, None) => text::usual_int(name),
        };
        self.random.between(low, high)
    }

    fn float(&mut self, range: &FloatRange, name: &str) -> f64 {
        let (low, high) = match (range.min, range.max) {
            (Some(min), Some(max)) => (min, max),
            (Some(min), None) => (min, min + 100.0),
            (None, Some(max)) => (max - 100.0, max),
            (None, None) => {
                let (low, high) = text::usual_int(name);
                (low as f64, high as f64)
            }
        };
        let drawn = low + (high - low) * self.random.unit();
        // Two decimals look like a measurement; rounding must not leave the range.
        let rounded = (drawn * 100.0).round() / 100.0;
        if rounded.is_finite() { rounded.clamp(low, high.max(low)) } else { low }
    }

    /// A point in the years 2024 and 2025, on a minute.
    fn timestamp(&mut self) -> Option<jiff::Timestamp> {
        const FIRST: i64 = 1_704_067_200;
        jiff::Timestamp::from_second(FIRST + self.random.below(2 * 365 * 1_440) as i64 * 60).ok()
    }

    fn json(&mut self, name: &str) -> Value {
        let text = text::of(&mut self.random, name, &Size::default()).unwrap_or_default();
        let entries = [("id", Value::Int(self.random.between(1, 999))), ("text", Value::string(text))];
        Value::Map(Arc::new(
            entries.into_iter().map(|(key, value)| (Key::String(key.into()), value)).collect(),
        ))
    }

    fn list(&mut self, of: &Type, size: &Size, name: &str, depth: usize) -> Option<Value> {
        let min = size.min.unwrap_or(0);
        let usual = if depth >= DEPTH_SOFT { min } else { self.random.between(2, 4) as u64 };
        let usual = match (self.longest, size.max) {
            (Some(_), Some(max)) => max,
            _ => usual,
        };
        let count = usual.max(min).min(size.max.unwrap_or(u64::MAX)).max(min);
        let mut items = Vec::new();
        for _ in 0..count {
            match self.value(of, text::singular(name), depth + 1) {
                Some(item) => items.push(item),
                // Elements that can't be made any more are left out where the list may be shorter.
                None if items.len() as u64 >= min => break,
                None => return None,
            }
        }
        Some(Value::list(items))
    }

    fn map(&mut self, key: &Type, of: &Type, depth: usize) -> Option<Value> {
        let count = if depth >= DEPTH_SOFT { 0 } else { self.random.between(1, 3) };
        let mut out = IndexMap::new();
        for _ in 0..count {
            let key = self.value(key, "key", depth + 1)?;
            let value = self.value(of, "value", depth + 1)?;
            out.insert(Key::from_value(&key)?, value);
        }
        Some(Value::Map(Arc::new(out)))
    }

    fn literal(&mut self, literals: &[Literal]) -> Option<Value> {
        let text = |literal: &&Literal| match literal {
            Literal::String(text) => text.len(),
            _ => 0,
        };
        let drawn = match self.longest {
            Some(_) => literals.iter().max_by_key(text),
            None => self.random.pick(literals),
        };
        Some(match drawn? {
            Literal::String(text) => Value::string(text),
            Literal::Int(number) => Value::Int(*number),
            Literal::Bool(value) => Value::Bool(*value),
        })
    }

    fn record(&mut self, fields: &[Field], shape: Arc<Shape>, depth: usize) -> Option<Value> {
        let mut slots = Vec::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            self.path.push(index as u32);
            let value = self.value(&field.ty, &field.name, depth + 1);
            self.path.pop();
            slots.push(value?);
        }
        Some(Value::Record(Arc::new(RecordValue { shape, slots })))
    }

    fn named(&mut self, name: &TypeName, depth: usize) -> Option<Value> {
        let types = self.types;
        match &types.get(name)?.body {
            TypeBody::Alias { ty } => self.value(ty, &types.get(name)?.name.to_lowercase(), depth + 1),
            TypeBody::Enum { values } => {
                let index = match self.longest {
                    Some(_) => (0..values.len()).max_by_key(|at| values[*at].name.len()).unwrap_or(0) as u32,
                    None => self.random.below(values.len().max(1) as u64) as u32,
                };
                let shape = enum_shape(types, name)?;
                (!values.is_empty()).then_some(Value::Enum(EnumValue { shape, index }))
            }
            TypeBody::Record { record, rule } => {
                let shape = record_shape(types, name)?;
                match rule {
                    None => self.record(&record.fields, shape, depth),
                    Some(rule) => {
                        self.ruled(rule, depth, |maker| maker.record(&record.fields, shape.clone(), depth))
                    }
                }
            }
            TypeBody::Union { members } => {
                // Deep down the members are tried until one ends.
                let start = match self.longest {
                    Some(how) => match (how.member)(&self.path) {
                        Some(wanted) => members.iter().position(|member| *member == wanted),
                        // One without a greatest size is the largest of all.
                        None => (0..members.len()).max_by_key(|at| {
                            bytes_max(&Type::Named(members[*at].clone()), types).unwrap_or(u64::MAX)
                        }),
                    }
                    .unwrap_or(0),
                    None => self.random.below(members.len().max(1) as u64) as usize,
                };
                (0..members.len())
                    .find_map(|offset| self.named(&members[(start + offset) % members.len()], depth + 1))
            }
        }
    }

    /// Makes values until one satisfies the rule, then looks for one among what the rule itself speaks of.
    fn ruled(
        &mut self,
        rule: &Where,
        depth: usize,
        mut make: impl FnMut(&mut Self) -> Option<Value>,
    ) -> Option<Value> {
        let constants = rules::constants(&rule.rule);
        // Rules within rules are tried for each try around them; what is made in all is limited by `left`.
        let tries = (TRIES_MAX >> depth.min(6)).max(TRIES_MIN);
        for turn in 0..tries {
            let value = make(self)?;
            // Drawn values first, then every other one bent towards what the rule compares with.
            let value = if turn > 2 && turn % 2 == 1 {
                rules::bend(&mut self.random, value, &constants)
            } else {
                value
            };
            if self.fits(rule, &value) {
                return Some(value);
            }
        }
        // Chance may have passed over the very values that the rule names.
        constants.into_iter().find(|value| self.fits(rule, value))
    }

    /// Whether a bent value is still of the base type, and satisfies the rule.
    fn fits(&self, rule: &Where, value: &Value) -> bool {
        if self.rules.holds(rule, value) != Ok(true) {
            return false;
        }
        let Ok(json) = flow_ir::json::encode(value, &rule.base, self.types) else { return false };
        flow_ir::json::decode(&json, &rule.base, self.types, self.rules).is_ok()
    }
}

fn media(kind: Media) -> Value {
    let mime = match kind {
        Media::Image => "image/png",
        Media::Audio => "audio/wav",
        Media::File => "application/octet-stream",
    };
    let source = MediaSource::Bytes(Arc::from(&b"simulated"[..]));
    Value::Media(Arc::new(MediaValue { kind, mime: mime.into(), source }))
}
