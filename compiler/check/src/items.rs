//! One item: a function of it and the signatures it names.

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::expr::Code as CodePlan;
use flow_ir::plan::{Flow, Grant, Model, ModelRef, Node};
use flow_source::Span;
use flow_syntax::tree::{self, ItemKind, NodeKind};
use smol_str::SmolStr;

use crate::coordinates::Coordinates;
use crate::cx::{Cx, Use};
use crate::hash::{HashSet, IndexMap};
use crate::node::settings::{Kind, setting};
use crate::program::{Entry, Module, Program, Symbol};
use crate::suggest::nearest;
use crate::work::{self, Work};
use crate::writers::WriterCall;

/// What the declarations of a program give to its plans, in the order of files and places.
pub type Items = IndexMap<Symbol, Arc<Checked>>;

/// What a checked item gives to the plan. Every place in it is relative to the item, so that it stays true when the item
/// moves in its file.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Its part of a plan; ids of nodes, flows, code and models are indices of `uses`.
    pub body: Body,
    /// What it refers to, and where first.
    pub uses: Vec<(Use, Span)>,
    /// What this version can't carry out, and where.
    pub not_runnable: Vec<(Span, String)>,
    /// Calls that are unsafe if they write.
    pub writer_calls: Vec<WriterCall>,
    /// What must be allowed.
    pub needs: Vec<(Grant, Span)>,
    /// Names of the module's scope that it uses.
    pub used: HashSet<SmolStr>,
    /// Where it asks a model and names none.
    pub no_model: Option<Span>,
    /// Its steps: coordinate without indices, and place.
    pub steps: Vec<(String, Span)>,
    /// Its steps by coordinate beneath it.
    pub coordinates: Coordinates,
    /// Whether calls that failed to check are no steps of it.
    pub loses_steps: bool,
    /// What it does, as far as a whole program needs to know.
    pub work: Work,
    /// What a test says of the program.
    pub test: crate::test::TestFacts,
}

/// An item's part of a plan.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// Nothing that runs.
    #[default]
    None,
    /// A node.
    Node(Box<Node>),
    /// Pure code.
    Code(CodePlan),
    /// A model.
    Model(Model),
    /// A flow.
    Flow(Box<Flow>),
    /// A test.
    Test(Box<TestBody>),
}

/// A test before it is linked.
#[derive(Clone, Debug)]
pub struct TestBody {
    /// Its title.
    pub title: String,
    /// The tape that answers its effects.
    pub replay: Option<String>,
    /// What it does.
    pub flow: Flow,
    /// What it asks of whoever runs it; its calls are those of flows from [`flow_ir::test::ASKS_FROM`] on.
    pub asks: Vec<flow_ir::test::Ask>,
}

/// Checks the item of this index.
pub fn check_item(program: &Program, module: &Module, index: usize) -> (Checked, Vec<Diagnostic>) {
    let Some(item) = module.tree.items.get(index) else { return (Checked::default(), Vec::new()) };
    let mut cx = Cx::new(program, module, item);
    cx.lost = module.broken.contains(&index);
    cx.note_lost();
    if item.kind.name().is_some_and(|name| module.items.get(&name.text) != Some(&index)) {
        // A second declaration of a name is reported already, and its signature is the first one's.
        cx.use_every_name();
        return (Checked { used: cx.used, ..Checked::default() }, Vec::new());
    }
    let mut steps = Vec::new();
    let mut coordinates = Coordinates::new();
    let body = match &item.kind {
        ItemKind::Model(model) => Body::Model(cx.model(model)),
        ItemKind::Node(node) => node_body(&mut cx, node),
        ItemKind::Code(code) => code_body(&mut cx, code),
        ItemKind::Flow(flow) => {
            let (checked_cx, checked) = crate::flow::check(cx, flow);
            cx = checked_cx;
            steps = checked.steps;
            coordinates = checked.coordinates;
            Body::Flow(Box::new(checked.flow))
        }
        ItemKind::Variant(variant) => {
            cx.variant(variant);
            Body::None
        }
        ItemKind::Eval(eval) => {
            cx = crate::test::eval::check(cx, eval);
            Body::None
        }
        ItemKind::Test(test) => {
            let (checked_cx, body) = crate::test::check(cx, test);
            cx = checked_cx;
            Body::Test(Box::new(body))
        }
        ItemKind::Memory(memory) => {
            cx.memory(memory);
            Body::None
        }
        ItemKind::Server(server) => {
            cx.server(server);
            Body::None
        }
        ItemKind::Trigger(trigger) => {
            cx.trigger(trigger);
            Body::None
        }
        _ => Body::None,
    };
    if matches!(item.kind, ItemKind::Node(_) | ItemKind::Flow(_) | ItemKind::Code(_) | ItemKind::Test(_)) {
        cx.unused_bindings();
    }
    if cx.lost {
        cx.use_every_name();
    }
    let asks_default = match &body {
        Body::Node(node) => node.kind.ask().is_some_and(|ask| ask.model == ModelRef::Default),
        _ => false,
    };
    // A model that is named and unknown is reported already, and so is a slip in the word `model`.
    let slip = |name: &str| setting(Kind::Prompt, name).is_none() && nearest(name, ["model"]).is_some();
    let named = |node: &tree::Node| {
        node.fields.iter().any(|field| field.key.text == "model" || slip(field.key.as_str()))
    };
    let no_model = match &item.kind {
        ItemKind::Node(node) if asks_default && !named(node) => Some(node.name.span),
        _ => None,
    };
    let work = match &item.kind {
        // What could not be read may do anything.
        _ if cx.lost => Work::Unknown,
        ItemKind::Flow(flow) => work::flow(&cx, flow),
        ItemKind::Node(node) => work::node(&cx, node),
        ItemKind::Model(model) => work::model(&cx, model),
        _ => Work::Nothing,
    };
    let no_step = |one: &Diagnostic| matches!(one.code, Code::UnknownNode | Code::EffectInExpression);
    let loses_steps = cx.names_broken || cx.diagnostics.iter().any(no_step);
    let checked = Checked {
        body,
        work,
        no_model,
        uses: cx.uses.list,
        not_runnable: cx.not_runnable,
        writer_calls: cx.writer_calls,
        needs: cx.needs,
        used: cx.used,
        steps,
        coordinates,
        test: cx.test,
        loses_steps,
    };
    (checked, cx.diagnostics)
}

fn node_body(cx: &mut Cx, node: &tree::Node) -> Body {
    let planned = |node: Option<Node>| node.map_or(Body::None, |node| Body::Node(Box::new(node)));
    match node.kind {
        NodeKind::Prompt => planned(cx.prompt(node)),
        NodeKind::Tool => planned(cx.tool(node)),
        NodeKind::Agent => planned(cx.agent(node)),
        NodeKind::Human => planned(cx.human(node)),
        NodeKind::Event => planned(cx.event(node)),
    }
}

fn code_body(cx: &mut Cx, code: &tree::Code) -> Body {
    let params = cx.bind_params(&code.name.text, &code.params, true);
    let returns = cx.read_type_again(&code.returns);
    if is_function(&code.name.text) {
        let diagnostic = cx
            .error(
                Code::DuplicateName,
                code.name.span,
                format!("`{}` is a function of the language", code.name.text),
            )
            .here("the name is taken")
            .help("rename it");
        cx.report(diagnostic);
    }
    let body = cx.code_body(&code.body, &returns);
    Body::Code(CodePlan {
        name: code.name.text.clone(),
        params: params.len() as u32,
        locals: cx.locals,
        body,
        param_types: params.into_iter().map(|param| param.ty).collect(),
        returns,
    })
}

/// Whether the language has a function or macro of this name.
fn is_function(name: &str) -> bool {
    flow_expr::functions::lookup(name, false).next().is_some()
        || flow_expr::functions::lookup(name, true).next().is_some()
        || flow_expr::functions::macros(name).next().is_some()
}

/// Warns of imports, nodes and `allow` entries that nothing needs.
pub(crate) fn unused(
    module: &Module,
    is_used: &dyn Fn(&SmolStr) -> bool,
    is_called: &dyn Fn(&SmolStr) -> bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for import in &module.imported {
        if is_used(&import.local) {
            continue;
        }
        let mut diagnostic = Diagnostic::new(
            Code::UnusedImport,
            import.span,
            format!("`{}` is imported and not used", import.local),
        )
        .here("nothing uses it")
        .help("remove it");
        if import.alone {
            diagnostic = diagnostic.fix("remove the import", import.whole, "");
        }
        diagnostics.push(diagnostic);
    }
    for (index, item) in module.tree.items.iter().enumerate() {
        let (kind, name) = match &item.kind {
            ItemKind::Node(node) => (node.kind.as_str(), &node.name),
            ItemKind::Code(code) => ("code", &code.name),
            _ => continue,
        };
        let first = module.items.get(&name.text) == Some(&index);
        // A name of the language is reported where it is declared.
        let built_in = matches!(item.kind, ItemKind::Code(_)) && is_function(&name.text);
        if !first || built_in || name.text.starts_with('_') || is_called(&name.text) {
            continue;
        }
        diagnostics.push(
            Diagnostic::new(
                Code::UnusedNode,
                item.locate(module.file, name.span),
                format!("{kind} `{}` is never called", name.text),
            )
            .here("nothing calls it")
            .help("call it in a flow, or remove it"),
        );
    }
}

/// Returns the home of a name that a module uses: the module that declares it, and its name there.
pub(crate) fn home(module: &Module, name: &SmolStr) -> Option<(SmolStr, SmolStr)> {
    match module.scope.get(name)? {
        Entry::Value(symbol) => Some((symbol.module.clone(), symbol.name.clone())),
        _ => None,
    }
}
