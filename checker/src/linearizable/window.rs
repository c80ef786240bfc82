//! The operations that are open at one moment of a search, each in a slot of its own.

use super::configuration::{Mask, SLOTS};
use crate::hash::Map;
use crate::models::register::{Action, Interned, Step};

/// Open operations, and by what they are: bits of slots.
#[derive(Clone, Debug)]
pub struct Window {
    slots: Vec<Option<(Step, u32)>>,
    /// All of them.
    pub open: Mask,
    /// Those that change nothing: reads and failed compares.
    pub reads: Mask,
    /// Blind writes.
    pub writes: Mask,
    /// Those that need not take effect.
    optional: Mask,
    differs: Mask,
    reads_of: Map<Interned, Mask>,
    differs_of: Map<Interned, Mask>,
    cas_from: Map<Interned, Mask>,
    /// By slot: the open ones that do the same and end earlier.
    earlier: Vec<Mask>,
}

impl Window {
    /// Nothing is open.
    pub fn new() -> Self {
        Window {
            slots: vec![None; SLOTS],
            open: 0,
            reads: 0,
            writes: 0,
            optional: 0,
            differs: 0,
            reads_of: Map::default(),
            differs_of: Map::default(),
            cas_from: Map::default(),
            earlier: vec![0; SLOTS],
        }
    }

    /// Takes operation number `at` in; its slot, or `None` where too many are open.
    pub fn begin(&mut self, step: &Step, at: u32) -> Option<usize> {
        let slot = (!self.open).trailing_zeros() as usize;
        if slot >= SLOTS {
            return None;
        }
        let bit: Mask = 1 << slot;
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
            Action::Cas(old, _) => *self.cas_from.entry(old).or_default() |= bit,
            Action::Impossible => {}
        }
        self.earlier[slot] = 0;
        if step.action.installs().is_some() {
            let (slots, earlier) = (&self.slots, &mut self.earlier);
            for other in bits(self.open & !self.reads) {
                let Some((twin, _)) = &slots[other] else {
                    continue;
                };
                // Writes are all optional once one was seen; a compare-and-set that must happen is no equal
                // of one that need not.
                let alike = matches!(step.action, Action::Write(_)) || twin.must == step.must;
                if twin.action == step.action && alike {
                    match twin.end < step.end {
                        true => earlier[slot] |= 1 << other,
                        false => earlier[other] |= bit,
                    }
                }
            }
        }
        self.open |= bit;
        self.optional |= if step.must { 0 } else { bit };
        self.slots[slot] = Some((*step, at));
        Some(slot)
    }

    /// Frees a slot.
    pub fn close(&mut self, slot: usize) {
        let bit: Mask = 1 << slot;
        if let Some((step, _)) = self.slots[slot].take() {
            match step.action {
                Action::Read(value) => forget(&mut self.reads_of, value, bit),
                Action::Differs(value) => forget(&mut self.differs_of, value, bit),
                Action::Cas(old, _) => forget(&mut self.cas_from, old, bit),
                _ => {}
            }
        }
        self.open &= !bit;
        self.reads &= !bit;
        self.writes &= !bit;
        self.differs &= !bit;
        self.optional &= !bit;
        self.earlier.iter_mut().for_each(|mask| *mask &= !bit);
    }

    /// The open operations that take effect in this state without changing it.
    pub fn absorbs(&self, state: Interned) -> Mask {
        let of = |masks: &Map<Interned, Mask>| masks.get(&state).copied().unwrap_or_default();
        let reads = if self.reads_of.is_empty() {
            0
        } else {
            of(&self.reads_of)
        };
        if self.differs == 0 {
            return reads;
        }
        reads | (self.differs & !of(&self.differs_of))
    }

    /// Blind writes that need not take effect.
    pub fn free_writes(&self) -> Mask {
        self.writes & self.optional
    }

    /// Of those not in `done`, the ones that may change this state next: of equal ones only the first to end, since
    /// two that do the same can be swapped. Its slot, what it does, its number.
    pub fn movers(
        &self,
        state: Interned,
        done: Mask,
        idle: bool,
    ) -> impl Iterator<Item = (usize, Action, u32)> + '_ {
        let cas = self.cas_from.get(&state).copied().unwrap_or_default();
        let writes = if idle { 0 } else { self.writes };
        self.each((cas | writes) & !done)
            .filter(move |(slot, ..)| self.earlier[*slot] & !done == 0)
            .map(|(slot, step, at)| (slot, step.action, at))
    }

    fn each(&self, mask: Mask) -> impl Iterator<Item = (usize, &Step, u32)> + '_ {
        bits(mask).filter_map(|slot| {
            let (step, at) = self.slots[slot].as_ref()?;
            Some((slot, step, *at))
        })
    }
}

/// The numbers of the bits that are set.
fn bits(mut mask: Mask) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (bit < SLOTS).then_some(bit)
    })
}

impl Default for Window {
    fn default() -> Self {
        Window::new()
    }
}

fn forget(masks: &mut Map<Interned, Mask>, value: Interned, bit: Mask) {
    if let Some(mask) = masks.get_mut(&value) {
        *mask &= !bit;
        if *mask == 0 {
            masks.remove(&value);
        }
    }
}
