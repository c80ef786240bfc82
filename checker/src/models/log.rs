//! A log that only grows: append one entry, read all.

use super::container::{Item, Items, SaidOf};
use super::model::{Model, Spoken, Told};

/// Empty at first.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The entries that were ever spoken of.
    pub items: Items,
}

/// What can be asked of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Add this at its end.
    Append(Item),
    /// Tell all entries, in order.
    Read,
}

impl Model for Log {
    type Op = Op;
    type Reply = Vec<Item>;
    type State = Vec<Item>;

    fn init(&self) -> Self::State {
        Vec::new()
    }

    fn weight(&self, state: &Self::State) -> usize {
        4 * state.capacity()
    }

    fn step(&self, state: &Self::State, op: &Op, reply: Option<&Vec<Item>>) -> Option<Self::State> {
        match op {
            Op::Append(item) => Some(state.iter().copied().chain([*item]).collect()),
            // Most reads of most states do not fit.
            Op::Read => reply
                .is_none_or(|told| told == state)
                .then(|| state.clone()),
        }
    }

    fn apply(&self, state: &mut Self::State, op: &Op, reply: Option<&Vec<Item>>) -> bool {
        match op {
            Op::Append(item) => {
                state.push(*item);
                true
            }
            Op::Read => reply.is_none_or(|told| told == state),
        }
    }

    fn leads(&self, state: &Self::State, _: &Op, told: Option<&Vec<Item>>) -> bool {
        told.is_none_or(|told| told.starts_with(state))
    }

    fn only_grows<'a>(&self, _: impl Iterator<Item = &'a Op>) -> bool {
        true
    }

    fn changes(&self, op: &Op) -> bool {
        *op != Op::Read
    }
}

impl Spoken for Log {
    fn hear(&mut self, told: &Told<'_>) -> SaidOf<Self> {
        match told.verb() {
            "append" => {
                let item = self.items.number(told.argument());
                Ok(Some((Op::Append(item), None)))
            }
            "read" => match told.answer() {
                None => Ok(None),
                Some(value) if value.is_null() => Ok(Some((Op::Read, Some(Vec::new())))),
                Some(value) => match value.list() {
                    Some(all) => {
                        let all = all.map(|item| self.items.number(item)).collect();
                        Ok(Some((Op::Read, Some(all))))
                    }
                    None => told.wrong_value("a list of entries"),
                },
            },
            _ => told.unknown_verb("a log knows append and read"),
        }
    }
}
