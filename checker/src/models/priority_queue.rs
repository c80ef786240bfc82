//! A priority queue: the smallest number first.

use super::container::SaidOf;
use super::model::{Model, Spoken, Told};
use std::collections::BTreeMap;

/// Empty at first. Equal numbers may be in it several times.
#[derive(Clone, Copy, Debug, Default)]
pub struct PriorityQueue;

/// What can be asked of a priority queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Put this in.
    Put(i64),
    /// Take the smallest out; which, is the reply, `None` where there was nothing.
    Take,
}

impl Model for PriorityQueue {
    type Op = Op;
    type Reply = Option<i64>;
    type State = BTreeMap<i64, u32>;

    fn init(&self) -> Self::State {
        BTreeMap::new()
    }

    fn weight(&self, state: &Self::State) -> usize {
        24 * state.len()
    }

    fn step(
        &self,
        state: &Self::State,
        op: &Op,
        reply: Option<&Option<i64>>,
    ) -> Option<Self::State> {
        let mut next = state.clone();
        self.apply(&mut next, op, reply).then_some(next)
    }

    fn apply(&self, state: &mut Self::State, op: &Op, reply: Option<&Option<i64>>) -> bool {
        match op {
            Op::Put(number) => {
                *state.entry(*number).or_default() += 1;
                true
            }
            Op::Take => {
                let taken = state.first_entry().map(|mut entry| {
                    let number = *entry.key();
                    *entry.get_mut() -= 1;
                    if *entry.get() == 0 {
                        entry.remove();
                    }
                    number
                });
                reply.is_none_or(|told| *told == taken)
            }
        }
    }
}

impl Spoken for PriorityQueue {
    fn hear(&mut self, told: &Told<'_>) -> SaidOf<Self> {
        match told.verb() {
            "insert" => match told.argument().as_i64() {
                Some(number) => Ok(Some((Op::Put(number), None))),
                None => told.wrong_value("a whole number"),
            },
            "delete-min" | "extract-min" | "poll" => match told.answer() {
                None => Ok(Some((Op::Take, None))),
                Some(value) if value.is_null() => Ok(Some((Op::Take, Some(None)))),
                Some(value) => match value.as_i64() {
                    Some(number) => Ok(Some((Op::Take, Some(Some(number))))),
                    None => told.wrong_value("a whole number"),
                },
            },
            _ => told.unknown_verb("a priority queue knows insert and delete-min"),
        }
    }
}
