//! Evals: `eval quality of write_article { cases: "…"  measure score = …  gate "good" score.mean >= 4.0 else fail }`.

use std::collections::BTreeSet;
use std::sync::Arc;

use flow_diagnostics::Code;
use flow_ir::Type;
use flow_ir::types::{Field, Record};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, Literal, ValueKind};
use smol_str::SmolStr;

use crate::cx::{BindingKind, Cx, Place};
use crate::flow::{FlowCheck, Got};
use crate::hash::HashMap;
use crate::node::settings::Kind;
use crate::program::{CallKind, CallSig, Sig};

/// What is measured of every run: its name, and whether it is a time.
const ALWAYS: [(&str, bool); 3] = [("cost", false), ("latency", true), ("tokens", false)];

/// What is known of the many values of a measure.
const STATISTICS: [&str; 14] =
    ["mean", "median", "min", "max", "sum", "stdev", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"];

/// The name of what a case expects, and the one by which an argument takes it as what its parameter is.
const EXPECTED: &str = "expected";
const EXPECTED_AS_NEEDED: &str = "$expected";

/// Checks an eval.
pub(crate) fn check<'a>(mut cx: Cx<'a>, eval: &tree::Eval) -> Cx<'a> {
    let sig = cx.measured(&eval.of);
    let fields = cx.fields(Kind::Eval, &eval.fields);
    for (row, field) in fields.iter() {
        let tree::FieldValue::Expr(expr) = &field.value else { continue };
        match row.name {
            "cases" => cx.cases_file(expr),
            _ => {
                cx.int_setting(expr, row);
            }
        }
    }
    if fields.get("cases").is_none() {
        let help = "name the file of cases, a JSON object per line: `cases: \"cases.jsonl\"`";
        cx.missing_setting(eval.name.span, "an eval", "cases", help);
    }
    let mut measures: HashMap<SmolStr, Span> = HashMap::default();
    for measure in &eval.measures {
        let first = measures.get(&measure.name.text).copied();
        cx.measure_name(&measure.name, first);
        measures.entry(measure.name.text.clone()).or_insert(measure.name.span);
        cx = check_measure(cx, measure, sig.as_deref());
    }
    let mut titles: HashMap<SmolStr, Span> = HashMap::default();
    for gate in &eval.gates {
        if let Some(first) = titles.insert(gate.title.text.clone(), gate.title.span) {
            let (at, first) = (cx.at(gate.title.span), cx.at(first));
            cx.report(crate::program::duplicate(&gate.title.text, at, first));
        }
        cx.gate(gate, &measures);
    }
    cx
}

fn check_measure<'a>(cx: Cx<'a>, measure: &tree::Measure, sig: Option<&CallSig>) -> Cx<'a> {
    let mut check = FlowCheck::loose(cx);
    let mark = check.scope_mark();
    check.cx.bind_case(sig, measure.name.span);
    let value = as_needed(&check, &measure.value);
    let slot = check.slot(measure.name.text.clone(), Type::Error);
    check.hoist = None;
    let got = check.value_of(&value, Some(&measure.name.text), None, Some(slot));
    let ty = match got {
        Got::Pure(typed) => check.storable(typed).1,
        Got::Stored(ty) => ty,
    };
    check.cx.measurable(&ty, measure.value.span);
    check.scope_close(mark);
    check.cx
}

/// `judge(out.body, expected)`: what a case expects is read as what the parameter needs.
fn as_needed(cx: &Cx, value: &tree::Value) -> tree::Value {
    let mut value = value.clone();
    if let ValueKind::Expr(expr) = &mut value.kind {
        read_as_needed(cx, expr);
    }
    value
}

fn read_as_needed(cx: &Cx, expr: &mut tree::Expr) {
    match &mut expr.kind {
        ExprKind::Member(member) => read_as_needed(cx, &mut member.object),
        ExprKind::Index(index) => read_as_needed(cx, &mut index.object),
        ExprKind::Cast(of, _) | ExprKind::Unary(_, of) => read_as_needed(cx, of),
        ExprKind::Method(method) => read_as_needed(cx, &mut method.receiver),
        ExprKind::Binary(binary) => {
            read_as_needed(cx, &mut binary.left);
            read_as_needed(cx, &mut binary.right);
        }
        ExprKind::Ternary(ternary) => {
            read_as_needed(cx, &mut ternary.condition);
            read_as_needed(cx, &mut ternary.then);
            read_as_needed(cx, &mut ternary.otherwise);
        }
        ExprKind::Call(call) => {
            let declared = matches!(cx.sig_of(&call.name.text), Some(Sig::Call(_)));
            for arg in &mut call.args {
                match &arg.value.kind {
                    ExprKind::Name(name) if declared && name == EXPECTED => {
                        arg.value.kind = ExprKind::Name(EXPECTED_AS_NEEDED.into());
                    }
                    _ => read_as_needed(cx, &mut arg.value),
                }
            }
        }
        _ => {}
    }
}

impl Cx<'_> {
    /// Looks up what an eval is of.
    fn measured(&mut self, of: &tree::Name) -> Option<Arc<CallSig>> {
        if let Some((_, sig)) = self.callable(&of.text)
            && sig.kind != CallKind::Code
        {
            return Some(sig);
        }
        match self.kind_of(&of.text) {
            Some(what) => {
                self.used.insert(of.text.clone());
                self.no_node(&of.text, of.span, what, "an eval is of a node or flow".into());
            }
            None => self.unknown_step(&of.text, of.span),
        }
        None
    }

    fn cases_file(&mut self, expr: &tree::Expr) {
        match &expr.kind {
            ExprKind::Literal(Literal::String(text)) => {
                self.file_name(&tree::Text { text: text.clone(), span: expr.span }, "`cases`");
            }
            _ => {
                self.text_setting(expr, "cases");
            }
        }
    }

    fn measure_name(&mut self, name: &tree::Name, first: Option<Span>) {
        if let Some(first) = first {
            let (at, first) = (self.at(name.span), self.at(first));
            self.report(crate::program::duplicate(&name.text, at, first));
        } else if ALWAYS.iter().any(|(own, _)| *own == name.text) {
            let diagnostic = self
                .error(Code::DuplicateName, name.span, format!("`{}` is measured of every run", name.text))
                .here("the name is taken")
                .help("rename the measure, or leave it out");
            self.report(diagnostic);
        }
    }

    /// Makes a case's inputs, result and expectation visible.
    fn bind_case(&mut self, sig: Option<&CallSig>, span: Span) {
        let mut bind = |name: &str, ty: Type| {
            let slot = self.slot(SmolStr::from(name), ty.clone());
            let name = tree::Name { text: SmolStr::from(name), span };
            self.bind_unchecked(&name, ty, BindingKind::Implied, Place::Slot(slot));
        };
        // What an unknown node takes and gives isn't known: nothing more is said.
        for param in sig.iter().flat_map(|sig| &sig.params) {
            bind(&param.name, param.ty.clone());
        }
        bind("out", sig.map_or(Type::Error, |sig| sig.returns.clone()));
        bind(EXPECTED, Type::Json);
        bind(EXPECTED_AS_NEEDED, Type::Error);
    }

    /// Reports a measure that is neither a number nor a bool.
    fn measurable(&mut self, ty: &Type, span: Span) {
        if matches!(ty.base(), Type::Int(_) | Type::Float(_) | Type::Bool | Type::Error | Type::Never) {
            return;
        }
        if let Type::Nullable(of) | Type::Optional(of) = ty
            && matches!(of.base(), Type::Int(_) | Type::Float(_) | Type::Bool)
        {
            self.may_be_null(ty, span, "a measure");
            return;
        }
        let fields: Vec<SmolStr> = match self.program.record_of(ty) {
            Some(record) => {
                let numeric =
                    |field: &&Field| matches!(field.ty.base(), Type::Int(_) | Type::Float(_) | Type::Bool);
                record.fields.iter().filter(numeric).map(|field| field.name.clone()).collect()
            }
            None => Vec::new(),
        };
        let diagnostic = self
            .error(Code::TypeMismatch, span, format!("a measure is a number or a bool, found `{ty}`"))
            .here("not measurable");
        let diagnostic = match (fields.first(), ty) {
            (Some(field), _) => diagnostic.help(format!("measure a field of it: `….{field}`")),
            (None, Type::Json) => diagnostic.help("read it with `as float`"),
            (None, Type::List(..) | Type::Map(..)) => diagnostic.help("count it: `….size()`"),
            (None, _) => diagnostic.help("compare it, or let a prompt give a number"),
        };
        self.report(diagnostic);
    }

    /// Checks `gate "cheap" cost.p95 <= 0.10 else warn`.
    fn gate(&mut self, gate: &tree::Gate, measures: &HashMap<SmolStr, Span>) {
        let mut named = Vec::new();
        names_in(&gate.condition, &mut named);
        let mut known = false;
        for (name, span, field) in named {
            let is_measure =
                measures.contains_key(name) || ALWAYS.iter().any(|(own, _)| *own == name.as_str());
            known |= is_measure;
            match field {
                None if is_measure => return self.bare_measure(name, span),
                Some(field) if is_measure && !is_statistic(&field.text) => {
                    return self.unknown_statistic(name, field);
                }
                _ => {}
            }
            if !is_measure && !self.is_constant(name) {
                self.unmeasured(name, span, measures);
                return;
            }
        }
        let found = self.diagnostics.len();
        let mark = self.scope_mark();
        let always = ALWAYS.iter().map(|(name, time)| (SmolStr::from(*name), *time));
        // Of the measures, those that it names.
        let words = self.text(gate.condition.span).split(|c: char| !c.is_alphanumeric() && c != '_');
        let named: BTreeSet<&str> = words.filter(|word| measures.contains_key(*word)).collect();
        let all: Vec<(SmolStr, bool)> =
            named.into_iter().map(|name| (SmolStr::from(name), false)).chain(always).collect();
        for (name, is_time) in all {
            let ty = statistics(is_time);
            let slot = self.slot(name.clone(), ty.clone());
            let name = tree::Name { text: name, span: gate.span };
            self.bind_unchecked(&name, ty, BindingKind::Implied, Place::Slot(slot));
        }
        self.hoist = None;
        self.condition(&gate.condition);
        self.scope_close(mark);
        let told = self.diagnostics[found..].iter_mut();
        // A gate is about numbers that many runs gave: what doesn't fit there is a fault of the gate.
        told.filter(|one| matches!(one.code, Code::TypeMismatch | Code::UnknownField | Code::NullableUse))
            .for_each(|one| one.code = Code::BadGate);
        if !known && self.diagnostics.len() == found {
            let diagnostic = self
                .error(Code::BadGate, gate.condition.span, "this gate depends on nothing that is measured")
                .here("the same for every run")
                .help("name a measure and a statistic, such as `score.mean >= 4.0` or `cost.p95 <= 0.10`");
            self.report(diagnostic);
        }
    }

    fn is_constant(&self, name: &SmolStr) -> bool {
        matches!(self.sig_of(name), Some(Sig::Const(..) | Sig::Error))
    }

    fn bare_measure(&mut self, name: &SmolStr, span: Span) {
        let diagnostic = self
            .error(Code::BadGate, span, format!("`{name}` has many values, one of each run"))
            .here("which one?")
            .help(format!("name a statistic: `{name}.mean`, `{name}.min`, `{name}.p95`"))
            .fix(format!("write `{name}.mean`"), self.at(span), format!("{name}.mean"));
        self.report(diagnostic);
    }

    fn unknown_statistic(&mut self, measure: &SmolStr, field: &tree::Name) {
        let habit = match field.as_str() {
            "average" | "avg" => Some("mean"),
            "maximum" => Some("max"),
            "minimum" => Some("min"),
            "total" => Some("sum"),
            "std" | "stddev" => Some("stdev"),
            _ => None,
        };
        let mut diagnostic = self
            .error(Code::BadGate, field.span, format!("unknown statistic `{}`", field.text))
            .here(format!("`{measure}` has no such statistic"));
        diagnostic = match habit.or_else(|| super::near(&field.text, &STATISTICS)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("replace `{}` by `{near}`", field.text),
                self.at(field.span),
                near,
            ),
            None => diagnostic.help(format!("statistics are `{}` and `count`", STATISTICS.join("`, `"))),
        };
        self.report(diagnostic);
    }

    fn unmeasured(&mut self, name: &SmolStr, span: Span, measures: &HashMap<SmolStr, Span>) {
        let mut known: Vec<&str> = measures.keys().map(SmolStr::as_str).collect();
        known.sort_unstable();
        known.extend(ALWAYS.iter().map(|(name, _)| *name));
        let mut diagnostic = self
            .error(Code::BadGate, span, format!("`{name}` is not measured"))
            .here("no measure has this name");
        diagnostic = match super::near(name, &known) {
            Some(near) => diagnostic.similar("measure", name, near, self.at(span)),
            None => diagnostic.help(format!(
                "measured are `{}`; add another one: `measure {name} = …`",
                known.join("`, `")
            )),
        };
        self.report(diagnostic);
    }
}

/// A name that a condition reads, where, and the field that it reads of it.
type Read<'e> = (&'e SmolStr, Span, Option<&'e tree::Name>);

/// Collects the names that a condition reads.
fn names_in<'e>(expr: &'e tree::Expr, names: &mut Vec<Read<'e>>) {
    match &expr.kind {
        ExprKind::Name(name) => names.push((name, expr.span, None)),
        ExprKind::Member(member) => match &member.object.kind {
            ExprKind::Name(name) => names.push((name, member.object.span, Some(&member.name))),
            _ => names_in(&member.object, names),
        },
        // The receiver of `math.abs(…)` is no value.
        ExprKind::Method(method) => {
            if !matches!(&method.receiver.kind, ExprKind::Name(_)) {
                names_in(&method.receiver, names);
            }
            method.args.iter().for_each(|arg| names_in(&arg.value, names));
        }
        _ => crate::sig::children(expr, &mut |child| names_in(child, names)),
    }
}

fn is_statistic(name: &str) -> bool {
    name == "count" || STATISTICS.contains(&name)
}

fn statistics(is_time: bool) -> Type {
    let field = |name: &str, ty: Type| Field { name: name.into(), ty, trust: None, doc: String::new() };
    let ty = if is_time { Type::Duration } else { Type::FLOAT };
    let mut fields: Vec<Field> = STATISTICS.iter().map(|name| field(name, ty.clone())).collect();
    fields.push(field("count", Type::INT));
    Type::Record(Arc::new(Record { fields }))
}
