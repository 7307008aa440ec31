//! Macros, and calls of the rows of the function table.

use std::sync::Arc;

use flow_expr::functions::{MACROS, MacroRow, Over, Overload, Sig, overloads};
use flow_ir::expr::*;
use flow_ir::{Type, Value};

use super::super::hints::{cel_has, hint};
use super::super::universe::{self as u, Dialect, NAMES, named, resolved, same};
use super::{Binds, Made, Maker, boxed, is_number, numbers_only, unify};

impl Maker<'_> {
    pub(super) fn some_macro(&mut self, want: &Type, depth: usize) -> Made {
        let row = self.tape.below(MACROS.len());
        self.macro_row(&MACROS[row], want, depth)
    }

    /// A macro whose result has a type, if it can have it.
    pub(super) fn macro_row(&mut self, row: &MacroRow, want: &Type, depth: usize) -> Made {
        use MacroOp::*;
        if self.dialect == Dialect::Cel
            && !(matches!(row.name, "all" | "exists" | "exists_one" | "filter" | "sortBy")
                || row.name == "map")
        {
            return None;
        }
        if self.dialect == Dialect::Cel && row.vars > 1 {
            return None;
        }
        let (over, first, second): (Expr, Type, Type) = match (row.op, want) {
            (All | Exists | ExistsOne, Type::Bool) | (Map | TransformList, Type::List(..)) => {
                // Over maps plain CEL has no order of turns: only what no order changes is asked.
                let ordered = self.dialect == Dialect::Cel && matches!(row.op, Map | TransformList);
                let (over, (first, (one, two))) =
                    self.over(if ordered { Over::List } else { row.over }, depth);
                if row.vars == 1 { (over, one, two) } else { (over, first?, two) }
            }
            (Filter | SortBy | DistinctBy, Type::List(of, _)) => {
                let key = matches!(**of, Type::String(_) | Type::Int(_) | Type::Bool | Type::Uint);
                if row.op == Filter && key && self.dialect == Dialect::Flow && self.tape.chance(30) {
                    let value = self.ty(1);
                    (self.expr(&Type::Map(of.clone(), Arc::new(value.clone())), depth), (**of).clone(), value)
                } else {
                    (self.expr(want, depth), (**of).clone(), (**of).clone())
                }
            }
            (Find | MinBy | MaxBy, Type::Optional(of)) => (
                self.expr(&Type::List(of.clone(), Default::default()), depth),
                (**of).clone(),
                (**of).clone(),
            ),
            (TransformMap | TransformMapEntry, Type::Map(key, _)) => {
                let value = self.ty(1);
                if same(key, &Type::INT) && self.tape.chance(50) {
                    (self.expr(&Type::list(value.clone()), depth), Type::INT, value)
                } else {
                    let over = Type::Map(key.clone(), Arc::new(value.clone()));
                    (self.expr(&over, depth), (**key).clone(), value)
                }
            }
            (GroupBy, Type::Map(_, of)) => match resolved(of) {
                Type::List(of, _) => (
                    self.expr(&Type::List(of.clone(), Default::default()), depth),
                    (*of).clone(),
                    (*of).clone(),
                ),
                _ => return None,
            },
            _ => return None,
        };
        let mut bodies = Vec::new();
        if row.bodies == 2 {
            bodies.push(Type::Bool);
        }
        bodies.push(match (row.op, want) {
            (All | Exists | ExistsOne | Filter | Find, _) => Type::Bool,
            (Map | TransformList, Type::List(of, _)) => (**of).clone(),
            (TransformMap, Type::Map(_, of)) => (**of).clone(),
            (TransformMapEntry, map) => map.clone(),
            (GroupBy, Type::Map(key, _)) => (**key).clone(),
            (DistinctBy, _) => self.ty(1),
            _ => u::ordered(self.tape, self.dialect),
        });
        Some(self.scoped(|me| {
            let vars = match row.vars {
                1 => vec![me.bind(first)],
                _ => vec![me.bind(first), me.bind(second)],
            };
            let bodies = bodies.iter().map(|ty| me.expr(ty, depth)).collect();
            Expr::Macro { op: row.op, over: boxed(over), vars, bodies }
        }))
    }

    pub(super) fn some_call(&mut self, want: &Type, depth: usize) -> Made {
        let fitting: Vec<&'static Overload> = overloads()
            .filter(|row| {
                (self.dialect == Dialect::Flow || cel_has(row) && (!numbers_only(row) || is_number(want)))
                    && unify(&row.result, want, &mut Binds::default())
            })
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let row = *self.tape.pick(&fitting);
        let mut binds = Binds::default();
        unify(&row.result, want, &mut binds);
        // Chains of sums to the left are long now and then.
        if self.tape.chance(4) && row.params.len() == 2 && row.params[0] == row.result {
            let mut left = self.call(row, &mut binds.clone(), depth, false);
            for _ in 0..30 {
                let right = self.arg(row, 1, &mut binds.clone(), 0);
                left = Expr::Call { function: row.id.into(), args: vec![left, right] };
            }
            return Some(left);
        }
        // By its name a call may be of another row: only where the arguments' kinds say which is the type of it known.
        let is_plain = |sig: &Sig| {
            use Sig::*;
            matches!(sig, Bool | Int | Uint | Float | String | Bytes | Duration | Timestamp)
        };
        let by_name =
            self.dialect == Dialect::Flow && row.params.iter().all(is_plain) && self.tape.chance(10);
        Some(self.call(row, &mut binds, depth, by_name))
    }

    pub(super) fn call(
        &mut self,
        row: &'static Overload,
        binds: &mut Binds,
        depth: usize,
        by_name: bool,
    ) -> Expr {
        let count = row.params.len() + if row.variadic { self.tape.below(3) } else { 0 };
        let args = (0..count).map(|index| self.arg(row, index, binds, depth)).collect();
        Expr::Call { function: if by_name { row.name.into() } else { row.id.into() }, args }
    }

    pub(super) fn arg(
        &mut self,
        row: &'static Overload,
        index: usize,
        binds: &mut Binds,
        depth: usize,
    ) -> Expr {
        let Some(sig) = row.param(index) else { return Expr::Const(Value::Null) };
        if row.id == "index_json" && index == 1 {
            return if self.tape.chance(50) { self.one_of(&NAMES) } else { self.small(depth) };
        }
        let ty = self.of_sig(sig, binds);
        if ty == Type::STRING
            && let Some(pool) = hint(row.name, index)
            && !self.tape.chance(20)
        {
            return self.one_of(pool);
        }
        if matches!(ty, Type::Int(_)) && index > 0 && row.params[0] != Sig::Int && self.tape.chance(75) {
            return self.small(depth);
        }
        self.expr(&ty, depth)
    }

    /// The type of a parameter; variables that nothing has bound yet are bound by chance.
    pub(super) fn of_sig(&mut self, sig: &Sig, binds: &mut Binds) -> Type {
        let list = |ty: Type| Type::list(ty);
        match sig {
            Sig::Null => Type::Null,
            Sig::Bool => Type::Bool,
            Sig::Int => Type::INT,
            Sig::Uint => Type::Uint,
            Sig::Float => Type::FLOAT,
            Sig::String => Type::STRING,
            Sig::Bytes => Type::Bytes,
            Sig::Duration => Type::Duration,
            Sig::Timestamp => Type::Timestamp,
            Sig::Json => Type::Json,
            Sig::Type => Type::Type,
            Sig::Enum => named("Kind"),
            Sig::Any => self.ty(1),
            Sig::Var(n) | Sig::Ordered(n) => {
                let n = usize::from(*n) % binds.len();
                if binds[n].is_none() {
                    let ty = match sig {
                        Sig::Var(_) => self.ty(1),
                        _ => u::ordered(self.tape, self.dialect),
                    };
                    binds[n] = Some(ty);
                }
                binds[n].clone().unwrap_or(Type::Json)
            }
            Sig::List(of) => list(self.of_sig(of, binds)),
            Sig::Map(key, of) => {
                // A key of a map is no list.
                if let Sig::Var(n) = **key {
                    let key = u::key(self.tape, self.dialect);
                    binds[usize::from(n) % 4].get_or_insert(key);
                }
                Type::map(self.of_sig(key, binds), self.of_sig(of, binds))
            }
            Sig::Nullable(of) => self.of_sig(of, binds).nullable(),
            Sig::Optional(of) => Type::Optional(Arc::new(self.of_sig(of, binds))),
        }
    }

    /// A call that is resolved when it runs, of values that nobody typed.
    pub(super) fn dynamic(&mut self, want: &Type, depth: usize) -> Made {
        let rows: Vec<&'static Overload> = overloads()
            .filter(|row| *want == Type::Json || unify(&row.result, want, &mut Binds::default()))
            .collect();
        if rows.is_empty() || !matches!(want, Type::Json | Type::Bool) {
            return None;
        }
        let row = *self.tape.pick(&rows);
        let mut binds = Binds::default();
        let args = (0..row.params.len())
            .map(|index| match self.tape.below(3) {
                0 => self.arg(row, index, &mut binds, depth),
                _ => self.expr(&Type::Json, depth),
            })
            .collect();
        Some(Expr::Call { function: row.name.into(), args })
    }
}
