//! A queue: first in, first out.

use std::collections::VecDeque;

use super::container::{Item, Items, Op, Reply, SaidOf};
use super::model::{Model, Spoken, Told};

/// Empty at first.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// The things that were ever in it.
    pub items: Items,
}

impl Model for Queue {
    type Op = Op;
    type Reply = Reply;
    type State = VecDeque<Item>;

    fn init(&self) -> Self::State {
        Self::State::new()
    }

    fn weight(&self, state: &Self::State) -> usize {
        4 * state.capacity()
    }

    fn step(&self, state: &Self::State, op: &Op, reply: Option<&Reply>) -> Option<Self::State> {
        let mut next = state.clone();
        self.apply(&mut next, op, reply).then_some(next)
    }

    fn apply(&self, state: &mut Self::State, op: &Op, reply: Option<&Reply>) -> bool {
        match op {
            Op::Put(item) => {
                state.push_back(*item);
                true
            }
            Op::Take => {
                let taken = state.pop_front();
                reply.is_none_or(|told| *told == taken)
            }
        }
    }
}

impl Spoken for Queue {
    fn hear(&mut self, told: &Told<'_>) -> SaidOf<Self> {
        self.items.hear(
            told,
            [&["enqueue", "offer"], &["dequeue", "poll"]],
            "a queue knows enqueue and dequeue",
        )
    }
}
