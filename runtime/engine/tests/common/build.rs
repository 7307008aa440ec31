//! Plans made by hand.

use flow_ir::expr::{Expr, SlotId};
use flow_ir::plan::*;
use flow_ir::types::Type;
use flow_ir::{Name, Value};

/// A flow under construction; its slots are its parameters, then whatever is asked for.
pub struct FlowBuilder {
    pub flow: Flow,
}

pub fn plan(flows: Vec<Flow>, nodes: Vec<Node>) -> Plan {
    Plan {
        version: VERSION,
        entry: flows[0].name.clone(),
        types: Default::default(),
        codes: Vec::new(),
        models: vec![model("a", "p/a"), model("b", "p/b")],
        nodes,
        flows,
        allow: vec![Grant::Net("api.test".into())],
        places: Default::default(),
    }
}

pub fn model(name: &str, full: &str) -> Model {
    let (provider, model) = full.split_once('/').unwrap();
    let kind = ModelKind::Provider { provider: provider.into(), model: model.into() };
    Model { name: name.into(), kind, settings: ModelSettings::default() }
}

/// `prompt NAME(text: string) -> RETURNS { user: text }`
pub fn prompt(name: &str, returns: Type) -> Node {
    Node {
        name: name.into(),
        doc: String::new(),
        params: vec![param("text", Type::STRING)],
        returns,
        timeout_ms: Some(60_000),
        retry: Some(0),
        kind: NodeKind::Prompt(Prompt {
            model: ModelRef::Model(0),
            system: None,
            history: None,
            user: Expr::Slot(0),
            assistant: None,
            repair: 0,
            settings: ModelSettings::default(),
        }),
    }
}

/// `tool NAME(text: string) -> string { METHOD: "https://api.test/x/${text}" }`
pub fn tool(name: &str, method: &str) -> Node {
    Node {
        kind: NodeKind::Http(Http {
            method: method.into(),
            url: SecretText(vec![
                SecretPiece::Text("https://api.test/x/".into()),
                SecretPiece::Expr(Expr::Slot(0)),
            ]),
            query: Vec::new(),
            query_map: None,
            headers: Vec::new(),
            body: None,
            decode: Decode::Text,
            idempotent: None,
            limit_bytes: 1 << 20,
        }),
        ..prompt(name, Type::STRING)
    }
}

pub fn param(name: &str, ty: Type) -> Param {
    Param { name: name.into(), ty, default: None, doc: String::new() }
}

impl FlowBuilder {
    pub fn new(name: &str, params: Vec<Param>) -> FlowBuilder {
        let slots =
            params.iter().map(|p| Slot { name: p.name.clone(), ty: p.ty.clone(), merge: None }).collect();
        FlowBuilder {
            flow: Flow {
                name: name.into(),
                doc: String::new(),
                params,
                returns: Type::Json,
                budget: Budget::default(),
                slots,
                blocks: Vec::new(),
                body: 0,
                emits: None,
                on_error: None,
            },
        }
    }

    pub fn slot(&mut self, name: &str) -> SlotId {
        self.merged(name, None)
    }

    pub fn merged(&mut self, name: &str, merge: Option<Merge>) -> SlotId {
        self.flow.slots.push(Slot { name: name.into(), ty: Type::Json, merge });
        (self.flow.slots.len() - 1) as SlotId
    }

    pub fn block(&mut self, body: Vec<Statement>) -> BlockId {
        self.block_with(Vec::new(), body)
    }

    pub fn block_with(&mut self, state: Vec<(SlotId, Option<Expr>)>, body: Vec<Statement>) -> BlockId {
        self.flow.blocks.push(Block { state, body });
        (self.flow.blocks.len() - 1) as BlockId
    }

    /// Makes these statements the flow's body.
    pub fn done(mut self, body: Vec<Statement>) -> Flow {
        self.flow.body = self.block(body);
        self.flow
    }

    pub fn done_with(mut self, state: Vec<(SlotId, Option<Expr>)>, body: Vec<Statement>) -> Flow {
        self.flow.body = self.block_with(state, body);
        self.flow
    }
}

pub fn text(text: &str) -> Expr {
    Expr::text(text)
}

pub fn int(number: i64) -> Expr {
    Expr::Const(Value::Int(number))
}

pub fn ints(numbers: impl IntoIterator<Item = i64>) -> Expr {
    Expr::Const(Value::list(numbers.into_iter().map(Value::Int).collect()))
}

pub fn slot(slot: SlotId) -> Expr {
    Expr::Slot(slot)
}

pub fn list(items: Vec<Expr>) -> Expr {
    Expr::List(items.into_iter().map(|value| flow_ir::expr::Item { value, optional: false }).collect())
}

pub fn call(function: &str, args: Vec<Expr>) -> Expr {
    Expr::Call { function: function.into(), args }
}

/// `"${a}${b}"`
pub fn joined(parts: Vec<Expr>) -> Expr {
    Expr::Template(
        parts.into_iter().map(|value| flow_ir::expr::Piece::Splice { value, ty: Type::Json }).collect(),
    )
}

pub fn step(name: &str, target: Target, args: Vec<Expr>, into: Option<SlotId>) -> Step {
    Step {
        segment: name.into(),
        target,
        args,
        with: With::default(),
        into,
        extract: None,
        catch: None,
        undo: None,
    }
}

pub fn ask(name: &str, node: NodeId, arg: Expr, into: SlotId) -> Statement {
    Statement::Step(Box::new(step(name, Target::Node(node), vec![arg], Some(into))))
}

pub fn set(slot: SlotId, value: Expr) -> Statement {
    Statement::Set { slot, value }
}

pub fn add(slot: SlotId, value: Expr) -> Statement {
    Statement::Add { slot, value, how: Add::Merge }
}

pub fn ret(value: Expr) -> Statement {
    Statement::Return { value: Some(value) }
}

pub fn fail(kind: &str, message: &str) -> Statement {
    Statement::Fail { kind: kind.into(), message: text(message) }
}

/// `catch { when KINDS => { … } }`; without kinds, every kind.
pub fn catch(kinds: &[&str], block: BlockId, into: Option<SlotId>) -> Catch {
    let segment = kinds.first().map(|kind| Name::from(format!("catch:{kind}")));
    let kinds = kinds.iter().map(|kind| Name::from(*kind)).collect();
    Catch { arms: vec![CatchArm { segment, kinds, bind: None, block }], into }
}

pub fn parallel_for(
    segment: &str,
    over: Expr,
    item: SlotId,
    block: BlockId,
    own: (SlotId, SlotId),
    into: Option<SlotId>,
) -> ParallelFor {
    ParallelFor {
        segment: segment.into(),
        over,
        key: None,
        max: None,
        jobs: None,
        collect: false,
        index: None,
        item,
        block,
        own,
        writes: Vec::new(),
        into,
        result: Type::list(Type::Json),
        counters: Counters::default(),
        catch: None,
    }
}
