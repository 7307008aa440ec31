//! Macros: loops. What a turn makes is dropped when it ends, but for what it yields.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value as V, types};
use cranelift_frontend::Variable;

use flow_ir::expr::{LocalId, MacroOp};
use flow_ir::{Expr, Type};

use super::flow::{ABSENT, test_op};
use super::operand::{Operand, Place};
use super::{Lower, Site, Tag, Unfit, VALUE_BYTES, at, flags};
use crate::compiled::machine::Helper;
use crate::functions;
use crate::interpreter::Gather;

/// What a variable is in each turn.
#[derive(Clone, Copy)]
enum Each<'a> {
    /// The number of the turn.
    Index,
    /// The nth of the values at an address.
    At(V, Option<&'a Type>),
}

/// What a macro goes over.
#[derive(Clone, Copy)]
struct Turns<'a> {
    count: V,
    first: Each<'a>,
    second: Option<Each<'a>>,
    /// The element of a turn; of a map its key. `None` if that isn't known before it runs.
    element: Option<Each<'a>>,
}

/// A turn.
#[derive(Clone, Copy)]
struct Turn {
    index: V,
    /// Where it ends.
    next: Block,
    /// How many cells stay when it does.
    mark: Variable,
    top: V,
    end: V,
}

impl<'a> Lower<'a, '_> {
    fn turns(&mut self, over: &'a Expr, vars: &[LocalId], error: Block) -> Result<Turns<'a>, Unfit> {
        let over = self.expr(over, error)?;
        self.turns_of(over, vars.len(), error)
    }

    fn turns_of(&mut self, over: Operand<'a>, vars: usize, error: Block) -> Result<Turns<'a>, Unfit> {
        let two = match vars {
            1 => false,
            2 => true,
            _ => return Err(Unfit),
        };
        let (first, second) = self.elements_of(&over);
        let likely = over.likely();
        if likely == Some(Tag::List) {
            let leave = self.leave;
            let (items, count) = self.items_of(over, leave);
            let element = Each::At(items, first);
            let (first, second) = if two { (Each::Index, Some(element)) } else { (element, None) };
            return Ok(Turns { count, first, second, element: Some(element) });
        }
        let join = self.block();
        let [starts, count, others] = [(); 3].map(|()| self.b.append_block_param(join, types::I64));
        let slow = if let (false, None, Operand::Cell(place)) = (two, likely, over) {
            let slow = self.block();
            self.apart(|lower| {
                let (items, count) = lower.items_of(Operand::Cell(place), slow);
                lower.b.ins().jump(join, &[items.into(), count.into(), items.into()]);
                Ok(())
            })?;
            slow
        } else {
            let slow = self.block();
            self.b.ins().jump(slow, &[]);
            slow
        };
        self.b.switch_to_block(slow);
        self.made += 1;
        let address = self.argument(0, over, error)?;
        let flag = self.word(i64::from(two));
        self.helper(Helper::turns(), &[address, flag], error);
        let words = [at::OUT, at::OUT_2, at::OUT_3].map(|at| self.load(self.context, at).into());
        self.b.ins().jump(join, &words);
        self.b.switch_to_block(join);
        let is_map = likely == Some(Tag::Map);
        let each = Each::At(starts, first.filter(|_| !two || is_map));
        Ok(Turns {
            count,
            first: each,
            second: two.then_some(Each::At(others, second.or(first))),
            element: (!two || is_map).then_some(each),
        })
    }

    fn each(&mut self, each: Each<'a>, index: V) -> Operand<'a> {
        match each {
            Each::Index => Operand::Scalar(Tag::Int, index),
            Each::At(base, ty) => {
                let distance = self.b.ins().imul_imm_s(index, i64::from(VALUE_BYTES));
                let at = self.b.ins().iadd(base, distance);
                Operand::Cell(self.typed(at, 0, ty))
            }
        }
    }

    /// Writes a loop. The body must end each of its ways, usually at the turn's `next`; what follows comes after the last
    /// turn.
    fn looped(
        &mut self,
        turns: Turns<'a>,
        vars: &[LocalId],
        body: impl FnOnce(&mut Self, Turn) -> Result<(), Unfit>,
    ) -> Result<(), Unfit> {
        let number = self.b.declare_var(types::I64);
        let mark = self.b.declare_var(types::I64);
        let zero = self.word(0);
        self.b.def_var(number, zero);
        let (head, marks, inside) = (self.block(), self.block(), self.block());
        let (next, done) = (self.block(), self.block());
        let [kept, top, end] = [(); 3].map(|()| self.b.append_block_param(inside, types::I64));
        self.b.ins().jump(head, &[]);
        self.b.switch_to_block(head);
        let index = self.b.use_var(number);
        let goes_on = self.b.ins().icmp(IntCC::UnsignedLessThan, index, turns.count);
        self.b.ins().brif(goes_on, marks, &[], done, &[]);
        self.b.switch_to_block(inside);
        self.b.def_var(mark, kept);
        let made = self.made;
        let first = self.each(turns.first, index);
        let mut bound = vec![(vars[0], first)];
        if let (Some(second), Some(local)) = (turns.second, vars.get(1)) {
            bound.push((*local, self.each(second, index)));
        }
        let turn = Turn { index, next, mark, top, end };
        self.apart(|lower| lower.with(&bound, |lower| body(lower, turn)))?;
        // Only now it is known whether a turn makes anything, so that where things stand has to be noted at its start.
        self.b.switch_to_block(marks);
        let noted = [at::KEPT, at::TOP, at::END].map(|at| match self.made == made {
            true => self.word(0).into(),
            false => self.load(self.context, at).into(),
        });
        self.b.ins().jump(inside, &noted);
        self.b.switch_to_block(next);
        if self.made != made {
            self.clear(turn);
        }
        let following = self.b.ins().iadd_imm_s(index, 1);
        self.b.def_var(number, following);
        self.b.ins().jump(head, &[]);
        self.b.switch_to_block(done);
        Ok(())
    }

    /// Drops what a turn has made.
    fn clear(&mut self, turn: Turn) {
        let mark = self.b.use_var(turn.mark);
        let (kept, end) = (self.load(self.context, at::KEPT), self.load(self.context, at::END));
        let has_cells = self.b.ins().icmp(IntCC::NotEqual, kept, mark);
        let has_room = self.b.ins().icmp(IntCC::NotEqual, end, turn.end);
        let has_any = self.b.ins().bor(has_cells, has_room);
        let (clears, plain, cleared) = (self.block(), self.block(), self.block());
        self.b.ins().brif(has_any, clears, &[], plain, &[]);
        self.b.switch_to_block(clears);
        self.raw_call(Helper::reset(), &[mark, turn.top, turn.end]);
        self.b.ins().jump(cleared, &[]);
        self.b.switch_to_block(plain);
        self.b.ins().store(flags(), turn.top, self.context, at::TOP);
        self.b.ins().jump(cleared, &[]);
        self.b.switch_to_block(cleared);
    }

    /// Charges for the turns so far, this one included, and for `more`.
    fn charge_turns(&mut self, turn: Turn, more: Option<V>) {
        let turns = self.b.ins().iadd_imm_s(turn.index, 1);
        let units = match more {
            Some(more) => self.b.ins().iadd(turns, more),
            None => turns,
        };
        self.charge_value(units);
    }

    /// Where an error in a turn goes that ends the macro: it is charged for the turns so far.
    fn fails(&mut self, failed: Block, turn: Turn, more: Option<Variable>, error: Block) {
        if self.can_fail(failed) {
            self.b.switch_to_block(failed);
            let more = more.map(|more| self.b.use_var(more));
            self.charge_turns(turn, more);
            self.failing_at(error);
            self.b.ins().jump(error, &[]);
        }
    }

    /// `exists` is decided by a true, `all` by a false; an error is the result only if no turn decides.
    pub(super) fn quantified(
        &mut self,
        over: &'a Expr,
        vars: &'a [LocalId],
        body: &'a Expr,
        is_exists: bool,
        (yes, no): (Block, Block),
        error: Block,
    ) -> Result<(), Unfit> {
        let turns = self.turns(over, vars, error)?;
        let has_failed = self.b.declare_var(types::I8);
        let zero = self.zero(Tag::Bool);
        self.b.def_var(has_failed, zero);
        let mut can_fail = false;
        self.looped(turns, vars, |lower, turn| {
            let (decides, failed) = (lower.block(), lower.cold());
            match is_exists {
                true => lower.branch(body, decides, turn.next, failed)?,
                false => lower.branch(body, turn.next, decides, failed)?,
            }
            can_fail = lower.can_fail(failed);
            if can_fail {
                lower.b.switch_to_block(failed);
                let one = lower.b.ins().iconst(types::I8, 1);
                lower.b.def_var(has_failed, one);
                lower.b.ins().jump(turn.next, &[]);
            }
            lower.b.switch_to_block(decides);
            lower.charge_turns(turn, None);
            lower.b.ins().jump(if is_exists { yes } else { no }, &[]);
            Ok(())
        })?;
        self.charge_value(turns.count);
        let undecided = if is_exists { no } else { yes };
        if can_fail {
            let has_failed = self.b.use_var(has_failed);
            self.failing_at(error);
            self.b.ins().brif(has_failed, error, &[], undecided, &[]);
        } else {
            self.b.ins().jump(undecided, &[]);
        }
        Ok(())
    }

    pub(super) fn macro_call(
        &mut self,
        op: MacroOp,
        over: &'a Expr,
        vars: &'a [LocalId],
        bodies: &'a [Expr],
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        if let (MacroOp::Map, [var], [body]) = (op, vars, bodies)
            && let Expr::Macro { op: MacroOp::Filter, over, vars: inner, bodies: tests } = over
            && let ([inner], [test]) = (&inner[..], &tests[..])
            && is_plain(test)
            && is_plain(body)
        {
            self.nodes += 1;
            return self.filtered_and_mapped(over, (inner, test), (*var, body), error);
        }
        let over = self.expr(over, error)?;
        let turns = self.turns_of(over, vars.len(), error)?;
        let (test, body) = match bodies {
            [body] => (None, body),
            [test, body] => (Some(test), body),
            _ => return Err(Unfit),
        };
        match op {
            MacroOp::Map | MacroOp::TransformList => self.mapped(turns, vars, test, body, error),
            MacroOp::TransformMap | MacroOp::TransformMapEntry => {
                if vars.len() != 2 {
                    return Err(Unfit);
                }
                self.gathered(op, turns, vars, (test, body), error)
            }
            _ if test.is_some() => Err(Unfit),
            MacroOp::Filter => self.filtered(turns, vars, body, error),
            MacroOp::Find => self.found(turns, vars, body, error),
            MacroOp::ExistsOne => self.exists_one(turns, vars, body, error),
            _ => self.gathered(op, turns, vars, (None, body), error),
        }
    }

    fn exists_one(
        &mut self,
        turns: Turns<'a>,
        vars: &'a [LocalId],
        body: &'a Expr,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let count = self.counter();
        self.looped(turns, vars, |lower, turn| {
            let (holds, failed) = (lower.block(), lower.cold());
            lower.branch(body, holds, turn.next, failed)?;
            lower.b.switch_to_block(holds);
            lower.count(count);
            lower.b.ins().jump(turn.next, &[]);
            lower.fails(failed, turn, None, error);
            Ok(())
        })?;
        self.charge_value(turns.count);
        let count = self.b.use_var(count);
        Ok(Operand::Scalar(Tag::Bool, self.b.ins().icmp_imm_u(IntCC::Equal, count, 1)))
    }

    fn counter(&mut self) -> Variable {
        let counter = self.b.declare_var(types::I64);
        let zero = self.word(0);
        self.b.def_var(counter, zero);
        counter
    }

    fn count(&mut self, counter: Variable) {
        let count = self.b.use_var(counter);
        let count = self.b.ins().iadd_imm_s(count, 1);
        self.b.def_var(counter, count);
    }

    /// Room for a value of each turn.
    fn reserve(&mut self, count: V, error: Block) -> V {
        self.made += 1;
        let bytes = self.b.ins().imul_imm_s(count, i64::from(VALUE_BYTES));
        let (top, end) = (self.load(self.context, at::TOP), self.load(self.context, at::END));
        let free = self.b.ins().isub(end, top);
        let (fits, asks, join) = (self.block(), self.cold(), self.block());
        let start = self.b.append_block_param(join, types::I64);
        let is_short = self.b.ins().icmp(IntCC::UnsignedLessThan, free, bytes);
        self.b.ins().brif(is_short, asks, &[], fits, &[]);
        self.b.switch_to_block(fits);
        let rest = self.b.ins().iadd(top, bytes);
        self.b.ins().store(flags(), rest, self.context, at::TOP);
        self.b.ins().jump(join, &[top.into()]);
        self.b.switch_to_block(asks);
        self.helper(Helper::bump(), &[bytes], error);
        let room = self.load(self.context, at::OUT);
        self.b.ins().jump(join, &[room.into()]);
        self.b.switch_to_block(join);
        start
    }

    /// The list of what was written from `start` on.
    fn written(&mut self, start: V, place: Variable, of: Option<&'a Type>) -> Operand<'a> {
        let end = self.b.use_var(place);
        let bytes = self.b.ins().isub(end, start);
        let len = self.b.ins().udiv_imm_u(bytes, i64::from(VALUE_BYTES));
        Operand::Items { at: start, len, of, is_local: false }
    }

    fn advance(&mut self, place: Variable) {
        let at = self.b.use_var(place);
        let at = self.b.ins().iadd_imm_s(at, i64::from(VALUE_BYTES));
        self.b.def_var(place, at);
    }

    fn filtered(
        &mut self,
        turns: Turns<'a>,
        vars: &'a [LocalId],
        body: &'a Expr,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let element = turns.element.ok_or(Unfit)?;
        let start = self.reserve(turns.count, error);
        let place = self.b.declare_var(types::I64);
        self.b.def_var(place, start);
        self.looped(turns, vars, |lower, turn| {
            let (holds, failed) = (lower.block(), lower.cold());
            lower.branch(body, holds, turn.next, failed)?;
            lower.b.switch_to_block(holds);
            let value = lower.each(element, turn.index);
            let to = lower.b.use_var(place);
            lower.store(value, (to, 0), error)?;
            lower.advance(place);
            lower.b.ins().jump(turn.next, &[]);
            lower.fails(failed, turn, None, error);
            Ok(())
        })?;
        self.charge_value(turns.count);
        let of = match element {
            Each::At(_, ty) => ty,
            Each::Index => None,
        };
        Ok(self.written(start, place, of))
    }

    fn found(
        &mut self,
        turns: Turns<'a>,
        vars: &'a [LocalId],
        body: &'a Expr,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let element = turns.element.ok_or(Unfit)?;
        let row = functions::overload("optional_of").ok_or(Unfit)?;
        let mut ways = Vec::new();
        self.looped(turns, vars, |lower, turn| {
            let (holds, failed) = (lower.block(), lower.cold());
            lower.branch(body, holds, turn.next, failed)?;
            lower.b.switch_to_block(holds);
            lower.charge_turns(turn, None);
            let value = lower.each(element, turn.index);
            let values = lower.arguments(&[value], error)?;
            let site = lower.site(Site::Row { row, count: 1, want: None });
            lower.helper(Helper::row(), &[site, values], error);
            let made = lower.made();
            ways.push(lower.land(made));
            lower.fails(failed, turn, None, error);
            Ok(())
        })?;
        self.charge_value(turns.count);
        let absent = self.constant(ABSENT);
        ways.push(self.land(absent));
        self.join(ways, error)
    }

    fn mapped(
        &mut self,
        turns: Turns<'a>,
        vars: &'a [LocalId],
        test: Option<&'a Expr>,
        body: &'a Expr,
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let start = self.reserve(turns.count, error);
        let place = self.b.declare_var(types::I64);
        self.b.def_var(place, start);
        let passed = self.counter();
        let mut of = None;
        self.looped(turns, vars, |lower, turn| {
            let failed = lower.cold();
            lower.pass(test, turn, failed)?;
            lower.count(passed);
            let made = lower.made;
            let operand = lower.expr(body, failed)?;
            of = operand.ty();
            lower.yields(operand, place, turn, lower.made != made, failed)?;
            lower.advance(place);
            lower.b.ins().jump(turn.next, &[]);
            lower.fails(failed, turn, Some(passed), error);
            Ok(())
        })?;
        let passed = self.b.use_var(passed);
        let units = self.b.ins().iadd(turns.count, passed);
        self.charge_value(units);
        Ok(self.written(start, place, of))
    }

    /// `xs.filter(x, p).map(y, f)` in one loop, where neither makes anything or costs more than its turn. An error, which
    /// would come in another order, is the interpreter's.
    fn filtered_and_mapped(
        &mut self,
        over: &'a Expr,
        (inner, test): (&'a LocalId, &'a Expr),
        (var, body): (LocalId, &'a Expr),
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let vars = std::slice::from_ref(inner);
        let turns = self.turns(over, vars, error)?;
        let element = turns.element.ok_or(Unfit)?;
        let start = self.reserve(turns.count, error);
        let place = self.b.declare_var(types::I64);
        self.b.def_var(place, start);
        let leave = self.leave;
        let mut of = None;
        self.looped(turns, vars, |lower, turn| {
            let made = lower.made;
            let passes = lower.block();
            lower.branch(test, passes, turn.next, leave)?;
            lower.b.switch_to_block(passes);
            let element = lower.each(element, turn.index);
            let (first, _) = lower.locals.pop().ok_or(Unfit)?;
            let operand = lower.with(&[(var, element)], |lower| lower.expr(body, leave));
            lower.locals.push((first, element));
            let operand = operand?;
            of = operand.ty();
            lower.yields(operand, place, turn, lower.made != made, leave)?;
            lower.advance(place);
            lower.b.ins().jump(turn.next, &[]);
            Ok(())
        })?;
        let end = self.b.use_var(place);
        let bytes = self.b.ins().isub(end, start);
        let passed = self.b.ins().udiv_imm_u(bytes, i64::from(VALUE_BYTES));
        let twice = self.b.ins().iadd(passed, passed);
        let units = self.b.ins().iadd(turns.count, twice);
        self.charge_value(units);
        Ok(Operand::Items { at: start, len: passed, of, is_local: false })
    }

    /// Goes on with a turn if it passes the test.
    fn pass(&mut self, test: Option<&'a Expr>, turn: Turn, failed: Block) -> Result<(), Unfit> {
        if let Some(test) = test {
            let passes = self.block();
            self.branch(test, passes, turn.next, failed)?;
            self.b.switch_to_block(passes);
        }
        Ok(())
    }

    /// Writes what a turn yields; what it made is dropped.
    fn yields(
        &mut self,
        operand: Operand<'a>,
        place: Variable,
        turn: Turn,
        has_made: bool,
        failed: Block,
    ) -> Result<(), Unfit> {
        let to = self.b.use_var(place);
        if let Operand::Scalar(tag, bits) = operand {
            self.store_scalar(tag, bits, (to, 0));
            return Ok(());
        }
        let is_items = matches!(operand, Operand::Items { .. });
        let cell = self.place(operand, failed)?;
        if !has_made && !is_items {
            self.copy((cell.at, cell.offset), (to, 0));
            return Ok(());
        }
        let address = self.address(&cell);
        let mark = self.b.use_var(turn.mark);
        self.helper(Helper::keep(), &[mark, turn.top, turn.end, address], failed);
        let kept = self.made();
        let Operand::Cell(Place { at, .. }) = kept else { return Err(Unfit) };
        self.copy((at, 0), (to, 0));
        let mark = self.b.ins().iadd_imm_s(mark, 1);
        self.b.def_var(turn.mark, mark);
        Ok(())
    }

    fn gathered(
        &mut self,
        op: MacroOp,
        turns: Turns<'a>,
        vars: &'a [LocalId],
        (test, body): (Option<&'a Expr>, &'a Expr),
        error: Block,
    ) -> Result<Operand<'a>, Unfit> {
        let element = match op {
            // It has no use for the element.
            MacroOp::TransformMapEntry => turns.first,
            op if Gather::is_keyed(op) => turns.first,
            _ => turns.element.ok_or(Unfit)?,
        };
        let zero = self.word(0);
        let site = self.site(Site::Macro(op));
        self.helper(Helper::gather(), &[zero, site, zero, zero], error);
        self.made += 1;
        let number = self.load(self.context, at::OUT);
        let charged = self.counter();
        self.looped(turns, vars, |lower, turn| {
            let failed = lower.cold();
            lower.pass(test, turn, failed)?;
            if Gather::charges(op) {
                lower.count(charged);
            }
            let value = lower.expr(body, failed)?;
            let element = lower.each(element, turn.index);
            let element = lower.argument(0, element, failed)?;
            let value = lower.argument(1, value, failed)?;
            lower.helper(Helper::gather(), &[number, site, element, value], failed);
            lower.b.ins().jump(turn.next, &[]);
            lower.fails(failed, turn, Some(charged), error);
            Ok(())
        })?;
        let charged = self.b.use_var(charged);
        let units = self.b.ins().iadd(turns.count, charged);
        self.charge_value(units);
        self.helper(Helper::gathered(), &[number, turns.count], error);
        Ok(self.made())
    }

    /// Writes a loop over a list or a map for a template; `vars` are set in each turn.
    pub(super) fn repeated(
        &mut self,
        over: &'a Expr,
        vars: &[LocalId],
        error: Block,
        body: impl FnOnce(&mut Self, Block) -> Result<(), Unfit>,
    ) -> Result<(), Unfit> {
        let turns = self.turns(over, vars, error)?;
        self.looped(turns, vars, |lower, turn| {
            let failed = lower.cold();
            body(lower, failed)?;
            lower.b.ins().jump(turn.next, &[]);
            lower.fails(failed, turn, None, error);
            Ok(())
        })?;
        self.charge_value(turns.count);
        Ok(())
    }
}

/// Whether an expression only looks at things: paths, comparisons and what connects them.
fn is_plain(expr: &Expr) -> bool {
    match expr {
        Expr::Const(_) | Expr::Slot(_) | Expr::Local(_) => true,
        Expr::Field { of, optional: false, .. } => is_plain(of),
        Expr::And(left, right) | Expr::Or(left, right) => is_plain(left) && is_plain(right),
        Expr::Call { args, .. } => test_op(expr).is_some() && args.iter().all(is_plain),
        _ => false,
    }
}
