//! One key of a store of texts: get, put, append (Porcupine's key-value model).

use smol_str::SmolStr;

use crate::history::Datum;

use super::model::{Model, Said, Spoken, Told};

/// Empty at first. The keys of a history are judged apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kv;

/// What can be asked of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Tell the text.
    Get,
    /// From now on it is this.
    Put(SmolStr),
    /// Add this at its end.
    Append(SmolStr),
}

impl Model for Kv {
    type Op = Op;
    type Reply = SmolStr;
    type State = SmolStr;

    fn init(&self) -> SmolStr {
        SmolStr::default()
    }

    fn weight(&self, state: &Self::State) -> usize {
        state.len()
    }

    fn step(&self, text: &SmolStr, op: &Op, reply: Option<&SmolStr>) -> Option<SmolStr> {
        match op {
            Op::Get => reply.is_none_or(|told| told == text).then(|| text.clone()),
            Op::Put(new) => Some(new.clone()),
            Op::Append(more) => {
                let mut whole = String::with_capacity(text.len() + more.len());
                whole.push_str(text);
                whole.push_str(more);
                Some(whole.into())
            }
        }
    }

    fn leads(&self, text: &SmolStr, _: &Op, told: Option<&SmolStr>) -> bool {
        told.is_none_or(|told| told.starts_with(text.as_str()))
    }

    /// What is only added to stays the beginning of all that comes.
    fn only_grows<'a>(&self, mut ops: impl Iterator<Item = &'a Op>) -> bool {
        !ops.any(|op| matches!(op, Op::Put(_)))
    }

    fn changes(&self, op: &Op) -> bool {
        *op != Op::Get
    }
}

impl Spoken for Kv {
    fn hear(&mut self, told: &Told<'_>) -> Result<Option<Said<Self>>, String> {
        let text = |value: Datum<'_>| value.as_str().cloned();
        match told.verb() {
            "get" => Ok(match told.answer() {
                None => None,
                Some(value) if value.is_null() => Some((Op::Get, Some(SmolStr::default()))),
                Some(value) => match text(value) {
                    Some(told) => Some((Op::Get, Some(told))),
                    None => return told.wrong_value("a text"),
                },
            }),
            verb @ ("put" | "append") => match text(told.argument()) {
                Some(text) if verb == "put" => Ok(Some((Op::Put(text), None))),
                Some(text) => Ok(Some((Op::Append(text), None))),
                None => told.wrong_value("a text"),
            },
            _ => told.unknown_verb("a key of a store knows get, put and append"),
        }
    }
}
