//! The static cost of an expression, held against what the meter counts.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

mod support;

use std::sync::Arc;

use flow_expr::functions::{Overload, Sig, overloads};
use flow_expr::{Cost, Env, Meter, Slots, cost, eval};
use flow_ir::expr::{Expr, Item, MacroOp, Piece};
use flow_ir::types::{IntRange, Size};
use flow_ir::value::{EnumShape, EnumValue, Key};
use flow_ir::{Type, TypeDefs, Value};

/// Numbers from a seed, the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Texts from nothing to some hundred bytes, so that units of 64 bytes count.
fn text(dice: &mut Dice) -> String {
    let parts = [
        "a",
        "b,",
        "é ",
        "🙂",
        "(",
        "\\",
        "1",
        " \n",
        "x+",
        "%s",
        "%d%%",
        "long enough to count for something",
    ];
    let count = dice.pick(&[0, 1, 2, 5, 20, 200]);
    (0..count).map(|_| dice.pick(&parts)).collect()
}

fn kind(dice: &mut Dice) -> Value {
    let values = ["billing".into(), "bug".into()].into();
    Value::Enum(EnumValue {
        shape: Arc::new(EnumShape { name: "Kind".into(), values }),
        index: dice.below(2) as u32,
    })
}

fn scalar(dice: &mut Dice) -> Value {
    match dice.below(9) {
        0 => Value::Null,
        1 => Value::Bool(dice.below(2) == 0),
        2 => Value::Uint(dice.below(4)),
        3 => Value::Float(dice.pick(&[0.0, 1.5, -2.0, 1e300, f64::NAN])),
        4 | 5 => Value::string(text(dice)),
        6 => Value::Bytes(text(dice).into_bytes().into()),
        7 => Value::Duration(dice.next() as i64),
        _ => Value::Int(dice.pick(&[-1, 0, 1, 2, 3, 70, i64::MAX])),
    }
}

fn any(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 1 } else { 4 }) {
        0 | 1 => scalar(dice),
        2 => {
            let count = dice.below(5);
            Value::list((0..count).map(|_| any(dice, depth - 1)).collect())
        }
        _ => {
            let count = dice.below(4);
            let entries = (0..count).map(|_| (Key::String(text(dice).into()), any(dice, depth - 1)));
            Value::Map(Arc::new(entries.collect()))
        }
    }
}

/// A value that a parameter takes. Variables are bound to one kind of value per call.
fn value(sig: &Sig, bound: &[Sig; 2], dice: &mut Dice) -> Value {
    match sig {
        Sig::Null => Value::Null,
        Sig::Bool => Value::Bool(dice.below(2) == 0),
        Sig::Int => Value::Int(dice.pick(&[-1, 0, 1, 2, 3, 7, 64, i64::MAX, i64::MIN])),
        Sig::Uint => Value::Uint(dice.pick(&[0, 1, 5, u64::MAX])),
        Sig::Float => Value::Float(dice.pick(&[0.0, -1.5, 2.0, 1e300, f64::INFINITY])),
        Sig::String => Value::string(text(dice)),
        Sig::Bytes => Value::Bytes(text(dice).into_bytes().into()),
        Sig::Duration => Value::Duration(dice.next() as i64 / 4),
        Sig::Timestamp => Value::Timestamp(jiff::Timestamp::UNIX_EPOCH),
        Sig::Type => Value::Type("int".into()),
        Sig::Enum => kind(dice),
        Sig::Any | Sig::Json => any(dice, 3),
        Sig::Var(n) | Sig::Ordered(n) => value(&bound[usize::from(*n)], bound, dice),
        Sig::List(of) => {
            let count = dice.pick(&[0, 1, 3, 20]);
            Value::list((0..count).map(|_| value(of, bound, dice)).collect())
        }
        Sig::Map(key, of) => {
            let count = dice.pick(&[0, 1, 3, 20]);
            let entries = (0..count).filter_map(|_| {
                let key = Key::from_value(&value(key, bound, dice))?;
                Some((key, value(of, bound, dice)))
            });
            Value::Map(Arc::new(entries.collect()))
        }
        Sig::Nullable(of) => match dice.below(3) {
            0 => Value::Null,
            _ => value(of, bound, dice),
        },
        Sig::Optional(of) => match dice.below(3) {
            0 => Value::Optional(None),
            _ => Value::Optional(Some(Arc::new(value(of, bound, dice)))),
        },
    }
}

/// A type that a value is of: as narrow as it may be, or wider.
fn type_of(value: &Value, dice: &mut Dice) -> Type {
    let mut size = |count: u64| match dice.below(4) {
        0 => Size::default(),
        1 => Size { min: None, max: Some(count + dice.below(100)) },
        2 => Size { min: Some(count / 2), max: Some(count * 2) },
        _ => Size { min: Some(count), max: Some(count) },
    };
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(number) => Type::Int(IntRange {
            min: Some(number.saturating_sub(dice.below(3) as i64)),
            max: Some(number.saturating_add(dice.below(3) as i64)),
        }),
        Value::Uint(_) => Type::Uint,
        Value::Float(_) => Type::FLOAT,
        Value::String(text) => Type::String(size(text.chars().count() as u64)),
        Value::Bytes(_) => Type::Bytes,
        Value::Duration(_) => Type::Duration,
        Value::Timestamp(_) => Type::Timestamp,
        Value::List(items) => {
            let size = size(items.len() as u64);
            let mut types: Vec<Type> = items.iter().map(|item| type_of(item, dice)).collect();
            let of = match types.pop() {
                None => Type::Bool,
                Some(first) => types.iter().fold(first, joined),
            };
            Type::List(of.into(), size)
        }
        _ => Type::Json,
    }
}

fn joined(a: Type, b: &Type) -> Type {
    let wide = |a: Size, b: Size| Size {
        min: Some(a.min.unwrap_or(0).min(b.min.unwrap_or(0))),
        max: a.max.zip(b.max).map(|(a, b)| a.max(b)),
    };
    match (a, b) {
        (Type::String(a), Type::String(b)) => Type::String(wide(a, *b)),
        (Type::Int(_), Type::Int(_)) => Type::INT,
        (Type::List(a, from), Type::List(b, to)) => {
            Type::List(joined((*a).clone(), b).into(), wide(from, *to))
        }
        (a, b) if a == *b => a,
        _ => Type::Json,
    }
}

/// Evaluates an expression and holds its charge against its cost. Returns the cost.
fn check(expr: &Expr, slots: &[Value], types: &[Type]) -> (Cost, bool) {
    let defs = TypeDefs::new();
    let limit = 1_000_000;
    let meter = Meter::new(limit);
    let result = eval(expr, &Env { frame: &Slots(slots), ..Env::bare(&defs, &meter) });
    let (used, told) = (limit - meter.left(), cost(expr, types, &[], &defs));
    let ran_out = meter.left() == 0;
    assert!(
        told.max.is_none_or(|max| used <= max || ran_out && max >= limit),
        "{used} units are more than {told}\n{expr:?}\n{slots:?}\n{types:?}"
    );
    if result.is_ok() {
        assert!(told.min <= used, "{used} units are less than {told}\n{expr:?}\n{slots:?}\n{types:?}");
    }
    (told, result.is_ok())
}

#[test]
fn every_row_charges_within_its_cost() {
    let mut dice = Dice(1);
    let bindings = [
        Sig::Int,
        Sig::String,
        Sig::Float,
        Sig::Bytes,
        Sig::Uint,
        Sig::Bool,
        Sig::Duration,
        Sig::List(&Sig::String),
        Sig::Json,
    ];
    let mut unlimited = Vec::new();
    for row in overloads() {
        let (mut known, mut worked) = (false, false);
        for round in 0..300 {
            let bound = [bindings[round % bindings.len()], dice.pick(&bindings)];
            let (slots, types, expr) = call(row, &bound, &mut dice);
            let (told, ok) = check(&expr, &slots, &types);
            known |= told.max.is_some();
            worked |= ok;
        }
        assert!(worked, "{} never gave a value", row.id);
        if !known {
            unlimited.push(row.id);
        }
    }
    // What a search costs is not known, nor how long the JSON of a value is.
    assert_eq!(
        unlimited,
        ["matches_string", "regex_extract", "regex_extract_all", "regex_replace", "regex_replace_some"]
    );
}

fn call(row: &Overload, bound: &[Sig; 2], dice: &mut Dice) -> (Vec<Value>, Vec<Type>, Expr) {
    let more = if row.variadic { dice.below(3) as usize } else { 0 };
    let count = row.params.len() + more;
    let mut slots: Vec<Value> =
        (0..count).map(|index| value(row.param(index).unwrap_or(&Sig::Null), bound, dice)).collect();
    // Where anything would do, something that works now and then.
    if matches!(
        row.id,
        "regex_extract" | "regex_extract_all" | "regex_replace" | "regex_replace_some" | "matches_string"
    ) {
        slots[1] = Value::string(dice.pick(&["a", "a+b?", "(long)", "[^a]*", "("]));
    }
    if row.id == "index_json" && dice.below(2) == 0 {
        slots = vec![Value::list(vec![any(dice, 2)]), Value::Int(0)];
    }
    if row.id.starts_with("format_time") {
        slots[1] = Value::string(dice.pick(&[
            "%Y-%m-%d",
            "%H",
            "long %A, the %d of %B, and more of it %Y %Y %Y %Y %Y %Y",
        ]));
    }
    if row.id.ends_with("_zone") && dice.below(2) == 0 {
        let last = slots.len() - 1;
        slots[last] = Value::string("Europe/Berlin");
    }
    if dice.below(2) == 0 {
        for slot in &mut slots {
            if let Value::String(text) = slot {
                let read = ["7", "true", "2026-01-31T12:00:00Z", "90s", "aGVsbG8="];
                if matches!(row.params, [Sig::String]) && row.style != flow_expr::functions::Style::Method {
                    *slot = Value::string(dice.pick(&read));
                } else if text.contains('%') && row.id == "format_string" {
                    *slot = Value::string("%s and %s");
                }
            }
        }
    }
    let types: Vec<Type> = slots.iter().map(|slot| type_of(slot, dice)).collect();
    let args = slots
        .iter()
        .enumerate()
        .map(|(index, slot)| match dice.below(4) {
            0 => Expr::Const(slot.clone()),
            _ => Expr::Slot(index as u32),
        })
        .collect();
    (slots, types, Expr::Call { function: row.id.into(), args })
}

/// What a generated expression gives.
#[derive(Clone, Copy, PartialEq)]
enum Want {
    Int,
    Bool,
    Text,
    Ints,
    Texts,
}

struct Program {
    dice: Dice,
    locals: Vec<(u32, Want)>,
    next: u32,
}

impl Program {
    fn apply(&mut self, id: &str, args: &[Want], depth: usize) -> Expr {
        Expr::Call { function: id.into(), args: args.iter().map(|want| self.expr(*want, depth)).collect() }
    }

    fn over(&mut self, op: MacroOp, of: Want, bodies: &[Want], depth: usize) -> Expr {
        let over = self.expr(of, depth).into();
        let local = self.next;
        self.next += 1;
        self.locals.push((local, if of == Want::Ints { Want::Int } else { Want::Text }));
        let bodies = bodies.iter().map(|want| self.expr(*want, depth)).collect();
        self.locals.pop();
        Expr::Macro { op, over, vars: vec![local], bodies }
    }

    fn expr(&mut self, want: Want, depth: usize) -> Expr {
        use Want::*;
        if depth == 0 {
            let locals: Vec<u32> =
                self.locals.iter().filter(|(_, own)| *own == want).map(|(local, _)| *local).collect();
            if !locals.is_empty() && self.dice.below(2) == 0 {
                return Expr::Local(self.dice.pick(&locals));
            }
            return match (want, self.dice.below(2)) {
                (Int, 0) => Expr::Const(Value::Int(self.dice.below(9) as i64)),
                (Text, 0) => Expr::text(&text(&mut self.dice)),
                (Int, _) => Expr::Slot(0),
                (Bool, _) => Expr::Const(Value::Bool(self.dice.below(2) == 0)),
                (Text, _) => Expr::Slot(1),
                (Ints, _) => Expr::Slot(2),
                (Texts, _) => Expr::Slot(3),
            };
        }
        let d = depth - 1;
        match self.dice.below(4) {
            0 => {
                return Expr::If {
                    test: self.expr(Bool, d).into(),
                    then: self.expr(want, d).into(),
                    otherwise: self.expr(want, d).into(),
                };
            }
            1 => {
                let of = self.dice.pick(&[Int, Text, Ints, Texts]);
                let value = self.expr(of, d).into();
                let local = self.next;
                self.next += 1;
                self.locals.push((local, of));
                let body = self.expr(want, d).into();
                self.locals.pop();
                return Expr::Let { local, value, body };
            }
            _ => {}
        }
        match (want, self.dice.below(6)) {
            (Int, 0) => self.apply("add_int", &[Int, Int], d),
            (Int, 1) => self.apply("size_string", &[Text], d),
            (Int, 2) => self.apply("size_list", &[Texts], d),
            (Int, 3) => self.apply("sum_int", &[Ints], d),
            (Int, 4) => self.apply("index_of_string", &[Text, Text], d),
            (Int, _) => Expr::Coalesce(
                Box::new(Expr::Macro {
                    op: MacroOp::Find,
                    over: self.expr(Ints, d).into(),
                    vars: vec![{
                        self.next += 1;
                        self.next - 1
                    }],
                    bodies: vec![self.expr(Bool, d)],
                }),
                self.expr(Int, d).into(),
            ),
            (Bool, 0) => self.apply("equals", &[Text, Text], d),
            (Bool, 1) => self.apply("less_string", &[Text, Text], d),
            (Bool, 2) => self.over(MacroOp::All, Ints, &[Bool], d),
            (Bool, 3) => self.over(MacroOp::Exists, Texts, &[Bool], d),
            (Bool, 4) => Expr::And(self.expr(Bool, d).into(), self.expr(Bool, d).into()),
            (Bool, _) => self.apply("equals", &[Texts, Texts], d),
            (Text, 0) => self.apply("add_string", &[Text, Text], d),
            (Text, 1) => self.apply("join_separator", &[Texts, Text], d),
            (Text, 2) => self.apply("upper_ascii", &[Text], d),
            (Text, 3) => self.apply("string_int", &[Int], d),
            (Text, 4) => self.apply("trim_string", &[Text], d),
            (Text, _) => {
                let splice = Piece::Splice { value: self.expr(Text, d), ty: Type::STRING };
                let over = self.expr(Ints, d);
                let item = self.next;
                self.next += 1;
                let body = vec![Piece::Splice { value: Expr::Local(item), ty: Type::INT }];
                Expr::Template(vec![
                    Piece::Text("a".into()),
                    splice,
                    Piece::For { over, index: None, item, body },
                ])
            }
            (Ints, 0) => self.apply("add_list", &[Ints, Ints], d),
            (Ints, 1) => self.over(MacroOp::Map, Texts, &[Int], d),
            (Ints, 2) => self.over(MacroOp::Filter, Ints, &[Bool], d),
            (Ints, 3) => self.over(MacroOp::SortBy, Ints, &[Int], d),
            (Ints, 4) => self.apply("take_list", &[Ints, Int], d),
            (Ints, _) => Expr::List(vec![Item { value: self.expr(Int, d), optional: false }]),
            (Texts, 0) => self.apply("distinct_list", &[Texts], d),
            (Texts, 1) => self.over(MacroOp::Map, Ints, &[Bool, Text], d),
            (Texts, 2) => self.apply("split_string", &[Text, Text], d),
            (Texts, 3) => self.apply("sort_list", &[Texts], d),
            (Texts, 4) => self.apply("words", &[Text], d),
            (Texts, _) => self.over(MacroOp::DistinctBy, Texts, &[Text], d),
        }
    }
}

#[test]
fn every_program_charges_within_its_cost() {
    let programs = 4_000;
    let (mut known, mut exact) = (0, 0);
    for seed in 0..programs {
        let mut dice = Dice(seed);
        let ints = (0..dice.below(6)).map(|_| Value::Int(dice.below(9) as i64)).collect();
        let texts = (0..dice.below(6)).map(|_| Value::string(text(&mut dice))).collect();
        let slots = [
            Value::Int(dice.below(9) as i64),
            Value::string(text(&mut dice)),
            Value::list(ints),
            Value::list(texts),
        ];
        let types: Vec<Type> = slots.iter().map(|slot| type_of(slot, &mut dice)).collect();
        let want = dice.pick(&[Want::Int, Want::Bool, Want::Text, Want::Ints, Want::Texts]);
        let depth = 1 + dice.below(4) as usize;
        let expr = Program { dice, locals: Vec::new(), next: 0 }.expr(want, depth);
        let (told, _) = check(&expr, &slots, &types);
        known += u64::from(told.max.is_some());
        exact += u64::from(told.max == Some(told.min));
    }
    // Bounds that are never told would be bounds that always hold.
    assert!(known * 2 > programs && exact * 10 > programs, "{known} known, {exact} exact");
}

#[test]
fn costs_are_told() {
    let sized = Type::List(
        Type::String(Size { min: None, max: Some(16) }).into(),
        Size { min: Some(2), max: Some(10) },
    );
    let slots = [("n", Type::INT), ("tags", sized), ("s", Type::STRING), ("j", Type::Json)];
    let (names, types): (Vec<&str>, Vec<Type>) = slots.into_iter().unzip();
    for (text, expected) in [
        ("1 + 2", "0 units"),
        ("n > 3 && n < 9", "0 units"),
        ("[1, 2, 3]", "4 units"),
        ("[1, 2, 3].map(x, x + n)", "10 units"),
        ("lists.range(100).all(i, i >= 0)", "102 to 201 units"),
        ("lists.range(100).exists_one(i, i == 3)", "201 units"),
        ("tags.filter(t, t != 'x')", "2 to 20 units"),
        ("tags.join(', ')", "4 to 64 units"),
        ("s.upperAscii()", "2 units or more, without a known end"),
        ("tags.take(2).map(t, t.upperAscii()).join('')", "15 to 31 units"),
        ("j.a.b", "0 units or more, without a known end"),
        ("lists.range(10000000).size() > 0 || true", "0 to 10000001 units"),
    ] {
        let expr = support::dynamic(text, &names).unwrap();
        assert_eq!(cost(&expr, &types, &[], &TypeDefs::new()).to_string(), expected, "{text}");
    }
}
