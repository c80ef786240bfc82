//! What queues, stacks and priority queues have in common: put something in, take something out.

use std::collections::HashMap;

use serde_json::Value;

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
    numbers: HashMap<Value, Item>,
}

impl Items {
    /// The number of a thing. O(its size).
    pub fn number(&mut self, value: &Value) -> Item {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = self.numbers.len() as Item;
        self.numbers.insert(value.clone(), number);
        number
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
            return Ok(Some((Op::Put(self.number(&told.invocation.value)), None)));
        }
        if take.contains(&verb) {
            let reply = told.answer().map(|value| match value {
                Value::Null => None,
                value => Some(self.number(value)),
            });
            return Ok(Some((Op::Take, reply)));
        }
        told.unknown_verb(knows)
    }
}

/// [`Said`] of any container.
pub type SaidOf<M> = Result<Option<Said<M>>, String>;
