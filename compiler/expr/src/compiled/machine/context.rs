//! The memory of one evaluation. *Cells* are values that helpers made: they never move, and are dropped at the end of the
//! macro turn that made them or of the evaluation. *Room* is raw memory for lists that macros make: bit copies of values
//! that live elsewhere, never dropped.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use flow_ir::Value;

use super::build::Builder;
use super::status;
use crate::{Env, Error};

/// The first block of cells, and the largest.
const CELLS_MIN: usize = 16;
const CELLS_MAX: usize = 4_096;

/// The least block of room, in words.
const ROOM_WORDS: usize = 1_024;

/// With assertions on, a word that nothing may write stands at both ends of each room.
const GUARD: u64 = 0x7ea5_c0de_f10e_5afe;
const GUARD_WORDS: usize = if cfg!(debug_assertions) { 1 } else { 0 };

/// Raw memory, in words.
struct Room(Vec<MaybeUninit<u64>>);

impl Room {
    fn new(words: usize) -> Result<Room, Error> {
        let mut room = Vec::new();
        room.try_reserve_exact(words + 2 * GUARD_WORDS).map_err(|_| crate::env::too_large())?;
        if GUARD_WORDS > 0 {
            let all: &mut [MaybeUninit<MaybeUninit<u64>>] = room.spare_capacity_mut();
            let last = all.len() - 1;
            all[0].write(MaybeUninit::new(GUARD));
            all[last].write(MaybeUninit::new(GUARD));
        }
        Ok(Room(room))
    }

    /// Where the free part begins and ends.
    fn ends(&mut self) -> (*mut u8, *mut u8) {
        let start = self.0.as_mut_ptr().wrapping_add(GUARD_WORDS).cast::<u8>();
        // `wrapping_add` stays within the block, its end included.
        (start, start.wrapping_add((self.0.capacity() - 2 * GUARD_WORDS) * 8))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if GUARD_WORDS > 0 {
            let start = self.0.as_ptr();
            for word in [0, self.0.capacity() - 1] {
                // SAFETY: `new` has written both, and they lie within the block.
                let found = unsafe { start.add(word).read().assume_init() };
                if found != GUARD {
                    // A panic would be taken for one of a helper.
                    std::process::abort();
                }
            }
        }
    }
}

/// What machine code gets by address. It reads and writes the first fields, in this order; the rest is its helpers'.
#[repr(C)]
pub(crate) struct Context<'a> {
    /// What a helper made: a scalar's bits, or a value's address; two more words where a helper says so.
    pub out: u64,
    pub out_2: u64,
    pub out_3: u64,
    /// The free part of the current room.
    pub top: *mut u8,
    pub end: *mut u8,
    /// How many cells there are.
    pub kept: usize,
    /// Whether an error was met that nothing absorbs.
    pub fatal: bool,
    /// Whether a row returned something else than it says: the interpreter goes on with that.
    pub mismatch: bool,
    pub env: &'a Env<'a>,
    pub heap: *mut Heap,
}

/// The memory that evaluations may share one after the other, so that they need not ask for it anew.
#[derive(Default)]
pub struct Scratch {
    heap: Heap,
}

#[derive(Default)]
pub(crate) struct Heap {
    /// Blocks of cells; those up to the active one hold values.
    cells: Vec<Vec<Value>>,
    active: usize,
    /// What is being built, with the number of the cell that stands for it.
    builders: Vec<(usize, Builder)>,
    rooms: Vec<Room>,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Scratch").field("rooms", &self.heap.rooms.len()).finish_non_exhaustive()
    }
}

impl Scratch {
    pub(super) fn heap(&mut self) -> &mut Heap {
        &mut self.heap
    }
}

impl Heap {
    /// Drops all cells and builders, and all room but the largest block.
    pub(super) fn clear(&mut self) {
        if self.builders.is_empty() && self.rooms.len() <= 1 && self.cells.is_empty() {
            return;
        }
        self.builders.clear();
        self.cells.truncate(1);
        self.cells.iter_mut().for_each(Vec::clear);
        self.active = 0;
        if let Some(largest) = self.rooms.pop() {
            self.rooms.clear();
            self.rooms.push(largest);
        }
    }

    /// The room that is left from an evaluation before.
    pub(super) fn room(&mut self) -> (*mut u8, *mut u8) {
        match self.rooms.last_mut() {
            Some(room) => room.ends(),
            None => (ptr::null_mut(), ptr::null_mut()),
        }
    }

    pub(super) fn push(&mut self, value: Value) -> *const Value {
        match self.cells.get(self.active) {
            Some(block) if block.len() < block.capacity() => {}
            Some(_) => {
                self.active += 1;
                if self.active == self.cells.len() {
                    self.cells.push(Vec::with_capacity((CELLS_MIN << self.active.min(8)).min(CELLS_MAX)));
                }
            }
            None => self.cells.push(Vec::with_capacity(CELLS_MIN)),
        }
        let block = &mut self.cells[self.active];
        block.push(value);
        &raw const block[block.len() - 1]
    }

    fn pop(&mut self) {
        if let Some(block) = self.cells.get_mut(self.active) {
            block.pop();
            // The blocks behind stay for the next turn.
            if block.is_empty() {
                self.active = self.active.saturating_sub(1);
            }
        }
    }
}

impl<'a> Context<'a> {
    pub(super) fn new(env: &'a Env<'a>) -> Context<'a> {
        Context {
            out: 0,
            out_2: 0,
            out_3: 0,
            top: ptr::null_mut(),
            end: ptr::null_mut(),
            kept: 0,
            fatal: false,
            mismatch: false,
            env,
            heap: ptr::null_mut(),
        }
    }

    /// Returns the memory, made at the first use.
    pub(super) fn heap(&mut self) -> &mut Heap {
        if self.heap.is_null() {
            self.heap = Box::into_raw(Box::default());
        }
        // SAFETY: it is not null, and whoever entered the machine code keeps it until after the evaluation; nothing else
        // points into it but cells, which are not moved.
        unsafe { &mut *self.heap }
    }

    /// Keeps a value for the rest of the turn or the evaluation and returns its address.
    pub(super) fn cell(&mut self, value: Value) -> u64 {
        let address = self.heap().push(value);
        self.kept += 1;
        address as u64
    }

    /// Makes a value and hands its address to the code.
    pub(super) fn give(&mut self, value: Value) {
        self.out = self.cell(value);
    }

    /// Begins to build something; returns its number.
    pub(super) fn begin(&mut self, builder: Builder) -> u64 {
        let number = self.kept;
        self.cell(Value::Null);
        self.heap().builders.push((number, builder));
        number as u64
    }

    /// Returns what is being built under a number.
    pub(super) fn builder(&mut self, number: usize) -> Result<&mut Builder, Error> {
        let builders = &mut self.heap().builders;
        let found = builders.iter_mut().rev().find(|(own, _)| *own == number);
        found.map(|(_, builder)| builder).ok_or_else(|| Error::value("nothing is being built"))
    }

    /// Takes what was built.
    pub(super) fn built(&mut self, number: usize) -> Option<Builder> {
        let builders = &mut self.heap().builders;
        let index = builders.iter().rposition(|(own, _)| *own == number)?;
        Some(builders.remove(index).1)
    }

    /// Drops the cells from a number on, and what was being built since.
    fn truncate(&mut self, mark: usize) {
        let kept = self.kept;
        self.kept = kept.min(mark);
        let heap = self.heap();
        while heap.builders.last().is_some_and(|(number, _)| *number >= mark) {
            heap.builders.pop();
        }
        (mark..kept).for_each(|_| heap.pop());
    }

    /// Frees the room that was asked for since it was like this.
    fn free(&mut self, top: *mut u8, end: *mut u8) {
        if self.end != end {
            let heap = self.heap();
            // Room is found by its end. The one that was current is still there: only later ones are freed.
            while heap.rooms.len() > 1 && heap.rooms.last_mut().is_some_and(|room| room.ends().1 != end) {
                heap.rooms.pop();
            }
            match heap.rooms.last_mut().map(Room::ends) {
                Some((_, last)) if last == end => {
                    (self.top, self.end) = (top, end);
                }
                // There was none before: the first block stays, empty.
                Some((start, last)) => (self.top, self.end) = (start, last),
                None => (self.top, self.end) = (ptr::null_mut(), ptr::null_mut()),
            }
        } else {
            self.top = top;
        }
    }

    /// Returns room for so many bytes.
    pub(super) fn room(&mut self, bytes: usize) -> Result<*mut u8, Error> {
        let bytes = bytes.next_multiple_of(8);
        if (self.end as usize) - (self.top as usize) < bytes {
            let mut room = Room::new((bytes / 8).max(ROOM_WORDS))?;
            (self.top, self.end) = room.ends();
            self.heap().rooms.push(room);
        }
        let start = self.top;
        self.top = start.wrapping_add(bytes);
        Ok(start)
    }

    /// Runs a helper; nothing unwinds out of it.
    #[inline]
    pub(super) fn run(&mut self, work: impl FnOnce(&mut Self) -> Result<(), Error>) -> i64 {
        match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(Ok(())) => status::DONE,
            Ok(Err(error)) if error.is_absorbed() => status::ERROR,
            Ok(Err(_)) => {
                self.fatal = !self.mismatch;
                status::LEAVE
            }
            // The interpreter will meet it again and let it pass.
            Err(_) => status::LEAVE,
        }
    }
}

/// `out` is room for so many bytes.
pub(super) extern "C" fn bump(context: &mut Context<'_>, bytes: usize) -> i64 {
    context.run(|context| {
        context.out = context.room(bytes)? as u64;
        Ok(())
    })
}

/// Ends a turn: drops what it made.
pub(super) extern "C" fn reset(context: &mut Context<'_>, mark: usize, top: *mut u8, end: *mut u8) -> i64 {
    context.run(|context| {
        context.truncate(mark);
        context.free(top, end);
        Ok(())
    })
}

/// Ends a turn and keeps one value of it: `out` is its address.
pub(super) extern "C" fn keep(
    context: &mut Context<'_>,
    mark: usize,
    top: *mut u8,
    end: *mut u8,
    value: &Value,
) -> i64 {
    // The value may be one of those that are dropped.
    let value = value.clone();
    context.run(|context| {
        context.truncate(mark);
        context.free(top, end);
        context.give(value);
        Ok(())
    })
}
