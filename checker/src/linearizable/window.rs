//! The operations that are open at one moment of a search, each in a slot of its own.

use std::collections::HashMap;

use super::configuration::{Mask, SLOTS};
use crate::models::register::{Action, Interned, Step};

/// Open operations, and by what they are: bits of slots.
#[derive(Debug)]
pub struct Window {
    slots: Vec<Option<Step>>,
    /// All of them.
    pub open: Mask,
    /// Those that change nothing: reads and failed compares.
    pub reads: Mask,
    /// Blind writes.
    pub writes: Mask,
    differs: Mask,
    reads_of: HashMap<Interned, Mask>,
    differs_of: HashMap<Interned, Mask>,
}

impl Window {
    /// Nothing is open.
    pub fn new() -> Self {
        Window {
            slots: vec![None; SLOTS],
            open: 0,
            reads: 0,
            writes: 0,
            differs: 0,
            reads_of: HashMap::new(),
            differs_of: HashMap::new(),
        }
    }

    /// Takes an operation in; its slot, or `None` where too many are open.
    pub fn begin(&mut self, step: &Step) -> Option<usize> {
        let slot = (!self.open).trailing_zeros() as usize;
        if slot >= SLOTS {
            return None;
        }
        let bit: Mask = 1 << slot;
        self.open |= bit;
        self.slots[slot] = Some(*step);
        match step.action {
            Action::Read(value) => {
                self.reads |= bit;
                *self.reads_of.entry(value).or_default() |= bit;
            }
            Action::Differs(value) => {
                self.reads |= bit;
                self.differs |= bit;
                *self.differs_of.entry(value).or_default() |= bit;
            }
            Action::Write(_) => self.writes |= bit,
            Action::Cas(..) | Action::Impossible => {}
        }
        Some(slot)
    }

    /// Frees a slot.
    pub fn close(&mut self, slot: usize) {
        let bit: Mask = 1 << slot;
        if let Some(step) = self.slots[slot].take() {
            match step.action {
                Action::Read(value) => forget(&mut self.reads_of, value, bit),
                Action::Differs(value) => forget(&mut self.differs_of, value, bit),
                _ => {}
            }
        }
        self.open &= !bit;
        self.reads &= !bit;
        self.writes &= !bit;
        self.differs &= !bit;
    }

    /// The open operations that take effect in this state without changing it.
    pub fn absorbs(&self, state: Interned) -> Mask {
        let of = |masks: &HashMap<Interned, Mask>| masks.get(&state).copied().unwrap_or_default();
        of(&self.reads_of) | (self.differs & !of(&self.differs_of))
    }

    /// What the slots in `mask` do.
    pub fn actions(&self, mut mask: Mask) -> impl Iterator<Item = (usize, Action)> + '_ {
        std::iter::from_fn(move || {
            let slot = mask.trailing_zeros() as usize;
            mask &= mask.wrapping_sub(1);
            let step = self.slots.get(slot)?.as_ref()?;
            Some((slot, step.action))
        })
    }
}

impl Default for Window {
    fn default() -> Self {
        Window::new()
    }
}

fn forget(masks: &mut HashMap<Interned, Mask>, value: Interned, bit: Mask) {
    if let Some(mask) = masks.get_mut(&value) {
        *mask &= !bit;
        if *mask == 0 {
            masks.remove(&value);
        }
    }
}
