//! Frames: the typed slots that expressions read. A branch shares its parent's frame as it was at the fork and keeps only
//! what is its own, so that a waiting branch is small.

use std::sync::Arc;

use flow_ir::Value;
use flow_ir::expr::SlotId;

/// The slots of a flow, or of a branch over those of the flow it runs in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// The frame at the fork, of a branch.
    outer: Option<Arc<Frame>>,
    /// The first slot of `own`.
    from: SlotId,
    /// The slots that only this frame writes.
    own: Vec<Option<Value>>,
    /// What a branch wrote of the slots outside, few as they are.
    overlay: Vec<(SlotId, Option<Value>)>,
    /// What a branch added to merged state outside, in order.
    added: Vec<(SlotId, Value)>,
}

impl Frame {
    /// Returns the frame of a flow: its arguments, and room for the rest.
    pub(crate) fn of_flow(args: Vec<Value>, slots: usize) -> Frame {
        let mut own: Vec<Option<Value>> = args.into_iter().map(Some).collect();
        own.resize(slots.max(own.len()), None);
        Frame { own, ..Frame::default() }
    }

    /// Returns the frame of a branch that has the slots `from..to` for itself.
    pub(crate) fn branch(outer: &Arc<Frame>, (from, to): (SlotId, SlotId)) -> Frame {
        let own = vec![None; to.saturating_sub(from) as usize];
        Frame { outer: Some(outer.clone()), from, own, ..Frame::default() }
    }

    /// Sets a slot, or with `None` makes it unset.
    pub(crate) fn set(&mut self, slot: SlotId, value: Option<Value>) {
        if let Some(place) = self.place(slot) {
            *place = value;
            return;
        }
        match self.overlay.iter_mut().find(|(written, _)| *written == slot) {
            Some((_, place)) => *place = value,
            None => self.overlay.push((slot, value)),
        }
    }

    /// Takes a slot's value out, to be changed without a copy and set again. A branch copies what it takes from outside.
    pub(crate) fn take(&mut self, slot: SlotId) -> Option<Value> {
        if let Some(place) = self.place(slot) {
            return place.take();
        }
        match self.overlay.iter_mut().find(|(written, _)| *written == slot) {
            Some((_, place)) => place.take(),
            None => flow_expr::Frame::slot(self, slot).cloned(),
        }
    }

    /// Whether an addition to a slot has to be told at the join.
    pub(crate) fn is_outside(&self, slot: SlotId) -> bool {
        self.outer.is_some() && self.index(slot).is_none()
    }

    /// Remembers an addition for the join.
    pub(crate) fn note_added(&mut self, slot: SlotId, value: Value) {
        self.added.push((slot, value));
    }

    /// Returns what a branch leaves for the join: what it wrote outside, and what it added there.
    pub(crate) fn into_writes(self) -> Writes {
        Writes { set: self.overlay, added: self.added }
    }

    fn index(&self, slot: SlotId) -> Option<usize> {
        let index = slot.checked_sub(self.from)? as usize;
        (index < self.own.len()).then_some(index)
    }

    fn place(&mut self, slot: SlotId) -> Option<&mut Option<Value>> {
        self.index(slot).map(|index| &mut self.own[index])
    }
}

impl flow_expr::Frame for Frame {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        let mut frame = self;
        loop {
            // What is unset here may be the counter of a loop around, which nobody had read before this branch.
            if let Some(value) = frame.index(slot).and_then(|index| frame.own[index].as_ref()) {
                return Some(value);
            }
            if let Some((_, value)) = frame.overlay.iter().find(|(written, _)| *written == slot) {
                return value.as_ref();
            }
            frame = frame.outer.as_deref()?;
        }
    }

    fn slots(&self) -> flow_expr::FrameSlots<'_> {
        match &self.outer {
            None if self.from == 0 && self.overlay.is_empty() => flow_expr::FrameSlots::Options(&self.own),
            _ => flow_expr::FrameSlots::Apart,
        }
    }
}

/// What a finished branch wrote of the frame outside.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// Last values.
    pub set: Vec<(SlotId, Option<Value>)>,
    /// Additions to merged state, in order.
    pub added: Vec<(SlotId, Value)>,
}
