//! The variables of an expression: the first few without an allocation, since most conditions bind one.

use flow_ir::Value;

const INLINE: usize = 3;

#[derive(Default)]
pub(super) struct Locals {
    first: [Option<Value>; INLINE],
    more: Vec<Value>,
    len: usize,
}

impl Locals {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&Value> {
        match self.first.get(index) {
            Some(value) => value.as_ref(),
            None => self.more.get(index - INLINE),
        }
    }

    /// Sets a variable; those before it that have no value yet become null.
    #[inline]
    pub(super) fn set(&mut self, index: usize, value: Value) {
        self.len = self.len.max(index + 1);
        match self.first.get_mut(index) {
            Some(place) => *place = Some(value),
            None => self.set_more(index - INLINE, value),
        }
    }

    fn set_more(&mut self, index: usize, value: Value) {
        match self.more.get_mut(index) {
            Some(place) => *place = value,
            None => {
                self.more.resize(index, Value::Null);
                self.more.push(value);
            }
        }
    }

    /// Forgets the variables from an index on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
        self.more.truncate(len.saturating_sub(INLINE));
        self.first.iter_mut().skip(len).for_each(|place| *place = None);
    }
}
