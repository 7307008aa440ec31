//! Executable memory: filled by Cranelift, entered, and freed with the program.

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};

use cranelift_codegen::ir::{AbiParam, Function, Signature, types};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, default_libcall_names};

use flow_ir::Value;
use flow_ir::expr::SlotId;

use super::super::kinds::Tag;
use super::super::{Returns, Unfit};
use super::build::borrowed;
use super::context::{Context, Scratch};
use super::layout::Layout;
use crate::env::FrameSlots;
use crate::{Env, values};

/// So many slots of a frame that holds them here and there are copied to the stack.
const SLOTS_ON_STACK: usize = 24;

/// What machine code returns besides `false`, `true` and "it is done" (0).
pub(crate) mod exit {
    /// An error.
    pub(crate) const ERROR: i64 = 2;
    /// The meter ran out.
    pub(crate) const EXHAUSTED: i64 = 3;
    /// The interpreter has to do it.
    pub(crate) const LEAVE: i64 = 4;
}

/// How an evaluation by machine code can end without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// An error of the language.
    Error,
    /// The meter ran out.
    Exhausted,
    /// An error that nothing absorbs.
    Fatal,
    /// Machine code is no match for these values.
    Left,
}

/// The result of machine code, made out of what it left.
pub(crate) type Outcome<T> = Result<T, Exit>;

type Entry = extern "C" fn(*mut Context<'_>, *const Value, *const Cell<u64>) -> i64;

/// A module that functions are added to.
pub(crate) struct Machinery {
    module: JITModule,
    context: cranelift_codegen::Context,
    builder: FunctionBuilderContext,
    count: usize,
    bytes: usize,
}

impl Machinery {
    /// Prepares for this processor, or says why there is no machine code for it.
    pub(crate) fn new() -> Result<Machinery, String> {
        let mut flags = settings::builder();
        let verifier = if cfg!(debug_assertions) { "true" } else { "false" };
        let wanted = [
            // With `speed` expressions are no faster, and take 1.2 to 1.7 times as long to make.
            ("opt_level", "none"),
            ("enable_verifier", verifier),
            ("use_colocated_libcalls", "false"),
            ("is_pic", "false"),
            // A large frame touches each of its pages, so that it can't step over the guard of the stack.
            ("enable_probestack", "true"),
            ("probestack_strategy", "inline"),
        ];
        for (name, value) in wanted {
            flags.set(name, value).map_err(|error| format!("{name}: {error}"))?;
        }
        let isa = cranelift_native::builder()?;
        let isa = isa.finish(settings::Flags::new(flags)).map_err(|error| error.to_string())?;
        let module = JITModule::new(JITBuilder::with_isa(isa, default_libcall_names()));
        let context = module.make_context();
        Ok(Machinery { module, context, builder: FunctionBuilderContext::new(), count: 0, bytes: 0 })
    }

    /// Adds a function whose body `build` writes; without a trace if it can't.
    pub(crate) fn define<T>(
        &mut self,
        build: impl FnOnce(
            &mut Function,
            &mut FunctionBuilderContext,
            cranelift_codegen::isa::TargetFrontendConfig,
        ) -> Result<T, Unfit>,
    ) -> Result<(FuncId, T), Unfit> {
        let mut signature = Signature::new(self.module.isa().default_call_conv());
        signature.params.extend([AbiParam::new(types::I64); 3]);
        signature.returns.push(AbiParam::new(types::I64));
        self.context.func.signature = signature;
        let config = self.module.target_config();
        let built = build(&mut self.context.func, &mut self.builder, config);
        let built = built.inspect_err(|_| {
            self.builder = FunctionBuilderContext::new();
            self.module.clear_context(&mut self.context);
        })?;
        let name = format!("unit{}", self.count);
        self.count += 1;
        let signature = self.context.func.signature.clone();
        let id = self.module.declare_function(&name, Linkage::Local, &signature).map_err(|_| Unfit)?;
        let defined = self.module.define_function(id, &mut self.context);
        if defined.is_ok() {
            self.bytes += self.context.compiled_code().map_or(0, |code| code.code_buffer().len());
        }
        self.module.clear_context(&mut self.context);
        match defined {
            Ok(()) => Ok((id, built)),
            Err(error) => {
                debug_assert!(false, "{error:?}");
                Err(Unfit)
            }
        }
    }

    /// Makes it executable.
    pub(crate) fn finish(mut self) -> Result<Memory, String> {
        let finished = self.module.finalize_definitions();
        let memory = Memory { module: ManuallyDrop::new(self.module), bytes: self.bytes };
        finished.map(|()| memory).map_err(|error| format!("no executable memory: {error}"))
    }
}

/// Executable code; freed when it is dropped.
pub(crate) struct Memory {
    module: ManuallyDrop<JITModule>,
    pub bytes: usize,
}

// SAFETY: once it is made the module is neither read nor written until it is dropped, by one owner; the code itself holds
// no state.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the program that owns this memory is being dropped, and nobody is inside of its code: entering borrows
        // the program.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() }
    }
}

/// A function that can be entered, and what it needs of a frame.
#[derive(Debug)]
pub(crate) struct Routine {
    entry: Entry,
    returns: Returns,
    /// The slots it reads, in order.
    reads: Box<[SlotId]>,
    /// How many slots a frame must have.
    slots: usize,
    /// Whether it may make something that has to be dropped.
    makes: bool,
}

impl Memory {
    /// Returns a function of this memory. It must not outlive it.
    pub(crate) fn function(
        &self,
        id: FuncId,
        returns: Returns,
        mut reads: Vec<SlotId>,
        makes: bool,
    ) -> Routine {
        let address = self.module.get_finalized_function(id);
        // SAFETY: every function is defined with this signature, in the C convention of the machine.
        let entry = unsafe { std::mem::transmute::<*const u8, Entry>(address) };
        reads.sort_unstable();
        reads.dedup();
        let slots = reads.last().map_or(0, |slot| *slot as usize + 1);
        Routine { entry, returns, reads: reads.into(), slots, makes }
    }
}

impl Routine {
    /// Enters it with the slots of a frame side by side; `read` gets what it returned while what it points at is alive.
    #[inline]
    fn enter<T>(
        &self,
        env: &Env<'_>,
        layout: &Layout,
        scratch: Option<&mut Scratch>,
        read: impl FnOnce(i64, &Context<'_>) -> T,
    ) -> Outcome<T> {
        match env.frame.slots() {
            FrameSlots::Values(slots) if slots.len() >= self.slots => {
                self.enter_at(env, slots.as_ptr(), scratch, read)
            }
            FrameSlots::Options(slots) if slots.len() >= self.slots => {
                self.enter_at(env, slots.as_ptr().cast(), scratch, read)
            }
            _ => self.enter_apart(env, layout, scratch, read),
        }
    }

    /// Enters it with copies of the slots it reads, of a frame that holds them here and there.
    #[cold]
    fn enter_apart<T>(
        &self,
        env: &Env<'_>,
        layout: &Layout,
        scratch: Option<&mut Scratch>,
        read: impl FnOnce(i64, &Context<'_>) -> T,
    ) -> Outcome<T> {
        if self.slots > 65_536 {
            return Err(Exit::Left);
        }
        let mut few = [const { MaybeUninit::<Value>::uninit() }; SLOTS_ON_STACK];
        let mut many: Vec<MaybeUninit<Value>> = Vec::new();
        let start: *mut Value = match self.slots {
            0..=SLOTS_ON_STACK => few.as_mut_ptr().cast(),
            slots => {
                many.reserve_exact(slots);
                many.as_mut_ptr().cast()
            }
        };
        for slot in &self.reads {
            let place = start.wrapping_add(*slot as usize);
            // SAFETY: there is room for `slots` values, of which this is one. The copy is never dropped, and the frame
            // outlives the evaluation. Slots between those that are read stay as they are: nothing reads them.
            unsafe {
                match env.frame.slot(*slot) {
                    Some(value) => std::ptr::copy_nonoverlapping(value, place, 1),
                    None => place.cast::<u8>().write(layout.none),
                }
            }
        }
        self.enter_at(env, start, scratch, read)
    }

    #[inline]
    fn enter_at<T>(
        &self,
        env: &Env<'_>,
        slots: *const Value,
        scratch: Option<&mut Scratch>,
        read: impl FnOnce(i64, &Context<'_>) -> T,
    ) -> Outcome<T> {
        let mut context = Context::new(env);
        let is_shared = scratch.is_some();
        if let Some(scratch) = scratch {
            let heap = scratch.heap();
            heap.clear();
            (context.top, context.end) = heap.room();
            context.heap = heap;
        }
        let status = (self.entry)(&mut context, slots, env.meter.cell());
        let outcome = match status {
            0 | 1 => Ok(read(status, &context)),
            exit::ERROR => Err(Exit::Error),
            exit::EXHAUSTED => Err(Exit::Exhausted),
            _ if context.fatal => Err(Exit::Fatal),
            _ => Err(Exit::Left),
        };
        if !context.heap.is_null() && !is_shared {
            // SAFETY: `Context::heap` made it by `Box::into_raw`, and nothing that points into it is left: `read` has
            // made its own of it.
            drop(unsafe { Box::from_raw(context.heap) });
        }
        outcome
    }

    /// Evaluates a condition. What is no bool is the interpreter's.
    #[inline]
    pub(crate) fn test(&self, env: &Env<'_>, layout: &Layout) -> Outcome<bool> {
        match self.returns {
            Returns::Test => self.enter(env, layout, None, |status, _| status != 0),
            _ => match self.eval(env, layout)? {
                Value::Bool(value) => Ok(value),
                _ => Err(Exit::Fatal),
            },
        }
    }

    /// Evaluates to a value; a list or map is measured unless it is a part of the frame.
    pub(crate) fn eval(&self, env: &Env<'_>, layout: &Layout) -> Outcome<Value> {
        let returns = self.returns;
        let value = self.enter(env, layout, None, |status, context| result(returns, status, context))?;
        let is_composite =
            matches!(value, Value::List(_) | Value::Map(_) | Value::Record(_) | Value::Optional(_));
        if is_composite && returns != Returns::Path && values::measure(&value, env.meter).is_err() {
            return Err(Exit::Fatal);
        }
        Ok(value)
    }

    /// Evaluates, and shows a list that a macro made as it lies in the scratch memory; of anything else one value. It is
    /// neither copied nor measured.
    pub(crate) fn view<'s>(
        &self,
        env: &Env<'s>,
        layout: &Layout,
        scratch: &'s mut Scratch,
    ) -> Outcome<&'s [Value]> {
        let returns = self.returns;
        let (at, count) = self.enter(env, layout, Some(scratch), |status, context| match returns {
            Returns::Items => (context.out as *const Value, context.out_2 as usize),
            _ => {
                let value = result(returns, status, context);
                // SAFETY: the heap is the scratch memory's, which outlives the view.
                let heap = unsafe { &mut *context.heap };
                (heap.push(value), 1)
            }
        })?;
        Ok(borrowed(at, count))
    }
}

/// What many evaluations share: an environment, and memory. The frame comes with each of them.
pub struct Evaluator<'e> {
    context: Context<'e>,
    /// What the meter has left, and had before the last evaluation.
    meter: &'e Cell<u64>,
    left: u64,
}

impl std::fmt::Debug for Evaluator<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Evaluator").finish_non_exhaustive()
    }
}

impl<'e> Evaluator<'e> {
    /// Prepares to evaluate; the frame of `env` is not read.
    pub fn new(env: &'e Env<'e>) -> Evaluator<'e> {
        let mut context = Context::new(env);
        context.heap();
        Evaluator { context, meter: env.meter.cell(), left: 0 }
    }

    /// Drops what the last evaluation made.
    fn clear(&mut self) {
        self.context.kept = 0;
        let heap = self.context.heap();
        heap.clear();
        (self.context.top, self.context.end) = heap.room();
    }

    #[cold]
    fn failed(&mut self) {
        (self.context.fatal, self.context.mismatch) = (false, false);
        self.meter.set(self.left);
    }
}

impl Drop for Evaluator<'_> {
    fn drop(&mut self) {
        // SAFETY: `Context::heap` made it by `Box::into_raw` in `new`; views borrow the evaluator, so none is left.
        drop(unsafe { Box::from_raw(self.context.heap) });
    }
}

/// A unit of a program that can be entered at once, again and again, on frames whose slots lie side by side.
#[derive(Clone, Copy, Debug)]
pub struct Prepared<'p> {
    entry: Entry,
    slots: usize,
    makes: bool,
    returns: Returns,
    /// The code lives as long as its program.
    program: PhantomData<&'p Memory>,
}

impl<'p> Prepared<'p> {
    pub(crate) fn new(routine: &'p Routine) -> Prepared<'p> {
        let Routine { entry, returns, slots, makes, .. } = *routine;
        Prepared { entry, slots, makes, returns, program: PhantomData }
    }

    /// Evaluates a condition. `None`: machine code alone can't tell; the meter is as it was, and
    /// [`Program::test`](super::super::Program::test) tells the value or the error.
    #[inline]
    pub fn test(self, evaluator: &mut Evaluator<'_>, slots: FrameSlots<'_>) -> Option<bool> {
        let status = self.enter(evaluator, slots)?;
        match self.returns {
            Returns::Test => Some(status != 0),
            Returns::Scalar(Tag::Bool) => Some(evaluator.context.out != 0),
            _ => None,
        }
    }

    /// Evaluates an int. `None`: as above, or it is no int.
    #[inline]
    pub fn int(self, evaluator: &mut Evaluator<'_>, slots: FrameSlots<'_>) -> Option<i64> {
        self.enter(evaluator, slots)?;
        (self.returns == Returns::Scalar(Tag::Int)).then_some(evaluator.context.out as i64)
    }

    /// Evaluates a list that a macro makes, and shows its elements where they lie: neither copied nor measured. `None`: as
    /// above, or it is no such list.
    #[inline]
    pub fn view<'s>(self, evaluator: &'s mut Evaluator<'_>, slots: FrameSlots<'s>) -> Option<&'s [Value]> {
        self.enter(evaluator, slots)?;
        let context = &evaluator.context;
        (self.returns == Returns::Items)
            .then(|| borrowed(context.out as *const Value, context.out_2 as usize))
    }

    #[inline]
    fn enter(self, evaluator: &mut Evaluator<'_>, slots: FrameSlots<'_>) -> Option<i64> {
        let (at, count) = match slots {
            FrameSlots::Values(slots) => (slots.as_ptr(), slots.len()),
            FrameSlots::Options(slots) => (slots.as_ptr().cast(), slots.len()),
            FrameSlots::Apart => return None,
        };
        if count < self.slots {
            return None;
        }
        if self.makes {
            evaluator.clear();
        }
        evaluator.left = evaluator.meter.get();
        let status = (self.entry)(&mut evaluator.context, at, evaluator.meter);
        if status as u64 > 1 {
            evaluator.failed();
            return None;
        }
        Some(status)
    }
}

/// Makes a value of what machine code left.
fn result(returns: Returns, status: i64, context: &Context<'_>) -> Value {
    match returns {
        Returns::Test => Value::Bool(status != 0),
        Returns::Scalar(Tag::Bool) => Value::Bool(context.out != 0),
        Returns::Scalar(Tag::Int) => Value::Int(context.out as i64),
        Returns::Scalar(Tag::Uint) => Value::Uint(context.out),
        Returns::Scalar(Tag::Float) => Value::Float(f64::from_bits(context.out)),
        Returns::Scalar(_) => Value::Duration(context.out as i64),
        // The three words are a bit copy of a value that lives elsewhere.
        Returns::Path | Returns::Cell => borrowed((&raw const context.out).cast(), 1)[0].clone(),
        Returns::Items => Value::list(borrowed(context.out as *const Value, context.out_2 as usize).to_vec()),
    }
}
