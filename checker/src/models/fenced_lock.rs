//! A lock that gives each holder a greater token than any before, so that what a former holder still sends can be told.

use super::model::{Model, Said, Spoken, Told};

/// Free at first; every token is above 0.
#[derive(Clone, Copy, Debug, Default)]
pub struct FencedLock;

/// What can be asked of a fenced lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Take it, when it is free; the token is the reply.
    Acquire,
    /// Give it back, with the token that one was given; without, whoever holds it.
    Release(Option<u64>),
}

/// Who holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// Nobody.
    Free,
    /// Who was given this token.
    By(u64),
    /// Somebody whose token nobody was told.
    ByUnknown,
}

impl Model for FencedLock {
    type Op = Op;
    /// The token.
    type Reply = u64;
    /// Who holds it, and a token that the last one given is not below.
    type State = (Held, u64);

    fn init(&self) -> Self::State {
        (Held::Free, 0)
    }

    fn step(
        &self,
        (held, last): &Self::State,
        op: &Op,
        reply: Option<&u64>,
    ) -> Option<Self::State> {
        match (op, held, reply) {
            (Op::Acquire, Held::Free, Some(token)) => {
                (token > last).then_some((Held::By(*token), *token))
            }
            // The least that it can have been; what it was, a release may tell.
            (Op::Acquire, Held::Free, None) => Some((Held::ByUnknown, last.checked_add(1)?)),
            (Op::Acquire, ..) | (Op::Release(_), Held::Free, _) => None,
            (Op::Release(None), ..) => Some((Held::Free, *last)),
            (Op::Release(Some(token)), Held::By(holder), _) => {
                (token == holder).then_some((Held::Free, *last))
            }
            (Op::Release(Some(token)), Held::ByUnknown, _) => {
                (token >= last).then_some((Held::Free, *token))
            }
        }
    }
}

impl Spoken for FencedLock {
    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Said<Self>>, String> {
        let token = |value: crate::history::Datum<'_>| {
            value.as_i64().and_then(|token| u64::try_from(token).ok())
        };
        match told.verb() {
            "acquire" | "lock" => match told.answer() {
                None => Ok(Some((Op::Acquire, None))),
                Some(value) => match token(value) {
                    Some(token) => Ok(Some((Op::Acquire, Some(token)))),
                    None => told.wrong_value("the token"),
                },
            },
            "release" | "unlock" => match (told.argument().is_null(), token(told.argument())) {
                (true, _) => Ok(Some((Op::Release(None), None))),
                (_, Some(token)) => Ok(Some((Op::Release(Some(token)), None))),
                _ => told.wrong_value("the token, or nothing"),
            },
            _ => told.unknown_verb("a fenced lock knows acquire and release"),
        }
    }
}
