//! What an expression is evaluated in.

use std::cell::Cell;

use flow_ir::expr::{Code, SlotId};
use flow_ir::{TypeDefs, Value};

use crate::Error;

/// A value is at most 16 MiB (C2), its parts counted as often as they occur.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// The values that an expression may read.
pub trait Frame {
    /// Returns the value of a slot; `None` if it has none.
    fn slot(&self, slot: SlotId) -> Option<&Value>;

    /// Returns all slots side by side, if they lie so: machine code then reads them where they are.
    fn slots(&self) -> FrameSlots<'_> {
        FrameSlots::Apart
    }
}

/// The slots of a frame.
#[derive(Clone, Copy, Debug)]
pub enum FrameSlots<'a> {
    /// Slot n is the nth value.
    Values(&'a [Value]),
    /// Slot n is the nth, if it has a value.
    Options(&'a [Option<Value>]),
    /// They lie here and there.
    Apart,
}

/// A frame without slots.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFrame;

impl Frame for NoFrame {
    fn slot(&self, _: SlotId) -> Option<&Value> {
        None
    }
}

/// A frame whose slot n is the nth value.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a>(pub &'a [Value]);

impl Frame for Slots<'_> {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        self.0.get(slot as usize)
    }

    fn slots(&self) -> FrameSlots<'_> {
        FrameSlots::Values(self.0)
    }
}

impl Frame for [Option<Value>] {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        self.get(slot as usize)?.as_ref()
    }

    fn slots(&self) -> FrameSlots<'_> {
        FrameSlots::Options(self)
    }
}

impl Frame for Vec<Option<Value>> {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        self.get(slot as usize)?.as_ref()
    }

    fn slots(&self) -> FrameSlots<'_> {
        FrameSlots::Options(self)
    }
}

/// What an expression is evaluated in.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The values it may read.
    pub frame: &'a dyn Frame,
    /// The program's pure code.
    pub codes: &'a [Code],
    /// The program's named types.
    pub types: &'a TypeDefs,
    /// `run.id`.
    pub run_id: &'a str,
    /// `run.started_at`.
    pub started_at: jiff::Timestamp,
    /// What it may still spend.
    pub meter: &'a Meter,
}

impl<'a> Env<'a> {
    /// Returns an environment without slots and code, of no run.
    pub fn bare(types: &'a TypeDefs, meter: &'a Meter) -> Env<'a> {
        let started_at = jiff::Timestamp::UNIX_EPOCH;
        Env { frame: &NoFrame, codes: &[], types, run_id: "", started_at, meter }
    }
}

/// Counts work: one unit per macro turn, element, or 64 bytes copied, charged before it is done.
#[derive(Debug)]
pub struct Meter {
    units: u64,
    left: Cell<u64>,
}

impl Meter {
    /// What one expression may spend.
    pub const UNITS: u64 = 10_000_000;

    /// Returns a meter with so many units.
    pub fn new(units: u64) -> Meter {
        Meter { units, left: Cell::new(units) }
    }

    /// Returns what is left.
    pub fn left(&self) -> u64 {
        self.left.get()
    }

    /// Takes units, or fails with `exhausted` and is empty from then on.
    #[inline]
    pub fn charge(&self, units: u64) -> Result<(), Error> {
        match self.left.get().checked_sub(units) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => self.run_out(),
        }
    }

    /// Charges for a text or bytes of this length, before it is made.
    #[inline]
    pub fn bytes(&self, bytes: usize) -> Result<(), Error> {
        if bytes > VALUE_BYTES_MAX {
            return Err(too_large());
        }
        self.charge(bytes as u64 / 64 + 1)
    }

    /// Charges for a list or map of this many elements, before it is made.
    #[inline]
    pub fn elements(&self, count: usize) -> Result<(), Error> {
        if count > VALUE_BYTES_MAX / 8 {
            return Err(too_large());
        }
        self.charge(count as u64 + 1)
    }

    /// Where machine code takes units from.
    #[inline]
    pub(crate) fn cell(&self) -> &Cell<u64> {
        &self.left
    }

    /// Gives back what has been taken since so much was left.
    pub(crate) fn set_back(&self, left: u64) {
        self.left.set(left);
    }

    /// Empties it, and says so.
    #[cold]
    pub(crate) fn exhausted(&self) -> Error {
        self.left.set(0);
        Error::exhausted(format!("the expression does more work than its limit of {} units", self.units))
    }

    #[cold]
    fn run_out(&self) -> Result<(), Error> {
        Err(self.exhausted())
    }
}

impl Default for Meter {
    fn default() -> Self {
        Meter::new(Self::UNITS)
    }
}

#[cold]
pub(crate) fn too_large() -> Error {
    Error::exhausted("a value of more than 16 MiB")
}
