//! The named types that programs are made over, types of chance, and values of a type.

use std::sync::{Arc, LazyLock};

use flow_ir::expr::Expr;
use flow_ir::json::{enum_shape, record_shape};
use flow_ir::types::*;
use flow_ir::value::{EnumShape, EnumValue as EnumPick, Key, MediaSource, MediaValue, RecordValue, Shape};
use flow_ir::{Type, TypeDef, TypeDefs, Value};
use indexmap::IndexMap;

use super::tape::Tape;

fn field(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty, trust: None, doc: String::new() }
}

pub fn named(name: &str) -> Type {
    Type::Named(name.into())
}

fn of(name: &str, body: TypeBody) -> (TypeName, TypeDef) {
    (name.into(), TypeDef { name: name.into(), doc: String::new(), body })
}

fn record(name: &str, fields: Vec<Field>) -> (TypeName, TypeDef) {
    of(name, TypeBody::Record { record: Arc::new(Record { fields }), rule: None })
}

fn enumeration(name: &str, values: &[&str]) -> (TypeName, TypeDef) {
    let value = |name: &&str| EnumValue { name: (*name).into(), doc: String::new() };
    of(name, TypeBody::Enum { values: values.iter().map(value).collect() })
}

/// `type Small = int where it < 100`.
fn small() -> Arc<Where> {
    let rule =
        Expr::Call { function: "less_int".into(), args: vec![Expr::Slot(0), Expr::Const(Value::Int(100))] };
    Arc::new(Where { base: Type::INT, text: "it < 100".into(), rule })
}

/// The named types: records, one with a rule, one with itself inside, enums, a union, aliases.
pub static TYPES: LazyLock<TypeDefs> = LazyLock::new(|| {
    let rule = Expr::Call { function: "less_int".into(), args: vec![Expr::Slot(1), Expr::Slot(2)] };
    let span = Arc::new(Record { fields: vec![field("first", Type::INT), field("last", Type::INT)] });
    let rule = Where { base: Type::Record(span.clone()), text: "first < last".into(), rule };
    [
        enumeration("Kind", &["billing", "bug", "other"]),
        enumeration("Level", &["low", "high"]),
        record(
            "Item",
            vec![
                field("price", Type::FLOAT),
                field("name", Type::STRING),
                field("count", Type::INT),
                field("kind", named("Kind")),
                field("tags", Type::list(Type::STRING)),
            ],
        ),
        record(
            "Review",
            vec![
                field("score", Type::Float(FloatRange { min: Some(0.0), max: Some(10.0) })),
                field("note", Type::STRING.nullable()),
                field("tags", Type::List(Arc::new(Type::STRING), Size { min: None, max: Some(5) })),
                field("item", named("Item").nullable()),
                field("done", Type::Bool),
            ],
        ),
        of("Span", TypeBody::Record { record: span, rule: Some(Arc::new(rule)) }),
        record("Reply", vec![field("text", Type::STRING), field("count", Type::INT)]),
        record("Stop", vec![]),
        record("Wait", vec![field("time", Type::Duration), field("until", Type::Timestamp.nullable())]),
        of("Action", TypeBody::Union { members: vec!["Reply".into(), "Stop".into(), "Wait".into()] }),
        record(
            "Data",
            vec![
                field("data", Type::Json),
                field("raw", Type::Bytes),
                field("sizes", Type::map(Type::STRING, Type::INT)),
            ],
        ),
        record("Tree", vec![field("value", Type::INT), field("children", Type::list(named("Tree")))]),
        of("Lang", TypeBody::Alias { ty: Type::String(Size { min: Some(2), max: Some(40) }) }),
        of("Small", TypeBody::Alias { ty: Type::Where(small()) }),
    ]
    .into_iter()
    .collect()
});

/// The members of `Action`.
pub const MEMBERS: [&str; 3] = ["Reply", "Stop", "Wait"];

static SHAPES: LazyLock<IndexMap<TypeName, Arc<Shape>>> = LazyLock::new(|| {
    TYPES.keys().filter_map(|name| Some((name.clone(), record_shape(&TYPES, name)?))).collect()
});
static ENUMS: LazyLock<IndexMap<TypeName, Arc<EnumShape>>> = LazyLock::new(|| {
    TYPES.keys().filter_map(|name| Some((name.clone(), enum_shape(&TYPES, name)?))).collect()
});

pub fn shape(name: &str) -> Option<Arc<Shape>> {
    SHAPES.get(name).cloned()
}

pub fn enum_of(name: &str) -> Option<Arc<EnumShape>> {
    ENUMS.get(name).cloned()
}

/// A type without aliases and refinements at its outermost place: what decides how it is generated.
pub fn resolved(ty: &Type) -> Type {
    match ty {
        Type::Named(name) => match TYPES.get(name).map(|def| &def.body) {
            Some(TypeBody::Alias { ty }) => resolved(ty),
            _ => ty.clone(),
        },
        other => other.base(),
    }
}

/// Whether a value of the one type is one of the other.
pub fn same(have: &Type, want: &Type) -> bool {
    match (&resolved(have), &resolved(want)) {
        (Type::List(have, _), Type::List(want, _))
        | (Type::Nullable(have), Type::Nullable(want))
        | (Type::Optional(have), Type::Optional(want)) => same(have, want),
        (Type::Map(key, value), Type::Map(want_key, want_value)) => {
            same(key, want_key) && same(value, want_value)
        }
        (have, want) => have == want,
    }
}

/// The fields of a record type, named or not.
pub fn fields_of(ty: &Type) -> Option<Vec<Field>> {
    match resolved(ty) {
        Type::Record(record) => Some(record.fields.clone()),
        Type::Named(name) => match &TYPES.get(&name)?.body {
            TypeBody::Record { record, .. } => Some(record.fields.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// The shape of a record type, named or not.
pub fn shape_of(ty: &Type) -> Option<Arc<Shape>> {
    match resolved(ty) {
        Type::Record(record) => {
            let fields = record.fields.iter().map(|field| field.name.clone()).collect();
            Some(Arc::new(Shape { name: None, tag: None, fields }))
        }
        Type::Named(name) => shape(&name),
        _ => None,
    }
}

pub fn is_enum(ty: &Type) -> bool {
    matches!(ty, Type::Named(name) if ENUMS.contains_key(name))
}

/// What a type may be, and what programs must not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Everything.
    #[default]
    Flow,
    /// What plain CEL has as well: no records, enums, unions, refinements, null beside values.
    Cel,
}

pub fn ordered(tape: &mut Tape, dialect: Dialect) -> Type {
    let all = [
        Type::INT,
        Type::FLOAT,
        Type::STRING,
        Type::Bool,
        Type::Uint,
        Type::Duration,
        Type::Timestamp,
        Type::Bytes,
        named("Kind"),
    ];
    tape.pick(if dialect == Dialect::Cel { &all[..8] } else { &all }).clone()
}

pub fn key(tape: &mut Tape, dialect: Dialect) -> Type {
    let all = [Type::STRING, Type::INT, Type::Bool, Type::Uint, named("Level")];
    tape.pick(if dialect == Dialect::Cel { &all[..4] } else { &all }).clone()
}

pub fn ty(tape: &mut Tape, depth: usize, dialect: Dialect) -> Type {
    let scalar = |tape: &mut Tape| match dialect {
        Dialect::Cel if tape.chance(10) => Type::Json,
        _ => ordered(tape, dialect),
    };
    if depth == 0 || !tape.chance(60) {
        return scalar(tape);
    }
    let inner = |tape: &mut Tape| ty(tape, depth - 1, dialect);
    if dialect == Dialect::Cel {
        return match tape.below(6) {
            0 => scalar(tape),
            1 | 2 => Type::list(inner(tape)),
            3 | 4 => Type::map(key(tape, dialect), inner(tape)),
            _ => Type::Optional(Arc::new(inner(tape))),
        };
    }
    match tape.below(16) {
        0 => Type::Json,
        1 => Type::Int(IntRange { min: Some(1), max: Some(5) }),
        2 | 3 => Type::list(inner(tape)),
        4 => Type::map(key(tape, dialect), inner(tape)),
        5 => Type::Optional(Arc::new(inner(tape))),
        6 => match inner(tape) {
            ty @ (Type::Optional(_) | Type::Type) => ty,
            ty => ty.nullable(),
        },
        7 => Type::Literals([Literal::String("ok".into()), Literal::String("done".into())].into()),
        8 => Type::Record(Arc::new(Record { fields: vec![field("a", Type::INT), field("b", inner(tape))] })),
        9 => named(tape.pick::<&str>(&["Lang", "Small"])),
        10 => Type::Where(small()),
        11 => Type::Type,
        12 if tape.chance(30) => Type::Media(Media::Image),
        _ => named(tape.pick::<&str>(&[
            "Item", "Review", "Span", "Action", "Reply", "Data", "Tree", "Kind", "Level", "Stop", "Wait",
        ])),
    }
}

const INTS: [i64; 24] = [
    0,
    1,
    -1,
    2,
    3,
    7,
    8,
    10,
    20,
    63,
    64,
    65,
    100,
    i64::MAX,
    i64::MIN,
    i64::MAX - 1,
    i64::MIN + 1,
    1 << 53,
    (1 << 53) + 1,
    i32::MAX as i64,
    i32::MIN as i64,
    u32::MAX as i64,
    3_037_000_500,
    253_402_300_799,
];

const FLOATS: [f64; 30] = [
    0.0,
    1.0,
    -1.0,
    0.5,
    -0.0,
    2.5,
    8.0,
    10.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MIN_POSITIVE,
    5e-324,
    f64::MAX,
    f64::MIN,
    f64::EPSILON,
    9_007_199_254_740_992.0,
    9_007_199_254_740_994.0,
    9_223_372_036_854_775_807.0,
    -9_223_372_036_854_775_808.0,
    9_223_372_036_854_774_784.0,
    18_446_744_073_709_551_616.0,
    18_446_744_073_709_549_568.0,
    1e21,
    1e-7,
    9.999e20,
    -2.5,
    0.1,
    1e300,
    -1.5,
];

pub const TEXTS: [&str; 30] = [
    "",
    "a",
    "ok",
    "done",
    "b",
    "ab",
    "a,b,c",
    "item-1",
    " x y ",
    "Straße",
    "e\u{301}",
    "日本語",
    "🎉🎊",
    "\u{0}",
    "true",
    "0",
    "-1",
    "12",
    "1.5",
    "A-Z",
    "billing",
    "low",
    "line\nline\r\nend",
    "\"quoted\\\"",
    "don't",
    "exactly sixty-four bytes of text, which a comparison has for free",
    "more than sixty-four bytes of text, so that a comparison of it is charged by its row",
    "\u{fffd}\u{10ffff}",
    "2024-02-29T12:00:00Z",
    "90s",
];

pub fn int(tape: &mut Tape) -> i64 {
    match tape.below(10) {
        0..=5 => tape.below(12) as i64,
        6 => *tape.pick(&INTS),
        7 | 8 => tape.below(200) as i64 - 100,
        _ => tape.bits() as i64 >> tape.below(64),
    }
}

pub fn float(tape: &mut Tape) -> f64 {
    match tape.below(4) {
        0 => tape.below(40) as f64 / 4.0,
        1 => *tape.pick(&FLOATS),
        2 => (tape.below(2000) as f64 - 1000.0) / 8.0,
        _ => f64::from_bits(tape.bits()),
    }
}

pub fn text(tape: &mut Tape) -> String {
    match tape.below(5) {
        0..=2 => (*tape.pick(&TEXTS)).to_owned(),
        3 => (0..tape.below(9))
            .map(|_| *tape.pick(&['a', 'b', ' ', 'ß', '日', '🎉', ',', '-', 'Z', '0']))
            .collect(),
        _ => tape.pick(&TEXTS).repeat(tape.below(5)),
    }
}

fn timestamp(tape: &mut Tape) -> jiff::Timestamp {
    const EDGES: [(i64, i32); 10] = [
        (0, 0),
        (1_709_208_000, 0),
        (-62_135_596_800, 0),
        (253_402_300_799, 999_999_999),
        (-1, 0),
        (-1, -1),
        (1_711_846_800, 123_456_789),
        (951_782_400, 0),
        (-2_208_988_800, 0),
        (1_729_990_800, 500_000_000),
    ];
    let (second, nano) = match tape.below(3) {
        2 => (tape.bits() as i64 % 200_000_000_000, tape.below(1000) as i32 * 1_000_000),
        _ => *tape.pick(&EDGES),
    };
    let least = if nano == 0 { -62_135_596_800 } else { -62_135_596_799 };
    let second = second.clamp(least, 253_402_300_799);
    let nano = if second < 0 { -nano.abs() } else { nano };
    jiff::Timestamp::new(second, nano).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

fn duration(tape: &mut Tape) -> i64 {
    match tape.below(3) {
        0 => tape.below(100) as i64 * 1_000_000_000,
        1 => *tape.pick(&[
            0,
            1,
            -1,
            1_500_000_000,
            90_000_000_000,
            -2_000_000,
            3_600_000_000_000,
            i64::MAX,
            i64::MIN,
            86_400_000_000_000,
        ]),
        _ => int(tape),
    }
}

fn bytes(tape: &mut Tape) -> Arc<[u8]> {
    match tape.below(3) {
        0 => tape.pick(&TEXTS).as_bytes().into(),
        1 => (0..tape.below(5)).map(|_| tape.word() as u8).collect(),
        _ => text(tape).into_bytes().into(),
    }
}

/// A value of a type. `size` bounds how much is in it.
pub fn value(ty: &Type, tape: &mut Tape, size: usize, dialect: Dialect) -> Value {
    match &resolved_but_refined(ty) {
        Type::Null | Type::Error | Type::Never => Value::Null,
        Type::Bool => Value::Bool(tape.chance(50)),
        Type::Int(range) => Value::Int(match range.min {
            Some(min) => min + tape.below((range.max.unwrap_or(min) - min + 1) as usize) as i64,
            None => int(tape),
        }),
        Type::Uint => Value::Uint(match tape.below(4) {
            0 | 1 => tape.below(12) as u64,
            2 => {
                *tape.pick(&[0, 1, u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, 1 << 53, u32::MAX as u64])
            }
            _ => int(tape) as u64,
        }),
        Type::Float(range) => match range.min {
            Some(_) => Value::Float(tape.below(41) as f64 / 4.0),
            None => Value::Float(float(tape)),
        },
        Type::String(size) if size.min.is_some() => {
            Value::string(tape.pick(&["de", "fr", "日本", "tlh-Latn"]))
        }
        Type::String(_) => Value::string(text(tape)),
        Type::Bytes => Value::Bytes(bytes(tape)),
        Type::Duration => Value::Duration(duration(tape)),
        Type::Timestamp => Value::Timestamp(timestamp(tape)),
        Type::Json if dialect == Dialect::Cel || tape.chance(25) => dynamic(tape, size.min(3), dialect),
        Type::Json => json(tape, size.min(3)),
        Type::Media(kind) => Value::Media(Arc::new(MediaValue {
            kind: *kind,
            mime: "image/png".into(),
            source: match tape.below(2) {
                0 => MediaSource::Url("https://example.com/a.png".into()),
                _ => MediaSource::Bytes(bytes(tape)),
            },
        })),
        Type::List(of, bounds) => {
            let count = match bounds.max {
                Some(max) => tape.below(max as usize + 1),
                None if size < 2 => tape.below(3),
                None if tape.chance(5) => 10 + tape.below(60),
                None => tape.below(7),
            };
            Value::list((0..count).map(|_| value(of, tape, size / 2, dialect)).collect())
        }
        Type::Map(key, of) => {
            let count = if size < 2 { tape.below(3) } else { tape.below(6) };
            let entry = |tape: &mut Tape| {
                let key = match value(key, tape, 1, dialect) {
                    // Few keys, so that a look-up finds some.
                    Value::String(_) => Key::String((*tape.pick(&TEXTS[..8])).into()),
                    Value::Int(_) => Key::Int(tape.below(8) as i64),
                    // Both forms of a small uint stand in maps: as written, and as the int that it equals.
                    Value::Uint(number) if dialect == Dialect::Flow && tape.chance(30) => Key::Uint(number),
                    Value::Uint(_) => Key::Int(tape.below(8) as i64),
                    other => Key::from_value(&other).unwrap_or(Key::Int(0)),
                };
                (key, value(of, tape, size / 2, dialect))
            };
            Value::Map(Arc::new((0..count).map(|_| entry(tape)).collect()))
        }
        Type::Nullable(of) => match tape.below(3) {
            0 => Value::Null,
            _ => value(of, tape, size, dialect),
        },
        Type::Optional(of) => match tape.below(3) {
            0 => Value::Optional(None),
            _ => Value::Optional(Some(Arc::new(value(of, tape, size, dialect)))),
        },
        Type::Literals(literals) => match tape.pick(literals) {
            Literal::String(text) => Value::string(text),
            Literal::Int(number) => Value::Int(*number),
            Literal::Bool(value) => Value::Bool(*value),
        },
        Type::Type => Value::Type((*tape.pick(&["int", "string", "list", "Item", "null_type"])).into()),
        Type::Where(rule) => match rule.base {
            Type::Int(_) => Value::Int(tape.below(120) as i64 - 20),
            _ => value(&rule.base, tape, size, dialect),
        },
        Type::Record(_) => record_value(ty, tape, size, dialect),
        Type::Named(name) => match &TYPES.get(name).expect("a type of the universe").body {
            TypeBody::Enum { .. } => {
                let shape = enum_of(name).expect("an enum has a shape");
                let index = tape.below(shape.values.len()) as u32;
                Value::Enum(EnumPick { shape, index })
            }
            TypeBody::Union { members } => {
                let member = tape.pick(members).clone();
                record_value(&Type::Named(member), tape, size, dialect)
            }
            TypeBody::Record { .. } if &**name == "Span" => {
                let first = tape.below(50) as i64;
                let last = first + 1 + tape.below(5) as i64;
                let slots = vec![Value::Int(first), Value::Int(last)];
                Value::Record(Arc::new(RecordValue {
                    shape: shape("Span").expect("a record has a shape"),
                    slots,
                }))
            }
            _ => record_value(ty, tape, size, dialect),
        },
    }
}

/// Aliases are followed; refinements stay, since values must satisfy them.
fn resolved_but_refined(ty: &Type) -> Type {
    match ty {
        Type::Named(name) => match TYPES.get(name).map(|def| &def.body) {
            Some(TypeBody::Alias { ty }) => resolved_but_refined(ty),
            _ => ty.clone(),
        },
        other => other.clone(),
    }
}

fn record_value(ty: &Type, tape: &mut Tape, size: usize, dialect: Dialect) -> Value {
    let (Some(fields), Some(shape)) = (fields_of(ty), shape_of(ty)) else { return Value::Null };
    let recursive = matches!(ty, Type::Named(name) if name == "Tree");
    let slot = |field: &Field, tape: &mut Tape| match &field.ty {
        Type::List(..) if recursive && size < 2 => Value::list(Vec::new()),
        ty => value(ty, tape, size / 2, dialect),
    };
    let slots = fields.iter().map(|field| slot(field, tape)).collect();
    Value::Record(Arc::new(RecordValue { shape, slots }))
}

/// The names that dynamic maps have.
pub const NAMES: [&str; 8] = ["score", "name", "tags", "a", "b", "price", "items", "first"];

fn json(tape: &mut Tape, size: usize) -> Value {
    match tape.below(if size == 0 { 7 } else { 10 }) {
        0 => Value::Null,
        1 => Value::Bool(tape.chance(50)),
        2 | 3 => Value::Int(int(tape)),
        4 => Value::Float(match float(tape) {
            number if number.is_finite() => number,
            _ => 0.5,
        }),
        5 | 6 => Value::string(text(tape)),
        7 => Value::list((0..tape.below(5)).map(|_| json(tape, size - 1)).collect()),
        _ => {
            let entry = |tape: &mut Tape| (Key::String((*tape.pick(&NAMES)).into()), json(tape, size - 1));
            Value::Map(Arc::new((0..tape.below(6)).map(|_| entry(tape)).collect()))
        }
    }
}

/// Any value at all, as an expression that nobody typed may hold: keys of all kinds in one map.
fn dynamic(tape: &mut Tape, size: usize, dialect: Dialect) -> Value {
    match tape.below(8) {
        0 => json(tape, size),
        1 if size > 0 => {
            let entry = |tape: &mut Tape| {
                let key = match tape.below(4) {
                    0 => Key::String((*tape.pick(&NAMES)).into()),
                    1 => Key::Int(tape.below(5) as i64),
                    2 => Key::Bool(tape.chance(50)),
                    _ if dialect == Dialect::Cel => Key::Int(-1),
                    _ => Key::Uint(tape.bits()),
                };
                (key, dynamic(tape, size - 1, dialect))
            };
            Value::Map(Arc::new((0..tape.below(5)).map(|_| entry(tape)).collect()))
        }
        2 if size > 0 => Value::list((0..tape.below(5)).map(|_| dynamic(tape, size - 1, dialect)).collect()),
        _ => {
            let of = match dialect {
                Dialect::Cel => ordered(tape, dialect),
                Dialect::Flow => ty(tape, size.min(1), dialect),
            };
            if of == Type::Json { json(tape, size) } else { value(&of, tape, size, dialect) }
        }
    }
}
