//! Collects what a flow reaches, and gives each part its place in the plan.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use flow_check::{Body, Checked, CheckedProgram, Module, Sig, Symbol, TestBody, Use, docs, short};
use flow_diagnostics::{Code, Diagnostic};
use flow_ir::plan::{
    Block, Budget, Flow, Model, ModelKind, ModelSettings, Node, NodeKind, Param, Places, Plan, Slot, VERSION,
};
use flow_ir::rewrite::{self, Rewrite};
use flow_ir::test::{ASKS_FROM, Ask, What};
use flow_ir::types::TypeBody;
use flow_ir::{Expr, Name, Type, TypeName};
use flow_source::{FileSpan, Span};

/// A plan is stored as JSON, and readers of JSON stop at 128 levels; a part of it stands two levels deep.
const JSON_DEPTH_MAX: usize = 125;

/// A linked plan, and what stands in its way.
pub(crate) struct Linked {
    pub plan: Plan,
    pub problems: Vec<Diagnostic>,
    pub steps: Vec<(String, FileSpan)>,
}

/// A test, but for its plan.
pub(crate) struct Unplanned {
    pub title: String,
    pub replay: Option<String>,
    pub first_ask: u32,
    pub asks: Vec<Ask>,
}

pub(crate) struct Linker<'a> {
    checked: &'a CheckedProgram,
    nodes: Vec<Use>,
    flows: Vec<Symbol>,
    codes: Vec<Symbol>,
    models: Vec<Use>,
    index: HashMap<Use, u32>,
    types: Types<'a>,
}

/// The types that a plan needs, under the names that it gives them.
struct Types<'a> {
    checked: &'a CheckedProgram,
    names: HashMap<TypeName, TypeName>,
    taken: HashSet<TypeName>,
    order: Vec<TypeName>,
}

impl Types<'_> {
    fn name(&mut self, qualified: &TypeName) -> TypeName {
        if let Some(name) = self.names.get(qualified) {
            return name.clone();
        }
        if !self.checked.program.types.contains_key(qualified) {
            return qualified.clone();
        }
        let declared = short(qualified);
        let mut name = TypeName::from(declared);
        let mut number = 2;
        while !self.taken.insert(name.clone()) {
            name = TypeName::from(format!("{declared}#{number}"));
            number += 1;
        }
        self.names.insert(qualified.clone(), name.clone());
        self.order.push(qualified.clone());
        name
    }
}

/// Rewrites the references of one item: its own list tells what its indices mean.
struct Own<'l, 'a> {
    uses: &'l [(Use, Span)],
    index: &'l HashMap<Use, u32>,
    types: &'l mut Types<'a>,
}

impl Own<'_, '_> {
    fn find(&self, id: u32) -> u32 {
        self.uses.get(id as usize).and_then(|(what, _)| self.index.get(what)).copied().unwrap_or(0)
    }
}

impl Rewrite for Own<'_, '_> {
    fn type_name(&mut self, name: &TypeName) -> TypeName {
        self.types.name(name)
    }

    fn code(&mut self, code: u32) -> u32 {
        self.find(code)
    }

    fn node(&mut self, node: u32) -> u32 {
        self.find(node)
    }

    fn flow(&mut self, flow: u32) -> u32 {
        self.find(flow)
    }

    fn model(&mut self, model: u32) -> u32 {
        self.find(model)
    }
}

/// The same of a test, whose asks are flows of its plan.
struct OfTest<'l, 'a> {
    own: Own<'l, 'a>,
    first_ask: u32,
}

impl Rewrite for OfTest<'_, '_> {
    fn type_name(&mut self, name: &TypeName) -> TypeName {
        self.own.type_name(name)
    }

    fn code(&mut self, code: u32) -> u32 {
        self.own.code(code)
    }

    fn node(&mut self, node: u32) -> u32 {
        self.own.node(node)
    }

    fn flow(&mut self, flow: u32) -> u32 {
        match flow.checked_sub(ASKS_FROM) {
            Some(number) => self.first_ask + number,
            None => self.own.flow(flow),
        }
    }

    fn model(&mut self, model: u32) -> u32 {
        self.own.model(model)
    }
}

impl<'a> Linker<'a> {
    pub fn new(checked: &'a CheckedProgram) -> Linker<'a> {
        let types = Types { checked, names: HashMap::new(), taken: HashSet::new(), order: Vec::new() };
        Linker {
            checked,
            nodes: Vec::new(),
            flows: Vec::new(),
            codes: Vec::new(),
            models: Vec::new(),
            index: HashMap::new(),
            types,
        }
    }

    pub fn run(mut self, entry: &Symbol) -> Linked {
        let reached = self.reach([Use::Flow(entry.clone())]);
        let plan = self.plan(&entry.module, entry.name.clone());
        let mut linked = self.linked(plan, &reached, &entry.name);
        if linked.problems.is_empty() {
            linked.problems = self.too_deep(&linked.plan);
        }
        linked
    }

    /// Links a test: its body becomes the first flow, and what it asks the last ones.
    pub fn test(mut self, module: &Module, index: usize) -> Option<(Unplanned, Linked)> {
        let (checked, _) = flow_check::check_item(&self.checked.program, module, index);
        let Body::Test(body) = checked.body else { return None };
        let TestBody { title, replay, mut flow, mut asks } = *body;
        // The body has no name that anything could call it by.
        let body = Symbol { module: module.name.clone(), name: Name::default() };
        self.index.insert(Use::Flow(body.clone()), push(&mut self.flows, body));
        let reached = self.reach(checked.uses.iter().map(|(what, _)| what.clone()));
        let first_ask = self.flows.len() as u32;
        let mut own = OfTest {
            own: Own { uses: &checked.uses, index: &self.index, types: &mut self.types },
            first_ask,
        };
        rewrite::flow(&mut flow, &mut own);
        asks.iter_mut().for_each(|ask| rewrite::asked(ask, &mut own));
        let answers =
            asks.iter().enumerate().map(|(number, ask)| stand_in(number, ask, &flow)).collect::<Vec<_>>();
        let mut plan = self.plan(&module.name, Name::default());
        plan.flows.insert(0, flow);
        plan.flows.extend(answers);
        let item = module.tree.items.get(index);
        let at = |span: Span| item.map_or(span, |item| item.locate(module.file, span).span);
        asks.iter_mut().for_each(|ask| {
            ask.span = at(ask.span);
            if let What::Expect(expect) = &mut ask.what {
                expect.parts.iter_mut().for_each(|part| {
                    part.span = at(part.span);
                    part.anchor = at(part.anchor);
                });
            }
        });
        let mut linked = self.linked(plan, &reached, &title);
        if let Some(item) = item {
            let own = checked.not_runnable.iter();
            linked
                .problems
                .extend(own.map(|(span, what)| not_runnable(item.locate(module.file, *span), what, &title)));
        }
        Some((Unplanned { title, replay, first_ask, asks }, linked))
    }

    fn linked(&self, plan: Plan, reached: &[Symbol], entry: &str) -> Linked {
        let mut problems = Vec::new();
        let mut steps = Vec::new();
        for symbol in reached {
            let (Some(checked), Some((module, item))) =
                (self.checked.items.get(symbol), self.checked.program.item(symbol))
            else {
                continue;
            };
            for (span, what) in &checked.not_runnable {
                problems.push(not_runnable(item.locate(module.file, *span), what, entry));
            }
            for (coordinate, span) in &checked.steps {
                steps.push((coordinate.clone(), item.locate(module.file, *span)));
            }
        }
        steps.sort();
        Linked { plan, problems, steps }
    }

    /// Reports parts with expressions that are nested too deep to be stored.
    fn too_deep(&self, plan: &Plan) -> Vec<Diagnostic> {
        let flows = self.flows.iter().zip(plan.flows.iter().map(serde_json::to_string));
        let nodes = self.nodes.iter().zip(&plan.nodes).filter_map(|(what, node)| match what {
            Use::Node(symbol) => Some((symbol, serde_json::to_string(node))),
            // They hold no expression of the program's.
            _ => None,
        });
        let codes = self.codes.iter().zip(plan.codes.iter().map(serde_json::to_string));
        let deep = flows
            .chain(nodes)
            .chain(codes)
            .filter(|(_, json)| json.as_ref().is_ok_and(|json| json_depth(json) > JSON_DEPTH_MAX));
        deep.filter_map(|(symbol, _)| {
            let (module, item) = self.checked.program.item(symbol)?;
            let span = item.kind.name().map_or(item.span, |name| name.span);
            Some(
                Diagnostic::new(
                    Code::NestingTooDeep,
                    item.locate(module.file, span),
                    format!("an expression of `{}` is nested too deep for a plan", symbol.name),
                )
                .here("declared here")
                .help("bind parts of it with `let`, or move them into a `code`"),
            )
        })
        .collect()
    }

    /// Finds everything that these reach and numbers it in order of first use.
    fn reach(&mut self, start: impl IntoIterator<Item = Use>) -> Vec<Symbol> {
        let mut reached = Vec::new();
        let mut open: std::collections::VecDeque<Use> = start.into_iter().collect();
        while let Some(what) = open.pop_front() {
            if self.index.contains_key(&what) {
                continue;
            }
            let id = match &what {
                Use::Node(_) | Use::CodeTool(_) | Use::BuiltIn(_) => push(&mut self.nodes, what.clone()),
                Use::Flow(symbol) => push(&mut self.flows, symbol.clone()),
                Use::Code(symbol) => push(&mut self.codes, symbol.clone()),
                Use::Model(_) | Use::Inline(_) => push(&mut self.models, what.clone()),
            };
            self.index.insert(what.clone(), id);
            let (Use::Node(symbol) | Use::Flow(symbol) | Use::Code(symbol) | Use::Model(symbol)) = what
            else {
                continue;
            };
            if let Some(checked) = self.checked.items.get(&symbol) {
                open.extend(checked.uses.iter().map(|(what, _)| what.clone()));
            }
            reached.push(symbol);
        }
        reached
    }

    fn plan(&mut self, module: &Name, entry: Name) -> Plan {
        let checked = self.checked;
        let mut models = Vec::with_capacity(self.models.len());
        for what in self.models.clone() {
            models.push(self.model(&what));
        }
        let mut nodes: Vec<Node> = Vec::with_capacity(self.nodes.len());
        let mut names: HashMap<Name, usize> = HashMap::new();
        for what in self.nodes.clone() {
            let Some(mut node) = self.node(&what) else { continue };
            let before = names.entry(node.name.clone()).or_default();
            *before += 1;
            if *before > 1 {
                node.name = Name::from(format!("{}#{before}", node.name));
            }
            nodes.push(node);
        }
        let mut codes = Vec::with_capacity(self.codes.len());
        for symbol in self.codes.clone() {
            if let Some(Checked { body: Body::Code(code), uses, .. }) =
                checked.items.get(&symbol).map(Arc::as_ref)
            {
                let mut code = code.clone();
                rewrite::code(&mut code, &mut Own { uses, index: &self.index, types: &mut self.types });
                codes.push(code);
            }
        }
        let mut flows = Vec::with_capacity(self.flows.len());
        for symbol in self.flows.clone() {
            if let Some(Checked { body: Body::Flow(flow), uses, .. }) =
                checked.items.get(&symbol).map(Arc::as_ref)
            {
                let mut flow = (**flow).clone();
                rewrite::flow(&mut flow, &mut Own { uses, index: &self.index, types: &mut self.types });
                flow.name = unique(&symbol, &self.flows);
                flows.push(flow);
            }
        }
        let types = self.defs();
        let allow = checked
            .program
            .modules
            .get(module)
            .map(|module| module.allow.iter().map(|(grant, _)| grant.clone()).collect())
            .unwrap_or_default();
        Plan { version: VERSION, entry, types, codes, models, nodes, flows, allow, places: Places::default() }
    }

    fn node(&mut self, what: &Use) -> Option<Node> {
        let symbol = match what {
            Use::BuiltIn(built_in) => return Some(built_in.node()),
            Use::CodeTool(symbol) => return self.code_tool(symbol),
            Use::Node(symbol) => symbol,
            _ => return None,
        };
        let Checked { body: Body::Node(body), uses, .. } = self.checked.items.get(symbol)?.as_ref() else {
            return None;
        };
        let mut node = Node::clone(body);
        rewrite::node(&mut node, &mut Own { uses, index: &self.index, types: &mut self.types });
        node.name = symbol.name.clone();
        Some(node)
    }

    /// Pure code as a node that a model may call.
    fn code_tool(&mut self, symbol: &Symbol) -> Option<Node> {
        let program = &self.checked.program;
        let Some(Sig::Call(sig)) = program.sig(symbol) else { return None };
        let (_, item) = program.item(symbol)?;
        let params = sig.params.iter().map(|param| Param {
            name: param.name.clone(),
            ty: param.ty.clone(),
            default: param.default.clone(),
            doc: param.doc.to_string(),
        });
        let args = (0..sig.params.len() as u32).map(Expr::Slot).collect();
        let mut node = Node {
            name: symbol.name.clone(),
            doc: docs(&item.docs),
            params: params.collect(),
            returns: sig.returns.clone(),
            timeout_ms: None,
            retry: None,
            kind: NodeKind::Code(Expr::Code { code: 0, args }),
        };
        // It names its one code by the first place of a list of its own.
        let uses = [(Use::Code(symbol.clone()), Span::at(0))];
        rewrite::node(&mut node, &mut Own { uses: &uses, index: &self.index, types: &mut self.types });
        Some(node)
    }

    fn model(&mut self, what: &Use) -> Model {
        let unset = ModelKind::Fallback(Vec::new());
        match what {
            Use::Model(symbol) => match self.checked.items.get(symbol).map(Arc::as_ref) {
                Some(Checked { body: Body::Model(model), uses, .. }) => {
                    let mut model = model.clone();
                    rewrite::model(&mut model, &mut Own { uses, index: &self.index, types: &mut self.types });
                    model
                }
                _ => Model { name: symbol.name.clone(), kind: unset, settings: ModelSettings::default() },
            },
            Use::Inline(text) => {
                let (provider, model) = text.split_once('/').unwrap_or(("", text));
                let provider = if provider == "google" { "gemini" } else { provider };
                Model {
                    name: text.clone(),
                    kind: ModelKind::Provider { provider: Name::from(provider), model: Name::from(model) },
                    settings: ModelSettings::default(),
                }
            }
            _ => Model { name: Name::default(), kind: unset, settings: ModelSettings::default() },
        }
    }

    /// The definitions of the types that are named, and of those that they name.
    fn defs(&mut self) -> flow_ir::TypeDefs {
        let mut defs = flow_ir::TypeDefs::new();
        let nothing = HashMap::new();
        let mut at = 0;
        while at < self.types.order.len() {
            let qualified = self.types.order[at].clone();
            at += 1;
            let Some(def) = self.checked.program.types.get(&qualified) else { continue };
            let mut def = def.clone();
            let name = self.types.name(&qualified);
            rewrite::type_def(&mut def, &mut Own { uses: &[], index: &nothing, types: &mut self.types });
            if let TypeBody::Alias { .. } = def.body {
                continue;
            }
            defs.insert(name, def);
        }
        defs
    }
}

/// Returns the flow that stands for something that a test asks. It has no body: whoever runs the test answers.
fn stand_in(number: usize, ask: &Ask, body: &Flow) -> Flow {
    let params = ask.slots.iter().map(|slot| {
        let slot = &body.slots[*slot as usize];
        Param { name: slot.name.clone(), ty: slot.ty.clone(), default: None, doc: String::new() }
    });
    let params: Vec<Param> = params.collect();
    let returns = match ask.what {
        What::Calls(_) => Type::INT,
        What::Cost => Type::FLOAT,
        What::Fails { .. } => Type::Bool,
        What::Mock(_) | What::Expect(_) | What::Before { .. } => Type::Null,
    };
    Flow {
        name: Name::from(format!("$ask#{number}")),
        doc: String::new(),
        returns,
        emits: None,
        budget: Budget::default(),
        slots: params
            .iter()
            .map(|param| Slot { name: param.name.clone(), ty: param.ty.clone(), merge: None })
            .collect(),
        params,
        blocks: vec![Block::default()],
        body: 0,
        on_error: None,
    }
}

fn not_runnable(at: FileSpan, what: &str, entry: &str) -> Diagnostic {
    Diagnostic::new(Code::NotRunnable, at, format!("{what} cannot run yet"))
        .here(format!("`{entry}` needs it"))
        .help("this version of `flowc` checks it, and runs prompts, agents, HTTP tools, people, events, code and flows")
}

fn push<T>(list: &mut Vec<T>, item: T) -> u32 {
    list.push(item);
    list.len() as u32 - 1
}

/// Returns the declared name, or `name#2` for the second of that name.
fn unique(symbol: &Symbol, all: &[Symbol]) -> Name {
    let before =
        all.iter().take_while(|other| *other != symbol).filter(|other| other.name == symbol.name).count();
    match before {
        0 => symbol.name.clone(),
        n => Name::from(format!("{}#{}", symbol.name, n + 1)),
    }
}
/// Returns how many brackets of a JSON text stand inside each other.
fn json_depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
