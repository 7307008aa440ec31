//! Memory: what is kept between runs, and what a step does with it.

use flow_diagnostics::Code;
use flow_ir::catalogue::{self, Feature};
use flow_ir::types::Size;
use flow_ir::{Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, Arg, ExprKind, Literal};
use smol_str::SmolStr;
use std::sync::Arc;

use super::settings::{Kind, setting};
use crate::cx::Cx;
use crate::expr::Param;
use crate::program::{ModelSig, Sig};

/// The stores, and the fields that only one of them has.
const STORES: [&str; 2] = ["kv", "vector"];

/// What a step does with a memory.
struct Operation {
    name: &'static str,
    params: Vec<Param>,
    returns: Type,
}

const KV: [&str; 6] = ["get", "put", "has", "delete", "keys", "update"];
const VECTOR: [&str; 3] = ["store", "search", "delete"];

/// The most entries that one reading gives.
const ENTRIES_MAX: i64 = 100_000;

impl Cx<'_> {
    /// Checks `memory seen: [string: timestamp] = kv { scope: project, ttl: 90d }`.
    pub fn memory(&mut self, memory: &tree::Memory) {
        let store = self.store(&memory.store);
        let fields = self.fields(Kind::Memory, &memory.fields);
        if let (Some(expr), Some(row)) = (fields.expr("scope"), setting(Kind::Memory, "scope")) {
            self.scope_setting(expr, row);
        }
        if let Some(expr) = fields.expr("ttl") {
            self.duration_setting(expr, "ttl");
        }
        if let Some(expr) = fields.expr("embed") {
            self.embeds(expr);
        }
        match (store, fields.get("embed")) {
            (Some("kv"), Some(field)) => {
                let diagnostic = self
                    .error(Code::BadSetting, field.key.span, "`embed` belongs to a `vector` memory")
                    .help("a `kv` memory finds entries by their keys: remove it");
                self.report(diagnostic);
            }
            (Some("vector"), None) => self.missing_setting(
                memory.name.span,
                "a `vector` memory",
                "embed",
                "say which model makes the vectors: `embed: \"openai/text-embedding-3-small\"`",
            ),
            _ => {}
        }
        if store == Some("kv") {
            self.keyed(memory);
        }
    }

    fn store(&mut self, store: &tree::Expr) -> Option<&'static str> {
        let name = match &store.kind {
            ExprKind::Name(name) => name.clone(),
            ExprKind::Literal(Literal::String(text)) => text.clone(),
            ExprKind::Error => return None,
            _ => SmolStr::default(),
        };
        let known = STORES.into_iter().find(|own| *own == name);
        if let (Some(known), ExprKind::Name(_)) = (known, &store.kind) {
            return Some(known);
        }
        let near = match name.to_ascii_lowercase().as_str() {
            "map" | "dict" | "hash" | "redis" | "keyvalue" | "key_value" => Some("kv"),
            "embeddings" | "rag" | "index" | "vectors" => Some("vector"),
            _ => known.or_else(|| self.nearest(&name, STORES)),
        };
        let mut diagnostic = self.error(Code::BadSetting, store.span, "this is no store");
        diagnostic = match near {
            Some(near) => diagnostic.help("a memory is `kv { … }` or `vector { … }`").fix(
                format!("write `{near}`"),
                self.at(store.span),
                near,
            ),
            None => diagnostic.help("a memory is `kv { … }` or `vector { … }`"),
        };
        self.report(diagnostic);
        None
    }

    fn scope_setting(&mut self, expr: &tree::Expr, row: &super::settings::Setting) {
        if matches!(&expr.kind, ExprKind::Name(name) if name == "run") {
            self.bad_setting(
                expr.span,
                "scope",
                "a memory outlives a run; what one run keeps is `state` (scopes are `project`, `flow`, `node` and `agent`)",
            );
            return;
        }
        self.word_setting(expr, row);
    }

    /// Reads `embed: "openai/text-embedding-3-small"`.
    fn embeds(&mut self, expr: &tree::Expr) {
        self.model_ref(Some(expr), expr.span);
        let Some(sig) = self.model_named(Some(expr)) else { return };
        if self.lacks(&sig, Feature::Embeddings, expr.span) {
            return;
        }
        let ModelSig { provider, model: Some(model), .. } = sig else { return };
        if catalogue::model(&provider, &model).is_some_and(|known| known.mode != "embedding") {
            let diagnostic = self
                .error(
                    Code::UnsupportedByProvider,
                    expr.span,
                    format!("`{provider}/{model}` makes no vectors"),
                )
                .here("a model that answers")
                .help("name a model that embeds, such as `\"openai/text-embedding-3-small\"`");
            self.report(diagnostic);
        }
    }

    fn keyed(&mut self, memory: &tree::Memory) {
        let Some(Sig::Memory(ty, _)) = self.module.sigs.get(&memory.name.text) else { return };
        if matches!(ty.base(), Type::Map(..) | Type::Error) {
            return;
        }
        let span = memory.ty.ty.span;
        let written = self.text(span).to_string();
        let diagnostic = self
            .error(Code::BadType, span, format!("a `kv` memory maps keys to values, `{ty}` has no keys"))
            .here("no map")
            .help(format!("write `[string: {written}]`"))
            .fix(format!("write `[string: {written}]`"), self.at(span), format!("[string: {written}]"));
        self.report(diagnostic);
    }

    /// Whether a name stands for a memory here.
    pub fn memory_sig(&self, name: &str) -> Option<(Type, bool)> {
        if self.visible.contains_key(name) {
            return None;
        }
        match self.sig_of(name)? {
            Sig::Memory(ty, is_kv) => Some((ty.clone(), *is_kv)),
            _ => None,
        }
    }

    /// Checks the arguments of a call on a memory or a server, `seen.get(url)`, `prefs["theme"]`, `jira.search(q: x)`,
    /// and returns what it gives.
    pub fn foreign_call(&mut self, root: &tree::Expr, ty: Type) -> Type {
        match &root.kind {
            ExprKind::Index(index) => match &index.object.kind {
                ExprKind::Name(name) => self.memory_read(name, index),
                _ => ty,
            },
            ExprKind::Method(method) => {
                let ExprKind::Name(receiver) = &method.receiver.kind else { return ty };
                match self.memory_sig(receiver) {
                    Some((of, is_kv)) => self.memory_call(receiver, &of, is_kv, method),
                    None => {
                        self.dynamic_arguments(&method.args);
                        ty
                    }
                }
            }
            ExprKind::Call(call) => {
                self.arguments(&[], &call.args, &call.name.text, call.name.span);
                ty
            }
            _ => ty,
        }
    }

    /// The arguments of a tool whose parameters aren't known before it is asked.
    fn dynamic_arguments(&mut self, args: &[Arg]) {
        for arg in args {
            self.value(&arg.value, &Type::Json, "the argument");
        }
    }

    /// `prefs["theme"]`: null where nothing is kept.
    fn memory_read(&mut self, name: &SmolStr, index: &tree::Index) -> Type {
        let Some((of, is_kv)) = self.memory_sig(name) else { return Type::Error };
        if !is_kv {
            self.expr(&index.index, None);
            if !matches!(of, Type::Error) {
                let diagnostic = self
                    .error(Code::TypeMismatch, index.object.span, format!("`{name}` has no keys"))
                    .here("a `vector` memory")
                    .help(format!("find what is near a text: `{name}.search(query, top: 5)`"));
                self.report(diagnostic);
            }
            return Type::Error;
        }
        let (key, value) = entry_of(&of);
        self.value(&index.index, &key, "the key");
        or_null(value)
    }

    /// Reports `prefs["theme"] = v`: a memory is written by a call. Returns whether it is one.
    pub fn memory_write(&mut self, assign: &tree::Assign, span: Span) -> bool {
        let ExprKind::Index(index) = &assign.target.kind else { return false };
        let ExprKind::Name(name) = &index.object.kind else { return false };
        let Some((_, is_kv)) = self.memory_sig(name) else { return false };
        self.used.insert(name.clone());
        self.use_names(&index.index);
        let mut diagnostic = self
            .error(
                Code::ImmutableAssignment,
                assign.target.span,
                format!("`{}` is kept in a memory, and written by a call", self.text(assign.target.span)),
            )
            .here("not assigned");
        diagnostic = match is_kv {
            true => diagnostic.help(format!("write `{name}.put(key, value)`")),
            false => diagnostic.help(format!("write `{name}.store(item, text)`")),
        };
        let plain = matches!(
            &assign.value.kind,
            tree::ValueKind::Expr(tree::Expr {
                kind: ExprKind::Literal(_)
                    | ExprKind::Name(_)
                    | ExprKind::Template(_)
                    | ExprKind::Binary(_)
                    | ExprKind::Record(_),
                ..
            })
        );
        if is_kv && plain && assign.op == tree::AssignOp::Set {
            let (key, value) = (self.text(index.index.span), self.text(assign.value.span));
            let call = format!("{name}.put({key}, {value})");
            diagnostic = diagnostic.fix(format!("write `{name}.put(…)`"), self.at(span), call);
        }
        self.report(diagnostic);
        true
    }

    /// Returns what an operation of a memory gives, of whatever arguments.
    pub fn memory_gives(&self, memory: &str, name: &str) -> Option<Type> {
        let (of, is_kv) = self.memory_sig(memory)?;
        Some(operation(&of, is_kv, name)?.returns)
    }

    fn memory_call(&mut self, memory: &SmolStr, of: &Type, is_kv: bool, method: &tree::Method) -> Type {
        let name = method.name.text.as_str();
        let count = method
            .args
            .iter()
            .position(|arg| arg.name.as_ref().is_some_and(|name| name.text == "max" || name.text == "top"));
        let Some(operation) = operation(of, is_kv, name) else {
            for arg in &method.args {
                self.expr(&arg.value, None);
            }
            self.unknown_operation(memory, of, is_kv, method);
            return Type::Error;
        };
        let found = self.diagnostics.len();
        let called = SmolStr::from(format!("{memory}.{}", operation.name));
        let args = self.arguments(&operation.params, &method.args, &called, method.name.span);
        if self.diagnostics.len() > found {
            // How long a list is hangs on its arguments.
            return match operation.returns {
                Type::List(..) => Type::Error,
                returns => returns,
            };
        }
        // How many there are at most is how long the list can be.
        let most = operation.params.iter().position(|param| matches!(param.name.as_str(), "max" | "top"));
        match (operation.returns, most.and_then(|at| args.get(at))) {
            (Type::List(of, _), Some(most)) => {
                let span = count.or(most_position(&method.args)).and_then(|at| method.args.get(at));
                let written = span.map(|arg| &arg.value);
                let span = written.map_or(method.name.span, |value| value.span);
                let upper = self.entries_max(most, span).or_else(|| self.upper_of(written?));
                Type::List(of, Size { min: None, max: upper })
            }
            (returns, _) => returns,
        }
    }

    /// The upper bound of a name's type: `n: int(1..50)`.
    fn upper_of(&self, value: &tree::Expr) -> Option<u64> {
        let ExprKind::Name(name) = &value.kind else { return None };
        match &self.bindings[*self.visible.get(name)? as usize].ty {
            Type::Int(range) => range.max.and_then(|max| u64::try_from(max).ok()),
            _ => None,
        }
    }

    /// Checks `max: n` and `top: n`: at least 1.
    fn entries_max(&mut self, most: &flow_ir::Expr, span: Span) -> Option<u64> {
        let constant = flow_expr::constant(most, &[], &self.program.types).ok();
        let Some(Value::Int(number)) = constant else { return None };
        if (1..=ENTRIES_MAX).contains(&number) {
            return u64::try_from(number).ok();
        }
        let diagnostic = self
            .error(Code::EmptyRange, span, format!("from 1 to {ENTRIES_MAX} entries are read at once"))
            .here("how many at most")
            .help("write a number such as 20");
        self.report(diagnostic);
        None
    }

    fn unknown_operation(&mut self, memory: &SmolStr, of: &Type, is_kv: bool, method: &tree::Method) {
        let name = &method.name.text;
        let (store, names): (_, &[&str]) = if is_kv { ("kv", &KV) } else { ("vector", &VECTOR) };
        let habit = match (is_kv, name.as_str()) {
            (true, "set" | "write" | "insert" | "add" | "save" | "store") => Some("put"),
            (true, "read" | "load" | "find" | "lookup") => Some("get"),
            (true, "contains" | "exists") => Some("has"),
            (true, "list") => Some("keys"),
            (_, "remove" | "del") => Some("delete"),
            (false, "put" | "add" | "insert" | "save" | "write" | "upsert" | "remember") => Some("store"),
            (false, "query" | "find" | "get" | "nearest" | "recall" | "similar") => Some("search"),
            _ => None,
        };
        let diagnostic = self
            .error(
                Code::UnknownFunction,
                method.name.span,
                format!("a `{store}` memory has no operation `{name}`"),
            )
            .here(format!("`{memory}` is a `{store}` memory"));
        let near = habit.or_else(|| self.nearest(name, names.iter().copied()));
        let diagnostic = match near {
            Some(near) => {
                let takes = operation(of, is_kv, near).map(|operation| operation.params.len());
                let diagnostic = diagnostic.help(match takes == Some(method.args.len()) {
                    true => format!("it is called `{near}`"),
                    false => format!("what comes nearest is `{near}`"),
                });
                match takes == Some(method.args.len()) {
                    true => diagnostic.fix(
                        format!("replace `{name}` by `{near}`"),
                        self.at(method.name.span),
                        near,
                    ),
                    false => diagnostic,
                }
            }
            None => {
                let names: Vec<SmolStr> = names.iter().map(|name| SmolStr::from(*name)).collect();
                diagnostic.help(format!("its operations are {}", crate::expr::list_of(&names)))
            }
        };
        self.report(diagnostic);
    }
}

/// The position of the last argument that stands without a name.
fn most_position(args: &[Arg]) -> Option<usize> {
    args.iter().rposition(|arg| arg.name.is_none())
}

/// The types of key and value of a `kv` memory.
fn entry_of(of: &Type) -> (Type, Type) {
    match of.base() {
        Type::Map(key, value) => ((*key).clone(), (*value).clone()),
        _ => (Type::Error, Type::Error),
    }
}

/// What is read where nothing may be kept.
fn or_null(value: Type) -> Type {
    if matches!(value, Type::Error) { Type::Error } else { value.nullable() }
}

/// What `name` takes and gives.
fn operation(of: &Type, is_kv: bool, name: &str) -> Option<Operation> {
    let param = |name: &str, ty: Type| Param { name: name.into(), ty, default: None };
    if !is_kv {
        let (params, returns) = match name {
            "store" => (vec![param("item", of.clone()), param("text", Type::STRING)], Type::Null),
            "search" => (
                vec![param("query", Type::STRING), param("top", Type::INT)],
                Type::List(Arc::new(of.clone()), Size::default()),
            ),
            "delete" => (vec![param("item", of.clone())], Type::Null),
            _ => return None,
        };
        let name = VECTOR.into_iter().find(|own| *own == name)?;
        return Some(Operation { name, params, returns });
    }
    let (key, value) = entry_of(of);
    let keyed = |rest: Vec<Param>| {
        let mut params = vec![param("key", key.clone())];
        params.extend(rest);
        params
    };
    let (params, returns) = match name {
        "get" => (keyed(Vec::new()), or_null(value)),
        "put" => (keyed(vec![param("value", value)]), Type::Null),
        "has" => (keyed(Vec::new()), Type::Bool),
        "delete" => (keyed(Vec::new()), Type::Null),
        "keys" => (
            vec![param("prefix", Type::STRING), param("max", Type::INT)],
            Type::List(Arc::new(key.clone()), Size::default()),
        ),
        "update" => (keyed(vec![param("old", or_null(value.clone())), param("new", value)]), Type::Bool),
        _ => return None,
    };
    let name = KV.into_iter().find(|own| *own == name)?;
    Some(Operation { name, params, returns })
}
