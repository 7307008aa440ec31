//! Every node but calls and macros.

use std::sync::Arc;

use flow_expr::functions::Over;
use flow_ir::expr::*;
use flow_ir::types::{FloatRange, IntRange, Record};
use flow_ir::value::EnumValue;
use flow_ir::{Type, Value};

use super::super::universe::{self as u, Dialect, MEMBERS, NAMES, named, resolved, same};
use super::{Made, Maker, bound, boxed, is_json};

impl Maker<'_> {
    pub(super) fn if_(&mut self, want: &Type, depth: usize) -> Expr {
        let test = boxed(self.bool(depth));
        Expr::If { test, then: boxed(self.expr(want, depth)), otherwise: boxed(self.expr(want, depth)) }
    }

    pub(super) fn coalesce(&mut self, want: &Type, depth: usize) -> Made {
        let left = match want {
            Type::Json | Type::Null => want.clone(),
            ty @ Type::Optional(_) => Type::Optional(Arc::new(ty.clone())),
            ty if self.tape.chance(50) => Type::Optional(Arc::new(ty.clone())),
            ty => ty.clone().nullable(),
        };
        Some(Expr::Coalesce(boxed(self.expr(&left, depth)), boxed(self.expr(want, depth))))
    }

    pub(super) fn let_(&mut self, want: &Type, depth: usize) -> Expr {
        let ty = self.ty(1);
        let value = boxed(self.expr(&ty, depth));
        self.scoped(|me| {
            let local = me.bind(ty);
            Expr::Let { local, value, body: boxed(me.expr(want, depth)) }
        })
    }

    pub(super) fn match_(&mut self, want: &Type, depth: usize) -> Expr {
        match self.tape.below(3) {
            0 => self.match_enum(want, depth),
            1 => self.match_variant(want, depth),
            _ => self.match_scalar(want, depth),
        }
    }

    pub(super) fn guard(&mut self, depth: usize) -> Option<Expr> {
        self.tape.chance(25).then(|| self.bool(depth))
    }

    pub(super) fn otherwise(&mut self, want: &Type, depth: usize, percent: usize) -> Option<Box<Expr>> {
        self.tape.chance(percent).then(|| boxed(self.expr(want, depth)))
    }

    pub(super) fn match_enum(&mut self, want: &Type, depth: usize) -> Expr {
        let name = *self.tape.pick(&["Kind", "Level"]);
        let ty = if self.tape.chance(30) { named(name).nullable() } else { named(name) };
        let value = boxed(self.expr(&ty, depth));
        let shape = u::enum_of(name).expect("an enum has a shape");
        self.scoped(|me| {
            let local = me.bind(ty);
            let mut arms = Vec::new();
            for index in 0..shape.values.len() as u32 {
                let mut patterns =
                    vec![Pattern::Value(Value::Enum(EnumValue { shape: shape.clone(), index }))];
                if me.tape.chance(20) {
                    patterns.push(Pattern::Value(Value::Null));
                }
                arms.push(MatchArm {
                    patterns,
                    binds: Vec::new(),
                    guard: me.guard(depth),
                    value: me.expr(want, depth),
                });
            }
            Expr::Match { value, local, arms, otherwise: me.otherwise(want, depth, 40) }
        })
    }

    pub(super) fn match_variant(&mut self, want: &Type, depth: usize) -> Expr {
        let value = boxed(self.expr(&named("Action"), depth));
        self.scoped(|me| {
            let local = me.bind(named("Action"));
            let mut arms = Vec::new();
            for member in MEMBERS {
                if me.tape.chance(15) {
                    continue;
                }
                let fields = u::fields_of(&named(member)).unwrap_or_default();
                arms.push(me.scoped(|me| {
                    let mut binds = Vec::new();
                    for (slot, field) in fields.iter().enumerate() {
                        if me.tape.chance(60) {
                            binds.push((slot as u32, me.bind(field.ty.clone())));
                        }
                    }
                    let patterns = vec![Pattern::Variant(member.into())];
                    MatchArm { patterns, binds, guard: me.guard(depth), value: me.expr(want, depth) }
                }));
            }
            Expr::Match { value, local, arms, otherwise: me.otherwise(want, depth, 40) }
        })
    }

    pub(super) fn match_scalar(&mut self, want: &Type, depth: usize) -> Expr {
        let ty = self.tape.pick(&[Type::INT, Type::STRING, Type::Bool, Type::FLOAT]).clone();
        let ty = if self.tape.chance(30) { ty.nullable() } else { ty };
        let value = boxed(self.expr(&ty, depth));
        self.scoped(|me| {
            let local = me.bind(ty.clone());
            let mut arms = Vec::new();
            for _ in 0..me.tape.below(4) {
                let patterns = (0..1 + me.tape.below(3))
                    .map(|_| Pattern::Value(u::value(&ty, me.tape, 1, me.dialect)))
                    .collect();
                arms.push(MatchArm {
                    patterns,
                    binds: Vec::new(),
                    guard: me.guard(depth),
                    value: me.expr(want, depth),
                });
            }
            Expr::Match { value, local, arms, otherwise: me.otherwise(want, depth, 85) }
        })
    }

    pub(super) fn index(&mut self, want: &Type, depth: usize) -> Made {
        let (of, want, optional) = match want {
            Type::Optional(inner) if self.tape.chance(70) => (resolved(inner), inner, true),
            other => (other.clone(), &Arc::new(other.clone()), false),
        };
        // Behind an optional everything is optional.
        let through = optional && self.tape.chance(25);
        let wrap = |ty: Type| if through { Type::Optional(Arc::new(ty)) } else { ty };
        let (of, key) = match self.tape.below(if of == Type::Json { 4 } else { 2 }) {
            0 => (self.expr(&wrap(Type::list((**want).clone())), depth), self.small(depth)),
            1 => {
                let key = u::key(self.tape, self.dialect);
                let of = self.expr(&wrap(Type::map(key.clone(), (**want).clone())), depth);
                (of, self.key(&key, depth))
            }
            2 => (self.expr(&wrap(Type::Json), depth), self.small(depth)),
            _ => (self.expr(&wrap(Type::Json), depth), self.one_of(&NAMES)),
        };
        Some(Expr::Index {
            of: boxed(of),
            key: boxed(key),
            optional: optional && !(through && self.tape.chance(50)),
        })
    }

    /// Mostly a key that maps have.
    pub(super) fn key(&mut self, key: &Type, depth: usize) -> Expr {
        match (key, self.tape.below(4)) {
            (Type::String(_), 0..=2) => self.one_of(&u::TEXTS[..8]),
            (Type::Int(_), 0..=2) => Expr::Const(Value::Int(self.tape.below(8) as i64)),
            (Type::Uint, 0..=2) => Expr::Const(Value::Uint(self.tape.below(8) as u64)),
            _ => self.expr(key, depth),
        }
    }

    pub(super) fn has(&mut self, want: &Type, depth: usize) -> Made {
        if *want != Type::Bool {
            return None;
        }
        let of = match self.tape.below(3) {
            0 => Type::map(Type::STRING, self.ty(1)),
            1 if self.dialect == Dialect::Flow => Type::Optional(Arc::new(Type::Json)),
            _ => Type::Json,
        };
        Some(Expr::Has { of: boxed(self.expr(&of, depth)), key: (*self.tape.pick(&NAMES)).into() })
    }

    pub(super) fn field(&mut self, want: &Type, depth: usize) -> Made {
        let mut found = Vec::new();
        let optional = match want {
            Type::Optional(inner) => Some(resolved(inner)),
            _ => None,
        };
        for name in ["Item", "Review", "Span", "Reply", "Wait", "Data", "Tree"] {
            for (index, field) in u::fields_of(&named(name)).unwrap_or_default().iter().enumerate() {
                let plain = same(&field.ty, want);
                let behind = optional.as_ref().is_some_and(|of| same(field.ty.non_null(), of));
                if plain || behind {
                    found.push((name, index as u32, plain));
                }
            }
        }
        if found.is_empty() {
            return None;
        }
        let (name, index, plain) = *self.tape.pick(&found);
        let through = !plain && self.tape.chance(30);
        let ty = if through { Type::Optional(Arc::new(named(name))) } else { named(name) };
        let optional = !(plain || through && self.tape.chance(50));
        Some(Expr::Field { of: boxed(self.expr(&ty, depth)), index, optional })
    }

    pub(super) fn code_body(&mut self, index: usize) -> Code {
        (self.locals, self.next) = (Vec::new(), 0);
        self.in_code = true;
        self.budget = 25;
        let param_types: Vec<Type> = (0..self.tape.below(4)).map(|_| self.ty(1)).collect();
        for ty in &param_types {
            self.bind(ty.clone());
        }
        let returns = self.ty(1);
        let body = self.expr(&returns, 3);
        self.in_code = false;
        let params = param_types.len() as u32;
        // As many as are numbered, found in the body: numbers may stand twice.
        let locals = params.max(bound(&body));
        Code { name: format!("code{index}").into(), params, locals, body, param_types, returns }
    }

    pub(super) fn code(&mut self, want: &Type, depth: usize) -> Made {
        let fitting: Vec<usize> = self
            .codes
            .iter()
            .enumerate()
            .filter(|(_, code)| same(&code.returns, want))
            .map(|(n, _)| n)
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let index = *self.tape.pick(&fitting);
        let types = self.codes[index].param_types.clone();
        let args = types.iter().map(|ty| self.expr(ty, depth)).collect();
        Some(Expr::Code { code: index as u32, args })
    }

    pub(super) fn cast(&mut self, want: &Type, depth: usize) -> Made {
        if !is_json(want) {
            return None;
        }
        let to = match want {
            Type::Int(_) if self.tape.chance(30) => Type::Int(IntRange { min: Some(0), max: Some(9) }),
            Type::Float(_) if self.tape.chance(30) => Type::Float(FloatRange { min: Some(0.0), max: None }),
            Type::Int(_) if self.tape.chance(20) => named("Small"),
            other => other.clone(),
        };
        let (of, from) = match self.tape.below(3) {
            0 => (self.expr(&Type::Json, depth), Type::Json),
            1 => (self.expr(want, depth), want.clone()),
            _ => {
                let of = boxed(self.expr(want, depth));
                (Expr::Widen { of, from: want.clone(), to: Type::Json }, Type::Json)
            }
        };
        Some(Expr::Cast { of: boxed(of), from, to })
    }

    pub(super) fn widen(&mut self, want: &Type, depth: usize) -> Made {
        let from = match want {
            Type::Float(_) => Type::INT,
            Type::List(of, _) if same(of, &Type::FLOAT) => Type::list(Type::INT),
            Type::List(of, _) => Type::list(self.narrower(of)?),
            Type::Map(key, of) => Type::Map(key.clone(), Arc::new(self.narrower(of)?)),
            Type::Json => match self.ty(2) {
                ty if is_json(&ty) => ty,
                _ => Type::STRING,
            },
            other => self.narrower(other)?,
        };
        Some(Expr::Widen { of: boxed(self.expr(&from, depth)), from, to: want.clone() })
    }

    /// A type that is widened to another one.
    pub(super) fn narrower(&mut self, to: &Type) -> Option<Type> {
        match to {
            Type::Float(_) => Some(Type::INT),
            Type::Optional(of) if matches!(**of, Type::Optional(_)) => None,
            Type::Optional(of) | Type::Nullable(of) if self.tape.chance(40) => Some((**of).clone()),
            Type::Optional(of) => Some((**of).clone().nullable()),
            Type::Nullable(of) => Some(Type::Optional(of.clone())),
            Type::Json => Some(Type::list(Type::INT)),
            // A literal with fewer fields: those left out are null.
            Type::Record(_) | Type::Named(_) => {
                let fields = u::fields_of(to)?;
                let kept = fields
                    .into_iter()
                    .filter(|field| !matches!(field.ty, Type::Nullable(_)) || self.tape.chance(50))
                    .collect();
                Some(Type::Record(Arc::new(Record { fields: kept })))
            }
            _ => None,
        }
    }

    pub(super) fn logic(&mut self, want: &Type, depth: usize) -> Made {
        if *want != Type::Bool {
            return None;
        }
        if self.dialect == Dialect::Flow && self.tape.chance(12) {
            return self.is(depth);
        }
        let or = self.tape.chance(50);
        // A chain to the left now and then, since those are taken apart in another way.
        let links = if self.tape.chance(8) { 30 } else { 1 };
        let mut left = self.bool(depth);
        for _ in 0..links {
            let right = boxed(self.bool(if links > 1 { 1 } else { depth }));
            left = if or { Expr::Or(boxed(left), right) } else { Expr::And(boxed(left), right) };
        }
        Some(left)
    }

    pub(super) fn is(&mut self, depth: usize) -> Made {
        let ty = if self.tape.chance(30) { named("Action").nullable() } else { named("Action") };
        Some(Expr::Is { of: boxed(self.expr(&ty, depth)), variant: (*self.tape.pick(&MEMBERS)).into() })
    }

    pub(super) fn fail(&mut self) -> Expr {
        let kind = *self.tape.pick(&["bad_value", "bad_shape", "bad_value", "exhausted"]);
        Expr::Fail { kind: kind.into(), message: "what was folded".into() }
    }

    /// A list, map, record, enum's value or text, written out.
    pub(super) fn literal(&mut self, want: &Type, depth: usize) -> Made {
        match want {
            Type::List(of, _) => Some(self.list(of, depth)),
            Type::Map(key, of) => Some(self.map(key, of, depth)),
            Type::String(_) if self.dialect == Dialect::Flow => match self.tape.below(8) {
                0 => Some(Expr::Run(RunValue::Id)),
                1..=3 => Some(Expr::Template(self.pieces(depth, true))),
                _ => Some(Expr::Template(self.pieces(depth, false))),
            },
            Type::Timestamp if self.dialect == Dialect::Flow => Some(Expr::Run(RunValue::StartedAt)),
            Type::Named(name) if u::is_enum(want) => {
                let shape = u::enum_of(name)?;
                let of = match self.tape.below(4) {
                    0 => self.expr(&Type::STRING, depth),
                    _ => Expr::text(&shape.values[self.tape.below(shape.values.len())]),
                };
                Some(Expr::Enum { shape, of: boxed(of) })
            }
            Type::Named(name) if name == "Action" => {
                let member = *self.tape.pick(&MEMBERS);
                self.record(&named(member), depth)
            }
            Type::Named(_) | Type::Record(_) if self.tape.chance(40) => self.update(want, depth),
            Type::Named(_) | Type::Record(_) => self.record(want, depth),
            _ => None,
        }
    }

    pub(super) fn list(&mut self, of: &Type, depth: usize) -> Expr {
        let count = self.tape.below(5);
        Expr::List(
            (0..count)
                .map(|_| match self.tape.chance(15) {
                    true => Item {
                        value: self.expr(&Type::Optional(Arc::new(of.clone())), depth),
                        optional: true,
                    },
                    false => Item { value: self.expr(of, depth), optional: false },
                })
                .collect(),
        )
    }

    pub(super) fn map(&mut self, key: &Type, of: &Type, depth: usize) -> Expr {
        let count = self.tape.below(4);
        Expr::Map(
            (0..count)
                .map(|_| match self.tape.below(8) {
                    0 if self.dialect == Dialect::Flow => {
                        Entry::Spread(self.expr(&Type::map(key.clone(), of.clone()), depth))
                    }
                    1 => Entry::Pair {
                        key: self.key(key, depth),
                        value: self.expr(&Type::Optional(Arc::new(of.clone())), depth),
                        optional: true,
                    },
                    _ => Entry::Pair {
                        key: self.key(key, depth),
                        value: self.expr(of, depth),
                        optional: false,
                    },
                })
                .collect(),
        )
    }

    pub(super) fn record(&mut self, ty: &Type, depth: usize) -> Made {
        let (fields, shape) = (u::fields_of(ty)?, u::shape_of(ty)?);
        let slots = fields.iter().map(|field| self.expr(&field.ty, depth)).collect();
        Some(Expr::Record { shape, slots })
    }

    pub(super) fn update(&mut self, ty: &Type, depth: usize) -> Made {
        let (fields, shape) = (u::fields_of(ty)?, u::shape_of(ty)?);
        let of = boxed(self.expr(ty, depth));
        let mut slots = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            if self.tape.chance(40) {
                slots.push((index as u32, self.expr(&field.ty, depth)));
            }
        }
        Some(Expr::Update { of, shape, slots })
    }

    pub(super) fn pieces(&mut self, depth: usize, directives: bool) -> Vec<Piece> {
        let count = self.tape.below(4);
        (0..count)
            .map(|_| match self.tape.below(if directives && depth > 0 { 6 } else { 3 }) {
                0 => Piece::Text(u::text(self.tape)),
                1 | 2 => {
                    let ty = self.ty(2);
                    Piece::Splice { value: self.expr(&ty, depth), ty }
                }
                3 | 4 => {
                    let (over, types) = self.over(Over::Both, depth);
                    self.scoped(|me| {
                        let index = match types {
                            (Some(index), _) if me.tape.chance(50) => Some(me.bind(index)),
                            _ => None,
                        };
                        let item =
                            me.bind(if index.is_some() { types.1.1.clone() } else { types.1.0.clone() });
                        Piece::For { over, index, item, body: me.pieces(depth - 1, directives) }
                    })
                }
                _ => Piece::If {
                    test: self.bool(depth),
                    then: self.pieces(depth - 1, directives),
                    otherwise: self.pieces(depth - 1, directives),
                },
            })
            .collect()
    }

    /// A list or map to go over, with the types of two variables: the first, and what one variable or the second is.
    pub(super) fn over(&mut self, over: Over, depth: usize) -> (Expr, (Option<Type>, (Type, Type))) {
        let element = self.ty(1);
        let map = match over {
            Over::List => false,
            Over::Map => true,
            Over::Both => self.tape.chance(30),
        };
        if map {
            let key = u::key(self.tape, self.dialect);
            let of = self.expr(&Type::map(key.clone(), element.clone()), depth);
            (of, (Some(key.clone()), (key, element)))
        } else {
            (self.expr(&Type::list(element.clone()), depth), (Some(Type::INT), (element.clone(), element)))
        }
    }
}
