//! What was reached: each row of the function table, each macro, each node, by how often it stood in an expression and
//! how often an expression that is it had a value.

use std::collections::BTreeMap;

use flow_expr::functions::{MACROS, overloads};
use flow_ir::expr::{Entry, Expr, Piece, RunValue};

use super::programs::{NODES, Target};

/// How often each thing stood somewhere, and had a value at the root.
#[derive(Clone, Debug, Default)]
pub struct Census {
    pub present: BTreeMap<String, u64>,
    pub valued: BTreeMap<String, u64>,
}

impl Census {
    /// Counts what stands in an expression.
    pub fn count(&mut self, expr: &Expr) {
        for name in names(expr) {
            *self.present.entry(name).or_default() += 1;
        }
        expr.children(&mut |child| self.count(child));
    }

    /// Counts an expression that had a value, by its root.
    pub fn had_value(&mut self, target: Target) {
        *self.valued.entry(target.name()).or_default() += 1;
    }

    pub fn add(&mut self, other: &Census) {
        for (name, count) in &other.present {
            *self.present.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &other.valued {
            *self.valued.entry(name.clone()).or_default() += count;
        }
    }

    /// What nothing stood for, and what never had a value: nothing, unless a generator has a hole.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for row in overloads() {
            let name = format!("row {}", row.id);
            if !self.present.contains_key(&name) {
                missing.push(format!("{name} never stood in an expression"));
            }
        }
        for index in 0..MACROS.len() {
            let name = form(&Target::Macro(index).name());
            if !self.present.contains_key(&name) {
                missing.push(format!("{name} never stood in an expression"));
            }
        }
        for node in NODES {
            if !self.present.contains_key(&format!("node {node}")) {
                missing.push(format!("node {node} never stood in an expression"));
            }
        }
        for index in 0..Target::count() {
            let target = Target::nth(index);
            // What fails, fails.
            if target.name() != "node fail" && !self.valued.contains_key(&target.name()) {
                missing.push(format!("{} never had a value", target.name()));
            }
        }
        missing
    }
}

/// Forms of one meaning have two names, of which the expression knows none.
fn form(name: &str) -> String {
    name.replace("existsOne", "exists_one").replace("sortBy", "sort_by")
}

fn names(expr: &Expr) -> Vec<String> {
    let node = |name: &str| vec![format!("node {name}")];
    match expr {
        Expr::Const(_) => node("const"),
        Expr::Slot(_) => node("slot"),
        Expr::Local(_) => node("local"),
        Expr::Run(RunValue::Id) => node("run_id"),
        Expr::Run(RunValue::StartedAt) => node("run_started_at"),
        Expr::Field { optional: false, .. } => node("field"),
        Expr::Field { optional: true, .. } => node("field_optional"),
        Expr::Index { optional: false, .. } => node("index"),
        Expr::Index { optional: true, .. } => node("index_optional"),
        Expr::Has { .. } => node("has"),
        Expr::List(items) if items.iter().any(|item| item.optional) => node("list_optional"),
        Expr::List(_) => node("list"),
        Expr::Map(entries) => {
            let kinds = entries.iter().map(|entry| match entry {
                Entry::Pair { optional: true, .. } => "node map_optional".to_owned(),
                Entry::Pair { .. } => "node map".to_owned(),
                Entry::Spread(_) => "node map_spread".to_owned(),
            });
            kinds.collect()
        }
        Expr::Record { .. } => node("record"),
        Expr::Update { .. } => node("update"),
        Expr::Enum { .. } => node("enum"),
        Expr::Call { function, .. } => match flow_expr::functions::overload(function.id()) {
            Some(row) => vec![format!("row {}", row.id)],
            None => node("call_by_name"),
        },
        Expr::Code { .. } => node("code"),
        Expr::And(..) => node("and"),
        Expr::Or(..) => node("or"),
        Expr::If { .. } => node("if"),
        Expr::Coalesce(..) => node("coalesce"),
        Expr::Macro { op, vars, bodies, .. } => {
            let forms = MACROS
                .iter()
                .enumerate()
                .filter(|(_, row)| row.op == *op && row.vars == vars.len() && row.bodies == bodies.len());
            forms.take(1).map(|(index, _)| form(&Target::Macro(index).name())).collect()
        }
        Expr::Let { .. } => node("let"),
        Expr::Match { arms, .. } => {
            use flow_ir::Value;
            use flow_ir::expr::Pattern;
            match arms.first().and_then(|arm| arm.patterns.first()) {
                Some(Pattern::Variant(_)) => node("match_variant"),
                Some(Pattern::Value(Value::Enum(_))) => node("match_enum"),
                _ => node("match_scalar"),
            }
        }
        Expr::Is { .. } => node("is"),
        Expr::Cast { .. } => node("cast"),
        Expr::Widen { .. } => node("widen"),
        Expr::Template(pieces) => {
            let directives = |piece: &Piece| matches!(piece, Piece::For { .. } | Piece::If { .. });
            node(if pieces.iter().any(directives) { "template_directives" } else { "template" })
        }
        Expr::Fail { .. } => node("fail"),
    }
}
