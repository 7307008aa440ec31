//! Functions of other languages, and what is written here.

use flow_ir::Type;
use flow_source::Span;
use flow_syntax::tree::Arg;

use crate::cx::Cx;

/// What is written instead of a function of another language. `{0}` is its first argument or what it is called on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instead {
    /// What is wanted: "the size of a text, list or map".
    pub what: &'static str,
    /// What is written; with `…` in it, there is more to say than can be replaced.
    pub form: &'static str,
    /// The number of arguments that the form takes, a receiver included.
    takes: usize,
}

const fn instead(what: &'static str, form: &'static str, takes: usize) -> Instead {
    Instead { what, form, takes }
}

const SIZE: Instead = instead("the size of a text, list or map", "{0}.size()", 1);
const TEXT: Instead = instead("a value as a text", "string({0})", 1);
const SORT: Instead = instead("a sorted list", "{0}.sort()", 1);
const JOINED: Instead = instead("a longer list", "{0} + [{1}]", 2);
const UPPER: Instead = instead("a text in capitals", "{0}.upperAscii()", 1);
const LOWER: Instead = instead("a text in small letters", "{0}.lowerAscii()", 1);
const INT: Instead = instead("a number read from a text", "int({0})", 1);
const FLOAT: Instead = instead("a number read from a text", "float({0})", 1);
const SHOWN: Instead = instead("what a run shows", "what its flow returns: `return …`", 0);
const RANGE: Instead = instead("a list of numbers", "lists.range({0})", 1);

/// Calls of other languages: `len(xs)`.
const CALLS: [(&str, Instead); 31] = [
    ("len", SIZE),
    ("length", SIZE),
    ("count", SIZE),
    ("print", SHOWN),
    ("println", SHOWN),
    ("log", SHOWN),
    ("str", TEXT),
    ("toString", TEXT),
    ("to_string", TEXT),
    ("parseInt", INT),
    ("parse_int", INT),
    ("parseFloat", FLOAT),
    ("parse_float", FLOAT),
    ("sorted", SORT),
    ("reversed", instead("a list turned around", "{0}.reverse()", 1)),
    ("sum", instead("a sum", "{0}.sum()", 1)),
    ("mean", instead("a mean", "{0}.mean()", 1)),
    ("avg", instead("a mean", "{0}.mean()", 1)),
    ("min", instead("the least of two numbers", "math.least({0}, {1})", 2)),
    ("max", instead("the greatest of two numbers", "math.greatest({0}, {1})", 2)),
    ("range", RANGE),
    ("any", instead("whether it holds for some element", "xs.exists(x, …)", 0)),
    ("enumerate", instead("a walk with an index", "`for i, x in xs { … }`", 0)),
    ("zip", instead("two lists together", "`xs.transformList(i, x, … ys[i] …)`", 0)),
    ("isinstance", instead("which member of a union a value is", "`v is Member`", 0)),
    ("typeof", instead("which member of a union a value is", "`v is Member`", 0)),
    ("json_dumps", instead("a value as JSON", "to_json({0})", 1)),
    ("dumps", instead("a value as JSON", "to_json({0})", 1)),
    ("is_null", instead("whether a value is null", "{0} == null", 1)),
    ("isNull", instead("whether a value is null", "{0} == null", 1)),
    ("concat", instead("two texts or lists together", "{0} + {1}", 2)),
];

/// Methods of other languages: `text.upper()`.
const METHODS: [(&str, Instead); 58] = [
    ("len", SIZE),
    ("length", SIZE),
    ("count", SIZE),
    ("isEmpty", instead("whether there is nothing in it", "{0}.size() == 0", 1)),
    ("is_empty", instead("whether there is nothing in it", "{0}.size() == 0", 1)),
    ("toUpperCase", UPPER),
    ("upper", UPPER),
    ("uppercase", UPPER),
    ("to_upper", UPPER),
    ("toUpper", UPPER),
    ("toLowerCase", LOWER),
    ("lower", LOWER),
    ("lowercase", LOWER),
    ("to_lower", LOWER),
    ("toLower", LOWER),
    ("strip", instead("a text without white space at its ends", "{0}.trim()", 1)),
    ("trimmed", instead("a text without white space at its ends", "{0}.trim()", 1)),
    ("substr", instead("a part of a text", "{0}.substring(from, to)", 0)),
    ("replaceAll", instead("a text with parts replaced", "{0}.replace({1}, {2})", 3)),
    ("replace_all", instead("a text with parts replaced", "{0}.replace({1}, {2})", 3)),
    ("splitlines", instead("the lines of a text", "{0}.lines()", 1)),
    ("split_lines", instead("the lines of a text", "{0}.lines()", 1)),
    ("find_index", instead("where a text occurs", "{0}.indexOf({1})", 2)),
    ("findIndex", instead("where a text occurs", "{0}.indexOf({1})", 2)),
    ("formatted", instead("a text with values in it", "`\"… ${value} …\"`", 0)),
    (
        "capitalize",
        instead("the first letter in capitals", "{0}.substring(0, 1).upperAscii() + {0}.substring(1)", 1),
    ),
    ("push", JOINED),
    ("append", JOINED),
    ("add", JOINED),
    ("concat", instead("two texts or lists together", "{0} + {1}", 2)),
    ("extend", instead("two lists together", "{0} + {1}", 2)),
    ("includes", instead("whether a list holds a value", "{1} in {0}", 2)),
    ("some", instead("whether it holds for some element", "{0}.exists({1}, {2})", 3)),
    ("any", instead("whether it holds for some element", "{0}.exists({1}, {2})", 3)),
    ("every", instead("whether it holds for all elements", "{0}.all({1}, {2})", 3)),
    ("forEach", instead("a walk", "`for x in xs { … }`", 0)),
    ("for_each", instead("a walk", "`for x in xs { … }`", 0)),
    ("each", instead("a walk", "`for x in xs { … }`", 0)),
    ("reduce", instead("a value made of all elements", "`sum`, `join`, `min_by`, …, or state and `for`", 0)),
    ("fold", instead("a value made of all elements", "`sum`, `join`, `min_by`, …, or state and `for`", 0)),
    ("flatMap", instead("the elements of all lists", "{0}.map({1}, {2}).flatten()", 3)),
    ("flat_map", instead("the elements of all lists", "{0}.map({1}, {2}).flatten()", 3)),
    ("flat", instead("the elements of all lists", "{0}.flatten()", 1)),
    ("sorted", SORT),
    ("orderBy", instead("a list in order of a key", "{0}.sort_by({1}, {2})", 3)),
    ("order_by", instead("a list in order of a key", "{0}.sort_by({1}, {2})", 3)),
    ("reversed", instead("a list turned around", "{0}.reverse()", 1)),
    ("unique", instead("each element once", "{0}.distinct()", 1)),
    ("uniq", instead("each element once", "{0}.distinct()", 1)),
    ("drop", instead("all but the first elements", "{0}.skip({1})", 2)),
    ("limit", instead("the first elements", "{0}.take({1})", 2)),
    ("head", instead("the first element, an optional,", "{0}.first()", 1)),
    ("avg", instead("the mean of numbers", "{0}.mean()", 1)),
    ("average", instead("the mean of numbers", "{0}.mean()", 1)),
    ("toString", TEXT),
    ("to_string", TEXT),
    ("keys", instead("the list of a map's keys", "{0}.map(k, k)", 1)),
    ("values", instead("the list of a map's values", "{0}.transformList(k, v, v)", 1)),
];

/// Returns what is written for a call of another language.
pub(super) fn call(name: &str) -> Option<Instead> {
    CALLS.iter().find(|(habit, _)| *habit == name).map(|(_, instead)| *instead)
}

/// Returns what is written for a method of another language, where the value it is called on allows it.
pub(super) fn method(name: &str, ty: &Type) -> Option<Instead> {
    let base = ty.base();
    let (list, text, map) =
        (matches!(base, Type::List(..)), matches!(base, Type::String(_)), matches!(base, Type::Map(..)));
    if name == "includes" && text {
        return Some(instead("whether a text holds another", "{0}.contains({1})", 2));
    }
    if matches!(name, "get" | "items" | "entries") && map {
        return Some(match name {
            "get" => instead("an entry that may be missing", "{0}[?{1}]", 2),
            _ => instead("a walk over the entries of a map", "`for k, v in m max 50 { … }`", 0),
        });
    }
    let found = METHODS.iter().find(|(habit, _)| *habit == name).map(|(_, instead)| *instead)?;
    let fits = match name {
        "keys" | "values" => map,
        "count" | "len" | "length" | "isEmpty" | "is_empty" => list || text || map,
        "concat" => list || text,
        "toString" | "to_string" => !list && !map,
        "reversed" => list || text,
        _ if found.form.contains("Ascii()") || found.form.contains("trim()") => text,
        "substr" | "replaceAll" | "replace_all" | "splitlines" | "split_lines" | "find_index"
        | "findIndex" | "formatted" => text,
        _ => list,
    };
    fits.then_some(found)
}

/// Returns the function that is a property elsewhere: `xs.length`.
pub(super) fn property(name: &str) -> Option<&'static str> {
    match name {
        "length" | "len" | "count" | "size" => Some("size()"),
        _ => None,
    }
}

impl Instead {
    /// Writes the form with what is called on and what is given; where that is missing, with names of its own.
    pub fn shown(&self, cx: &Cx, receiver: Option<Span>, args: &[Arg]) -> String {
        if self.form.contains('`') {
            return self.form.to_string();
        }
        let mut given = receiver.into_iter().chain(args.iter().map(|arg| arg.value.span));
        let mut form = self.form.to_string();
        for (place, other) in [("{0}", "x"), ("{1}", "y"), ("{2}", "z")] {
            let text = given.next().map_or(other, |span| cx.shown(span));
            form = form.replace(place, text);
        }
        format!("`{form}`")
    }

    /// Writes what replaces a call.
    pub fn written(&self, cx: &Cx, args: &[Arg]) -> Option<String> {
        let texts: Vec<&str> = args.iter().map(|arg| cx.text(arg.value.span)).collect();
        let plain = args.iter().all(|arg| arg.name.is_none());
        self.filled(&texts).filter(|_| plain)
    }

    /// Writes what replaces a call on a value.
    pub fn written_on(&self, cx: &Cx, receiver: &str, args: &[Arg]) -> Option<String> {
        let plain = args.iter().all(|arg| arg.name.is_none());
        let texts: Vec<&str> =
            std::iter::once(receiver).chain(args.iter().map(|arg| cx.text(arg.value.span))).collect();
        self.filled(&texts).filter(|_| plain)
    }

    /// Only where the texts stand by themselves: what binds looser than a call would need brackets.
    fn filled(&self, texts: &[&str]) -> Option<String> {
        let simple = |text: &&str| {
            let word = |c: char| c.is_alphanumeric() || "_.\"[]".contains(c);
            text.chars().all(word) || !self.form.starts_with("{0}") && !self.form.contains(" ")
        };
        if texts.len() != self.takes || self.takes == 0 || !texts.iter().all(simple) {
            return None;
        }
        let operator = self.form.contains(" + ") || self.form.contains(" == ") || self.form.contains(" in ");
        let mut form = self.form.to_string();
        for (index, text) in texts.iter().enumerate() {
            form = form.replace(&format!("{{{index}}}"), text);
        }
        Some(if operator { format!("({form})") } else { form })
    }
}
