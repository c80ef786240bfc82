//! One possible state of the register halfway through a history, and which of two is the better one.

use crate::models::register::Interned;

/// One bit for each operation that is open.
pub type Mask = u128;

/// How many operations may be open at once.
pub const SLOTS: usize = Mask::BITS as usize;

/// What may have happened so far: everything that has ended took effect, and of what is open, this.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Configuration {
    /// What the register holds.
    pub state: Interned,
    /// Open operations that took effect.
    pub done: Mask,
    /// Open writes that may have taken effect unseen, right before another write; or may do so yet.
    pub hidden: Mask,
    /// How often each class of unknown outcomes was used, sorted by class, zeros left out.
    pub used: Vec<(u32, u32)>,
}

impl Configuration {
    /// The start of a history.
    pub fn new(state: Interned) -> Self {
        Configuration {
            state,
            done: 0,
            hidden: 0,
            used: Vec::new(),
        }
    }

    /// How often a class was used.
    pub fn uses(&self, class: u32) -> u32 {
        self.used
            .binary_search_by_key(&class, |(class, _)| *class)
            .map_or(0, |at| self.used[at].1)
    }

    /// Uses a class once more.
    pub fn spend(&mut self, class: u32) {
        match self.used.binary_search_by_key(&class, |(class, _)| *class) {
            Ok(at) => self.used[at].1 += 1,
            Err(at) => self.used.insert(at, (class, 1)),
        }
    }

    /// True if whatever can follow `other` can follow this one too, so that `other` need not be kept.
    ///
    /// The states are the same. A read that is done, and a write that may be hidden, leave more open than
    /// one that is not; a compare-and-set must agree; no class was used more often.
    pub fn dominates(&self, other: &Configuration, reads: Mask, writes: Mask) -> bool {
        let cas = !(reads | writes);
        self.state == other.state
            && (self.done ^ other.done) & cas == 0
            && other.done & !self.done & reads == 0
            && ((self.done ^ other.done) | (self.hidden ^ other.hidden)) & writes & !self.hidden
                == 0
            && self.used.len() <= other.used.len()
            && self
                .used
                .iter()
                .all(|(class, count)| *count <= other.uses(*class))
    }

    /// Smaller is likelier to survive: few unknown outcomes used, many operations done or hidden.
    pub fn promise(&self) -> (u32, u32) {
        let used = self.used.iter().map(|(_, count)| count).sum();
        (used, Mask::BITS - (self.done | self.hidden).count_ones())
    }
}
