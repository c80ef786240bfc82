//! A lock that one holds at a time; it does not ask who releases it.

use super::model::{Model, Said, Spoken, Told};

/// Free at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lock;

/// What can be asked of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Take it, when it is free.
    Acquire,
    /// Give it back, when it is held.
    Release,
}

impl Model for Lock {
    type Op = Op;
    type Reply = ();
    type State = bool;

    fn init(&self) -> bool {
        false
    }

    fn step(&self, held: &bool, op: &Op, _: Option<&()>) -> Option<bool> {
        let takes = *op == Op::Acquire;
        (takes != *held).then_some(takes)
    }
}

impl Spoken for Lock {
    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Said<Self>>, String> {
        match told.verb() {
            "acquire" | "lock" => Ok(Some((Op::Acquire, None))),
            "release" | "unlock" => Ok(Some((Op::Release, None))),
            _ => told.unknown_verb("a lock knows acquire and release"),
        }
    }
}
