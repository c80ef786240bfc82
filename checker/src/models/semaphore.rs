//! A semaphore: so many permits, each held by at most one; it does not ask who gives one back.

use super::model::{Model, Said, Spoken, Told};

/// All permits free at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Semaphore {
    /// How many there are.
    pub permits: u32,
}

/// What can be asked of a semaphore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Take so many, when they are free.
    Acquire(u32),
    /// Give so many back.
    Release(u32),
}

impl Model for Semaphore {
    type Op = Op;
    type Reply = ();
    /// How many are held.
    type State = u32;

    fn init(&self) -> u32 {
        0
    }

    fn step(&self, held: &u32, op: &Op, _: Option<&()>) -> Option<u32> {
        match op {
            Op::Acquire(some) => held.checked_add(*some).filter(|all| *all <= self.permits),
            Op::Release(some) => held.checked_sub(*some),
        }
    }

    fn changes(&self, op: &Op) -> bool {
        !matches!(op, Op::Acquire(0) | Op::Release(0))
    }
}

impl Spoken for Semaphore {
    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Said<Self>>, String> {
        let argument = told.argument();
        let number = match argument.is_null() {
            true => Some(1),
            false => argument.as_i64().and_then(|some| u32::try_from(some).ok()),
        };
        let Some(some) = number else {
            return told.wrong_value("a number of permits");
        };
        match told.verb() {
            "acquire" => Ok(Some((Op::Acquire(some), None))),
            "release" => Ok(Some((Op::Release(some), None))),
            _ => told.unknown_verb("a semaphore knows acquire and release"),
        }
    }
}
