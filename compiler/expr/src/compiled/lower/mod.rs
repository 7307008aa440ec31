//! From expressions to Cranelift's code. No value is touched here: this only writes down what the machine will do.
//!
//! Each expression becomes an [`Operand`]; an error of the language is a jump to the block that the caller names, a guard
//! that fails a jump to `leave`. The turns of a macro are charged for when it ends, all at once: where the meter runs out
//! shows only in that it does, since nothing absorbs that.

mod build;
mod calls;
mod flow;
mod join;
mod macros;
mod operand;
mod path;
mod sums;
mod text;

use cranelift_codegen::ir::AbiParam;
use std::collections::HashSet;
use std::sync::Arc;

use cranelift_codegen::ir::{
    Block, InstBuilder, MemFlagsData, SigRef, Signature, StackSlot, StackSlotData, StackSlotKind, TrapCode,
    Value as V, condcodes::IntCC, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilder;
use cranelift_module::FuncId;

use flow_ir::expr::{Code, LocalId, SlotId};
use flow_ir::{Expr, Type, TypeDefs, Value};

use super::kinds::{self, Tag};
use super::machine::{Helper, Layout, Machinery, Site, VALUE_BYTES, at, exit, status};
use super::{Returns, Unfit};
use crate::interpreter;
use operand::{Operand, Place};

/// An expression of more nodes, called code included, is left to the interpreter.
const NODES_MAX: usize = 20_000;

/// One that nests deeper, chains of operators included, too; and one whose code would nest so deep for the interpreter.
const NESTING_MAX: usize = 4_000;
const DEPTH_MAX: usize = 280;

/// From this nesting on code is written on a stack of its own, with so much for each level.
const NESTING_OF_CALLER: usize = 24;
const LEVEL_BYTES: usize = 32 << 10;

/// An expression binds at most so many variables; the interpreter says so.
const LOCALS_MAX: LocalId = 65_536;

/// With assertions on, a word that nothing may write stands before, between and behind what a function has on the stack;
/// where one has changed when it returns, the process ends by an illegal instruction.
const GUARDED: bool = cfg!(debug_assertions);
const GUARD: i64 = 0x7ea5_c0de_f10e_5afe;

/// What an expression is compiled with.
#[derive(Clone, Copy)]
pub(super) struct Whole<'a> {
    pub layout: &'static Layout,
    pub codes: &'a [Code],
    pub types: &'a TypeDefs,
    pub slots: &'a [Type],
}

/// What became of an expression.
pub(super) struct Made {
    pub id: FuncId,
    pub returns: Returns,
    pub reads: Vec<SlotId>,
    /// Whether it may make something that has to be dropped.
    pub makes: bool,
}

/// Writes the code of an expression.
pub(super) fn unit(
    expr: &Expr,
    whole: Whole<'_>,
    machinery: &mut Machinery,
    sites: &mut Vec<Arc<Site>>,
    constants: &mut Vec<Arc<Value>>,
) -> Result<Made, Unfit> {
    let Extent { mut nesting, depth, calls, .. } = extent(expr)?;
    if depth > DEPTH_MAX {
        return Err(Unfit);
    }
    if calls {
        nesting += calls::CODE_NESTING_MAX * calls::CODE_CALLS_MAX;
    }
    let mut work = || write(expr, depth, whole, machinery, sites, constants);
    if nesting <= NESTING_OF_CALLER {
        return work();
    }
    // Cranelift's module may go to another thread, and comes back when that has ended.
    let stack = (nesting + NESTING_OF_CALLER) * LEVEL_BYTES + (4 << 20);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, work);
        thread.map_err(|_| Unfit)?.join().unwrap_or(Err(Unfit))
    })
}

/// How large an expression is.
struct Extent {
    nodes: usize,
    /// How deep it nests.
    nesting: usize,
    /// How deep the interpreter goes.
    depth: usize,
    /// Whether it calls code.
    calls: bool,
    /// Whether it reads slots.
    reads: bool,
}

/// Measures an expression without going deep itself.
fn extent(expr: &Expr) -> Result<Extent, Unfit> {
    let mut extent = Extent { nodes: 0, nesting: 0, depth: 0, calls: false, reads: false };
    let mut open = vec![(expr, 1, 1)];
    while let Some((expr, nesting, depth)) = open.pop() {
        extent.nodes += 1;
        extent.nesting = extent.nesting.max(nesting);
        extent.depth = extent.depth.max(depth);
        extent.calls |= matches!(expr, Expr::Code { .. });
        extent.reads |= matches!(expr, Expr::Slot(_));
        if extent.nodes > NODES_MAX || nesting > NESTING_MAX {
            return Err(Unfit);
        }
        let first = interpreter::first_child(expr);
        let mut is_first = true;
        expr.children(&mut |child| {
            // The interpreter takes chains to the left apart on the heap, and walks those to the right in a loop.
            let goes_deeper = match expr {
                Expr::If { .. } | Expr::Coalesce(..) | Expr::Let { .. } | Expr::Match { .. } => is_first,
                _ => {
                    depth <= interpreter::SPINE_FROM || !first.is_some_and(|first| std::ptr::eq(first, child))
                }
            };
            is_first = false;
            open.push((child, nesting + 1, depth + usize::from(goes_deeper)));
        });
    }
    Ok(extent)
}

fn write(
    expr: &Expr,
    depth_max: usize,
    whole: Whole<'_>,
    machinery: &mut Machinery,
    sites: &mut Vec<Arc<Site>>,
    constants: &mut Vec<Arc<Value>>,
) -> Result<Made, Unfit> {
    let (id, (returns, reads, makes)) = machinery.define(|function, context, config| {
        let call_conv = function.signature.call_conv;
        let mut builder = FunctionBuilder::new(function, context);
        let entry = builder.create_block();
        builder.append_block_params_for_function_params(entry);
        let params = builder.block_params(entry).to_vec();
        let (begin, out) = if GUARDED {
            // The guards are written at the entry, when it is known how many there are, and looked at in one place.
            builder.func.layout.append_block(entry);
            let (begin, out) = (builder.create_block(), builder.create_block());
            builder.append_block_param(out, types::I64);
            (begin, Some(out))
        } else {
            (entry, None)
        };
        builder.switch_to_block(begin);
        let [exhausted, leave, error] = [(); 3].map(|()| {
            let block = builder.create_block();
            builder.set_cold_block(block);
            block
        });
        let mut lower = Lower {
            b: builder,
            call_conv,
            whole,
            context: params[0],
            slots: params[1],
            left: params[2],
            exhausted,
            leave,
            failing: Vec::new(),
            locals: Vec::new(),
            memo: Vec::new(),
            made: 0,
            nodes: 0,
            depth: 0,
            depth_max,
            calls: Vec::new(),
            signatures: [None; 8],
            arguments: Vec::new(),
            boxes: Vec::new(),
            out,
            guards: Vec::new(),
            reads: Vec::new(),
            plain: HashSet::new(),
            sites,
            constants,
        };
        let returns = lower.whole(expr, error)?;
        for (block, code) in [(error, exit::ERROR), (exhausted, exit::EXHAUSTED), (leave, exit::LEAVE)] {
            lower.b.switch_to_block(block);
            lower.leave_with(code);
        }
        lower.guard(entry, begin);
        lower.b.seal_all_blocks();
        let (reads, makes) = (std::mem::take(&mut lower.reads), lower.made > 0);
        lower.b.finalize(config);
        Ok((returns, reads, makes))
    })?;
    Ok(Made { id, returns, reads, makes })
}

/// What has been loaded of a value, behind the test of its tag.
#[derive(Clone, Copy)]
struct Loaded {
    at: V,
    offset: i32,
    tag: Tag,
    /// A scalar's bits, or the address of a text's bytes, of a list's elements, of a record's slots.
    word: V,
    /// How many there are.
    len: V,
}

/// The state of writing one function.
struct Lower<'a, 'b> {
    b: FunctionBuilder<'b>,
    call_conv: CallConv,
    whole: Whole<'a>,
    context: V,
    slots: V,
    /// The address of what the meter has left.
    left: V,
    exhausted: Block,
    leave: Block,
    /// Blocks for errors that something jumps to.
    failing: Vec<bool>,
    /// The variables in scope, the innermost last.
    locals: Vec<(LocalId, Operand<'a>)>,
    /// What has been loaded on every way to here.
    memo: Vec<Loaded>,
    /// How often something is made that lives until the end of a turn.
    made: usize,
    nodes: usize,
    /// How deep this nests, and how deep the interpreter goes.
    depth: usize,
    depth_max: usize,
    /// The code whose bodies this stands in.
    calls: Vec<u32>,
    signatures: [Option<SigRef>; 8],
    /// Where the addresses of so many arguments stand.
    arguments: Vec<(usize, StackSlot)>,
    /// Where scalars stand that a helper reads as values: of the nth argument.
    boxes: Vec<StackSlot>,
    /// Where the guards are looked at; they stand around what is on the stack.
    out: Option<Block>,
    guards: Vec<StackSlot>,
    reads: Vec<SlotId>,
    /// Operations that are no sum of which nothing can overflow.
    plain: HashSet<*const Expr>,
    sites: &'b mut Vec<Arc<Site>>,
    constants: &'b mut Vec<Arc<Value>>,
}

/// Memory that is there, and is aligned.
fn flags() -> MemFlagsData {
    MemFlagsData::trusted()
}

impl<'a> Lower<'a, '_> {
    /// Writes an expression as the whole of the function.
    fn whole(&mut self, expr: &'a Expr, error: Block) -> Result<Returns, Unfit> {
        if self.is_test(expr) {
            let (yes, no) = (self.b.create_block(), self.b.create_block());
            self.branch(expr, yes, no, error)?;
            for (block, code) in [(yes, 1), (no, 0)] {
                self.b.switch_to_block(block);
                self.leave_with(code);
            }
            return Ok(Returns::Test);
        }
        let is_path = is_path(expr);
        let returns = match self.expr(expr, error)? {
            Operand::Scalar(tag, bits) => {
                let bits = match tag {
                    Tag::Bool => self.b.ins().uextend(types::I64, bits),
                    Tag::Float => self.b.ins().bitcast(types::I64, MemFlagsData::new(), bits),
                    _ => bits,
                };
                self.b.ins().store(flags(), bits, self.context, at::OUT);
                Returns::Scalar(tag)
            }
            Operand::Items { at: items, len, is_local: false, .. } => {
                self.b.ins().store(flags(), items, self.context, at::OUT);
                self.b.ins().store(flags(), len, self.context, at::OUT_2);
                Returns::Items
            }
            other => {
                let place = self.place(other, error)?;
                self.copy((place.at, place.offset), (self.context, at::OUT));
                // Behind an optional, a path makes its value.
                if is_path && self.made == 0 { Returns::Path } else { Returns::Cell }
            }
        };
        self.leave_with(0);
        Ok(returns)
    }

    fn leave_with(&mut self, code: i64) {
        let code = self.b.ins().iconst(types::I64, code);
        match self.out {
            Some(out) => self.b.ins().jump(out, &[code.into()]),
            None => self.b.ins().return_(&[code]),
        };
    }

    /// Writes the guards at the entry, and looks at them on the way out.
    fn guard(&mut self, entry: Block, begin: Block) {
        let Some(out) = self.out else { return };
        if !self.guards.is_empty() {
            let last = self.slot_of(8);
            self.guards.push(last);
        }
        self.b.switch_to_block(entry);
        let guard = self.b.ins().iconst(types::I64, GUARD);
        for slot in self.guards.clone() {
            self.b.ins().stack_store(types::I64, guard, slot, 0);
        }
        self.b.ins().jump(begin, &[]);
        self.b.switch_to_block(out);
        let code = self.b.block_params(out)[0];
        for slot in self.guards.clone() {
            let found = self.b.ins().stack_load(types::I64, types::I64, slot, 0);
            let is_whole = self.b.ins().icmp_imm_s(IntCC::Equal, found, GUARD);
            self.b.ins().trapz(is_whole, TrapCode::unwrap_user(1));
        }
        self.b.ins().return_(&[code]);
    }

    /// Writes an expression.
    fn expr(&mut self, expr: &'a Expr, error: Block) -> Result<Operand<'a>, Unfit> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > NODES_MAX {
            return Err(Unfit);
        }
        let operand = self.node(expr, error);
        self.depth -= 1;
        operand
    }

    fn node(&mut self, expr: &'a Expr, error: Block) -> Result<Operand<'a>, Unfit> {
        if self.is_test(expr) {
            return self.test_as_value(expr, error);
        }
        match expr {
            Expr::Const(value) => Ok(self.constant(value)),
            Expr::Slot(slot) => self.slot(*slot),
            Expr::Local(local) => self.local(*local),
            Expr::Run(value) => self.run_value(*value, error),
            Expr::Field { of, index, optional } => self.field(of, *index, *optional, error),
            Expr::Index { of, key, optional } => self.index(of, key, *optional, error),
            Expr::Has { of, key } => self.has(of, key, error),
            Expr::List(items) => self.list(items, error),
            Expr::Map(entries) => self.map(entries, error),
            Expr::Record { shape, slots } => self.record(shape, slots, error),
            Expr::Update { of, shape, slots } => self.update(of, shape, slots, error),
            Expr::Enum { shape, of } => self.enumerated(shape, of, error),
            Expr::Call { function, args } => match self.sum(expr, error)? {
                Some(sum) => Ok(sum),
                None => self.call(function, args, error),
            },
            Expr::Code { code, args } => self.code(*code, args, error),
            Expr::And(..) | Expr::Or(..) => self.test_as_value(expr, error),
            Expr::If { test, then, otherwise } => self.choose(test, then, otherwise, error),
            Expr::Coalesce(left, right) => self.coalesce(left, right, error),
            Expr::Macro { op, over, vars, bodies } => self.macro_call(*op, over, vars, bodies, error),
            Expr::Let { local, value, body } => self.bind(*local, value, body, error),
            Expr::Match { value, local, arms, otherwise } => {
                self.matched(value, *local, arms, otherwise.as_deref(), error)
            }
            Expr::Is { of, variant } => self.is(of, variant, error),
            Expr::Cast { of, to, .. } => self.cast(of, to, error),
            Expr::Widen { of, to, .. } => self.widen(of, to, error),
            Expr::Template(pieces) => self.template(pieces, error),
            Expr::Fail { kind, .. } => {
                let block = if kind == "exhausted" { self.leave } else { error };
                self.jump_to(block);
                Ok(Operand::Never)
            }
        }
    }

    // Blocks.

    fn block(&mut self) -> Block {
        self.b.create_block()
    }

    fn cold(&mut self) -> Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        block
    }

    /// Goes to a block for good; what is written next is never reached.
    fn jump_to(&mut self, block: Block) {
        self.failing_at(block);
        self.b.ins().jump(block, &[]);
        let next = self.b.create_block();
        self.b.switch_to_block(next);
    }

    /// Goes to a block, usually one of an error, if a condition holds.
    fn leave_if(&mut self, condition: V, block: Block) {
        self.failing_at(block);
        let next = self.b.create_block();
        self.b.ins().brif(condition, block, &[], next, &[]);
        self.b.switch_to_block(next);
    }

    /// Notes that something goes to a block for errors.
    fn failing_at(&mut self, block: Block) {
        let index = block.as_u32() as usize;
        if self.failing.len() <= index {
            self.failing.resize(index + 1, false);
        }
        self.failing[index] = true;
    }

    /// Whether anything goes to a block that was made for errors.
    pub(super) fn can_fail(&self, block: Block) -> bool {
        self.failing.get(block.as_u32() as usize).is_some_and(|fails| *fails)
    }

    /// How deep the interpreter is here, about.
    fn interpreter_depth(&self) -> usize {
        self.depth.min(self.depth_max)
    }

    // Memory.

    fn word(&mut self, value: i64) -> V {
        self.b.ins().iconst(types::I64, value)
    }

    fn load(&mut self, base: V, offset: i32) -> V {
        self.b.ins().load(types::I64, flags(), base, offset)
    }

    /// Copies a value's words.
    fn copy(&mut self, from: (V, i32), to: (V, i32)) {
        let words: Vec<V> = (0..VALUE_BYTES / 8).map(|word| self.load(from.0, from.1 + 8 * word)).collect();
        for (word, value) in words.into_iter().enumerate() {
            self.b.ins().store(flags(), value, to.0, to.1 + 8 * word as i32);
        }
    }

    /// Room on the stack.
    fn stack(&mut self, bytes: usize) -> Result<StackSlot, Unfit> {
        if bytes > 32 << 10 {
            return Err(Unfit);
        }
        if GUARDED {
            let guard = self.slot_of(8);
            self.guards.push(guard);
        }
        Ok(self.slot_of(bytes))
    }

    fn slot_of(&mut self, bytes: usize) -> StackSlot {
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes as u32, 3);
        self.b.create_sized_stack_slot(data)
    }

    fn site(&mut self, site: Site) -> V {
        let site = Arc::new(site);
        let address = Arc::as_ptr(&site) as i64;
        self.sites.push(site);
        self.word(address)
    }

    // The meter.

    /// Takes units that are known.
    fn charge(&mut self, units: u64) {
        let units = self.word(units as i64);
        self.charge_value(units);
    }

    fn charge_value(&mut self, units: V) {
        let left = self.load(self.left, 0);
        let rest = self.b.ins().isub(left, units);
        let is_short = self.b.ins().icmp(IntCC::UnsignedLessThan, left, units);
        let exhausted = self.exhausted;
        self.leave_if(is_short, exhausted);
        self.b.ins().store(flags(), rest, self.left, 0);
    }

    // Helpers.

    fn signature(&mut self, words: usize) -> SigRef {
        if let Some(signature) = self.signatures[words] {
            return signature;
        }
        let mut signature = Signature::new(self.call_conv);
        signature.params.extend(std::iter::repeat_n(AbiParam::new(types::I64), words + 1));
        signature.returns.push(AbiParam::new(types::I64));
        let signature = self.b.import_signature(signature);
        self.signatures[words] = Some(signature);
        signature
    }

    /// Calls a helper and returns what it returns.
    fn raw_call(&mut self, helper: Helper, args: &[V]) -> V {
        debug_assert_eq!(helper.words, args.len());
        let signature = self.signature(helper.words);
        let callee = self.word(helper.address as i64);
        let mut all = vec![self.context];
        all.extend(args);
        let call = self.b.ins().call_indirect(signature, callee, &all);
        self.b.inst_results(call)[0]
    }

    /// Calls a helper, and leaves if it fails.
    fn helper(&mut self, helper: Helper, args: &[V], error: Block) {
        let status = self.raw_call(helper, args);
        let (next, failed) = (self.block(), self.cold());
        self.b.ins().brif(status, failed, &[], next, &[]);
        self.b.switch_to_block(failed);
        let is_error = self.b.ins().icmp_imm_s(IntCC::Equal, status, status::ERROR);
        self.failing_at(error);
        self.b.ins().brif(is_error, error, &[], self.leave, &[]);
        self.b.switch_to_block(next);
    }

    /// Calls a helper that can't fail but for running out.
    fn sure(&mut self, helper: Helper, args: &[V]) {
        let status = self.raw_call(helper, args);
        let leave = self.leave;
        self.leave_if(status, leave);
    }

    /// The value that a helper has made.
    fn made(&mut self) -> Operand<'a> {
        self.made += 1;
        let at = self.load(self.context, at::OUT);
        Operand::Cell(Place::new(at, 0))
    }

    // Scopes.

    /// Writes what isn't on every way: what it loads is forgotten.
    fn apart<T>(&mut self, write: impl FnOnce(&mut Self) -> Result<T, Unfit>) -> Result<T, Unfit> {
        let loaded = self.memo.len();
        let result = write(self);
        self.memo.truncate(loaded);
        result
    }

    /// Writes something with variables bound.
    fn with<T>(
        &mut self,
        bound: &[(LocalId, Operand<'a>)],
        write: impl FnOnce(&mut Self) -> Result<T, Unfit>,
    ) -> Result<T, Unfit> {
        let before = self.locals.len();
        for (local, operand) in bound {
            // The interpreter has one place per number: a number that is bound twice would be seen afterwards.
            if *local >= LOCALS_MAX || self.locals.iter().any(|(other, _)| other == local) {
                return Err(Unfit);
            }
            self.locals.push((*local, *operand));
        }
        let result = write(self);
        self.locals.truncate(before);
        result
    }

    fn local(&mut self, local: LocalId) -> Result<Operand<'a>, Unfit> {
        let found = self.locals.iter().rev().find(|(other, _)| *other == local);
        found.map(|(_, operand)| *operand).ok_or(Unfit)
    }
}

/// Whether it only points into the frame.
fn is_path(expr: &Expr) -> bool {
    match expr {
        Expr::Const(_) | Expr::Slot(_) => true,
        Expr::Field { of, optional: false, .. } => is_path(of),
        _ => false,
    }
}
