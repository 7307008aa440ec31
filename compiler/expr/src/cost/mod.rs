//! What an expression costs, told without evaluating it: in units of the meter, at least and at most.

mod rows;
mod shape;

use std::fmt;

use flow_ir::expr::{Code, Entry, MacroOp, Pattern, Piece};
use flow_ir::types::TypeBody;
use flow_ir::value::Shape as Fields;
use flow_ir::{Expr, Type, TypeDefs, Value};

use crate::functions::{self, Overload, Sig};
use rows::{bytes, elements, equal, hashed, sorted, told_apart};
use shape::{Kind, Range, Shape};

/// The units that evaluating an expression takes from a meter. An evaluation that gives a value takes at least `min`; any
/// evaluation takes at most `max`, which is `None` where a size is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// At least so many, if it gives a value.
    pub min: u64,
    /// At most so many.
    pub max: Option<u64>,
}

impl fmt::Display for Cost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max {
            Some(1) if self.min == 1 => write!(out, "1 unit"),
            Some(max) if max == self.min => write!(out, "{max} units"),
            Some(max) => write!(out, "{} to {max} units", self.min),
            None => write!(out, "{} units or more, without a known end", self.min),
        }
    }
}

/// Types within types are followed so deep.
const DEPTH: usize = 8;

/// Code that calls code is followed for so many nodes in all.
const STEPS: u32 = 200_000;

/// Returns what an expression costs whose slots have these types (a missing one is unknown). Sizes come from the types,
/// from constants, and from functions that limit them: `xs.take(3)`.
///
/// The greatest cost of a search with a regular expression, of a cast to a type with a rule, of JSON in a text and of `json` is not known.
pub fn cost(expr: &Expr, slots: &[Type], codes: &[Code], types: &TypeDefs) -> Cost {
    let slots = slots.iter().map(|ty| Shape::of_type(ty, types, DEPTH)).collect();
    told(expr, slots, codes, types)
}

/// The same for slots of which values like these are known: as many elements, texts as long.
pub fn cost_for(expr: &Expr, slots: &[Option<Value>], codes: &[Code], types: &TypeDefs) -> Cost {
    let shape = |value: &Option<Value>| {
        value.as_ref().map_or_else(Shape::unknown, |value| Shape::of_value(value, DEPTH))
    };
    told(expr, slots.iter().map(shape).collect(), codes, types)
}

fn told(expr: &Expr, slots: Vec<Shape>, codes: &[Code], types: &TypeDefs) -> Cost {
    let mut walk = Walk { slots, locals: Vec::new(), base: 0, codes, types, steps: STEPS, depth: 0 };
    let (mut units, shape) = walk.expr(expr);
    if shape.is_composite() {
        let all = shape.nodes.over(64);
        units = units
            + match (expr, shape.kind) {
                (Expr::Const(_) | Expr::Slot(_), _) => Range::ZERO,
                // A path may go through what is absent, and then gives a new value.
                (path, _) if is_path(path) => all.or_less(),
                (_, Kind::Unknown) => all.or_less(),
                _ => all,
            };
    }
    Cost { min: units.min, max: units.max }
}

/// Whether the value is only pointed at, and was measured when it was made.
fn is_path(expr: &Expr) -> bool {
    match expr {
        Expr::Const(_) | Expr::Slot(_) | Expr::Local(_) => true,
        Expr::Field { of, optional: false, .. } => is_path(of),
        _ => false,
    }
}

struct Walk<'a> {
    slots: Vec<Shape>,
    locals: Vec<Shape>,
    base: usize,
    codes: &'a [Code],
    types: &'a TypeDefs,
    steps: u32,
    depth: usize,
}

/// What is not followed: any cost, any value.
fn unknown() -> (Range, Shape) {
    (Range::ANY, Shape::unknown())
}

impl Walk<'_> {
    fn expr(&mut self, expr: &Expr) -> (Range, Shape) {
        if self.steps == 0 || self.depth > 400 {
            return unknown();
        }
        self.steps -= 1;
        self.depth += 1;
        let result = self.node(expr);
        self.depth -= 1;
        result
    }

    fn node(&mut self, expr: &Expr) -> (Range, Shape) {
        match expr {
            Expr::Const(value) => (Range::ZERO, Shape::of_value(value, DEPTH)),
            Expr::Slot(slot) => {
                (Range::ZERO, self.slots.get(*slot as usize).cloned().unwrap_or_else(Shape::unknown))
            }
            Expr::Local(local) => {
                let shape = self.locals.get(self.base + *local as usize).cloned();
                (Range::ZERO, shape.unwrap_or_else(Shape::unknown))
            }
            Expr::Run(_) => (Range::ZERO, Shape::text(Range::ANY).or(&Shape::scalar(Kind::Scalar), 0)),
            Expr::Field { of, index, optional } => {
                let (units, of) = self.expr(of);
                let field = of.fields.as_ref().and_then(|fields| fields.get(*index as usize)).cloned();
                let field = field.unwrap_or_else(Shape::unknown);
                (units, if *optional || of.kind == Kind::Unknown { field.maybe() } else { field })
            }
            Expr::Index { of, key, optional } => {
                let (units, of) = self.expr(of);
                let (more, key) = self.expr(key);
                let element = of.element();
                let element = if *optional || of.kind == Kind::Unknown { element.maybe() } else { element };
                (units + more + hashed(&key), element)
            }
            Expr::Has { of, .. } | Expr::Is { of, .. } => (self.expr(of).0, Shape::scalar(Kind::Keyed)),
            Expr::Enum { of, .. } => (self.expr(of).0, Shape::scalar(Kind::Keyed)),
            Expr::Fail { .. } => (Range::ZERO, Shape::nothing()),
            Expr::List(items) => {
                let mut units = elements(Range::exactly(items.len() as u64));
                let mut of: Option<Shape> = None;
                let mut least = 0;
                for item in items {
                    let (more, shape) = self.expr(&item.value);
                    units = units + more;
                    least += u64::from(!item.optional);
                    of = Some(of.map_or(shape.clone(), |of| of.or(&shape, 4)));
                }
                let count = Range { min: least, max: Some(items.len() as u64) };
                (units, Shape::list(count, of.unwrap_or_else(Shape::nothing)))
            }
            Expr::Map(entries) => self.map(entries),
            Expr::Record { shape, slots } => {
                let mut units = elements(Range::exactly(slots.len() as u64));
                let fields = slots.iter().map(|slot| {
                    let (more, shape) = self.expr(slot);
                    units = units + more;
                    shape
                });
                let record = Shape::record(fields.collect());
                (units + self.rule(shape), record)
            }
            Expr::Update { of, shape, slots } => {
                let (mut units, of) = self.expr(of);
                units = units + elements(of.count);
                let mut fields = of.fields.as_ref().map(|fields| fields.to_vec());
                for (index, value) in slots {
                    let (more, shape) = self.expr(value);
                    units = units + more;
                    if let Some(field) = fields.as_mut().and_then(|fields| fields.get_mut(*index as usize)) {
                        *field = shape;
                    }
                }
                (units + self.rule(shape), fields.map_or_else(Shape::unknown, Shape::record))
            }
            Expr::Call { function, args } => {
                let mut units = Range::ZERO;
                let mut shapes = Vec::with_capacity(args.len());
                for arg in args {
                    let (more, shape) = self.expr(arg);
                    units = units + more;
                    shapes.push(shape);
                }
                let (own, shape) = called(function.id(), &shapes);
                (units + own, shape)
            }
            Expr::Code { code, args } => self.code(*code, args),
            Expr::And(left, right) | Expr::Or(left, right) => {
                let (left, right) = (self.expr(left).0, self.expr(right).0);
                // The left side alone decides, or fails early and is absorbed.
                (Range { min: left.min.min(right.min), ..(left + right) }, Shape::scalar(Kind::Keyed))
            }
            Expr::If { test, then, otherwise } => {
                let test = self.expr(test).0;
                let (then, a) = self.expr(then);
                let (otherwise, b) = self.expr(otherwise);
                (test + then.or(otherwise), a.or(&b, 4))
            }
            Expr::Coalesce(left, right) => {
                let (left, a) = self.expr(left);
                let (right, b) = self.expr(right);
                (left + right.or_less(), a.or(&b, 4))
            }
            Expr::Macro { op, over, vars, bodies } => self.macro_call(*op, over, vars, bodies),
            Expr::Let { local, value, body } => {
                let (value, shape) = self.expr(value);
                self.bind(*local, shape);
                let (body, shape) = self.expr(body);
                (value + body, shape)
            }
            Expr::Match { value, local, arms, otherwise } => {
                let (units, value) = self.expr(value);
                self.bind(*local, value.clone());
                let mut tests = Range::ZERO;
                let mut chosen: Option<(Range, Shape)> = None;
                let mut choose = |one: (Range, Shape)| {
                    chosen = Some(match chosen.take() {
                        None => one,
                        Some((units, shape)) => (units.or(one.0), shape.or(&one.1, 4)),
                    });
                };
                for arm in arms {
                    for pattern in &arm.patterns {
                        if let Pattern::Value(expected) = pattern {
                            tests = tests + equal(&Shape::of_value(expected, 2), &value);
                        }
                    }
                    for (slot, local) in &arm.binds {
                        let field =
                            value.fields.as_ref().and_then(|fields| fields.get(*slot as usize)).cloned();
                        self.bind(*local, field.unwrap_or_else(Shape::unknown));
                    }
                    if let Some(guard) = &arm.guard {
                        tests = tests + self.expr(guard).0.or_less();
                    }
                    choose(self.expr(&arm.value));
                }
                if let Some(otherwise) = otherwise {
                    choose(self.expr(otherwise));
                }
                let (arm, shape) = chosen.unwrap_or_else(|| (Range::ZERO, Shape::nothing()));
                (units + tests + arm, shape)
            }
            Expr::Cast { of, to, .. } => {
                let (units, of) = self.expr(of);
                let read = of.nodes.over(64).or_less();
                let rules = if self.has_rule(to, DEPTH) { Range::ANY } else { Range::ZERO };
                (units + read + rules, self.shaped(to, &of))
            }
            Expr::Widen { of, to, .. } => {
                let (units, of) = self.expr(of);
                let most = match (of.kind, to) {
                    (Kind::Keyed | Kind::Scalar | Kind::Text | Kind::Bytes, _) => Some(0),
                    _ if self.has_rule(to, DEPTH) => None,
                    // Each list, map and record in it is made anew; what becomes `json` is read once more.
                    _ => of.nodes.by(4).max,
                };
                (units + Range::up_to(most), self.shaped(to, &of))
            }
            Expr::Template(pieces) => {
                let mut size = Range::ZERO;
                let units = self.pieces(pieces, &mut size);
                (units, Shape::text(size))
            }
        }
    }

    /// The shape of a value after it became another type: as the type says, and no larger than it was where that is known.
    fn shaped(&self, to: &Type, of: &Shape) -> Shape {
        let shape = Shape::of_type(to, self.types, DEPTH);
        match (shape.kind, of.kind) {
            (Kind::List, Kind::List) | (Kind::Text, Kind::Text) => {
                Shape { bytes: of.bytes, count: of.count, nodes: Range { min: 1, ..of.nodes }, ..shape }
            }
            _ => shape,
        }
    }

    fn bind(&mut self, local: u32, shape: Shape) {
        let index = self.base + local as usize;
        if index >= self.locals.len() {
            // More variables than an expression may bind are an error anyway.
            if index > 70_000 {
                return;
            }
            self.locals.resize_with(index + 1, Shape::unknown);
        }
        self.locals[index] = shape;
    }

    fn map(&mut self, entries: &[Entry]) -> (Range, Shape) {
        let mut units = elements(Range::exactly(entries.len() as u64));
        let (mut count, mut keys) = (Range::ZERO, Range::ZERO);
        let mut of: Option<Shape> = None;
        for entry in entries {
            let one = match entry {
                Entry::Pair { key, value, optional } => {
                    let (key_units, key) = self.expr(key);
                    let (value_units, value) = self.expr(value);
                    units = units + key_units + value_units + hashed(&key);
                    count = count + Range { min: u64::from(!optional), max: Some(1) };
                    keys = keys + key.bytes.or_less();
                    value
                }
                Entry::Spread(map) => {
                    let (more, map) = self.expr(map);
                    units = units + more + elements(map.count);
                    // Keys may be the same.
                    count = count + map.count.or_less();
                    keys = keys + map.text.or_less();
                    match &map.fields {
                        Some(fields) => {
                            fields.iter().cloned().reduce(|a, b| a.or(&b, 2)).unwrap_or_else(Shape::unknown)
                        }
                        None => map.element(),
                    }
                }
            };
            of = Some(of.map_or(one.clone(), |of| of.or(&one, 4)));
        }
        // A key that is written over a spread leaves one entry.
        let spread = entries.iter().any(|entry| matches!(entry, Entry::Spread(_)));
        let count = if spread { count.or_less() } else { count };
        (units, Shape::map(count, keys, of.unwrap_or_else(Shape::nothing)))
    }

    /// The rule of the type that a record of this shape has.
    fn rule(&mut self, shape: &Fields) -> Range {
        let types = self.types;
        let body = shape.name.as_ref().and_then(|name| types.get(name)).map(|def| &def.body);
        match body {
            Some(TypeBody::Record { record, rule: Some(rule) }) if self.depth < 300 => {
                let it = Shape::of_type(&rule.base, types, DEPTH);
                let fields = record.fields.iter().map(|field| Shape::of_type(&field.ty, types, DEPTH));
                let slots = std::iter::once(it).chain(fields).collect();
                let outer = std::mem::replace(&mut self.slots, slots);
                let (locals, base) = (std::mem::take(&mut self.locals), std::mem::take(&mut self.base));
                let units = self.expr(&rule.rule).0;
                (self.slots, self.locals, self.base) = (outer, locals, base);
                units.plus(1)
            }
            Some(TypeBody::Record { rule: Some(_), .. }) => Range::ANY,
            _ => Range::ZERO,
        }
    }

    /// Whether reading a value of this type may run a rule.
    fn has_rule(&self, ty: &Type, depth: usize) -> bool {
        if depth == 0 {
            return true;
        }
        let has = |ty: &Type| self.has_rule(ty, depth - 1);
        match ty {
            Type::Where(_) => true,
            Type::List(of, _) | Type::Nullable(of) | Type::Optional(of) | Type::Map(_, of) => has(of),
            Type::Record(record) => record.fields.iter().any(|field| has(&field.ty)),
            Type::Named(name) => match self.types.get(name).map(|def| &def.body) {
                Some(TypeBody::Record { record, rule }) => {
                    rule.is_some() || record.fields.iter().any(|field| has(&field.ty))
                }
                Some(TypeBody::Union { members }) => {
                    members.iter().any(|name| has(&Type::Named(name.clone())))
                }
                Some(TypeBody::Alias { ty }) => has(ty),
                _ => false,
            },
            _ => false,
        }
    }

    fn code(&mut self, code: u32, args: &[Expr]) -> (Range, Shape) {
        let mut units = Range::exactly(1);
        let mut shapes = Vec::with_capacity(args.len());
        for arg in args {
            let (more, shape) = self.expr(arg);
            units = units + more;
            shapes.push(shape);
        }
        let codes = self.codes;
        let Some(code) = codes.get(code as usize) else { return (units, Shape::unknown()) };
        if self.depth > 200 {
            return unknown();
        }
        let (base, len) = (self.base, self.locals.len());
        self.base = len;
        self.locals.extend(shapes);
        let (body, shape) = self.expr(&code.body);
        self.locals.truncate(len);
        self.base = base;
        (units + body, shape)
    }

    fn macro_call(&mut self, op: MacroOp, over: &Expr, vars: &[u32], bodies: &[Expr]) -> (Range, Shape) {
        let (units, over) = self.expr(over);
        let element = over.element();
        // A map's keys with one variable, its keys and values with two.
        let key = match over.kind {
            Kind::List => Shape::int(0, i64::MAX),
            Kind::Map => Shape {
                bytes: Range::up_to(over.text.max),
                text: Range::up_to(over.text.max),
                ..Shape::unknown()
            },
            _ => Shape::unknown(),
        };
        let item = match over.kind {
            Kind::Map => Shape { nodes: Range::exactly(1), ..key.clone() },
            _ => element.clone(),
        };
        match vars {
            [only] => self.bind(*only, item.clone()),
            [first, second] => {
                self.bind(*first, key);
                self.bind(*second, element.clone());
            }
            _ => {}
        }
        let (test, body) = match bodies {
            [body] => (None, body),
            [test, body] => (Some(test), body),
            _ => return (units, Shape::unknown()),
        };
        let test = test.map(|test| self.expr(test).0);
        let (body, made) = self.expr(body);
        let turns = over.count;
        let all = turns.times(body.plus(1));
        // A turn that decides ends it; before it each turn may fail and be absorbed.
        let until = Range { min: if turns.min > 0 { body.min + 1 } else { 0 }, ..all };
        let kept = if test.is_some() { turns.or_less() } else { turns };
        let made_each = turns.times(test.unwrap_or(Range::ZERO).plus(1)) + kept.times(body.plus(1));
        let (own, shape) = match op {
            MacroOp::All | MacroOp::Exists => (until, Shape::scalar(Kind::Keyed)),
            MacroOp::ExistsOne => (all, Shape::scalar(Kind::Keyed)),
            MacroOp::Filter => (all, Shape::list(turns.or_less(), item)),
            MacroOp::Find => (until, item.maybe()),
            MacroOp::Map | MacroOp::TransformList => (made_each, Shape::list(kept, made)),
            MacroOp::TransformMap => (made_each, Shape::map(kept, over.text.or_less(), made)),
            MacroOp::TransformMapEntry => {
                let entries = turns.times(test.unwrap_or(Range::ZERO).plus(1))
                    + kept.times(body + elements(made.count));
                let count = kept.times(made.count);
                (entries, Shape::map(count, kept.times(made.text).or_less(), made.element()))
            }
            MacroOp::SortBy => (turns.times(body.plus(2)) + sorted(turns, &made), Shape::list(turns, item)),
            MacroOp::DistinctBy => {
                let count = Range { min: turns.min.min(1), max: turns.max };
                (all + told_apart(turns, &made, turns), Shape::list(count, item))
            }
            MacroOp::GroupBy => {
                let count = Range { min: turns.min.min(1), max: turns.max };
                let group = Shape::list(Range { min: 1, max: turns.max }, item);
                let keys = turns.times(made.bytes).or_less();
                (all + turns.times(hashed(&made)) + elements(turns), Shape::map(count, keys, group))
            }
            MacroOp::MinBy | MacroOp::MaxBy => {
                (all + turns.times(made.bytes.over(64)).or_less(), item.maybe())
            }
        };
        (units + own, shape)
    }

    /// Adds up what the pieces of a template write.
    fn pieces(&mut self, pieces: &[Piece], size: &mut Range) -> Range {
        let mut units = Range::ZERO;
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    let count = Range::exactly(text.len() as u64);
                    units = units + bytes(count);
                    *size = *size + count;
                }
                Piece::Splice { value, .. } => {
                    let (more, shape) = self.expr(value);
                    units = units + more + bytes(shape.written());
                    *size = *size + shape.written();
                }
                Piece::For { over, index, item, body } => {
                    let (more, over) = self.expr(over);
                    if let Some(index) = index {
                        self.bind(*index, Shape::unknown());
                    }
                    self.bind(*item, if over.kind == Kind::List { over.element() } else { Shape::unknown() });
                    let mut each = Range::ZERO;
                    let turn = self.pieces(body, &mut each).plus(1);
                    units = units + more + over.count.times(turn);
                    *size = *size + over.count.times(each);
                }
                Piece::If { test, then, otherwise } => {
                    let test = self.expr(test).0;
                    let (mut a, mut b) = (Range::ZERO, Range::ZERO);
                    let then = self.pieces(then, &mut a);
                    let otherwise = self.pieces(otherwise, &mut b);
                    units = units + test + then.or(otherwise);
                    *size = *size + a.or(b);
                }
            }
        }
        units
    }
}

/// Whether a value of this kind may be an argument of this type; an optional is told by the kind of its value.
fn may_fit(sig: &Sig, kind: Kind) -> bool {
    match (sig, kind) {
        (Sig::Any | Sig::Var(_) | Sig::Json | Sig::Nullable(_) | Sig::Optional(_), _)
        | (_, Kind::Unknown) => true,
        (Sig::String, kind) => kind == Kind::Text,
        (Sig::Bytes, kind) => kind == Kind::Bytes,
        (Sig::List(_), kind) => kind == Kind::List,
        (Sig::Map(..), kind) => kind == Kind::Map,
        (Sig::Ordered(_), kind) => !matches!(kind, Kind::List | Kind::Map | Kind::Record),
        (_, kind) => matches!(kind, Kind::Keyed | Kind::Scalar),
    }
}

/// A row by its id; by a name any of the rows of the name, which are chosen by the values.
fn called(function: &str, args: &[Shape]) -> (Range, Shape) {
    if functions::overload(function).is_some() {
        return rows::row(function, args);
    }
    let may_be = |row: &&Overload| {
        let fits = |(index, arg): (usize, &Shape)| row.param(index).is_some_and(|sig| may_fit(sig, arg.kind));
        row.takes(args.len()) && args.iter().enumerate().all(fits)
    };
    let rows = functions::lookup(function, true).chain(functions::lookup(function, false));
    // Which row it is, is seen by the elements of lists.
    let looked = |row: &Overload| {
        let lists =
            row.params.iter().zip(args).filter(|(sig, _)| matches!(sig, Sig::List(of) if !of.is_any()));
        lists.fold(Range::ZERO, |sum, (_, arg)| sum + arg.nodes.or_less())
    };
    let mut choosing = Range::ZERO;
    let mut chosen: Option<(Range, Shape)> = None;
    for row in rows.filter(may_be) {
        choosing = choosing + looked(row);
        let (units, shape) = rows::row(row.id, args);
        chosen = Some(match chosen {
            None => (units, shape),
            Some((other, result)) => (units.or(other), shape.or(&result, 4)),
        });
    }
    let (units, shape) = chosen.unwrap_or_else(|| (Range::ZERO, Shape::nothing()));
    (units + choosing.or_less(), shape)
}
