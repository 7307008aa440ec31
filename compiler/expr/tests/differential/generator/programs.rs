//! Programs of chance: well-typed expressions over typed slots, with the program's code.

use std::sync::Arc;

use flow_expr::functions::{MACROS, MacroRow, Overload, Sig, overloads};
use flow_ir::expr::*;
use flow_ir::{Type, Value};

use super::hints::cel_has;
use super::tape::Tape;
use super::universe::{self as u, Dialect, named, resolved, same};

/// A program: expressions that are compiled as one unit.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub codes: Vec<Code>,
    pub slots: Vec<Type>,
    pub units: Vec<Expr>,
    /// Whether some values aren't of their static types: what no checker lets through, and no back end may trust.
    pub lies: bool,
    pub dialect: Dialect,
    /// Whether the first expression is what was asked for.
    pub hit: bool,
}

/// What the first expression of a program is, so that everything is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Row(usize),
    Macro(usize),
    Node(usize),
}

/// The nodes and their forms, by the names that the census counts them by.
pub const NODES: [&str; 34] = [
    "const",
    "slot",
    "local",
    "run_id",
    "run_started_at",
    "field",
    "field_optional",
    "index",
    "index_optional",
    "has",
    "list",
    "list_optional",
    "map",
    "map_optional",
    "map_spread",
    "record",
    "update",
    "enum",
    "call_by_name",
    "code",
    "and",
    "or",
    "if",
    "coalesce",
    "let",
    "match_enum",
    "match_variant",
    "match_scalar",
    "is",
    "cast",
    "widen",
    "template",
    "template_directives",
    "fail",
];

impl Target {
    /// As many as there are; the nth is `Target::nth(n)`.
    pub fn count() -> usize {
        overloads().count() + MACROS.len() + NODES.len()
    }

    pub fn nth(index: usize) -> Target {
        let rows = overloads().count();
        match index % Target::count() {
            index if index < rows => Target::Row(index),
            index if index < rows + MACROS.len() => Target::Macro(index - rows),
            index => Target::Node(index - rows - MACROS.len()),
        }
    }

    /// `row add_int`, `macro map 1 2`, `node let`.
    pub fn name(self) -> String {
        match self {
            Target::Row(row) => format!("row {}", overloads().nth(row).expect("a row").id),
            Target::Macro(row) => {
                let row = &MACROS[row];
                format!("macro {} of {} variables and {} bodies", row.name, row.vars, row.bodies)
            }
            Target::Node(node) => format!("node {}", NODES[node]),
        }
    }
}

/// Makes a program out of choices.
pub fn program(tape: &mut Tape, target: Target, dialect: Dialect) -> Program {
    let lies = dialect == Dialect::Flow && tape.chance(10);
    let mut maker = Maker {
        tape,
        slots: Vec::new(),
        codes: Vec::new(),
        locals: Vec::new(),
        next: 0,
        budget: 0,
        lies,
        dialect,
        in_code: false,
    };
    for _ in 0..3 + maker.tape.below(8) {
        let ty = u::ty(maker.tape, 2, dialect);
        maker.slots.push(ty);
    }
    if dialect == Dialect::Flow {
        for index in 0..maker.tape.below(4) {
            let code = maker.code_body(index);
            maker.codes.push(code);
        }
    }
    let mut units = Vec::new();
    let mut hit = false;
    for index in 0..1 + maker.tape.below(3) {
        (maker.locals, maker.next) = (Vec::new(), 0);
        maker.budget = [12, 30, 60, 140][maker.tape.below(4)];
        // What is asked for is often small, so that it has a value.
        let depth = if index == 0 { 1 + maker.tape.below(5) } else { 2 + maker.tape.below(5) };
        let unit = if index == 0 { maker.target(target, depth) } else { None };
        hit |= unit.is_some();
        units.push(unit.unwrap_or_else(|| {
            let want = u::ty(maker.tape, 2, dialect);
            let want = if maker.tape.chance(40) { Type::Bool } else { want };
            maker.expr(&want, depth)
        }));
    }
    let Maker { slots, codes, .. } = maker;
    Program { codes, slots, units, lies, dialect, hit }
}

mod calls;
mod forms;

struct Maker<'t> {
    tape: &'t mut Tape,
    slots: Vec<Type>,
    codes: Vec<Code>,
    /// The variables in scope.
    locals: Vec<(LocalId, Type)>,
    next: LocalId,
    /// How many nodes may still be made.
    budget: i32,
    lies: bool,
    dialect: Dialect,
    in_code: bool,
}

type Made = Option<Expr>;
type Binds = [Option<Type>; 4];

fn boxed(expr: Expr) -> Box<Expr> {
    Box::new(expr)
}

impl Maker<'_> {
    fn ty(&mut self, depth: usize) -> Type {
        u::ty(self.tape, depth, self.dialect)
    }

    fn one_of(&mut self, texts: &[&str]) -> Expr {
        Expr::text(self.tape.pick::<&str>(texts))
    }

    fn constant(&mut self, want: &Type) -> Expr {
        Expr::Const(u::value(want, self.tape, 3, self.dialect))
    }

    fn bind(&mut self, ty: Type) -> LocalId {
        let local = self.next;
        self.next += 1;
        self.locals.push((local, ty));
        local
    }

    /// Makes something that sees more variables than what is around it.
    fn scoped<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        let (seen, next) = (self.locals.len(), self.next);
        let made = make(self);
        self.locals.truncate(seen);
        // Variables that stand beside each other may have one number.
        if self.tape.chance(20) {
            self.next = next;
        }
        made
    }

    /// A slot, a variable, a field of one, or a constant.
    fn leaf(&mut self, want: &Type) -> Expr {
        if self.lies && self.tape.chance(8) {
            let other = self.ty(1);
            return self.plain_leaf(&other);
        }
        self.plain_leaf(want)
    }

    fn plain_leaf(&mut self, want: &Type) -> Expr {
        let mut found = Vec::new();
        for (local, ty) in &self.locals {
            paths(Expr::Local(*local), ty, want, 2, &mut found);
        }
        if !self.in_code {
            for (slot, ty) in self.slots.iter().enumerate() {
                paths(Expr::Slot(slot as u32), ty, want, 2, &mut found);
            }
        }
        if found.is_empty() || !self.tape.chance(75) {
            return self.constant(want);
        }
        let index = self.tape.below(found.len());
        found.swap_remove(index)
    }

    /// An expression of a type.
    fn expr(&mut self, want: &Type, depth: usize) -> Expr {
        self.budget -= 1;
        if depth == 0 || self.budget <= 0 || !self.tape.chance(82) {
            return self.leaf(want);
        }
        let want = resolved(want);
        for _ in 0..5 {
            if let Some(made) = self.production(&want, depth - 1) {
                return made;
            }
        }
        self.leaf(&want)
    }

    fn production(&mut self, want: &Type, depth: usize) -> Made {
        let choice = self.tape.below(30);
        if self.dialect == Dialect::Cel {
            return match choice {
                0..=11 => self.some_call(want, depth),
                12 | 13 => Some(self.if_(want, depth)),
                14..=16 => self.index(want, depth),
                17..=19 => self.logic(want, depth),
                20..=23 => self.some_macro(want, depth),
                24..=26 => self.literal(want, depth),
                27 => self.has(want, depth),
                _ => Some(self.leaf(want)),
            };
        }
        match choice {
            0..=7 => self.some_call(want, depth),
            8 => Some(self.if_(want, depth)),
            9 => self.coalesce(want, depth),
            10 => Some(self.let_(want, depth)),
            11 => Some(self.match_(want, depth)),
            12 | 13 => self.index(want, depth),
            14 | 15 => self.field(want, depth),
            16 => self.code(want, depth),
            17 => self.cast(want, depth),
            18 | 19 => self.widen(want, depth),
            20 | 21 => self.logic(want, depth),
            22..=24 => self.some_macro(want, depth),
            25..=27 => self.literal(want, depth),
            28 => self.dynamic(want, depth),
            _ if self.tape.chance(15) => Some(self.fail()),
            _ => self.has(want, depth),
        }
    }

    fn bool(&mut self, depth: usize) -> Expr {
        self.expr(&Type::Bool, depth)
    }

    /// Mostly a small number, since most ints are indices and sizes.
    fn small(&mut self, depth: usize) -> Expr {
        match self.tape.below(4) {
            0..=2 => Expr::Const(Value::Int(self.tape.below(4) as i64)),
            _ => self.expr(&Type::INT, depth),
        }
    }

    /// An expression with the target at its root.
    fn target(&mut self, target: Target, depth: usize) -> Made {
        let depth = depth - 1;
        match target {
            Target::Row(index) => {
                let row = overloads().nth(index)?;
                if self.dialect == Dialect::Cel && !cel_has(row) {
                    return None;
                }
                // Parameters first, since they bind what the result is.
                let mut binds = Binds::default();
                if row.params.iter().any(|sig| matches!(sig, Sig::Map(..))) {
                    row.params.iter().for_each(|sig| drop(self.of_sig(sig, &mut binds)));
                    let mut again = Binds::default();
                    if let Some(Sig::Map(key, _)) = row.params.iter().find(|sig| matches!(sig, Sig::Map(..)))
                        && let Sig::Var(n) = **key
                    {
                        again[usize::from(n) % 4] = Some(u::key(self.tape, self.dialect));
                    }
                    binds = again;
                }
                if self.dialect == Dialect::Cel && numbers_only(row) {
                    binds[0] = Some(self.tape.pick(&[Type::INT, Type::FLOAT, Type::Uint]).clone());
                }
                Some(self.call(row, &mut binds, depth, false))
            }
            Target::Macro(index) => {
                let row = &MACROS[index];
                let want = self.result_of(row);
                self.macro_row(row, &want, depth)
            }
            Target::Node(node) if self.dialect == Dialect::Flow => self.node(NODES[node], depth),
            Target::Node(_) => None,
        }
    }

    fn result_of(&mut self, row: &MacroRow) -> Type {
        use MacroOp::*;
        let of = self.ty(1);
        match row.op {
            All | Exists | ExistsOne => Type::Bool,
            Map | TransformList | Filter | SortBy | DistinctBy => Type::list(of),
            Find | MinBy | MaxBy => Type::Optional(Arc::new(of)),
            TransformMap | TransformMapEntry => Type::map(u::key(self.tape, self.dialect), of),
            GroupBy => Type::map(u::key(self.tape, self.dialect), Type::list(of)),
        }
    }

    fn node(&mut self, node: &str, depth: usize) -> Made {
        let ty = self.ty(1);
        match node {
            "const" => Some(self.constant(&ty)),
            "slot" => Some(Expr::Slot(self.tape.below(self.slots.len() + 1) as u32)),
            "local" => {
                let value = boxed(self.expr(&ty, depth));
                let local = self.bind(ty);
                Some(Expr::Let { local, value, body: boxed(Expr::Local(local)) })
            }
            "run_id" => Some(Expr::Run(RunValue::Id)),
            "run_started_at" => Some(Expr::Run(RunValue::StartedAt)),
            "field" => self.field(&Type::STRING, depth),
            "field_optional" => {
                let of = boxed(self.expr(&named("Review"), depth));
                Some(Expr::Field { of, index: self.tape.below(5) as u32, optional: true })
            }
            "index" => self.index(&ty, depth),
            "index_optional" => {
                let of = boxed(self.expr(&Type::list(ty), depth));
                Some(Expr::Index { of, key: boxed(self.small(depth)), optional: true })
            }
            "has" => self.has(&Type::Bool, depth),
            "list" => Some(self.list(&ty, depth)),
            "list_optional" => {
                let value = self.expr(&Type::Optional(Arc::new(ty.clone())), depth);
                let more = Item { value: self.expr(&ty, depth), optional: false };
                Some(Expr::List(vec![Item { value, optional: true }, more]))
            }
            "map" => {
                let key = u::key(self.tape, self.dialect);
                Some(self.map(&key, &ty, depth))
            }
            "map_optional" => {
                let value = self.expr(&Type::Optional(Arc::new(ty)), depth);
                Some(Expr::Map(vec![Entry::Pair {
                    key: self.key(&Type::STRING, depth),
                    value,
                    optional: true,
                }]))
            }
            "map_spread" => {
                let of = match self.tape.below(2) {
                    0 => named("Item"),
                    _ => Type::map(Type::STRING, ty.clone()),
                };
                let spread = Entry::Spread(self.expr(&of, depth));
                let pair = Entry::Pair {
                    key: self.key(&Type::STRING, depth),
                    value: self.expr(&ty, depth),
                    optional: false,
                };
                Some(Expr::Map(vec![spread, pair]))
            }
            "record" => {
                let name = *self.tape.pick(&["Item", "Review", "Span", "Reply", "Wait", "Data", "Tree"]);
                self.record(&named(name), depth)
            }
            "update" => {
                let name = *self.tape.pick(&["Item", "Review", "Span", "Reply", "Data"]);
                self.update(&named(name), depth)
            }
            "enum" => self.literal(&named("Kind"), depth),
            "call_by_name" => self.dynamic(&Type::Json, depth),
            "code" => match self.codes.len() {
                0 => None,
                count => {
                    let returns = self.codes[self.tape.below(count)].returns.clone();
                    self.code(&resolved(&returns), depth)
                }
            },
            "and" => Some(Expr::And(boxed(self.bool(depth)), boxed(self.bool(depth)))),
            "or" => Some(Expr::Or(boxed(self.bool(depth)), boxed(self.bool(depth)))),
            "if" => Some(self.if_(&ty, depth)),
            "coalesce" => self.coalesce(&ty, depth),
            "let" => Some(self.let_(&ty, depth)),
            "match_enum" => Some(self.match_enum(&ty, depth)),
            "match_variant" => Some(self.match_variant(&ty, depth)),
            "match_scalar" => Some(self.match_scalar(&ty, depth)),
            "is" => self.is(depth),
            "cast" => {
                let ty = resolved(&ty);
                self.cast(if is_json(&ty) { &ty } else { &Type::INT }, depth)
            }
            "widen" => {
                let ty = resolved(&ty);
                self.widen(&ty, depth).or_else(|| self.widen(&Type::FLOAT, depth))
            }
            "template" => Some(Expr::Template(self.pieces(depth, false))),
            "template_directives" => Some(Expr::Template(self.pieces(depth.max(1), true))),
            "fail" => Some(self.fail()),
            other => unreachable!("{other} is no node"),
        }
    }
}

/// What plain CEL has for numbers alone.
fn numbers_only(row: &Overload) -> bool {
    matches!(row.name, "math.least" | "math.greatest")
}

fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Int(_) | Type::Uint | Type::Float(_))
}

/// Whether values of a type are written as JSON.
fn is_json(ty: &Type) -> bool {
    match ty {
        Type::Uint | Type::Optional(_) | Type::Type | Type::Never | Type::Error => false,
        Type::List(of, _) | Type::Nullable(of) => is_json(of),
        Type::Map(key, of) => !matches!(**key, Type::Uint) && is_json(of),
        Type::Record(record) => record.fields.iter().all(|field| is_json(&field.ty)),
        _ => true,
    }
}

/// How many variables a body numbers.
fn bound(expr: &Expr) -> u32 {
    fn pieces(all: &[Piece]) -> u32 {
        let of = |piece: &Piece| match piece {
            Piece::For { index, item, body, .. } => {
                (*item + 1).max(index.map_or(0, |index| index + 1)).max(pieces(body))
            }
            Piece::If { then, otherwise, .. } => pieces(then).max(pieces(otherwise)),
            Piece::Text(_) | Piece::Splice { .. } => 0,
        };
        all.iter().map(of).max().unwrap_or(0)
    }
    let mut most = match expr {
        Expr::Macro { vars, .. } => vars.iter().map(|local| local + 1).max().unwrap_or(0),
        Expr::Let { local, .. } => local + 1,
        Expr::Match { local, arms, .. } => {
            let binds = arms.iter().flat_map(|arm| &arm.binds).map(|(_, local)| local + 1);
            binds.chain([local + 1]).max().unwrap_or(0)
        }
        Expr::Template(all) => pieces(all),
        _ => 0,
    };
    expr.children(&mut |child| most = most.max(bound(child)));
    most
}

/// What of a variable or slot has a type: itself, and fields behind it.
fn paths(at: Expr, ty: &Type, want: &Type, depth: usize, found: &mut Vec<Expr>) {
    if same(ty, want) {
        found.push(at.clone());
    }
    if depth == 0 {
        return;
    }
    for (index, field) in u::fields_of(ty).unwrap_or_default().iter().enumerate() {
        let of = boxed(at.clone());
        paths(Expr::Field { of, index: index as u32, optional: false }, &field.ty, want, depth - 1, found);
    }
}

/// Whether a row's result may be of a type; binds its variables.
fn unify(sig: &Sig, ty: &Type, binds: &mut Binds) -> bool {
    let ty = resolved(ty);
    match (sig, &ty) {
        (Sig::Null, Type::Null)
        | (Sig::Bool, Type::Bool)
        | (Sig::Int, Type::Int(_))
        | (Sig::Uint, Type::Uint)
        | (Sig::Float, Type::Float(_))
        | (Sig::String, Type::String(_))
        | (Sig::Bytes, Type::Bytes)
        | (Sig::Duration, Type::Duration)
        | (Sig::Timestamp, Type::Timestamp)
        | (Sig::Json, Type::Json)
        | (Sig::Type, Type::Type)
        | (Sig::Any, Type::Json) => true,
        (Sig::Enum, ty) => u::is_enum(ty),
        (Sig::Var(n) | Sig::Ordered(n), ty) => {
            let is_ordered = matches!(
                ty,
                Type::Bool
                    | Type::Int(_)
                    | Type::Uint
                    | Type::Float(_)
                    | Type::String(_)
                    | Type::Bytes
                    | Type::Duration
                    | Type::Timestamp
            );
            if matches!(sig, Sig::Ordered(_)) && !is_ordered && !u::is_enum(ty) {
                return false;
            }
            match &mut binds[usize::from(*n) % 4] {
                Some(bound) => same(bound, ty),
                empty => {
                    *empty = Some(ty.clone());
                    true
                }
            }
        }
        (Sig::List(of), Type::List(ty, _)) => unify(of, ty, binds),
        (Sig::Map(key, of), Type::Map(key_ty, ty)) => unify(key, key_ty, binds) && unify(of, ty, binds),
        (Sig::Nullable(of), Type::Nullable(ty)) | (Sig::Optional(of), Type::Optional(ty)) => {
            unify(of, ty, binds)
        }
        _ => false,
    }
}
