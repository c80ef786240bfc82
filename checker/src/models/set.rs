//! A set: add, remove, ask for one element, read them all.

use std::collections::BTreeSet;

use super::container::{Item, Items, SaidOf};
use super::model::{Model, Spoken, Told};

/// Empty at first.
#[derive(Clone, Debug, Default)]
pub struct Set {
    /// The elements that were ever spoken of.
    pub items: Items,
}

/// What can be asked of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// From now on it holds this.
    Add(Item),
    /// From now on it does not.
    Remove(Item),
    /// Tell whether it holds this.
    Contains(Item),
    /// Tell all that it holds.
    Read,
}

/// What a set answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// Whether it held the one.
    Holds(bool),
    /// All that it held, in order, each once.
    All(Vec<Item>),
}

impl Model for Set {
    type Op = Op;
    type Reply = Reply;
    type State = BTreeSet<Item>;

    fn init(&self) -> Self::State {
        BTreeSet::new()
    }

    fn weight(&self, state: &Self::State) -> usize {
        12 * state.len()
    }

    fn step(&self, state: &Self::State, op: &Op, reply: Option<&Reply>) -> Option<Self::State> {
        let mut next = state.clone();
        self.apply(&mut next, op, reply).then_some(next)
    }

    fn apply(&self, state: &mut Self::State, op: &Op, reply: Option<&Reply>) -> bool {
        match (op, reply) {
            (Op::Add(item), _) => {
                state.insert(*item);
                true
            }
            (Op::Remove(item), _) => {
                state.remove(item);
                true
            }
            (Op::Contains(item), Some(Reply::Holds(told))) => state.contains(item) == *told,
            (Op::Read, Some(Reply::All(told))) => state.iter().eq(told),
            (_, None) => true,
            _ => false,
        }
    }

    fn changes(&self, op: &Op) -> bool {
        matches!(op, Op::Add(_) | Op::Remove(_))
    }
}

impl Spoken for Set {
    fn hear(&mut self, told: &Told<'_>) -> SaidOf<Self> {
        let argument = told.argument();
        Ok(Some(match told.verb() {
            "add" => (Op::Add(self.items.number(argument)), None),
            "remove" => (Op::Remove(self.items.number(argument)), None),
            "contains" => match told.answer() {
                None => return Ok(None),
                Some(value) => match value.as_bool() {
                    Some(holds) => {
                        let item = self.items.number(argument);
                        (Op::Contains(item), Some(Reply::Holds(holds)))
                    }
                    None => return told.wrong_value("true or false"),
                },
            },
            "read" => match told.answer() {
                None => return Ok(None),
                Some(value) if value.is_null() => (Op::Read, Some(Reply::All(Vec::new()))),
                Some(value) => match value.list() {
                    Some(all) => {
                        let mut all: Vec<Item> = all.map(|item| self.items.number(item)).collect();
                        all.sort_unstable();
                        // An element told twice is in no set; more elements than there are never fit.
                        (Op::Read, Some(Reply::All(all)))
                    }
                    None => return told.wrong_value("a list of elements"),
                },
            },
            _ => return told.unknown_verb("a set knows add, remove, contains and read"),
        }))
    }
}
