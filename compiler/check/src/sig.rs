//! What callers and readers see of a declaration: parameters, results, constants.

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::types::Size;
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind, ItemKind, NodeKind};
use smol_str::SmolStr;

use crate::cx::{Cx, Typed};
use crate::hash::{HashMap, HashSet};
use crate::node::model::model_sig;
use crate::node::settings::{Kind, setting};
use crate::program::{CallKind, CallSig, Entry, Module, ParamSig, Program, Sig, Symbol};
use crate::suggest::nearest;
use crate::types::{docs, trust};

/// Names that a module used, by module.
pub(crate) type Used = HashMap<SmolStr, HashSet<SmolStr>>;

/// Adds the signatures of all modules to the program.
pub(crate) fn resolve(program: &mut Program, diagnostics: &mut Vec<Diagnostic>, used: &mut Used) {
    constants(program, diagnostics, used);
    let mut all: Vec<(SmolStr, SmolStr, Sig)> = Vec::new();
    for module in program.modules.values() {
        for (index, item) in module.tree.items.iter().enumerate() {
            let Some(name) = item.kind.name() else { continue };
            if module.items.get(&name.text) != Some(&index) {
                continue;
            }
            let mut cx = Cx::new(program, module, item);
            let Some(sig) = signature(&mut cx, item) else { continue };
            diagnostics.append(&mut cx.diagnostics);
            used.entry(module.name.clone()).or_default().extend(cx.used);
            all.push((module.name.clone(), name.text.clone(), sig));
        }
    }
    for (module, name, sig) in all {
        if let Some(module) = program.modules.get_mut(&module) {
            module.sigs.insert(name, sig);
        }
    }
}

fn signature(cx: &mut Cx, item: &tree::Item) -> Option<Sig> {
    let documented = item.docs.as_ref().is_some_and(|docs| !docs.text.trim().is_empty());
    Some(match &item.kind {
        ItemKind::Node(node) => {
            let kind = match node.kind {
                NodeKind::Prompt => CallKind::Prompt,
                NodeKind::Agent => CallKind::Agent,
                NodeKind::Tool => CallKind::Tool,
                NodeKind::Human => CallKind::Human,
                NodeKind::Event => CallKind::Event,
            };
            let has = |name: &str| node.fields.iter().any(|field| field.key.text == name);
            let writes = ["post", "put", "patch", "delete", "run", "mcp"].into_iter().any(has);
            let unsafe_writer = kind == CallKind::Tool && writes && !says_idempotent(&node.fields);
            let params = params(cx, &node.params);
            let returns = cx.read_type(|reader| reader.read(&node.returns));
            Sig::Call(Arc::new(CallSig { kind, params, returns, unsafe_writer, documented }))
        }
        ItemKind::Code(code) => {
            let params = params(cx, &code.params);
            let returns = cx.read_type(|reader| reader.read(&code.returns));
            Sig::Call(Arc::new(CallSig {
                kind: CallKind::Code,
                params,
                returns,
                unsafe_writer: false,
                documented,
            }))
        }
        ItemKind::Flow(flow) => {
            let params = params(cx, &flow.params);
            let returns = match &flow.returns {
                Some(returns) => cx.read_type(|reader| reader.read(returns)),
                None => Type::Null,
            };
            Sig::Call(Arc::new(CallSig {
                kind: CallKind::Flow,
                params,
                returns,
                unsafe_writer: false,
                documented,
            }))
        }
        ItemKind::Model(model) => Sig::Model(model_sig(model)),
        ItemKind::Memory(memory) => {
            let ty = cx.read_type(|reader| reader.refined(&memory.ty));
            match &memory.store.kind {
                ExprKind::Name(name) if name == "kv" => Sig::Memory(ty, true),
                ExprKind::Name(name) if name == "vector" => Sig::Memory(ty, false),
                // What can be done with it isn't known; that it is no store is reported with the item.
                _ => Sig::Error,
            }
        }
        ItemKind::Server(_) => Sig::Server,
        ItemKind::Trigger(_) | ItemKind::Eval(_) | ItemKind::Variant(_) => Sig::Other,
        ItemKind::Error(_) => Sig::Error,
        ItemKind::Const(_)
        | ItemKind::Type(_)
        | ItemKind::Enum(_)
        | ItemKind::Import(_)
        | ItemKind::Allow(_)
        | ItemKind::Test(_) => return None,
    })
}

/// Whether a tool says what makes a call unique, if with a slip in the word, which is reported.
pub(crate) fn says_idempotent(fields: &[tree::Field]) -> bool {
    fields.iter().any(|field| {
        let key = field.key.as_str();
        key == "idempotent" || setting(Kind::Tool, key).is_none() && nearest(key, ["idempotent"]).is_some()
    })
}

fn params(cx: &mut Cx, written: &[tree::Param]) -> Vec<ParamSig> {
    let mut params: Vec<ParamSig> = Vec::with_capacity(written.len());
    let mut places: HashMap<SmolStr, Span> = HashMap::default();
    for param in written {
        if let Some(first) = places.insert(param.name.text.clone(), param.name.span) {
            let diagnostic =
                crate::program::duplicate(&param.name.text, cx.at(param.name.span), cx.at(first));
            cx.report(diagnostic);
            continue;
        }
        let ty = cx.read_type(|reader| reader.refined(&param.ty));
        let default = param.default.as_ref().map(|default| {
            cx.constant_only = true;
            let expr = cx.value(default, &ty, &format!("the parameter `{}`", param.name.text));
            cx.constant_only = false;
            fold(cx, expr, default.span)
        });
        params.push(ParamSig {
            name: param.name.text.clone(),
            ty,
            default,
            trust: trust(&param.ty.ty),
            doc: SmolStr::from(docs(&param.docs)),
            span: param.name.span,
        });
    }
    params
}

/// Evaluates a constant expression.
pub(crate) fn fold(cx: &mut Cx, expr: Expr, span: Span) -> Expr {
    match constant(cx, expr, span) {
        Some(value) => Expr::Const(value),
        None => Typed::poison().expr,
    }
}

fn constant(cx: &mut Cx, expr: Expr, span: Span) -> Option<Value> {
    if let Expr::Const(value) = expr {
        return Some(value);
    }
    if let Some((_, span)) = cx.uses.list.first() {
        let diagnostic = cx
            .error(Code::BadConstant, *span, "a constant cannot call `code`")
            .help("write the expression itself, with the functions of the language");
        cx.report(diagnostic);
        cx.uses = Default::default();
        return None;
    }
    if cx.diagnostics.iter().any(|diagnostic| diagnostic.severity() == flow_diagnostics::Severity::Error) {
        return None;
    }
    match flow_expr::constant(&expr, &[], &cx.program.types) {
        Ok(value) => Some(value),
        Err(error) => {
            let diagnostic = cx
                .error(Code::BadConstant, span, "this constant has no value")
                .help(match error.message.as_str() {
                    message if message.contains("zero") => "divide by a number other than 0",
                    message if message.contains("overflow") => {
                        "make it smaller: an `int` has 64 bits, the largest is 9223372036854775807"
                    }
                    message if message.contains("index") => {
                        "name an element that the list has: they are counted from 0"
                    }
                    message if message.contains("key") => "name a key that the map has",
                    message if message.contains("is no") => {
                        "give a text that can be read, such as `int(\"3\")`"
                    }
                    _ => "write the value itself, such as `3` or `\"a\"`",
                })
                .here(error.message);
            cx.report(diagnostic);
            None
        }
    }
}

/// Evaluates the program's constants, those that others name first.
pub(crate) fn constants(program: &mut Program, diagnostics: &mut Vec<Diagnostic>, used: &mut Used) {
    let mut order: Vec<Symbol> = Vec::new();
    let mut marks: HashMap<Symbol, bool> = HashMap::default();
    let all: Vec<Symbol> = program
        .modules
        .values()
        .flat_map(|module| {
            module.tree.items.iter().enumerate().filter_map(|(index, item)| match &item.kind {
                ItemKind::Const(decl) if module.items.get(&decl.name.text) == Some(&index) => {
                    Some(Symbol { module: module.name.clone(), name: decl.name.text.clone() })
                }
                _ => None,
            })
        })
        .collect();
    for symbol in &all {
        visit(program, symbol, &mut marks, &mut order, diagnostics, 0);
    }
    // Named before it is evaluated, as in a circle, a constant is silent.
    for symbol in &all {
        if let Some(module) = program.modules.get_mut(&symbol.module) {
            module.sigs.insert(symbol.name.clone(), Sig::Error);
        }
    }
    for symbol in order {
        let Some((module, item)) = program.item(&symbol) else { continue };
        let ItemKind::Const(decl) = &item.kind else { continue };
        let mut cx = Cx::new(program, module, item);
        let sig = declared(&mut cx, decl);
        diagnostics.append(&mut cx.diagnostics);
        used.entry(symbol.module.clone()).or_default().extend(cx.used);
        if let Some(module) = program.modules.get_mut(&symbol.module) {
            module.sigs.insert(symbol.name, sig);
        }
    }
}

fn declared(cx: &mut Cx, decl: &tree::Const) -> Sig {
    cx.constant_only = true;
    let annotated = decl.ty.as_ref().map(|ty| cx.read_type(|reader| reader.refined(ty)));
    let (expr, ty) = match annotated {
        Some(ty) => (cx.value(&decl.value, &ty, "the constant"), ty),
        None => {
            let typed = cx.expr(&decl.value, None);
            cx.stored(typed, decl.value.span)
        }
    };
    match constant(cx, expr, decl.value.span) {
        Some(value) if cx.diagnostics.is_empty() => Sig::Const(sized(ty, &value), Some(value)),
        _ => Sig::Const(Type::Error, None),
    }
}

/// A constant list has the size that it has, in a bare record too.
fn sized(ty: Type, value: &Value) -> Type {
    match (ty, value) {
        (Type::Record(mut record), Value::Record(values)) => {
            for field in &mut Arc::make_mut(&mut record).fields {
                if let Some(value) = values.get(&field.name) {
                    field.ty = sized(std::mem::replace(&mut field.ty, Type::Null), value);
                }
            }
            Type::Record(record)
        }
        (Type::List(of, _), Value::List(items)) => {
            let count = Some(items.len() as u64);
            Type::List(of, Size { min: count, max: count })
        }
        (ty, _) => ty,
    }
}

/// Orders constants by what they name; `true` marks an open one.
fn visit(
    program: &Program,
    symbol: &Symbol,
    marks: &mut HashMap<Symbol, bool>,
    order: &mut Vec<Symbol>,
    diagnostics: &mut Vec<Diagnostic>,
    depth: usize,
) {
    match marks.get(symbol) {
        Some(false) => return,
        Some(true) => {
            if let Some((module, item)) = program.item(symbol) {
                let span = item.kind.name().map_or(item.span, |name| name.span);
                diagnostics.push(
                    Diagnostic::new(
                        Code::BadConstant,
                        item.locate(module.file, span),
                        format!("constant `{}` depends on itself", symbol.name),
                    )
                    .help("write its value out"),
                );
            }
            return;
        }
        None => {}
    }
    marks.insert(symbol.clone(), true);
    if let Some((module, item)) = program.item(symbol)
        && let ItemKind::Const(decl) = &item.kind
        && depth < 500
    {
        let mut names = Vec::new();
        named(&decl.value, &mut names);
        for name in names {
            if let Some(other) = constant_of(module, &name, program) {
                visit(program, &other, marks, order, diagnostics, depth + 1);
            }
        }
    }
    marks.insert(symbol.clone(), false);
    order.push(symbol.clone());
}

fn constant_of(module: &Module, name: &SmolStr, program: &Program) -> Option<Symbol> {
    match module.scope.get(name)? {
        Entry::Value(symbol) => {
            matches!(program.item(symbol)?.1.kind, ItemKind::Const(_)).then(|| symbol.clone())
        }
        _ => None,
    }
}

/// Collects the names that an expression reads.
fn named(expr: &tree::Expr, names: &mut Vec<SmolStr>) {
    if let ExprKind::Name(name) = &expr.kind {
        names.push(name.clone());
    }
    children(expr, &mut |child| named(child, names));
}

/// Calls `visit` with each direct child.
pub(crate) fn children<'a>(expr: &'a tree::Expr, visit: &mut dyn FnMut(&'a tree::Expr)) {
    fn pieces<'a>(all: &'a [tree::Piece], visit: &mut dyn FnMut(&'a tree::Expr)) {
        for piece in all {
            match piece {
                tree::Piece::Text(_) => {}
                tree::Piece::Splice(expr) => visit(expr),
                tree::Piece::For(walk) => {
                    visit(&walk.over);
                    pieces(&walk.body, visit);
                }
                tree::Piece::If(choice) => {
                    for (test, body) in &choice.branches {
                        visit(test);
                        pieces(body, visit);
                    }
                    pieces(choice.otherwise.as_deref().unwrap_or_default(), visit);
                }
            }
        }
    }
    match &expr.kind {
        ExprKind::Literal(_)
        | ExprKind::Name(_)
        | ExprKind::TypeName(_)
        | ExprKind::Loop(_)
        | ExprKind::Error => {}
        ExprKind::Template(template) => pieces(&template.pieces, visit),
        ExprKind::List(elements) => elements.iter().for_each(|element| visit(&element.value)),
        ExprKind::Record(record) => {
            for entry in &record.entries {
                match entry {
                    tree::Entry::Spread(value) => visit(value),
                    tree::Entry::Pair { key, value, .. } => {
                        if let tree::Key::Computed(key) = key {
                            visit(key);
                        }
                        visit(value);
                    }
                }
            }
        }
        ExprKind::Member(member) => visit(&member.object),
        ExprKind::Index(index) => {
            visit(&index.object);
            visit(&index.index);
        }
        ExprKind::Call(call) => call.args.iter().for_each(|arg| visit(&arg.value)),
        ExprKind::Method(method) => {
            visit(&method.receiver);
            method.args.iter().for_each(|arg| visit(&arg.value));
        }
        ExprKind::Unary(_, operand) | ExprKind::Is(operand, _) | ExprKind::Cast(operand, _) => visit(operand),
        ExprKind::Binary(binary) => {
            visit(&binary.left);
            visit(&binary.right);
        }
        ExprKind::Ternary(ternary) => {
            visit(&ternary.condition);
            visit(&ternary.then);
            visit(&ternary.otherwise);
        }
    }
}
