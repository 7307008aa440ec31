//! Sizes that the checker carries through operations hold for the values that the interpreter gives: programs are
//! generated, their expressions evaluated over generated values, and each value is held against the type that was inferred.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use flow_check::{Body, Symbol, Unit};
use flow_diagnostics::Severity;
use flow_expr::{Env, Meter, Slots, eval};
use flow_ir::plan::Statement;
use flow_ir::types::Size;
use flow_ir::{Type, Value};
use flow_source::FileId;
use smol_str::SmolStr;

const PROGRAMS: u64 = 60;
const EXPRESSIONS: usize = 30;
const FRAMES: usize = 12;

const HEAD: &str = "flow main(s: string(..6), t: string(2..4), u: string, xs: [string(..5)](1..3), ys: [string], \
                    ns: [int(-20..5)](..4), n: int(0..3), k: int, b: bool) -> string {\n";

/// A small generator of numbers: the same seeds give the same programs everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len() as u64) as usize]
    }

    fn int(&mut self, depth: u32) -> String {
        match self.below(if depth == 0 { 4 } else { 6 }) {
            0 => "n".into(),
            1 => "k".into(),
            2 => self.below(5).to_string(),
            3 => "1".into(),
            4 => format!("{}.size()", self.text(depth - 1)),
            _ => format!("({} + {})", self.int(depth - 1), self.int(depth - 1)),
        }
    }

    fn text(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.pick(&["s", "t", "u", "\"\"", "\"a\"", "\"b, c\"", "\"né\""]).into();
        }
        let of = self.text(depth - 1);
        match self.below(20) {
            0 => format!("({of} + {})", self.text(depth - 1)),
            1 => format!("{of}.upperAscii()"),
            2 => format!("{of}.trim()"),
            3 => format!("{of}.truncate({})", self.int(depth - 1)),
            4 => format!("{of}.substring({})", self.int(depth - 1)),
            5 => format!("{of}.substring({}, {})", self.int(depth - 1), self.int(depth - 1)),
            6 => format!("{of}.charAt({})", self.int(depth - 1)),
            7 => format!("{of}.replace({}, {})", self.text(depth - 1), self.text(depth - 1)),
            8 => format!("{of}.replace({}, {}, {})", self.text(0), self.text(depth - 1), self.int(0)),
            9 => format!("{}.join({of})", self.list(depth - 1)),
            10 => format!("{}.join(\"; \")", self.ints(depth - 1)),
            11 => format!("string({})", self.int(depth - 1)),
            12 => format!("\"<${{{of}}} ${{{}}}>\"", self.int(depth - 1)),
            13 => format!("(b ? {of} : {})", self.text(depth - 1)),
            14 => format!("{of}.slug()"),
            15 => format!("{of}.reverse()"),
            16 => format!("strings.quote({of})"),
            17 => format!("({}.first() ?? {of})", self.list(depth - 1)),
            18 => format!("{}.join()", self.list(depth - 1)),
            _ => format!("string({})", self.pick(&["b", "1.5", "n > 2", "k"])),
        }
    }

    fn list(&mut self, depth: u32) -> String {
        if depth == 0 {
            return self.pick(&["xs", "ys", "[\"a\"]", "[s, \"b\"]", "[t, u]"]).into();
        }
        let of = self.list(depth - 1);
        match self.below(20) {
            0 => format!("({of} + {})", self.list(depth - 1)),
            1 => format!("{of}.take({})", self.int(depth - 1)),
            2 => format!("{of}.skip({})", self.int(depth - 1)),
            3 => format!("{of}.slice({}, {})", self.int(0), self.int(depth - 1)),
            4 => format!("{of}.reverse()"),
            5 => format!("{of}.sort()"),
            6 => format!("{of}.distinct()"),
            7 => format!("{of}.filter(x, x.size() > {})", self.int(depth - 1)),
            8 => format!("{of}.map(x, x + {})", self.text(depth - 1)),
            9 => format!("{of}.map(x, b, x + \"!\")"),
            10 => format!("{of}.sort_by(x, x.size())"),
            11 => format!("{of}.distinct_by(x, x.size())"),
            12 => format!("{of}.groups({}).map(g, g.join(\"\"))", self.int(depth - 1)),
            13 => format!("{of}.groups({}).flatten()", self.int(depth - 1)),
            14 => format!("{}.split({})", self.text(depth - 1), self.text(depth - 1)),
            15 => format!("{}.split({}, {})", self.text(depth - 1), self.text(0), self.int(depth - 1)),
            16 => format!("{}.lines()", self.text(depth - 1)),
            17 => format!("{}.words()", self.text(depth - 1)),
            18 => format!("{}.pieces({})", self.text(depth - 1), self.int(depth - 1)),
            _ => format!("(b ? {of} : {})", self.list(depth - 1)),
        }
    }

    fn ints(&mut self, depth: u32) -> String {
        match self.below(4) {
            0 => "ns".into(),
            1 => format!("lists.range({})", self.int(depth)),
            2 => format!("{}.map(x, x.size())", self.list(depth)),
            _ => "ns.filter(x, x > 0)".into(),
        }
    }

    fn some_text(&mut self, least: u64, most: u64) -> Value {
        let length = least + self.below(most - least + 1);
        let letters = ["a", "b", " ", ",", "\n", "é", "\"", "…", "Z", "\\"];
        let text: String = (0..length).map(|_| self.pick(&letters)).collect();
        Value::string(text)
    }

    fn some_list(&mut self, least: u64, most: u64, longest: u64) -> Value {
        let length = least + self.below(most - least + 1);
        Value::list((0..length).map(|_| self.some_text(0, longest)).collect())
    }

    fn value(&mut self, name: &str) -> Value {
        match name {
            "s" => self.some_text(0, 6),
            "t" => self.some_text(2, 4),
            "u" => self.some_text(0, 12),
            "xs" => self.some_list(1, 3, 5),
            "ys" => self.some_list(0, 7, 9),
            "ns" => {
                let length = self.below(5);
                Value::list((0..length).map(|_| Value::Int(self.below(26) as i64 - 20)).collect())
            }
            "n" => Value::Int(self.below(4) as i64),
            "k" => Value::Int(self.below(9) as i64 - 2),
            "b" => Value::Bool(self.below(2) == 0),
            _ => Value::Null,
        }
    }
}

/// Whether a value has the size that its type says, and so have its parts.
fn holds(value: &Value, ty: &Type) -> bool {
    let within = |count: usize, size: &Size| size.contains(count as u64);
    match (value, ty) {
        (Value::String(text), Type::String(size)) => within(text.chars().count(), size),
        (Value::List(items), Type::List(of, size)) => {
            within(items.len(), size) && items.iter().all(|item| holds(item, of))
        }
        (Value::Map(map), Type::Map(_, of)) => map.values().all(|item| holds(item, of)),
        (Value::Null, Type::Nullable(_)) => true,
        (value, Type::Nullable(of)) => holds(value, of),
        _ => true,
    }
}

fn bounded(ty: &Type) -> bool {
    matches!(ty, Type::String(size) | Type::List(_, size) if size.max.is_some())
}

#[test]
fn sizes_that_are_carried_are_true() {
    let (mut evaluated, mut with_bound) = (0, 0);
    for seed in 1..=PROGRAMS {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut source = String::from(HEAD);
        for number in 0..EXPRESSIONS {
            let depth = 1 + random.below(3) as u32;
            let expression = if random.below(2) == 0 { random.text(depth) } else { random.list(depth) };
            let _ = writeln!(source, "  let r{number} = {expression}");
        }
        source.push_str("  return \"\"\n}\n");
        let (tree, problems) = flow_syntax::parse(FileId(0), &source);
        assert!(problems.is_empty(), "{problems:?}\n{source}");
        let unit = Unit {
            name: SmolStr::from("main.flow"),
            tree: Arc::new(tree),
            broken: HashSet::new(),
            imports: HashMap::new(),
        };
        let checked = flow_check::check(&[unit], false);
        let errors = checked.diagnostics.iter().filter(|found| found.severity() == Severity::Error);
        let errors: Vec<String> = errors.map(|found| found.message.clone()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{source}");
        let main = Symbol { module: "main.flow".into(), name: "main".into() };
        let Body::Flow(flow) = &checked.items[&main].body else { panic!("no flow") };
        for _ in 0..FRAMES {
            let frame: Vec<Value> = flow.slots.iter().map(|slot| random.value(&slot.name)).collect();
            for statement in &flow.blocks[flow.body as usize].body {
                let Statement::Set { slot, value } = statement else { continue };
                let slot = &flow.slots[*slot as usize];
                let meter = Meter::default();
                let types = &checked.program.types;
                let env = Env { frame: &Slots(&frame), ..Env::bare(types, &meter) };
                let Ok(result) = eval(value, &env) else { continue };
                evaluated += 1;
                with_bound += usize::from(bounded(&slot.ty));
                assert!(
                    holds(&result, &slot.ty),
                    "`{}` is {result:?}, which is no `{}`\n{frame:?}\n{source}",
                    slot.name,
                    slot.ty
                );
            }
        }
    }
    assert!(evaluated > 5_000 && with_bound > 2_000, "{evaluated} evaluated, {with_bound} bounded");
}
