//! What queues, stacks and priority queues have in common: put something in, take something out.

use crate::hash::Map;
use crate::history::Datum;

use super::model::{Said, Told};

/// A thing that is put in, numbered; equal things have equal numbers.
pub type Item = u32;

/// What can be asked of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Put this in.
    Put(Item),
    /// Take one out; which, is the reply, `None` where there was nothing.
    Take,
}

/// What a take answers: the thing, or that nothing was in.
pub type Reply = Option<Item>;

/// Numbers things by what they look like.
#[derive(Clone, Debug, Default)]
pub struct Items {
    numbers: Map<u64, Item>,
    lists: Map<String, Item>,
}

impl Items {
    /// The number of a thing. O(its size).
    pub fn number(&mut self, value: Datum<'_>) -> Item {
        let next = (self.numbers.len() + self.lists.len()) as Item;
        match value.cell().tells() {
            true => *self.numbers.entry(value.cell().word()).or_insert(next),
            false => *self.lists.entry(value.to_string()).or_insert(next),
        }
    }

    /// Hears a put or a take. A take without an answer may have taken anything, or nothing.
    pub(super) fn hear(
        &mut self,
        told: &Told<'_>,
        [put, take]: [&[&str]; 2],
        knows: &str,
    ) -> Result<Option<(Op, Option<Reply>)>, String> {
        let verb = told.verb();
        if put.contains(&verb) {
            return Ok(Some((Op::Put(self.number(told.argument())), None)));
        }
        if take.contains(&verb) {
            let reply = (told.answer()).map(|value| (!value.is_null()).then(|| self.number(value)));
            return Ok(Some((Op::Take, reply)));
        }
        told.unknown_verb(knows)
    }
}

/// [`Said`] of any container.
pub type SaidOf<M> = Result<Option<Said<M>>, String>;
